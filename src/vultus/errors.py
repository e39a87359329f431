"""Every error Vultus raises on purpose, in one tree.

    VultusError
    ├── ImageError            a picture cannot be used
    │   ├── ImageNotFound     image_not_found
    │   ├── ImageUnreadable   image_unreadable
    │   └── ImageTooLarge     image_too_large
    ├── FaceError             a picture is fine, its faces are not
    │   ├── NoFace            no_face
    │   └── SeveralFaces      several_faces
    ├── ModelError            a model cannot be used
    │   ├── ModelUnknown      model_unknown
    │   ├── ModelMissing      model_missing
    │   ├── ModelDamaged      model_damaged
    │   └── ProviderMissing   provider_missing
    ├── GalleryError          the gallery cannot do what was asked
    │   ├── GalleryMissing    gallery_missing
    │   ├── GalleryInvalid    gallery_invalid
    │   ├── GalleryNewer      gallery_newer
    │   ├── GalleryBusy       gallery_busy
    │   ├── GalleryReadOnly   gallery_read_only
    │   ├── ModelMismatch     model_mismatch
    │   ├── GroupUnknown      group_unknown
    │   ├── GroupExists       group_exists
    │   ├── PersonUnknown     person_unknown
    │   ├── PersonExists      person_exists
    │   ├── StrangerUnknown   stranger_unknown
    │   ├── VisitUnknown      visit_unknown
    │   ├── FaceUnknown       face_unknown
    │   ├── FaceExists        face_exists
    │   ├── FaceListUnknown   face_list_unknown
    │   ├── FaceListExists    face_list_exists
    │   ├── NotTrained        not_trained
    │   ├── TrainingRunning   training_running
    │   └── ArchiveInvalid    archive_invalid
    ├── SourceError           a video cannot be had
    │   ├── SourceUnknown     source_unknown
    │   ├── SourceMissing     source_missing
    │   ├── SourceBusy        source_busy
    │   ├── SourceDenied      source_denied
    │   ├── SourceNotVideo    source_not_video
    │   ├── SourceTimeout     source_timeout
    │   └── SourceLost        source_lost
    ├── DeliveryError         an event cannot be handed on
    │   ├── DeliveryFailed    delivery_failed: try again later
    │   └── DeliveryRefused   delivery_refused: trying again will not help
    ├── UrlRefused            url_refused: an address may not be used at all
    ├── UrlFailed             url_failed: what an address points to cannot be fetched
    │   └── UrlTooLarge       url_too_large
    ├── ServerError           the server does not do what it was asked
    │   ├── AccessDenied      access_denied: no key, or a wrong one
    │   ├── RoleMissing       role_missing: the key's role does not allow it
    │   ├── RateExceeded      rate_exceeded
    │   ├── ServerBusy        server_busy
    │   ├── BodyTooLarge      body_too_large
    │   ├── ContentRefused    content_refused: a body of a kind that is not understood
    │   ├── KeyUnknown        key_unknown
    │   ├── KeyExists         key_exists
    │   ├── JobUnknown        job_unknown
    │   ├── JobUnfinished     job_unfinished: it has no result yet
    │   ├── CameraUnknown     camera_unknown
    │   ├── CameraExists      camera_exists
    │   ├── CameraDown        camera_down: it shows nothing now
    │   └── FaceIdUnknown     face_id_unknown: a detected face that was never there, or expired
    ├── TracksInvalid         tracks_invalid: a file of recorded tracks cannot be used
    ├── ImportInvalid         import_invalid: what another program kept cannot be taken over
    ├── ExtraMissing          extra_missing: an optional package is not installed
    ├── AliasTaken            alias_taken: another package goes by the name that was asked for
    ├── StorageError          storage_failed: the disk is full, read-only or not there
    ├── NothingToDo           nothing_to_do: a folder without pictures, an empty list
    └── UsageError            usage: an argument or setting that makes no sense

Each class has a stable `code` for programs; each instance a `message` for people and a
`hint`: what to do next. Nothing here knows of HTTP or of exit codes.
"""

from __future__ import annotations


class VultusError(Exception):
    """The root: `except VultusError` catches everything that Vultus raises on purpose."""

    code = "vultus_error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def __reduce__(self) -> tuple[type[VultusError], tuple[str, str]]:
        """Errors travel between worker processes whole, hint included."""
        return (type(self), (self.message, self.hint))

    def to_dict(self) -> dict[str, str]:
        """The form in which an error leaves as JSON."""
        return {"code": self.code, "message": str(self)}


