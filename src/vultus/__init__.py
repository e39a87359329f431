"""Vultus: face detection, recognition and attributes on your own machine.

    import vultus

    faces = vultus.detect("party.jpg")
    vultus.verify("a.jpg", "b.jpg").same
    people = vultus.Gallery("people.db")
    people.enroll("obama", ["1.jpg", "2.jpg"], group="friends")
    people.identify("party.jpg", group="friends")
    for visit in vultus.watch("rtsp://door", group="friends", gallery=people):
        print(visit.person, visit.start, visit.end)

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vultus._version import __version__
from vultus.errors import VultusError

if TYPE_CHECKING:
    from vultus.events.visit import Visit
    from vultus.faces.analyzer import Analyzer
    from vultus.faces.attributes.types import Attributes
    from vultus.faces.types import Face, Faces, Quality
    from vultus.gallery.enrolment import Enrolment
    from vultus.gallery.gallery import Gallery, Identification
    from vultus.gallery.verification import Verification
    from vultus.imaging.load import load as load_image
    from vultus.learn.classifier import Classifier
    from vultus.learn.classifier_file import load_classifier, save_classifier
    from vultus.learn.recipe import align, classify
    from vultus.learn.recipe import train as train_classifier
    from vultus.settings import Settings
    from vultus.shortcuts import detect, embed, verify
    from vultus.video.camera import Camera
    from vultus.video.watching import watch, watch_cameras

_HOMES = {
    "Analyzer": "vultus.faces.analyzer",
    "Attributes": "vultus.faces.attributes.types",
    "Camera": "vultus.video.camera",
    "Classifier": "vultus.learn.classifier",
    "Enrolment": "vultus.gallery.enrolment",
    "Face": "vultus.faces.types",
    "Faces": "vultus.faces.types",
    "Gallery": "vultus.gallery.gallery",
    "Identification": "vultus.gallery.gallery",
    "Quality": "vultus.faces.types",
    "Settings": "vultus.settings",
    "Verification": "vultus.gallery.verification",
    "Visit": "vultus.events.visit",
    "align": "vultus.learn.recipe",
    "classify": "vultus.learn.recipe",
    "detect": "vultus.shortcuts",
    "embed": "vultus.shortcuts",
    "load_classifier": "vultus.learn.classifier_file",
    "load_image": "vultus.imaging.load:load",
    "save_classifier": "vultus.learn.classifier_file",
    "train_classifier": "vultus.learn.recipe:train",
    "verify": "vultus.shortcuts",
    "watch": "vultus.video.watching",
    "watch_cameras": "vultus.video.watching",
}

__all__ = [
    "Analyzer",
    "Attributes",
    "Camera",
    "Classifier",
    "Enrolment",
    "Face",
    "Faces",
    "Gallery",
    "Identification",
    "Quality",
    "Settings",
    "Verification",
    "Visit",
    "VultusError",
    "__version__",
    "align",
    "classify",
    "detect",
    "embed",
    "load_classifier",
    "load_image",
    "save_classifier",
    "train_classifier",
    "verify",
    "watch",
    "watch_cameras",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'vultus' has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    value = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
