"""`vultus cluster`: people without names, from pictures and from strangers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.fakes import fake_analyzer, picture
from vultus.cli import options
from vultus.gallery.gallery import Gallery
from vultus.gallery.strangers import StrangerFace
from vultus.models.catalogue import EMBEDDER

SHOWN = {
    "a/1.png": ("ada",),
    "a/2.png": ("ada", "bob"),
    "b/1.png": ("ada",),
    "b/2.png": ("bob",),
    "b/3.png": ("cyd",),
    "b/4.png": (),
}


@pytest.fixture
def cluster(run, monkeypatch):
    """Run the command; faces are coloured squares."""
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: fake_analyzer(settings)
    )

    def run_it(*arguments, **more):
        return run("cluster", *arguments, **more)

    return run_it


@pytest.fixture
def photos(tmp_path):
    for number, (name, people) in enumerate(SHOWN.items()):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(*people, shade=3 * number)).save(path)
    return tmp_path / "photos"


def placed(folder) -> list[str]:
    files = (each for each in folder.rglob("*") if each.is_file() and each.name[0] != ".")
    return sorted(each.relative_to(folder).as_posix() for each in files)


def test_json_has_a_line_a_cluster(cluster, photos):
    ran = cluster(photos, "-f", "json")
    assert ran.code == 0, ran.stderr
    first, second, alone, summary = ran.records
    assert [(each["cluster"], each["pictures"]) for each in (first, second, alone)] == [
        ("person-001", 3),
        ("person-002", 2),
        (None, 1),
    ]
    sources = [(face["source"], face["face"]) for face in second["faces"]]
    assert sources == [(str(photos / "a/2.png"), 1), (str(photos / "b/2.png"), 0)]
    assert set(second["faces"][0]["box"]) == {"x", "y", "width", "height"}
    assert summary["summary"] == {
        "pictures": 6,
        "copies": 0,
        "failed": 0,
        "faces": 6,
        "clusters": 2,
        "alone": 1,
    }


def test_a_table_for_people(cluster, photos):
    ran = cluster(photos)
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert lines[0] == ["cluster", "faces", "pictures", "first"]
    assert lines[1][:3] == ["person-001", "3", "3"]
    assert "2 people with 5 faces, 1 faces alone" in ran.stdout
    assert cluster(photos, "-f", "quiet").stdout == ""


def test_a_folder_a_person(cluster, photos, tmp_path):
    out = tmp_path / "out"
    assert cluster(photos, "--into", out).code == 0
    whole = ["person-001/1-2.png", "person-001/1.png", "person-001/2.png"]
    whole += ["person-002/2-2.png", "person-002/2.png"]
    assert placed(out) == whole
    assert (out / "person-001/1.png").read_bytes() == (photos / "a/1.png").read_bytes()
    assert not (out / "person-001/1.png").samefile(photos / "a/1.png")
    # again, and with fewer in a cluster than asked for
    assert cluster(photos, "--into", out, "--min-pictures", 3).code == 0
    assert placed(out) == whole[:3]
    # what lies there is not taken for pictures of its own
    assert cluster(tmp_path, "--into", out, "-f", "json").records[-1]["summary"]["pictures"] == 6


def test_crops_and_links(cluster, photos, tmp_path):
    ran = cluster(photos, "--into", tmp_path / "faces", "--crops")
    assert ran.code == 0 and "5 faces in " in ran.stderr and "5 cut out" in ran.stderr
    assert placed(tmp_path / "faces") == [
        "person-001/1-face1-2.jpg",
        "person-001/1-face1.jpg",
        "person-001/2-face1.jpg",
        "person-002/2-face1.jpg",
        "person-002/2-face2.jpg",
    ]
    with Image.open(tmp_path / "faces/person-002/2-face2.jpg") as crop:
        assert crop.size == (90, 90)
        red, green, blue = crop.convert("RGB").getpixel((45, 45))
    assert green > 200 > red + blue
    ran = cluster(photos, "--into", tmp_path / "links", "--link")
    assert "5 by hard link" in ran.stderr
    assert (tmp_path / "links/person-001/1.png").samefile(photos / "a/1.png")


def test_a_contact_sheet(cluster, photos, tmp_path):
    sheet = tmp_path / "people.png"
    assert cluster(photos, "--sheet", sheet).code == 0
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    row = pixels.shape[0] // 2
    for part, colour in ((pixels[:row], 0), (pixels[row:], 1)):
        lit = (part[:, :, colour] > 200) & (part.sum(axis=2) < 400)
        assert lit.sum() > 1000
    assert cluster(photos, "--sheet", sheet).code == 2
    assert cluster(photos, "--sheet", sheet, "--force").code == 0


def test_enrolled_twice_they_are_the_same_people(cluster, run, photos):
    first = cluster(photos, "--enroll", "found", "-f", "json")
    assert [each.get("person") for each in first.records[:2]] == ["person-001", "person-002"]
    assert "5 faces enrolled" in first.stderr
    assert run("people", "rename", "person-001", "Ada", "--group", "found").code == 0
    again = cluster(photos, "--enroll", "found", "-f", "json")
    assert [each.get("person") for each in again.records[:2]] == ["Ada", "person-002"]
    assert "0 faces enrolled into 'found', 5 were there before" in again.stderr
    people = run("people", "list", "--group", "found", "-f", "json").records
    assert {each["person"]: each["faces"] for each in people} == {"Ada": 3, "person-002": 2}


def test_copies_count_once(cluster, photos):
    for number in range(30):
        (photos / f"{number}.png").write_bytes((photos / "b/3.png").read_bytes())
    ran = cluster(photos, "-f", "json")
    assert ran.records[-1]["summary"] == {
        "pictures": 6, "copies": 30, "failed": 0, "faces": 6, "clusters": 2, "alone": 1,
    }  # fmt: skip
    assert "30 pictures are there twice" in ran.stderr


def test_unreadable_pictures_are_named_and_the_others_go_on(cluster, photos):
    (photos / "broken.jpg").write_bytes(b"no picture")
    ran = cluster(photos, "-f", "json")
    assert ran.code == 1
    assert ran.records[0] == {
        "source": str(photos / "broken.jpg"),
        "error": {
            "code": "image_unreadable",
            "message": ran.records[0]["error"]["message"],
        },
    }
    assert [each.get("cluster") for each in ran.records[1:3]] == ["person-001", "person-002"]


def test_one_picture(cluster, photos):
    ran = cluster(photos / "a/2.png")
    assert ran.code == 0
    assert "Nobody is in two pictures." in ran.stderr
    assert "0 people with 0 faces, 2 faces alone" in ran.stdout


def test_no_face_anywhere(cluster, photos, tmp_path):
    ran = cluster(photos / "b/4.png", "-f", "json", "--sheet", tmp_path / "sheet.png")
    assert ran.code == 1
    assert ran.records[-1]["error"]["code"] == "nothing_to_do"
    assert "no face in 1 picture." in ran.records[-1]["error"]["message"]
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "nothing to cluster"),
        (["photos", "--merge"], 2, "--merge is for --strangers"),
        (["photos", "--strangers"], 2, "Strangers have no pictures"),
        (["--strangers", "--into", "x"], 2, "Strangers have no pictures"),
        (["photos", "--crops"], 2, "--into"),
        (["photos", "--link"], 2, "--into"),
        (["photos", "--into", "x", "--crops", "--link"], 2, "cannot be a link"),
        (["photos", "--into", "file"], 2, "no folder"),
        (["photos", "--into", "photos"], 2, "something else"),
        (["photos", "--sheet", "people.txt"], 2, "no name for a sheet"),
        (["photos", "--sheet", "nowhere/people.jpg"], 5, "no folder"),
        (["photos", "--sheet", "file.jpg"], 2, "there already"),
        (["photos", "--enroll", "a\nb"], 2, "no name for a group"),
        (["nowhere"], 2, "There is no nowhere"),
        (["empty"], 1, "no picture"),
        (["--strangers", "--group", "nobody"], 4, "gallery_missing"),
        (["photos", "--far", "1e-9"], 2, "false-match rate"),
    ],
)
def test_what_makes_no_sense_is_refused(cluster, photos, tmp_path, arguments, code, message):
    (tmp_path / "file").touch()
    (tmp_path / "file.jpg").touch()
    (tmp_path / "empty").mkdir()
    ran = cluster(*arguments)
    assert ran.code == code, ran.stderr
    assert message.lower() in ran.stderr.lower()
    assert not (tmp_path / "x").exists()


@pytest.fixture
def strangers(tmp_path):
    """Three in the gallery of `run`, of whom two are one person."""
    with Gallery(tmp_path / "gallery" / "people.db", analyzer=fake_analyzer()) as made:
        for place in (0.0, 0.2, 5.0):
            vector = np.zeros(128, np.float32)
            vector[0] = place
            made.strangers.add("yard", EMBEDDER, [StrangerFace(vector, 0.8, 60.0)])


def test_strangers_who_are_one_person(cluster, run, strangers):
    expected = {"stranger": "unknown-0001", "same": ["unknown-0002"], "group": "yard", "visits": 0}
    found = cluster("--strangers", "--group", "yard", "-f", "json").records
    assert found == [{**expected, "merged": False}]
    assert "unknown-0002" in cluster("--strangers", "--group", "yard").stdout
    refused = cluster("--strangers", "--merge", "--group", "yard", answer="n\n")
    assert refused.code == 1
    assert len(run("strangers", "list", "-f", "json").records) == 3
    merged = cluster("--strangers", "--merge", "--yes", "--group", "yard", "-f", "json").records
    assert merged == [{**expected, "merged": True}]
    left = run("strangers", "list", "-f", "json").records
    assert [(each["stranger"], each["faces"]) for each in left] == [
        ("unknown-0001", 2),
        ("unknown-0003", 1),
    ]
    assert "No two strangers" in cluster("--strangers", "--group", "yard").stderr
