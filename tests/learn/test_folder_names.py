from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.learn.folder_names import MAX_BYTES, file_name, folder_name, same_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë 王", "Zoë 王"),
        ("a/b\\c:d", "a_b_c_d"),
        ("../../etc/passwd", "_.._.._etc_passwd"),
        ("..", "_"),
        (".hidden", "_.hidden"),
        ("dots...", "dots"),
        ("  spaces  ", "spaces"),
        ("new\nline\x00", "new_line_"),
        ("", "_"),
        ("con", "con_"),
        ("NUL.txt", "NUL.txt_"),
        ("Com1", "Com1_"),
        ("lpt²", "lpt²_"),
        ("console", "console"),
        ("com10", "com10"),
        ('what? "who" <me|you>*', "what_ _who_ _me_you__"),
        ("\ud800", "_"),
    ],
)
def test_names_become_folders(name, expected):
    assert folder_name(name) == expected


def test_names_that_a_file_system_takes_for_one_get_numbers():
    taken: list[str] = []
    for name in ("Ada", "ADA", "ada", "Zo\u00eb", "Zoe\u0308", "Straße", "STRASSE"):
        taken.append(folder_name(name, taken))
    assert taken == ["Ada", "ADA (2)", "ada (3)", "Zoë", "Zoë (2)", "Straße", "STRASSE (2)"]


@given(st.text(max_size=300), st.lists(st.text(max_size=5), max_size=3))
def test_any_name_is_one_that_every_file_system_takes(name, others):
    taken = [folder_name(other) for other in others]
    found = folder_name(name, taken)
    assert same_name(found) not in {same_name(each) for each in taken}
    assert 0 < len(found.encode()) <= MAX_BYTES + 10
    assert not set(found) & set('<>:"/\\|?*\0\n')
    assert not found.startswith(".")
    assert not found.endswith((".", " "))
    assert unicodedata.normalize("NFC", found) == found


def test_long_names_are_cut_between_letters():
    assert folder_name("é" * 200) == "é" * (MAX_BYTES // 2)


def test_names_of_files_keep_their_ending():
    taken = {same_name(name) for name in ("a.jpg", "A-2.JPG", "b", ".c")}
    assert file_name("a.jpg", taken) == "a-3.jpg"
    assert file_name("b", taken) == "b-2"
    assert file_name("new.jpg", taken) == "new.jpg"
