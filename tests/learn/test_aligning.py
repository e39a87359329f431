from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from tests.fakes import picture
from tests.learn.people import known_analyzer
from vultus.errors import StorageError, UsageError
from vultus.imaging.folders import find_pictures
from vultus.learn.aligning import ABOUT, TABLE, AlignedFolder, Options, align_pictures


@pytest.fixture
def photos(tmp_path):
    """Ada twice, Bob once, a picture of nobody and one that is none."""
    folder = tmp_path / "photos"
    for name, image in (
        ("Ada/1.jpg", picture("ada")),
        ("Ada/deeper/2.png", picture("ada", "bob", shade=3)),
        ("Bob/1.png", picture("bob")),
        ("Bob/none.png", np.zeros((90, 90, 3), np.uint8)),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)
    (folder / "Bob" / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "faces"


def align(photos, out, *, force=False, jobs=1, analyzer=None, **chosen):
    place = AlignedFolder(out, Options(**chosen), force=force)
    pictures = find_pictures([photos]).pictures
    return list(align_pictures(analyzer or known_analyzer(), pictures, place, jobs=jobs))


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def table(out):
    with (out / TABLE).open(newline="") as file:
        return {row["picture"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("jobs", [1, 3])
def test_folders_stay_and_a_table_says_what_was_skipped(photos, out, jobs):
    done = align(photos, out, jobs=jobs)
    assert files(out) == ["Ada/1.png", "Ada/deeper/2.png", "Bob/1.png", TABLE, ABOUT]
    rows = table(out)
    assert {name: row["status"] for name, row in rows.items()} == {
        "Ada/1.jpg": "aligned",
        "Ada/deeper/2.png": "aligned",
        "Bob/1.png": "aligned",
        "Bob/broken.jpg": "image_unreadable",
        "Bob/none.png": "no_face",
    }
    assert rows["Ada/deeper/2.png"]["faces"] == "2"
    assert "broken.jpg" in rows["Bob/broken.jpg"]["reason"]
    assert [one.row.picture for one in done] == sorted(rows)


def test_the_box_fills_all_but_the_margin(photos, out):
    align(photos, out, size=160, margin=32)
    face = np.asarray(Image.open(out / "Bob" / "1.png").convert("RGB"))
    assert face.shape == (160, 160, 3)
    lit = face[:, :, 1] > 127  # its border is mixed with black
    # the detector's box is the square; it is 160 - 32 pixels wide, in the middle
    assert abs(int(lit[80].sum()) - 128) <= 1
    assert abs(int(lit[:, 80].sum()) - 128) <= 1
    assert abs(int(np.flatnonzero(lit[80])[0]) - 16) <= 1
    assert face[80, 80].tolist() == [60, 255, 60]


def test_aligned_faces_are_the_chips_that_the_network_is_fed(photos, out):
    align(photos, out, size=150, margin=0, how="aligned")
    face = np.asarray(Image.open(out / "Bob" / "1.png").convert("RGB"))
    chips = known_analyzer().analyze(photos / "Bob" / "1.png", embed=False, chips=True).chips
    np.testing.assert_array_equal(face, chips[0])


def test_what_is_done_is_not_done_again(photos, out):
    align(photos, out)
    before = {name: (out / name).stat().st_mtime_ns for name in files(out) if "png" in name}
    analyzer = known_analyzer()
    done = align(photos, out, analyzer=analyzer)
    assert analyzer.detector.asked == 0
    # one that cannot be read may have been mended meanwhile
    assert [one.row.picture for one in done if not one.resumed] == ["Bob/broken.jpg"]
    assert before == {name: (out / name).stat().st_mtime_ns for name in before}
    Image.fromarray(picture("bob")).save(photos / "Bob" / "broken.jpg")
    assert sum(one.row.status == "aligned" for one in align(photos, out)) == 4


def test_half_written_and_changed_ones_are_done_again(photos, out):
    align(photos, out)
    whole = (out / "Ada" / "1.png").read_bytes()
    (out / "Ada" / "1.png").write_bytes(whole[:100])
    (out / "Bob" / "1.png").unlink()
    Image.fromarray(picture("cyd", "ada")).save(photos / "Ada" / "deeper" / "2.png")
    again = {one.row.picture for one in align(photos, out) if not one.resumed}
    assert again == {"Ada/1.jpg", "Bob/1.png", "Ada/deeper/2.png", "Bob/broken.jpg"}
    assert (out / "Ada" / "1.png").read_bytes() == whole


def test_what_was_done_before_a_crash_counts(photos, out):
    place = AlignedFolder(out, Options())
    pictures = find_pictures([photos]).pictures
    results = align_pictures(known_analyzer(), pictures, place)
    next(results)
    next(results)
    results.close()
    text = (out / TABLE).read_text()
    (out / TABLE).write_text(text + "Bob/1.png,alig")  # cut off within a line
    (out / "Bob").mkdir()
    (out / "Bob" / ".0123.part").write_bytes(b"half")
    done = align(photos, out)
    assert [one.resumed for one in done] == [True, True, False, False, False]
    assert set(table(out)) == {one.row.picture for one in done}


def test_a_table_that_points_elsewhere_is_not_followed(photos, out, tmp_path):
    align(photos, out)
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    row = "Bob/1.png,aligned,../outside.png,1,,{0},{1},1\n"
    stat = (photos / "Bob" / "1.png").stat()
    (out / TABLE).write_text(
        (out / TABLE).read_text().split("\n")[0] + "\n" + row.format(stat.st_size, stat.st_mtime_ns)
    )
    assert not any(one.resumed for one in align(photos, out))
    assert outside.read_bytes() == b"x"


def test_a_folder_that_holds_something_else_is_refused(photos, out):
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty") as caught:
        align(photos, out)
    assert "--force" in caught.value.hint
    assert files(out) == ["thesis.txt"]
    align(photos, out, force=True)
    assert (out / "thesis.txt").read_text() == "mine"


def test_a_folder_of_other_options_is_refused(photos, out):
    align(photos, out, size=160)
    with pytest.raises(UsageError, match="--size 160 --margin 32"):
        align(photos, out, size=96)
    assert all(not one.resumed for one in align(photos, out, size=96, force=True))
    with Image.open(out / "Bob" / "1.png") as face:
        assert face.size == (96, 96)


def test_names_that_would_be_one_stay_apart(tmp_path, out):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "a.png", "A.bmp", "b.jpg"):
        Image.fromarray(picture("ada")).save(folder / name)
    align(folder, out)
    assert [name for name in files(out) if name.endswith("png")] == [
        "A.bmp.png",
        "a.jpg.png",
        "a.png.png",
        "b.png",
    ]


def test_a_place_that_cannot_be_used(photos, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        align(photos, tmp_path / "file")
    with pytest.raises(ValueError, match="leaves nothing"):
        Options(size=32, margin=32)
