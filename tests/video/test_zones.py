from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import place_landmarks
from vultus.errors import UsageError
from vultus.faces.types import Faces
from vultus.video.zones import Zones, parse_zone

LEFT_HALF = [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]
UPPER_HALF = [(0, 0), (1, 0), (1, 0.5), (0, 0.5)]
SIZE_WH = (1000, 500)


def faces(*boxes: tuple[float, float, float, float]) -> Faces:
    boxes_xywh = np.array(boxes, np.float32).reshape(-1, 4)
    corners = np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)
    scores = np.full(len(boxes_xywh), 0.99, np.float32)
    return Faces(boxes_xywh, scores, place_landmarks(corners), SIZE_WH)


def test_no_zone_is_none_and_not_outside():
    assert Zones().of((10, 10, 50, 50), SIZE_WH) is None
    assert Zones(masks=[LEFT_HALF]).of((10, 10, 50, 50), SIZE_WH) is None


@pytest.mark.parametrize(
    ("box", "zone"),
    [
        ((440, 100, 100, 100), "left"),  # the centre, 490, decides
        ((460, 100, 100, 100), "outside"),
        ((450, 100, 100, 100), "left"),  # on the line
        ((-40, 100, 100, 100), "left"),  # half out of the frame
        ((-90, 100, 100, 100), "outside"),
    ],
)
def test_a_face_is_where_its_centre_is(box, zone):
    assert Zones({"left": LEFT_HALF}).of(box, SIZE_WH) == zone


def test_the_first_of_two_zones_wins():
    box = (0, 0, 100, 100)
    assert Zones({"left": LEFT_HALF, "upper": UPPER_HALF}).of(box, SIZE_WH) == "left"
    assert Zones({"upper": UPPER_HALF, "left": LEFT_HALF}).of(box, SIZE_WH) == "upper"


def test_fractions_hold_for_every_size_of_the_frame():
    zones = Zones({"left": LEFT_HALF})
    for factor in (0.3, 1, 4):
        size_wh = (round(1000 * factor), round(500 * factor))
        assert zones.of((400 * factor, 0, 100 * factor, 50 * factor), size_wh) == "left"
        assert zones.of((500 * factor, 0, 100 * factor, 50 * factor), size_wh) == "outside"


def test_a_zone_need_not_be_convex():
    corner = [(0, 0), (1, 0), (1, 0.2), (0.2, 0.2), (0.2, 1), (0, 1)]
    zones = Zones({"corner": corner})
    assert zones.of((50, 400, 20, 20), SIZE_WH) == "corner"
    assert zones.of((900, 20, 20, 20), SIZE_WH) == "corner"
    assert zones.of((500, 250, 20, 20), SIZE_WH) == "outside"


def test_masked_faces_are_left_out():
    found = faces((100, 100, 50, 50), (470, 100, 50, 50), (800, 100, 50, 50))
    kept = Zones(masks=[LEFT_HALF]).unmasked(found, SIZE_WH)
    assert kept.boxes[:, 0].tolist() == [800]
    both = Zones(masks=[LEFT_HALF, UPPER_HALF]).unmasked(found, SIZE_WH)
    assert len(both) == 0


def test_without_masks_all_faces_are_kept():
    found = faces((100, 100, 50, 50))
    assert Zones({"left": LEFT_HALF}).unmasked(found, SIZE_WH) is found
    nobody = faces()
    assert Zones(masks=[LEFT_HALF]).unmasked(nobody, SIZE_WH) is nobody


@pytest.mark.parametrize(
    "polygon",
    [
        [],
        [(0, 0), (1, 1)],
        [(0, 0), (1, 0), (1, 1.01)],
        [(0, 0), (1, 0), (-0.01, 1)],
        [(0, 0), (1, 0), (float("nan"), 1)],
        [(0, 0), (100, 0), (100, 50)],
        [(0, 0), (1, 0), (1, 1e300)],
        [(0, 0), (1, 0), (1, 10**400)],
        [("a", "b"), (1, 0), (1, 1)],
        [(0, 0)] * 1001,
    ],
)
def test_polygons_that_make_no_sense(polygon):
    with pytest.raises(UsageError, match="'door'"):
        Zones({"door": polygon})
    with pytest.raises(UsageError, match="'mask'"):
        Zones(masks=[polygon])


def test_a_zone_of_the_command_line():
    name, polygon = parse_zone(" the door =0.1,0.2 0.5,0.2   0.5,0.9")
    assert name == "the door"
    assert polygon == [(0.1, 0.2), (0.5, 0.2), (0.5, 0.9)]


@pytest.mark.parametrize(
    "text", ["", "door", "door=", "=0,0 1,0 1,1", "door=0,0 1", "door=a,b c,d", "door=0,0,0 1,1,1"]
)
def test_a_zone_that_is_written_wrongly(text):
    with pytest.raises(UsageError, match="no zone"):
        parse_zone(text)
