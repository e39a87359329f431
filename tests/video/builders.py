"""Small moments of video made by hand: who is where, and what the fake judge knows of them.

Every name has a direction of its own in the space of embeddings, so two people are 1.41 apart;
`off` moves a look so far away from its person. A face is named up to 0.53 (the model's card).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import numpy as np

from vultus.events.visit import Box, Visit
from vultus.gallery.calibration import Calibrator
from vultus.gallery.index import build_templates
from vultus.gallery.matcher import Decision, decide
from vultus.gallery.store import FaceRecord
from vultus.models.catalogue import EMBEDDER
from vultus.settings import VideoSettings
from vultus.video.book import VisitBook
from vultus.video.frame import Frame
from vultus.video.moment import Look, Moment, Sighting
from vultus.video.strangers import SessionStrangers, Strangers
from vultus.video.zones import Zones

NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
SIZE_WH = (1000, 500)
CALIBRATOR = Calibrator.of(EMBEDDER)
LEFT, MIDDLE, RIGHT = (
    (100.0, 200.0, 80.0, 100.0),
    (460.0, 200.0, 80.0, 100.0),
    (820.0, 200.0, 80.0, 100.0),
)

_NAMES = ("ada", "bob", "cyd", "xen", "yan", "zoe")  # the last three are nobody's
_ASIDE = 100  # the axis along which looks miss their person
TWIN = "twin"  # 0.5 from ada, so that a face between them is neither


def vector(who: str, off: float = 0.0, aside: int = 0) -> np.ndarray:
    """An embedding, (128,) float32, `off` away from its person."""
    found = np.zeros(128, np.float32)
    if who == TWIN:
        found[_NAMES.index("ada")], found[50] = 1, 0.5
    else:
        found[_NAMES.index(who)] = 1
    found[_ASIDE + aside] = off
    return found


def between(one: str, other: str, part: float) -> np.ndarray:
    """Between two people: `part` of the way from one to the other."""
    mixed: np.ndarray = ((1 - part) * vector(one) + part * vector(other)).astype(np.float32)
    return mixed


def look(
    who: str | np.ndarray = "ada", off: float = 0.0, *, quality: float = 0.8, aside: int = 0
) -> Look:
    embedding = vector(who, off, aside) if isinstance(who, str) else who
    return Look(embedding, quality, face_px=80.0, sharpness=0.7, yaw_deg=5.0)


def seen(
    track: int,
    who: str | np.ndarray | None = None,
    off: float = 0.0,
    *,
    box: Box = MIDDLE,
    quality: float = 0.8,
    aside: int = 0,
    poor: str | None = None,
) -> Sighting:
    """A face of a track; with `who` it was worth a look."""
    made = None if who is None else look(who, off, quality=quality, aside=aside)
    rated = None if who is None and poor is None else quality
    return Sighting(track, box, 0.99, rated, made, poor)


def at(seconds: float | Fraction, *sightings: Sighting, ended: Sequence[int] = ()) -> Moment:
    """An analysed frame; ten frames a second."""
    media_time = Fraction(seconds).limit_denominator(1000)
    return Moment(
        index=int(media_time * 10),
        media_time=media_time,
        taken_at=NOON + timedelta(seconds=float(media_time)),
        size_wh=SIZE_WH,
        sightings=tuple(sightings),
        ended=tuple(ended),
    )


def every(step: float, start: float, stop: float, *sightings: Sighting) -> list[Moment]:
    """The same sightings from `start` to `stop`, both included, every `step` seconds."""
    count = round((stop - start) / step)
    return [
        at(Fraction(start + step * k).limit_denominator(1000), *sightings) for k in range(count + 1)
    ]


def judge(*people: str, margin: float = 0.02, threshold: float | None = None):
    """A `Judge` that knows these people, by one photo each."""
    calibrator = Calibrator(EMBEDDER, threshold or CALIBRATOR.threshold, CALIBRATOR.slope)
    templates = build_templates(
        [FaceRecord(who, EMBEDDER, vector(who), who, "", (0, 0, 1, 1), 1.0) for who in people]
    )

    def answer(probes: np.ndarray) -> Sequence[Decision]:
        return decide(probes, templates, calibrator, margin=margin)

    return answer


def make_book(
    *people: str,
    strangers: Strangers | None = None,
    zones: Zones | None = None,
    margin: float = 0.02,
    camera: str = "door",
    **video: object,
) -> VisitBook:
    """A book that knows these people; `video` are settings."""
    return VisitBook(
        camera,
        "team",
        judge(*people, margin=margin),
        strangers or SessionStrangers(CALIBRATOR),
        VideoSettings(**video),
        zones,
    )


def play(book: VisitBook, moments: Iterable[Moment]) -> list[Visit]:
    """The events of these moments; whoever is there at the end stays."""
    return [event for moment in moments for event in book.update(moment)]


def play_all(book: VisitBook, moments: Iterable[Moment]) -> list[Visit]:
    """The events of a whole video."""
    return play(book, moments) + book.finish()


def told(events: Iterable[Visit]) -> list[tuple[str, str | None]]:
    """What happened to whom, in order."""
    return [(event.type, event.who) for event in events]


def frame_of(image: np.ndarray, seconds: float | Fraction = 0, index: int | None = None) -> Frame:
    """A frame that shows this picture."""
    media_time = Fraction(seconds).limit_denominator(1000)
    return Frame(
        int(media_time * 10) if index is None else index,
        media_time,
        NOON + timedelta(seconds=float(media_time)),
        (image.shape[1], image.shape[0]),
        lambda _: image.copy(),
    )


def faces_picture(
    *places: tuple[tuple[int, int, int], int, int, int], size_wh: tuple[int, int] = (640, 240)
) -> np.ndarray:
    """Crisp squares on black: colour, left, top and side of each; see `tests.fakes`."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for colour, left, top, side in places:
        rows, columns = np.mgrid[0:side, 0:side]
        cell = max(1, side // 25)
        chequered = 40 * (((rows // cell + columns // cell) % 2) * 2 - 1)
        square = np.clip(np.array(colour) * 0.7 + 45 + chequered[..., None], 1, 255)
        image[top : top + side, left : left + side] = square
    return image


def who(book: VisitBook, track: int = 1) -> str | None:
    """What a track is called."""
    identity = book.who(track)[0]
    return identity and identity.name
