"""`vultus align`, `train classifier`, `classify`, and a classifier in place of a gallery."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.cli.watch_helpers import events_of, told
from tests.fakes import picture
from tests.learn.people import known_analyzer, write_people
from tests.shared import shared
from tests.video.scenes import Part, scene
from vultus.cli import options
from vultus.errors import ExtraMissing, ModelDamaged, ModelMismatch, UsageError
from vultus.learn.classifier_file import load_classifier

PEOPLE = {"Ada": "ada", "Bob [x]": "bob", "Cyd": "cyd", "Dan": "dan"}


@pytest.fixture
def vultus(run, tmp_path, monkeypatch):
    """Run a command; faces are coloured squares, and the cache is the test's own."""
    monkeypatch.setenv("VULTUS_RUNTIME__CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: known_analyzer(settings, mirror)
    )
    return run


@pytest.fixture
def people(tmp_path):
    return write_people(tmp_path / "people", PEOPLE, 8)


@pytest.fixture
def model(vultus, people, tmp_path):
    ran = vultus("train", "classifier", people, "-o", "m.skops", "--min-images-per-class", 5)
    assert ran.code == 0, ran.stderr
    return tmp_path / "m.skops"


# align


def test_align_then_train_on_the_faces(vultus, people, tmp_path):
    (people / "Ada" / "broken.jpg").write_bytes(b"no picture")
    ran = vultus("align", people, "--out", "faces", "--size", 100, "--margin", 20)
    assert ran.code == 0, ran.stderr
    assert "33 pictures: 32 aligned, 1 image_unreadable. See faces/alignment.csv" in ran.stderr
    assert "skipped: " in ran.stderr and "broken.jpg" in ran.stderr
    with Image.open(tmp_path / "faces" / "Ada" / "00.png") as face:
        assert face.size == (100, 100)
    again = vultus("align", people, "--out", "faces", "--size", 100, "--margin", 20, "-f", "json")
    assert [record["resumed"] for record in again.records].count(True) == 32
    assert again.records[0]["face"] == "faces/Ada/00.png"
    assert again.records[8]["status"] == "image_unreadable" and again.records[8]["face"] is None
    ran = vultus("train", "classifier", "faces", "-o", "m.skops", "--min-images-per-class", 8)
    assert ran.code == 0, ran.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--out", "people/faces"], "lies in"),
        (["--out", "full"], "is not empty"),
        (["--out", "faces", "--margin", "160"], "leaves nothing"),
        (["--out", "faces", "--how", "aligned", "--margin", "3"], "says nothing"),
    ],
)
def test_places_and_options_of_align_that_are_refused(vultus, people, tmp_path, more, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    ran = vultus("align", people, *more)
    assert ran.code == 2
    assert said in ran.stderr


def test_align_where_nobody_is_seen(vultus, tmp_path):
    (tmp_path / "empty").mkdir()
    Image.new("RGB", (50, 50)).save(tmp_path / "empty" / "a.png")
    ran = vultus("align", "empty", "--out", "faces")
    assert ran.code != 0 and "nothing_to_do" in ran.stderr
    assert "no_face" in (tmp_path / "faces" / "alignment.csv").read_text()


# train classifier


def test_training_says_what_it_learnt_from_and_how_good_it_is(vultus, people, tmp_path):
    write_people(people, {"Eve": "eve"}, 3)  # too few: a stranger to test on
    ran = vultus(
        "train", "classifier", people, "--out", "m.skops", "--split", "--min-images-per-class", 8
    )
    assert ran.code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "Number of classes: 4 of 5 (8 usable images or more)"
    assert lines[1] == "Number of images: 32 of 35, 28 to train"
    assert "28 faces cannot show a rate of 0.01" in ran.stdout
    assert "4 images of known people: accuracy 1.000; 100.0% named rightly, 0.0% wrongly" in (
        ran.stdout
    )
    assert "3 images of people it does not know: 0.0% named" in ran.stdout
    made = load_classifier(tmp_path / "m.skops")
    assert made.labels == tuple(PEOPLE)
    assert made.faces.counts.tolist() == [7, 7, 7, 7]


@pytest.mark.parametrize("kind", ["svm", "logistic", "knn", "centroid"])
def test_every_kind_as_data(vultus, people, kind, tmp_path):
    ran = vultus(
        "train", "classifier", people, "-o", "m.skops", "--kind", kind, "-f", "json",
        "--min-images-per-class", 8, "--far", 0.1, "--no-mirror",
    )  # fmt: skip
    (record,) = ran.records
    assert (record["kind"], record["used_classes"], record["used_images"]) == (kind, 4, 32)
    assert record["accuracy"] == 1
    assert (record["can_show"], record["mirror"], record["tested"]) == (True, False, None)
    assert load_classifier(tmp_path / "m.skops").mirror is False


def test_a_second_run_asks_no_network_unless_told(vultus, people, monkeypatch, tmp_path):
    made = []

    def make(settings, mirror=None):
        made.append(known_analyzer(settings, mirror))
        return made[-1]

    monkeypatch.setattr(options, "make_analyzer", make)
    train = ["train", "classifier", people, "-o", "m.skops", "--min-images-per-class", 2, "--force"]
    vultus(*train, "--no-cache")
    assert not (tmp_path / "cache").exists()
    for more in ([], [], ["--no-cache"]):
        assert vultus(*train, *more).code == 0
    assert [one.detector.asked for one in made] == [32, 32, 0, 32]
    assert (tmp_path / "cache" / "embeddings.db").exists()


def test_pictures_that_say_two_things_are_told(vultus, people):
    shutil.copy(people / "Ada" / "00.png", people / "Cyd" / "ada.png")
    shutil.copy(people / "Bob [x]" / "00.png", people / "Bob [x]" / "again.png")
    (people / "Nobody").mkdir()
    Image.new("RGB", (70, 70)).save(people / "Nobody" / "black.png")
    Image.fromarray(picture("ada")).save(people / "loose.png")
    ran = vultus("train", "classifier", people, "-o", "m.skops", "--min-images-per-class", 5)
    assert ran.code == 0
    first, second = people / "Ada" / "00.png", people / "Cyd" / "ada.png"
    assert f"warning: {first} and {second} are the same picture of two people" in ran.stderr
    assert "again.png: left out: the same picture as" in ran.stderr
    assert "black.png: left out: no face found" in ran.stderr
    assert "warning: no picture of Nobody can be used" in ran.stderr
    assert "1 pictures lie in no person's folder" in ran.stderr


def test_one_person_under_two_names_is_told(vultus, people):
    for shade in range(8):
        Image.fromarray(picture("dan", shade=shade * 2 + 1)).save(
            people / "Dan" / f"{shade}_odd.png"
        )
    (people / "Danny").mkdir()
    for path in sorted((people / "Dan").glob("*_odd.png")):
        shutil.move(path, people / "Danny" / path.name)
    ran = vultus("train", "classifier", people, "-o", "m.skops", "--min-images-per-class", 5)
    assert "warning: Dan and Danny look like one person" in ran.stdout


@pytest.mark.parametrize(
    ("keep", "more", "said"),
    [
        (["Ada"], ["--min-images-per-class", 5], "two people or more; 1 of 1"),
        (list(PEOPLE), [], "--min-images-per-class 8 or less"),
        ([], [], "no folder"),
        (list(PEOPLE), ["--seed", 3], "Give --split"),
        (list(PEOPLE), ["--split", "--train-images-per-class", 40], "leaves no picture"),
        (list(PEOPLE), ["--split", "--min-images-per-class", 2], "3 or more"),
        (list(PEOPLE), ["--strangers", "nowhere"], "nowhere is no folder"),
    ],
)
def test_what_cannot_be_trained_on(vultus, people, tmp_path, keep, more, said):
    for name in set(PEOPLE) - set(keep):
        shutil.rmtree(people / name)
    ran = vultus("train", "classifier", people, "--out", "m.skops", *more)
    assert ran.code == 2
    assert said in ran.stderr
    assert not (tmp_path / "m.skops").exists()


def test_a_file_that_is_there_is_kept(vultus, people, tmp_path):
    (tmp_path / "m.skops").write_text("mine")
    ran = vultus("train", "classifier", people, "-o", "m.skops", "--min-images-per-class", 5)
    assert ran.code == 2
    assert (tmp_path / "m.skops").read_text() == "mine"


# classify


def test_each_picture_with_its_probability(vultus, model, tmp_path):
    new = write_people(tmp_path / "new", {"Ada": "ada", "Cyd": "cyd", "Eve": "eve"}, 3, first=8)
    Image.fromarray(picture("bob", shade=17)).save(new / "Ada" / "mistaken.png")
    Image.new("RGB", (70, 70)).save(new / "Cyd" / "black.png")
    ran = vultus("classify", new, "--model", model)
    assert ran.code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(f"{new / 'Ada' / '08.png'}: Ada (")
    assert f"{new / 'Cyd' / 'black.png'}: no face" in lines
    assert any(line.startswith(f"{new / 'Eve' / '08.png'}: unknown (nearest ") for line in lines)
    assert "11 images, 4 classes: 7 named, 3 unknown, 1 without a face, 0 failed" in lines
    assert any("7 images of known people: accuracy 0.857" in line for line in lines)
    assert "  Ada taken for Bob [x]: 1" in lines
    assert "3 images of people it does not know: 0.0% named" in lines


def test_what_it_learnt_from_does_not_count(vultus, model, people, tmp_path):
    ran = vultus("classify", people, "--model", model, "-f", "json")
    summary = ran.records[-1]["summary"]
    assert (summary["learnt"], summary["fresh"], summary["accuracy"]) == (32, False, 1.0)
    assert all(record["learnt"] for record in ran.records[:-1])
    assert ran.records[0]["shown"] == "Ada" and ran.records[0]["person"] == "Ada"
    write_people(people, {"Ada": "bob"}, 2, first=20)  # wrong ones
    ran = vultus("classify", people, "--model", model)
    assert "32 images that it learnt from are not counted below" in ran.stdout
    assert "2 images of known people: accuracy 0.000" in ran.stdout


def test_only_strangers_beside_what_it_learnt_from(vultus, model, people):
    write_people(people, {"Eve": "eve"}, 2)
    ran = vultus("classify", people, "--model", model)
    assert "32 images that it learnt from are not counted below" in ran.stdout
    assert "2 images of people it does not know: 0.0% named" in ran.stdout
    ran = vultus("classify", people, "--model", model, "-f", "json")
    summary = ran.records[-1]["summary"]
    assert (summary["known"], summary["accuracy"], summary["strangers"]) == (0, None, 2)


def test_files_alone_are_answered_and_not_counted(vultus, model, people, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    ran = vultus("classify", people / "Cyd" / "01.png", "broken.png", "-m", model, "-f", "json")
    assert ran.code == 1
    assert ran.records[0]["person"] == "Cyd" and ran.records[0]["shown"] is None
    assert ran.records[1]["error"]["code"] == "image_unreadable"
    assert "accuracy" not in ran.records[-1]["summary"]


# in place of a gallery


def test_identify_by_a_classifier(vultus, model, tmp_path):
    Image.fromarray(picture("ada", "bob", "eve", shade=5)).save(tmp_path / "party.png")
    ran = vultus("identify", "party.png", "--classifier", model, "-f", "json", "--top", 2)
    assert ran.code == 0, ran.stderr
    faces = ran.records[0]["faces"]
    assert [face["person"] for face in faces] == ["Ada", "Bob [x]", None]
    assert faces[0]["why"]["rule"] == "named" and faces[2]["why"]["rule"] == "threshold"
    assert faces[0]["why"]["reference"].startswith("Ada/")
    assert len(faces[0]["candidates"]) == 2
    assert 0 < faces[0]["why"]["threshold"] <= 0.53
    again = vultus("identify", "party.png", "--classifier", model, "--annotate", "drawn")
    assert "Ada (" in again.stdout and "unknown, " in again.stdout
    assert [path.stem for path in (tmp_path / "drawn").iterdir()] == ["party"]
    assert not (tmp_path / "gallery").exists()


@pytest.mark.parametrize("more", [["--group", "x"], ["--gallery", "g.db"], ["--far", "1e-3"]])
def test_a_classifier_stands_alone(vultus, model, tmp_path, more):
    Image.fromarray(picture("ada")).save(tmp_path / "a.png")
    for command in ("identify", "watch"):
        ran = vultus(command, "a.png", "--classifier", model, *more)
        assert ran.code == 2
        assert f"{more[0]} says nothing with it" in ran.stderr


def test_a_classifier_of_the_other_mirror_option_is_refused(vultus, model, tmp_path):
    Image.fromarray(picture("ada")).save(tmp_path / "a.png")
    ran = vultus("identify", "a.png", "--classifier", model, "--no-mirror")
    assert ModelMismatch.code in ran.stderr and "--mirror" in ran.stderr


@pytest.mark.parametrize(
    "arguments", [["classify", "a.png", "--model"], ["identify", "a.png", "--classifier"]]
)
def test_a_damaged_classifier_is_refused(vultus, model, tmp_path, arguments):
    Image.fromarray(picture("ada")).save(tmp_path / "a.png")
    data = bytearray(model.read_bytes())
    data[len(data) // 3] ^= 1
    model.write_bytes(bytes(data))
    ran = vultus(*arguments, model)
    assert ran.code != 0 and ModelDamaged.code in ran.stderr


def test_without_scikit_learn(vultus, model, people, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    for arguments in (
        ["classify", people, "--model", model],
        ["train", "classifier", people, "-o", "n.skops"],
    ):
        ran = vultus(*arguments)
        assert ExtraMissing.code in ran.stderr and "vultus[learn]" in ran.stderr


@pytest.fixture
def scenes(watch, tmp_path):
    """A classifier of ada, bob and dan as films show them; the film has ada and cyd."""
    folder = tmp_path / "scenes"
    for name in ("ada", "bob", "dan"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            image = scene(0, [Part(name)]) * (1 - number / 100)  # darker and darker
            Image.fromarray(image.astype(np.uint8)).save(folder / name / f"{number}.png")
    ran = watch("train", "classifier", folder, "-o", "m.skops", "--min-images-per-class", 2)
    assert ran.code == 0, ran.stderr
    return tmp_path / "m.skops"


def test_visits_of_people_whom_a_classifier_knows(watch, clip, scenes, tmp_path):
    ran = watch("watch", clip, "--classifier", scenes, "-f", "json", "--to", "events.jsonl")
    assert ran.code == 0, ran.stderr
    assert told(events_of(ran)) == [
        ("enter", "ada"),
        ("enter", "unknown-0001"),
        ("exit", "ada"),
        ("exit", "unknown-0001"),
    ]
    entered = events_of(ran)[0]
    assert entered["group"] is None and entered["probability"] > 0.5
    assert (tmp_path / "events.jsonl").read_text().count("\n") == 4
    # nothing of it is in the gallery, whose people they are not
    assert watch("visits", "list", "-f", "json").records == []
    assert watch("strangers", "list", "-f", "json").records == []


def test_a_camera_with_a_group_is_refused(watch, clip, scenes, tmp_path):
    (tmp_path / "c.toml").write_text(
        f'[[camera]]\nname = "a"\nsource = "{clip}"\ngroup = "family"\n'
    )
    ran = watch("watch", "--config", "c.toml", "--classifier", scenes)
    assert ran.code == 2 and UsageError.code in ran.stderr
    assert "stands in place of groups" in ran.stderr


def test_the_real_clip_with_a_classifier(run, tmp_path):
    """He sings through most of it; a man in it whom nobody trained stays a stranger."""
    source, folder = shared("photos/people"), tmp_path / "people"
    for name in ("kit_harington", "rose_leslie", "lin_manuel_miranda"):
        shutil.copytree(source / name, folder / name)
    with Image.open(folder / "lin_manuel_miranda" / "1.png") as only:
        other = ImageOps.mirror(only.convert("RGB")).rotate(4, expand=True)
        other.save(folder / "lin_manuel_miranda" / "2.jpg", quality=80)
    train = ["--min-images-per-class", 2, "--no-cache"]
    assert run("train", "classifier", folder, "-o", "m.skops", *train).code == 0
    clip = shared("videos/hamilton_short.mp4")
    ran = run("watch", clip, "--classifier", "m.skops", "-f", "json", "--fps", 4)
    assert ran.code == 0, ran.stderr
    named = {event["person"] for event in events_of(ran)} - {None}
    assert named == {"lin_manuel_miranda"}
    (visit,) = [e for e in events_of(ran) if e["person"] and e["type"] == "exit"]
    assert visit["probability"] > 0.5
    assert np.isfinite(visit["why"]["distance"])
