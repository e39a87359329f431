"""`vultus calibrate`, with real pictures: what it measures, sets and refuses."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.shared import LfwArchive
from vultus.cli import options
from vultus.gallery.gallery import Gallery

# The first are enrolled with three photos each, the others are strangers.
PEOPLE = ("Ariel_Sharon", "Hugo_Chavez", "Jean_Chretien", "Tony_Blair")
STRANGERS = ("Andre_Agassi", "Catherine_Zeta-Jones", "Colin_Powell", "David_Beckham")
STRANGERS += ("Gloria_Macapagal_Arroyo", "Jacques_Chirac", "Laura_Bush", "Alexander_Lukashenko")
STRANGERS += ("Al_Sharpton", "Alanis_Morissette", "Alfonso_Soriano", "Ali_Khamenei")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder `people` and a folder `strangers`, a folder a person each."""
    folder = tmp_path_factory.mktemp("lfw")
    with LfwArchive() as lfw:
        for kind, names, count in [("people", PEOPLE, 3), ("strangers", STRANGERS, 1)]:
            for name in names:
                place = folder / kind / name
                place.mkdir(parents=True)
                for number in range(1, count + 1):
                    file = f"{name}_{number:04d}.jpg"
                    image = lfw.photo(f"lfw-grey/images/{name}/{file}")
                    Image.fromarray(image).save(place / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def enrolled_once(pictures, analyzer, tmp_path_factory):
    path = tmp_path_factory.mktemp("calibrate") / "people.db"
    with Gallery(path, analyzer=analyzer) as made:
        made.enroll_folder(pictures / "people", group="team")
        made.create_group("empty")
        made.enroll("ada", [pictures / "people" / PEOPLE[0] / "1.png"], group="one")
    return path


@pytest.fixture
def calibrate(run, enrolled_once, analyzer, monkeypatch, tmp_path):
    monkeypatch.setattr(options, "make_analyzer", lambda settings, mirror=None: analyzer)
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "people.db").write_bytes(enrolled_once.read_bytes())
    return lambda *arguments: run("calibrate", "--no-cache", *arguments)


def threshold(run) -> float | None:
    rows = run("groups", "list", "-f", "json").records
    return next(row["threshold"] for row in rows if row["group"] == "team")


def test_it_sets_what_identify_then_uses_and_takes_it_back(calibrate, run, pictures):
    told = ("--group", "team", "--far", 0.25, "--strangers", pictures / "strangers")
    (dry,) = calibrate(*told, "--dry-run", "-f", "json").records
    assert (dry["set"], threshold(run)) == (False, None)
    ran = calibrate(*told)
    assert ran.code == 0
    assert "14 strangers" in ran.stdout
    assert f"threshold {dry['threshold']:.4f} is set, for a rate of 0.25" in ran.stdout
    assert "named by the person's others" in ran.stdout
    assert threshold(run) == pytest.approx(dry["threshold"])

    photo = pictures / "people" / PEOPLE[1] / "1.png"
    (found,) = run("identify", photo, "-g", "team", "-f", "json").records
    assert found["faces"][0]["why"]["threshold"] == pytest.approx(dry["threshold"])
    assert found["faces"][0]["person"] == PEOPLE[1]
    (asked,) = run("identify", photo, "-g", "team", "--far", 0.001, "-f", "json").records
    assert asked["faces"][0]["why"]["threshold"] == pytest.approx(0.518)

    assert calibrate("--group", "team", "--reset").code == 0
    assert threshold(run) is None
    (found,) = run("identify", photo, "-g", "team", "-f", "json").records
    assert found["faces"][0]["why"]["threshold"] == pytest.approx(0.53)


def test_a_stricter_threshold_names_fewer(calibrate, run, pictures, tmp_path):
    """The nearest of the strangers is named before, and not by the threshold that forbids it."""
    told = ("--group", "team", "--far", 0.25, "--strangers", pictures / "strangers")
    (found,) = calibrate(*told, "-f", "json").records
    nearest = found["nearest_strangers"][0]
    assert nearest["distance"] > found["threshold"]
    (answer,) = run("identify", nearest["source"], "-g", "team", "-f", "json").records
    assert answer["faces"][0]["person"] is None
    with Gallery(tmp_path / "gallery" / "people.db", analyzer=None) as people:
        from dataclasses import replace

        loose = replace(people.group("team").threshold, distance=nearest["distance"] + 1e-3)
        people.set_threshold("team", loose)
    (answer,) = run("identify", nearest["source"], "-g", "team", "-f", "json").records
    assert answer["faces"][0]["person"] == nearest["person"]


def test_strangers_who_are_enrolled_are_told_by_name(calibrate, pictures, tmp_path):
    folder = tmp_path / "others"
    for place in (pictures / "strangers").iterdir():
        (folder / place.name).mkdir(parents=True)
        (folder / place.name / "1.png").write_bytes((place / "1.png").read_bytes())
    (folder / "x").mkdir()
    copied = pictures / "people" / PEOPLE[2] / "2.png"
    (folder / "x" / "1.png").write_bytes(copied.read_bytes())
    ran = calibrate("--group", "team", "--far", 0.25, "--strangers", folder, "--dry-run")
    assert f"looks like {PEOPLE[2]} who is enrolled" in ran.stdout
    assert "14 strangers" in ran.stdout
    assert "stand in for them" not in ran.stdout
    ran = calibrate(
        "--group", "team", "--far", 0.8, "--strangers", pictures / "people", "--dry-run"
    )
    assert "all strangers look as if they were enrolled: the people" in ran.stdout


REFUSED = [
    (("--group", "team"), 2, "There is no rate"),
    (("--group", "team", "--far", "often"), 2, "valid number"),
    *(
        (("--group", "team", "--far", rate), 2, "makes no sense")
        for rate in ("0", "1", "-0.1", "nan")
    ),
    (("--group", "team", "--far", 1e-4), 2, "29,954 more strangers"),
    (("--group", "nobody", "--far", 0.1), 4, "no group"),
    (("--group", "empty", "--far", 0.1), 1, "Nobody is enrolled"),
    (("--group", "one", "--far", 0.1), 2, "Without strangers"),
    (("--group", "team", "--far", 0.1, "--strangers", "missing"), 2, "no folder"),
    (("--group", "team", "--reset", "--far", 0.1), 2, "--reset"),
    (("--group", "nobody", "--reset"), 4, "no group"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED)
def test_what_is_refused_sets_nothing(calibrate, run, arguments, code, words):
    ran = calibrate(*arguments)
    assert ran.code == code
    assert words in " ".join(ran.stderr.split())
    assert threshold(run) is None


def test_a_refusal_names_the_smallest_rate_that_is_not_refused(calibrate, pictures):
    told = ("--group", "team", "--strangers", pictures / "strangers", "--dry-run")
    ran = calibrate(*told, "--far", 1e-4)
    assert ran.code == 2
    assert "14 strangers cannot show a rate of 0.0001" in ran.stderr
    least = ran.stderr.split("--far ")[1].split(";")[0]
    assert calibrate(*told, "--far", least).code == 0


def test_strangers_without_faces(calibrate, tmp_path, blank):
    folder = tmp_path / "blank"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.png").write_bytes(blank.read_bytes())
    ran = calibrate("--group", "team", "--far", 0.2, "--strangers", folder)
    assert ran.code == 1
    assert "No picture of strangers shows a face" in ran.stderr
