from __future__ import annotations

from vultus.cli.tables import confusion_lines, table_lines


def test_columns_are_aligned_and_names_cannot_steer_the_terminal():
    lines = table_lines(["", "n"], [["[red]a[/red]", 1], ["b\x1b[2J\n:smile:", 0.5], ["c", None]])
    assert len(lines) == 4
    assert lines[1].startswith("[red]a[/red]")
    assert "\x1b" not in lines[2]
    assert ":smile:" in lines[2]
    assert [len(line) for line in lines[:3]] == [len(lines[0])] * 3
    assert lines[2].endswith("0.500")
    assert lines[3] == "c"


def test_a_confusion_matrix_says_what_was_right():
    lines = confusion_lines({"a": {"a": 3, "b": 1}, "b": {"a": 0, "b": 2}})
    assert lines[0].split() == ["shown", "/", "answered", "a", "b", "recall"]
    assert lines[1].split() == ["a", "3", "1", "0.750"]
    assert lines[2].split() == ["b", "0", "2", "1.000"]


def test_many_classes_stay_on_a_line():
    names = [f"class {n}" for n in range(60)]
    lines = confusion_lines({name: {other: 1 for other in names} for name in names})
    assert len(lines) == 61
