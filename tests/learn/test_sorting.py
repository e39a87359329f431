from __future__ import annotations

from collections.abc import Sequence

from tests.learn.found import looked_at
from vultus.gallery.calibration import Calibrator
from vultus.learn.embeddings import FolderFaces
from vultus.learn.own_folder import State
from vultus.learn.sorting import Sorting, sort_pictures
from vultus.models.catalogue import EMBEDDER

CALIBRATOR = Calibrator.of(EMBEDDER)


def sort(
    state: State, pictures: Sequence[FolderFaces], known: dict[str, str] | None = None
) -> Sorting:
    """known: the person of faces, by picture and number, as in `a0`."""
    known = known or {}
    persons = [
        [known.get(f"{picture.digest}{index}") for index in range(len(picture.faces))]
        for picture in pictures
    ]
    return sort_pictures(pictures, persons, CALIBRATOR, state)


def folders(sorting: Sorting) -> dict[str, str]:
    """The pictures of each folder, in one word."""
    found: dict[str, str] = {}
    for wanted in sorting.wanted:
        found[wanted.folder] = found.get(wanted.folder, "") + wanted.digest
    return found


def test_known_people_by_name_others_by_cluster_group_photos_in_each():
    pictures = [
        looked_at("a", "ada", "bob", "cyd"),
        looked_at("b", "ada"),
        looked_at("c", "bob"),
        looked_at("d", "eve"),
        looked_at("e"),
    ]
    found = sort(State(kind="sort"), pictures, {"a0": "Ada", "b0": "Ada"})
    assert folders(found) == {
        "Ada": "ab",
        "unknown-001": "ac",
        "others": "d",
        "no-faces": "e",
    }
    assert [(each.person, each.pictures) for each in found.folders] == [
        ("Ada", 2),
        (None, 2),
        (None, 1),
        (None, 1),
    ]


def test_clusters_keep_their_names_when_photos_are_added():
    state = State(kind="sort")
    first = [looked_at(n, "ada") for n in "ab"] + [looked_at(n, "bob") for n in "cde"]
    first += [looked_at("f", "cyd")]
    before = folders(sort(state, first))
    assert before == {"unknown-001": "cde", "unknown-002": "ab", "others": "f"}
    # ada has most now; cyd has a second photo; dan is new and has more than cyd
    added = [looked_at(n, "ada", look=0.1) for n in "ghij"] + [looked_at("k", "cyd", look=0.1)]
    added += [looked_at(n, "dan") for n in "lmn"]
    for pictures in ([*first, *added], [*added, *first]):
        after = folders(sort(state, pictures))
        assert {name: "".join(sorted(each)) for name, each in after.items()} == {
            "unknown-001": "cde",
            "unknown-002": "abghij",
            "unknown-003": "lmn",
            "unknown-004": "fk",
        }


def test_clusters_that_would_be_one_now_stay_two():
    state = State(kind="sort")
    first = [looked_at("a", "ada"), looked_at("b", "ada"), looked_at("c", "ada", look=0.8)]
    first += [looked_at("d", "ada", look=0.8)]
    assert folders(sort(state, first)) == {"unknown-001": "ab", "unknown-002": "cd"}
    between = [looked_at(f"{k}", "ada", look=0.1 * k) for k in range(1, 8)]
    after = folders(sort(state, first + between))
    assert set("ab") < set(after["unknown-001"])
    assert set("cd") < set(after["unknown-002"])


def test_somebody_who_is_known_by_now_leaves_the_cluster():
    state = State(kind="sort")
    pictures = [looked_at(n, "ada") for n in "ab"] + [looked_at(n, "bob") for n in "cd"]
    assert set(folders(sort(state, pictures))) == {"unknown-001", "unknown-002"}
    after = sort(state, pictures, {"a0": "Ada", "b0": "Ada"})
    assert folders(after) == {"Ada": "ab", "unknown-002": "cd"}
    more = [*pictures, looked_at("e", "eve"), looked_at("f", "eve")]
    assert folders(sort(state, more, {"a0": "Ada", "b0": "Ada"}))["unknown-003"] == "ef"


def test_a_cluster_of_photos_that_are_away_is_remembered():
    state = State(kind="sort")
    ada = [looked_at(n, "ada") for n in "ab"]
    bob = [looked_at(n, "bob") for n in "cd"]
    sort(state, ada + bob)
    assert folders(sort(state, bob[:1])) == {"unknown-002": "c"}
    assert folders(sort(state, ada + bob)) == {"unknown-001": "ab", "unknown-002": "cd"}


def test_the_state_survives_its_file():
    state = State(kind="sort")
    pictures = [looked_at(n, "ada", "bob") for n in "ab"]
    before = folders(sort(state, pictures, {"a1": "Bob/Jr", "b1": "Bob/Jr"}))
    again = State.model_validate_json(state.model_dump_json())
    assert again == state
    assert folders(sort(again, pictures, {"a1": "Bob/Jr", "b1": "Bob/Jr"})) == before


def test_people_whose_names_make_no_folder_or_one_of_ours():
    names = ["others", "No-Faces", "unknown-001", "ann/../x", "CON", "Ann", "ANN", "é" * 150]
    letters = "abcdefgh"
    pictures = [looked_at(letter, f"p{letter}") for letter in letters]
    pictures += [looked_at(n, "stranger") for n in "xy"] + [looked_at("z", "loner")]
    state = State(kind="sort")
    known = {f"{letter}0": name for letter, name in zip(letters, names, strict=True)}
    found = sort(state, [*pictures, looked_at("0")], known)
    owners = {each.name: each.person for each in found.folders if each.person}
    assert sorted(owners.values()) == sorted(names)
    assert len({name.casefold() for name in folders(found)}) == len(names) + 3
    assert folders(found)["unknown-001"] == "xy"
    assert folders(found)["others"] == "z"
    assert folders(found)["no-faces"] == "0"
    assert not any("/" in name for name in folders(found))
    # a name that comes later takes nobody's folder
    late = sort(state, [*pictures, looked_at("i", "pi")], {**known, "i0": "ann"})
    assert {each.name: each.person for each in late.folders if each.person} == {
        **owners,
        "ann (3)": "ann",
    }


def test_nothing_but_pictures_without_faces():
    assert folders(sort(State(kind="sort"), [looked_at("a"), looked_at("b")])) == {"no-faces": "ab"}
    assert sort(State(kind="sort"), []) == Sorting([], [])