class ImageError(VultusError):
    code = "image_error"


class ImageNotFound(ImageError):
    code = "image_not_found"


class ImageUnreadable(ImageError):
    code = "image_unreadable"


class ImageTooLarge(ImageError):
    code = "image_too_large"


class FaceError(VultusError):
    code = "face_error"


class NoFace(FaceError):
    code = "no_face"


class SeveralFaces(FaceError):
    code = "several_faces"


class ModelError(VultusError):
    code = "model_error"


class ModelUnknown(ModelError):
    code = "model_unknown"


class ModelMissing(ModelError):
    code = "model_missing"


class ModelDamaged(ModelError):
    code = "model_damaged"


class ProviderMissing(ModelError):
    code = "provider_missing"


class GalleryError(VultusError):
    code = "gallery_error"


class GalleryMissing(GalleryError):
    code = "gallery_missing"


class GalleryInvalid(GalleryError):
    code = "gallery_invalid"


class GalleryNewer(GalleryError):
    code = "gallery_newer"


class GalleryBusy(GalleryError):
    code = "gallery_busy"


class GalleryReadOnly(GalleryError):
    code = "gallery_read_only"


class ModelMismatch(GalleryError):
    code = "model_mismatch"


class GroupUnknown(GalleryError):
    code = "group_unknown"


class GroupExists(GalleryError):
    code = "group_exists"


class PersonUnknown(GalleryError):
    code = "person_unknown"


class PersonExists(GalleryError):
    code = "person_exists"


class StrangerUnknown(GalleryError):
    code = "stranger_unknown"


class VisitUnknown(GalleryError):
    code = "visit_unknown"


class FaceUnknown(GalleryError):
    code = "face_unknown"


class FaceExists(GalleryError):
    code = "face_exists"


class FaceListUnknown(GalleryError):
    code = "face_list_unknown"


class FaceListExists(GalleryError):
    code = "face_list_exists"


class NotTrained(GalleryError):
    code = "not_trained"


class TrainingRunning(GalleryError):
    code = "training_running"


class ArchiveInvalid(GalleryError):
    code = "archive_invalid"


class SourceError(VultusError):
    code = "source_error"


class SourceUnknown(SourceError):
    code = "source_unknown"


class SourceMissing(SourceError):
    code = "source_missing"


class SourceBusy(SourceError):
    code = "source_busy"


class SourceDenied(SourceError):
    code = "source_denied"


class SourceNotVideo(SourceError):
    code = "source_not_video"


class SourceTimeout(SourceError):
    code = "source_timeout"


class SourceLost(SourceError):
    code = "source_lost"


class DeliveryError(VultusError):
    code = "delivery_error"


class DeliveryFailed(DeliveryError):
    code = "delivery_failed"


class DeliveryRefused(DeliveryError):
    code = "delivery_refused"


class UrlRefused(VultusError):
    code = "url_refused"


class UrlFailed(VultusError):
    code = "url_failed"


class UrlTooLarge(UrlFailed):
    code = "url_too_large"


class ServerError(VultusError):
    code = "server_error"


class AccessDenied(ServerError):
    code = "access_denied"


class RoleMissing(ServerError):
    code = "role_missing"


class RateExceeded(ServerError):
    code = "rate_exceeded"
    retry_after_s = 1.0


class ServerBusy(ServerError):
    code = "server_busy"
    retry_after_s = 1.0


class BodyTooLarge(ServerError):
    code = "body_too_large"


class ContentRefused(ServerError):
    code = "content_refused"


class KeyUnknown(ServerError):
    code = "key_unknown"


class KeyExists(ServerError):
    code = "key_exists"


class JobUnknown(ServerError):
    code = "job_unknown"


class JobUnfinished(ServerError):
    code = "job_unfinished"


class CameraUnknown(ServerError):
    code = "camera_unknown"


class CameraExists(ServerError):
    code = "camera_exists"


class CameraDown(ServerError):
    code = "camera_down"
    retry_after_s = 5.0


class FaceIdUnknown(ServerError):
    code = "face_id_unknown"


class TracksInvalid(VultusError):
    code = "tracks_invalid"


class ImportInvalid(VultusError):
    code = "import_invalid"


class ExtraMissing(VultusError):
    code = "extra_missing"


class AliasTaken(VultusError):
    code = "alias_taken"


class StorageError(VultusError):
    code = "storage_failed"


class NothingToDo(VultusError):
    code = "nothing_to_do"


class UsageError(VultusError):
    code = "usage"
