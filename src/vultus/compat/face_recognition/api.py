"""The functions of face_recognition, with its names, defaults, answers and refusals.

The image of all functions is uint8, (height, width, 3) RGB or, but for encodings, (height, width)
or (height, width, 1) grey. A location is (top, right, bottom, left) in pixels. Any thread may call
them.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.compat.face_recognition import engine
from vultus.compat.face_recognition.boxes import (
    FoundByCnn,
    Landmarks,
    Location,
    Point,
    Rectangle,
)
from vultus.compat.face_recognition.boxes import css_to_rect as _css_to_rect
from vultus.compat.face_recognition.boxes import rect_to_css as _rect_to_css
from vultus.compat.face_recognition.boxes import trim_css_to_bounds as _trim_css_to_bounds
from vultus.compat.face_recognition.pictures import as_rgb, decode
from vultus.errors import UsageError

if TYPE_CHECKING:
    import os

Image = NDArray[np.uint8]
Encoding = NDArray[np.float64]
Features = dict[str, list[tuple[int, int]]]
Which = dict[str, Sequence[int]]

# Which of the 68 points (iBUG 300-W) and of dlib's 5 make which feature.
_LARGE: Which = {
    "chin": range(17),
    "left_eyebrow": range(17, 22),
    "right_eyebrow": range(22, 27),
    "nose_bridge": range(27, 31),
    "nose_tip": range(31, 36),
    "left_eye": range(36, 42),
    "right_eye": range(42, 48),
    "top_lip": (*range(48, 55), *range(64, 59, -1)),
    "bottom_lip": (*range(54, 60), 48, 60, *range(67, 63, -1)),
}
_SMALL: Which = {"nose_tip": range(4, 5), "left_eye": range(2, 4), "right_eye": range(2)}
_FEATURES: dict[str, Which] = {"large": _LARGE, "small": _SMALL}


def load_image_file(file: str | os.PathLike[str] | IO[bytes], mode: str = "RGB") -> NDArray[Any]:
    """A picture as an array, (height, width, 3) for `RGB`, (height, width) for `L`.

    It is decoded by Pillow alone, so that stored encodings fit: not turned by its EXIF mark; what
    is transparent gets the colour below; what a cut-off file lacks is grey. `vultus.load_image`
    does better.

    Raises:
        OSError: no such file, no picture. ValueError: no such mode.
        ImageTooLarge: more pixels than the setting `limits.max_image_pixels`.
    """
    return decode(file, mode)


def face_locations(
    img: Image, number_of_times_to_upsample: int = 1, model: str = "hog"
) -> list[Location]:
    """Where faces are: (top, right, bottom, left) of each, cut at the picture's border.

    Args:
        number_of_times_to_upsample: 0 finds faces with boxes from about 72 pixels, 1 from 36, 2
            from 18.
        model: `cnn` for dlib's MMOD network, the most confident face first. Everything else,
            `hog` included, stands for Vultus' detector, which draws squares as dlib's HOG
            detector does and finds more; the largest face first.

    Raises:
        TypeError: no array, or no count. ImageUnreadable: an array that is no such picture.
    """
    found = _raw_face_locations(img, number_of_times_to_upsample, model)
    rects = [face.rect if isinstance(face, FoundByCnn) else face for face in found]
    return [_trim_css_to_bounds(_rect_to_css(rect), img.shape) for rect in rects]


def batch_face_locations(
    images: list[Image], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> list[list[Location]]:
    """`face_locations` with `cnn` of each picture in a list; all have one size.

    `batch_size` is there for programs that say it: pictures are looked at one by one, which is
    as fast and needs less memory.

    Raises:
        TypeError: no list of arrays. UsageError: several sizes, or a batch of none.
        ImageUnreadable: an array that is no such picture.
    """
    found = _raw_face_locations_batched(images, number_of_times_to_upsample, batch_size)
    return [
        [_trim_css_to_bounds(_rect_to_css(face.rect), images[0].shape) for face in faces]
        for faces in found
    ]


def face_landmarks(
    face_image: Image,
    face_locations: Iterable[Sequence[int]] | None = None,
    model: str = "large",
) -> list[Features]:
    """Landmarks of each face by feature, as lists of (x, y) in whole pixels: dlib's.

    Args:
        face_locations: where the faces are; looked for where not given.
        model: `large` for 68 points in nine features, `small` for 5 in three.

    Raises:
        ValueError: another model. TypeError: no array, or locations that are no whole numbers.
        ImageUnreadable: an array that is no such picture.
    """
    faces = _raw_face_landmarks(face_image, face_locations, model)
    features = _FEATURES.get(model)
    if features is None:
        raise ValueError(
            f"Invalid landmarks model type {model!r}. Supported models are ['small', 'large']."
        )
    points_of = [[(x, y) for x, y in face.points] for face in faces]
    return [
        {name: [points[i] for i in which] for name, which in features.items()}
        for points in points_of
    ]


def face_encodings(
    face_image: Image,
    known_face_locations: Iterable[Sequence[int]] | None = None,
    num_jitters: int = 1,
    model: str = "small",
) -> list[Encoding]:
    """The encoding of each face, float64 (128,): for the same locations dlib's.

    Args:
        known_face_locations: where the faces are; looked for where not given.
        num_jitters: the mean over so many changed copies of the face; see `jitter`.
        model: `small` aligns a face by 5 points, everything else by 68.

    Raises:
        TypeError: no array, a grey one, no whole numbers.
        ImageUnreadable: an array that is no such picture.
    """
    chips = face_chips(face_image, known_face_locations, model)
    return engine.encode(chips, _whole_number(num_jitters)) if chips else []


def face_chips(
    face_image: Image,
    known_face_locations: Iterable[Sequence[int]] | None = None,
    model: str = "small",
) -> list[engine.Chip]:
    """What `face_encodings` makes encodings of, uint8 (150, 150, 3) each; raises as it does."""
    faces = _raw_face_landmarks(face_image, known_face_locations, model)
    if not faces:
        return []
    if face_image.shape[2:] != (3,):
        raise TypeError(
            f"Encodings are made of RGB pictures; this one is grey, of shape {face_image.shape}. "
            "Load it with mode 'RGB'."
        )
    return engine.cut_chips(as_rgb(face_image), [np.array(face.points) for face in faces])


def face_distance(face_encodings: ArrayLike, face_to_compare: ArrayLike) -> NDArray[np.float64]:
    """Euclidean distances of encodings (n, 128) to one, (128,): float64 (n,), empty for none.

    Raises:
        TypeError, ValueError: lists of lists, other shapes, as NumPy.
    """
    known = cast("Any", face_encodings)
    if len(known) == 0:
        return np.empty(0)
    return cast("NDArray[np.float64]", np.linalg.norm(known - face_to_compare, axis=1))


def compare_faces(
    known_face_encodings: ArrayLike, face_encoding_to_check: ArrayLike, tolerance: float = 0.6
) -> list[np.bool_]:
    """Whether each known encoding is within `tolerance` of this one."""
    return list(face_distance(known_face_encodings, face_encoding_to_check) <= tolerance)


def _raw_face_locations(
    img: Image, number_of_times_to_upsample: int = 1, model: str = "hog"
) -> list[Rectangle] | list[FoundByCnn]:
    times, picture = _times(number_of_times_to_upsample), as_rgb(img)
    if model == "cnn":
        return engine.find_by_cnn([picture], times)[0]
    return engine.find_like_hog(picture, times) if img.size else []


def _raw_face_locations_batched(
    images: list[Image], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> list[list[FoundByCnn]]:
    if not isinstance(images, list):
        raise TypeError(f"Pictures are given as a list of arrays, not {type(images).__name__}.")
    times = _times(number_of_times_to_upsample)
    if _whole_number(batch_size) < 1:
        raise UsageError(
            f"A batch of {batch_size} pictures cannot be looked at.", "Give 1 or more."
        )
    pictures = [as_rgb(image) for image in images]
    sizes = {picture.shape[:2] for picture in pictures}
    if len(sizes) > 1:
        raise UsageError(
            f"Pictures of a batch have one size; there are {len(sizes)}.",
            "Call face_locations for each, or group them by size.",
        )
    return engine.find_by_cnn(pictures, times)


def _raw_face_landmarks(
    face_image: Image,
    face_locations: Iterable[Sequence[int]] | None = None,
    model: str = "large",
) -> list[Landmarks]:
    if face_locations is None:
        boxes = cast("list[Rectangle]", _raw_face_locations(face_image))
    else:
        boxes = [_css_to_rect(location) for location in face_locations]
    if not boxes:
        return []
    placed = engine.place_landmarks(as_rgb(face_image), boxes, large=model != "small").tolist()
    return [
        Landmarks(box, tuple(Point(*point) for point in points))
        for box, points in zip(boxes, placed, strict=True)
    ]


def _times(number: Any) -> int:
    times = _whole_number(number)
    if times < 0:
        raise TypeError(f"A picture cannot be enlarged {times} times; give 0 or more.")
    return times


def _whole_number(number: Any) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise TypeError(f"A whole number is expected, not {number!r}.") from None
