"""`vultus gallery check`: planted errors are found in real pictures, and its commands mend them."""

from __future__ import annotations

import shlex

import pytest
from PIL import Image

from tests.gallery.crowds import crowd, face
from tests.shared import LfwArchive
from vultus.cli import options
from vultus.cli.gallery_command import commands_for
from vultus.gallery.checking import Finding
from vultus.gallery.gallery import Gallery
from vultus.gallery.store import Store

PEOPLE = ("Ariel_Sharon", "Hugo_Chavez", "Jean_Chretien", "Tony_Blair", "Colin_Powell")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder a person of four photos, with errors: see `PLANTED`."""
    folder = tmp_path_factory.mktemp("planted")
    with LfwArchive() as lfw:

        def show(person: str, number: int, place: str) -> None:
            image = lfw.photo(f"lfw-grey/images/{person}/{person}_{number:04d}.jpg")
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)

        for person in PEOPLE:
            for number in range(1, 5):
                show(person, number, f"{person}/{number}.png")
        show("Hugo_Chavez", 11, "Ariel_Sharon/wrong.png")
        for number in (5, 6, 7):
            show("Jean_Chretien", number, f"Jean Chrétien 2/{number}.png")
        show("Tony_Blair", 1, "Tony_Blair/again.jpg")  # saved again: other pixels
    return folder


PLANTED = {
    ("mislabelled", "Ariel_Sharon", "Hugo_Chavez"),
    ("same_person", "Jean Chrétien 2", "Jean_Chretien"),
    ("duplicate", "Tony_Blair", None),
}


@pytest.fixture
def check(run, analyzer, monkeypatch, tmp_path):
    monkeypatch.setattr(options, "make_analyzer", lambda settings, mirror=None: analyzer)
    return lambda *arguments: run("gallery", "check", *arguments)


def gallery_of(records, tmp_path, group="team"):
    with Gallery(tmp_path / "gallery" / "people.db") as made:
        Store(made.database).add_faces(group, records)


def found_in(ran):
    return {(one["kind"], one["person"], one["other"]) for one in ran.records}


def test_planted_errors_are_found_and_what_is_printed_mends_them(check, run, pictures, tmp_path):
    assert run("enroll", pictures, "--group", "old friends").code == 0
    ran = check("--group", "old friends", "-f", "json")
    assert ran.code == 1
    assert found_in(ran) == PLANTED
    for one in ran.records:
        for command in one["commands"]:
            program, *arguments = shlex.split(command)
            assert program == "vultus"
            assert run(*arguments).code == 0
    ran = check("--group", "old friends", "-f", "json")
    assert (ran.code, ran.records) == (0, [])
    people = run("people", "list", "--group", "old friends", "-f", "json").records
    assert {one["person"]: one["faces"] for one in people} == {
        "Ariel_Sharon": 4,
        "Hugo_Chavez": 5,  # the wrong one came here
        "Jean_Chretien": 7,
        "Tony_Blair": 4,
        "Colin_Powell": 4,
    }


def test_people_are_told_what_is_wrong_and_why(check, tmp_path):
    gallery_of([*crowd(8), face("p0002", 9, named="p0001")], tmp_path)
    ran = check()
    assert ran.code == 1
    assert "of p0001 (p0002-9.jpg) looks like p0002" in ran.stdout
    assert "\n    vultus people remove-face --group team 25\n" in ran.stdout
    assert "vultus enroll" not in ran.stdout  # that file is not here any more
    assert "1 findings: 1 mislabelled" in ran.stderr


def test_only_what_was_asked_for(check, tmp_path):
    gallery_of([*crowd(8, 2), face("p0002", 9, named="p0001")], tmp_path)
    assert {one["kind"] for one in check("-f", "json").records} == {"mislabelled", "few"}
    assert {one["kind"] for one in check("--photos", 2, "-f", "json").records} == {"mislabelled"}
    ran = check("--kinds", "few", "-f", "json")
    assert {one["kind"] for one in ran.records} == {"few"}
    assert ran.records[0]["commands"] == ["vultus enroll --name p0000 --group team MORE.jpg"]
    ran = check("--kinds", "poor,duplicate")
    assert (ran.code, ran.stdout) == (0, "")
    assert "Nothing was found" in ran.stderr
    assert check("--kinds", "few,ugly").code == 2


def test_every_group_is_looked_at_unless_one_is_named(check, tmp_path):
    for group in ("a", "b"):
        gallery_of(crowd(3, 2), tmp_path, group)
    assert {one["group"] for one in check("-f", "json").records} == {"a", "b"}
    assert {one["group"] for one in check("-g", "b", "-f", "json").records} == {"b"}


def test_groups_that_say_little(check, run, tmp_path):
    assert check().code == 4  # no gallery
    run("groups", "create", "empty")
    assert check("--group", "empty").code == 0
    assert check("--group", "nobody").code == 4
    gallery_of([face("ada")], tmp_path, "one")
    (found,) = check("--group", "one", "-f", "json").records
    assert (found["kind"], found["person"], found["faces"]) == ("few", "ada", 1)
    assert "ada needs more photos: 1 good\n" in check("--group", "one").stdout
    gallery_of(crowd(5, 1), tmp_path, "singles")
    assert len(check("--group", "singles", "-f", "json").records) == 5


@pytest.mark.parametrize("name", ["Ada's twin", "-x", "a b; rm -rf ~", "$HOME", "Ωmega"])
def test_names_are_quoted_so_that_a_shell_gives_them_back(check, run, tmp_path, name):
    gallery_of([*crowd(8), face("p0002", 9, named=name), face("p0002", 8, named=name)], tmp_path)
    (found,) = check("--kinds", "same_person", "-f", "json").records
    (command,) = found["commands"]
    _, *arguments = shlex.split(command)
    assert run(*arguments).code == 0
    assert check("--kinds", "same_person").code == 0


def test_the_gallery_is_named_where_it_was_and_a_password_never():
    found = Finding("duplicate", "ada", face=7)
    (command,) = commands_for(found, "team", "my people.db")
    assert command == "vultus people remove-face --group team --gallery 'my people.db' 7"
    (command,) = commands_for(found, "team", "postgresql://me:secret@host/people")
    assert "secret" not in command
