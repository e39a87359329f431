"""What the native API says about people, in JSON."""

from __future__ import annotations

import datetime

from pydantic import BaseModel, Field

from vultus.errors import VultusError
from vultus.gallery.audit import AuditRecord
from vultus.gallery.enrolment import Enrolment
from vultus.gallery.store import FaceRecord, Group, Person
from vultus.gallery.strangers import Stranger
from vultus.server.api.contract import Problem, Question
from vultus.server.api.names import LONGEST_NAME, SHOWABLE
from vultus.server.security.keys import KeyRecord
from vultus.server.security.roles import Role

_NEXT = "Where the next page goes on (`after`); left out at the end."


class NewName(Question):
    """How it is to be called from now on."""

    name: str = Field(
        min_length=1,
        max_length=LONGEST_NAME,
        description="1 to 200 characters.",
        json_schema_extra=SHOWABLE,
    )


class GroupInfo(BaseModel):
    """People who are searched together."""

    name: str
    person_count: int
    face_count: int = Field(description="Enrolled faces of all its people.")
    threshold: float | None = Field(
        None, description="Distance of its own, where `vultus calibrate` measured one."
    )

    @classmethod
    def of(cls, group: Group) -> GroupInfo:
        return cls(
            name=group.name,
            person_count=group.people,
            face_count=group.faces,
            threshold=group.threshold.distance if group.threshold else None,
        )


class GroupPage(BaseModel):
    """Groups by name."""

    groups: list[GroupInfo]
    next: str | None = Field(None, description=_NEXT)


class PersonInfo(BaseModel):
    """Somebody of a group. One made over Azure's wire may have no face yet."""

    id: str = Field(description="A GUID that stays, also when the person is renamed or moved.")
    name: str
    group: str
    face_count: int
    created_at: datetime.datetime

    @classmethod
    def of(cls, person: Person) -> PersonInfo:
        return cls.model_validate(_columns(person))


class Box(BaseModel):
    """Where a face is, in pixels of the upright picture."""

    x: float
    y: float
    width: float
    height: float


class EnrolledFace(BaseModel):
    """A face that a person is recognised by."""

    id: str = Field(description="A GUID.")
    source: str = Field(description="What the picture was called, or a stranger's label.")
    quality: float = Field(description="0 to 1.")
    box: Box
    model: str = Field(description="What made its embedding.")
    crop: bool = Field(description="Whether the aligned face was kept.")
    enrolled_at: datetime.datetime
    embedding: list[float] | None = Field(None, description="Only where it was asked for.")

    @classmethod
    def of(cls, face: FaceRecord, *, embedding: bool = False) -> EnrolledFace:
        x, y, width, height = (round(value, 1) for value in face.box)
        return cls(
            id=face.guid or "",
            source=face.source,
            quality=round(face.quality, 4),
            box=Box(x=x, y=y, width=width, height=height),
            model=face.model,
            crop=face.crop is not None,
            enrolled_at=_utc(face.enrolled_at or datetime.datetime.min),
            embedding=face.embedding.tolist() if embedding else None,
        )


class PersonDetails(PersonInfo):
    """Somebody of a group, with the enrolled faces."""

    faces: list[EnrolledFace]

    @classmethod
    def with_faces(
        cls, person: Person, faces: list[FaceRecord], *, embeddings: bool
    ) -> PersonDetails:
        told = [EnrolledFace.of(face, embedding=embeddings) for face in faces]
        return cls(**_columns(person), faces=told)


class PeoplePage(BaseModel):
    """People of a group by name."""

    people: list[PersonInfo]
    next: str | None = Field(None, description=_NEXT)


class Move(Question):
    """Where a person is to go."""

    group: str = Field(
        min_length=1,
        max_length=LONGEST_NAME,
        description="Another group; made if need be.",
        json_schema_extra=SHOWABLE,
    )


class Merge(Question):
    """Who two people are."""

    into: str = Field(
        min_length=1,
        max_length=LONGEST_NAME,
        description="Who gets the faces and visits.",
        json_schema_extra=SHOWABLE,
    )


