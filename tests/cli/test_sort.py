"""`vultus sort`: a folder a person, again and again, and never an original touched."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.fakes import fake_analyzer, picture
from vultus.cli import options, sort_command

SHOWN = {
    "a/1.png": ("ada",),
    "a/2.png": ("ada", "bob"),
    "b/1.png": ("bob",),
    "b/2.png": ("cyd",),
    "b/3.png": (),
}
SORTED = {
    "Ada": ["1.png", "2.png"],
    "unknown-001": ["1.png", "2.png"],
    "others": ["2.png"],
    "no-faces": ["3.png"],
}


@pytest.fixture
def sort(run, monkeypatch):
    """Run the command; faces are coloured squares."""
    monkeypatch.setattr(
        options, "make_analyzer", lambda settings, mirror=None: fake_analyzer(settings)
    )

    def run_it(*arguments, **more):
        return run("sort", *arguments, **more)

    return run_it


def show(path, *people, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(*people, shade=shade)).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    for number, (name, people) in enumerate(SHOWN.items()):
        show(tmp_path / "photos" / name, *people, shade=3 * number)
    return tmp_path / "photos"


@pytest.fixture
def friends(run, sort, tmp_path):
    """Ada is in the gallery."""
    path = show(tmp_path / "enrolled" / "ada.png", "ada", shade=1)
    assert run("enroll", "--name", "Ada", path, "--group", "friends").code == 0


def placed(folder) -> dict[str, list[str]]:
    return {
        each.name: sorted(file.name for file in each.iterdir())
        for each in folder.iterdir()
        if each.is_dir()
    }


def test_known_people_and_unknown_ones(sort, friends, photos, tmp_path):
    before = {each: each.read_bytes() for each in photos.rglob("*.png")}
    out = tmp_path / "sorted"
    ran = sort(photos, "--into", out, "--group", "friends", "-f", "json")
    assert ran.code == 0, ran.stderr
    assert placed(out) == SORTED
    (record,) = ran.records
    assert record["folders"] == [
        {"folder": "Ada", "person": "Ada", "pictures": 2, "new": 2},
        {"folder": "unknown-001", "person": None, "pictures": 2, "new": 2},
        {"folder": "others", "person": None, "pictures": 1, "new": 1},
        {"folder": "no-faces", "person": None, "pictures": 1, "new": 1},
    ]
    assert (record["new"], record["kept"], record["removed"]) == (6, 0, 0)
    assert record["how"] == {"copy": 6}
    assert {each: each.read_bytes() for each in photos.rglob("*.png")} == before


def test_again_with_new_photos(sort, run, friends, photos, tmp_path):
    out = tmp_path / "sorted"
    sort(photos, "--into", out, "--group", "friends")
    again = sort(photos, "--into", out, "--group", "friends", "-f", "json").records[0]
    assert (again["new"], again["kept"]) == (0, 6)
    for number in range(4):
        show(photos / "c" / f"{number}.png", "cyd", shade=20 + number)
    show(photos / "c" / "1.jpg", "bob", shade=30)
    (out / "unknown-001" / "notes.txt").write_text("mine")
    more = sort(photos, "--into", out, "--group", "friends", "-f", "json").records[0]
    assert (more["new"], more["removed"]) == (6, 1)
    assert placed(out) == {
        "Ada": SORTED["Ada"],
        "no-faces": ["3.png"],
        "unknown-001": ["1.jpg", "1.png", "2.png", "notes.txt"],
        "unknown-002": ["0.png", "1.png", "2-2.png", "2.png", "3.png"],
    }
    # bob has a name now: his folder is empty but for what is not ours
    run("enroll", "--name", "Bob", photos / "b/1.png", "--group", "friends")
    sort(photos, "--into", out, "--group", "friends")
    assert placed(out)["Bob"] == ["1.jpg", "1.png", "2.png"]
    assert placed(out)["unknown-001"] == ["notes.txt"]
    assert len(placed(out)["unknown-002"]) == 5


def test_without_a_group_everybody_is_unknown(sort, photos, tmp_path):
    ran = sort(photos, "--into", tmp_path / "sorted")
    assert ran.code == 0
    assert set(placed(tmp_path / "sorted")) == {"unknown-001", "unknown-002", "others", "no-faces"}
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert lines[0] == ["folder", "person", "pictures", "new"]
    assert "5 pictures, 6 new files (6 by copy); in" in ran.stdout


def test_a_dry_run_writes_nothing(sort, photos, tmp_path):
    out = tmp_path / "sorted"
    ran = sort(photos, "--into", out, "--dry-run", "-f", "json")
    assert not out.exists()
    (record,) = ran.records
    assert record["dry_run"] is True
    assert record["how"] == {}
    assert {"source": str(photos / "b/3.png"), "to": "no-faces/3.png"} in record["placements"]
    assert "would be in" in sort(photos, "--into", out, "--dry-run").stdout
    sort(photos, "--into", out)
    again = sort(photos, "--into", out, "--dry-run", "-f", "json").records[0]
    assert (again["new"], again["kept"]) == (0, 6)


def test_links_say_which(sort, photos, tmp_path):
    ran = sort(photos, "--into", tmp_path / "sorted", "--link", "-f", "json")
    assert ran.records[0]["how"] == {"hard link": 6}
    assert (tmp_path / "sorted/no-faces/3.png").samefile(photos / "b/3.png")


def test_a_folder_among_the_photos_is_not_read_again(sort, photos):
    out = photos / "sorted"
    for _ in range(2):
        assert sort(photos, "--into", out, "-f", "json").records[0]["pictures"] == 5
    ran = sort(out, "--into", out)
    assert ran.code == 1
    assert "All 6 pictures lie in" in ran.stderr


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(sort, photos, tmp_path, monkeypatch):
    out = tmp_path / "sorted"
    carry_out = sort_command._carry_out

    def interrupted(output, own, plan, link):
        done = own.carry_out(plan, link)
        next(done), next(done)
        done.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(sort_command, "_carry_out", interrupted)
    assert sort(photos, "--into", out).code == 130
    assert sum(len(files) for files in placed(out).values()) == 2
    monkeypatch.setattr(sort_command, "_carry_out", carry_out)
    record = sort(photos, "--into", out, "-f", "json").records[0]
    assert (record["new"], record["kept"]) == (4, 2)
    assert sum(len(files) for files in placed(out).values()) == 6


def test_names_that_make_no_folders(sort, run, photos, tmp_path):
    names = {"ada": "CON", "bob": "no/where", "cyd": "others"}
    for name, person in names.items():
        path = show(tmp_path / "enrolled" / f"{name}.png", name, shade=1)
        # the shell's own separators stand in a name as they do anywhere else
        assert run("enroll", "--name", person, path, "--group", "friends").code == 0
    sort(photos, "--into", tmp_path / "sorted", "--group", "friends")
    assert set(placed(tmp_path / "sorted")) == {"CON_", "no_where", "others (2)", "no-faces"}


def test_unreadable_pictures_are_named_and_the_others_go_on(sort, photos, tmp_path):
    (photos / "broken.jpg").write_bytes(b"no picture")
    ran = sort(photos, "--into", tmp_path / "sorted", "-f", "json")
    assert ran.code == 1
    assert ran.records[0]["error"]["code"] == "image_unreadable"
    assert ran.records[1]["failed"] == 1
    assert "broken.jpg" not in str(placed(tmp_path / "sorted"))


def test_thousands_of_copies_are_one(sort, photos, tmp_path):
    for number in range(200):
        (photos / f"copy{number}.png").write_bytes((photos / "b/2.png").read_bytes())
    record = sort(photos, "--into", tmp_path / "sorted", "-f", "json").records[0]
    assert (record["pictures"], record["copies"], record["new"]) == (5, 200, 6)


def test_one_picture_and_none_with_a_face(sort, photos, tmp_path):
    assert sort(photos / "b/2.png", "--into", tmp_path / "one").code == 0
    assert placed(tmp_path / "one") == {"others": ["2.png"]}
    assert sort(photos / "b/3.png", "--into", tmp_path / "two").code == 0
    assert placed(tmp_path / "two") == {"no-faces": ["3.png"]}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["photos"], 2, "--into"),
        (["photos", "--into", "file"], 2, "no folder"),
        (["photos", "--into", "enrolled"], 2, "something else"),
        (["photos", "--into", "x", "--group", "nobody"], 4, "no group 'nobody'"),
        (["nowhere", "--into", "x"], 2, "There is no nowhere"),
        (["empty", "--into", "x"], 1, "no picture"),
        (["photos", "--into", "x", "--far", "1e-9"], 2, "false-match rate"),
    ],
)
def test_what_makes_no_sense_is_refused(sort, friends, photos, tmp_path, arguments, code, message):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    ran = sort(*arguments)
    assert ran.code == code, ran.stderr
    assert message in ran.stderr
    assert not (tmp_path / "x").exists()


def test_a_group_of_a_gallery_that_is_not_there(sort, photos):
    ran = sort(photos, "--into", "x", "--group", "friends")
    assert ran.code == 4
    assert "gallery_missing" in ran.stderr
