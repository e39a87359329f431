"""What people are told to do next is right for whoever asked, by the command line or the API."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import vultus
from vultus import errors

SOURCE = Path(vultus.__file__).parent
# These never leave through the API, or are for whoever installed Vultus there.
OF_THE_COMMAND_LINE = (
    *("cli/", "compat/", "evaluate/", "migrate/"),
    *("server/running.py", "video/track_file.py", "video/capture.py"),
)
OF_WHOEVER_RUNS_IT = ("models/", "learn/")
OF_OTHER_PROGRAMS = re.compile(r"pip install|rpicam-hello|--system-site-packages")
OPTION = re.compile(r"(^|\s)--[a-z]|`vultus |\bvultus [a-z]+ (list|show|add|create|revoke|merge)\b")
NAMES = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.VultusError)
}


def texts(call: ast.Call) -> str:
    found = [each.value for each in ast.walk(call) if isinstance(each, ast.Constant)]
    return " ".join(each for each in found if isinstance(each, str))


def told_in(path: Path) -> list[str]:
    """What the errors say that a module makes, and the texts that it keeps for them."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
    made = [
        each
        for each in calls
        if (each.func.id if isinstance(each.func, ast.Name) else getattr(each.func, "attr", ""))
        in NAMES
    ]
    kept = [
        each.value.value
        for each in tree.body
        if isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, str)
    ]
    return [*map(texts, made), *kept]


def test_hints_that_reach_the_api_name_no_option_of_the_command_line():
    found, wrong = 0, []
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith(OF_THE_COMMAND_LINE + OF_WHOEVER_RUNS_IT):
            continue
        for text in told_in(path):
            found += 1
            if OPTION.search(text) and not OF_OTHER_PROGRAMS.search(text):
                wrong.append(f"{name}: {text}")
    assert found > 200
    assert wrong == []