class EnrolmentResult(BaseModel):
    """What became of one picture: either `new` and what follows, or `error`."""

    source: str = Field(description="What the picture is called.")
    new: bool | None = Field(
        None, description="False where this person was enrolled with this picture already."
    )
    quality: float | None = Field(None, description="0 to 1.")
    warnings: list[str] | None = Field(None, description="What is poor in the picture.")
    error: Problem | None = None

    @classmethod
    def of(cls, enrolment: Enrolment) -> EnrolmentResult:
        return cls(
            source=enrolment.source,
            new=enrolment.new,
            quality=round(enrolment.quality, 4),
            warnings=enrolment.warnings,
        )

    @classmethod
    def failed(cls, source: str, error: VultusError) -> EnrolmentResult:
        return cls(source=source, error=Problem(code=error.code, message=str(error)))


class Enrolments(BaseModel):
    """What became of the pictures, in the order in which they came."""

    group: str
    person: str
    results: list[EnrolmentResult]


class StrangerInfo(BaseModel):
    """Somebody whom a camera saw and nobody knows."""

    label: str = Field(examples=["unknown-0001"])
    group: str
    face_count: int
    visit_count: int
    ignored: bool = Field(description="Visits of this one are not announced.")
    created_at: datetime.datetime
    seen_at: datetime.datetime

    @classmethod
    def of(cls, stranger: Stranger) -> StrangerInfo:
        return cls.model_validate(
            {
                "label": stranger.label,
                "group": stranger.group,
                "face_count": stranger.faces,
                "visit_count": stranger.visits,
                "ignored": stranger.ignored,
                "created_at": stranger.created_at,
                "seen_at": stranger.seen_at,
            }
        )


class StrangerPage(BaseModel):
    """Strangers of a group by number."""

    strangers: list[StrangerInfo]
    next: str | None = Field(None, description=_NEXT)


class Heed(Question):
    """Whether visits of a stranger are announced."""

    ignored: bool = Field(description="True: announce no more visits. False: announce them again.")


class Naming(Question):
    """Who a stranger is."""

    person: str = Field(
        min_length=1,
        max_length=LONGEST_NAME,
        description="Somebody new, or known already.",
        json_schema_extra=SHOWABLE,
    )


class Named(BaseModel):
    """A stranger has a name now."""

    person: str
    group: str
    visits: int = Field(description="Past visits that are this person's now.")


class Forgotten(BaseModel):
    """What is gone."""

    forgotten: int


class Imported(BaseModel):
    """What an import brought."""

    group: str
    new_faces: int = Field(description="Faces that were there already are left alone.")


class Change(BaseModel):
    """Who changed what about whom. People are told by their ids, never by name."""

    id: int
    at: datetime.datetime
    actor: str = Field(description="The name of a key, or `local:` and a user of the machine.")
    action: str = Field(examples=["face.enrol"])
    subject: str | None = Field(None, description="Id of a person or face, or a group's name.")
    detail: str | None = None

    @classmethod
    def of(cls, record: AuditRecord) -> Change:
        return cls(
            id=record.id,
            at=record.at,
            actor=record.actor,
            action=record.action,
            subject=record.subject,
            detail=record.detail,
        )


class ChangePage(BaseModel):
    """Changes, the newest first."""

    changes: list[Change]
    next: int | None = Field(
        None, description="Where older changes go on (`before`); left out at the end."
    )


class KeyInfo(BaseModel):
    """A key without the key itself."""

    name: str
    role: Role
    created_at: datetime.datetime
    revoked_at: datetime.datetime | None = None

    @classmethod
    def of(cls, record: KeyRecord) -> KeyInfo:
        return cls(
            name=record.name,
            role=record.role,
            created_at=record.created_at,
            revoked_at=record.revoked_at,
        )


class KeyList(BaseModel):
    """All keys that ever were, by name."""

    keys: list[KeyInfo]


class NewKey(Question):
    """A key to be made."""

    name: str = Field(
        min_length=1,
        max_length=64,
        description="Letters, digits, dots, dashes, underscores and spaces; never used before.",
        json_schema_extra={"pattern": r"^[A-Za-z0-9][A-Za-z0-9._ -]*$"},
    )
    role: Role = Field(
        description="viewer: reads visits and events; operator: also enrols, identifies and "
        "corrects people, and sees cameras; admin: everything."
    )


class MadeKey(BaseModel):
    """A new key; this is the only time it is seen."""

    name: str
    role: Role
    key: str


def _columns(person: Person) -> dict[str, object]:
    return {
        "id": person.guid,
        "name": person.name,
        "group": person.group,
        "face_count": person.faces,
        "created_at": person.enrolled_at,
    }


def _utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.replace(tzinfo=datetime.timezone.utc)
