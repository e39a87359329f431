"""A package under a second name, and never a second copy of a module."""

from __future__ import annotations

import importlib
import importlib.util
import runpy
import sys

import pytest

from vultus.compat.alias import redirect


@pytest.fixture
def nick(tmp_path, monkeypatch) -> str:
    """`nick` stands for the package `realname`, which counts how often its modules run."""
    real = tmp_path / "realname"
    (real / "inner").mkdir(parents=True)
    (real / "__init__.py").write_text("runs = []\n")
    body = "import realname\nrealname.runs.append(__name__)\nvalue = object()\n"
    for path in (real / "one.py", real / "inner" / "__init__.py", real / "inner" / "two.py"):
        path.write_text(body)
    (tmp_path / "nick").mkdir()
    (tmp_path / "nick" / "__init__.py").write_text(
        "from vultus.compat.alias import redirect\nredirect(__name__, 'realname')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield "nick"
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_modules_are_the_same_by_either_name_and_run_once(nick):
    first = importlib.import_module("nick")
    one = importlib.import_module("nick.one")
    two = importlib.import_module("nick.inner.two")
    assert first is importlib.import_module("realname")
    assert one is importlib.import_module("realname.one") is first.one
    assert two is importlib.import_module("realname.inner.two") is first.inner.two
    assert first.runs == ["realname.one", "realname.inner", "realname.inner.two"]


def test_what_the_real_name_imported_before_is_used(nick):
    one = importlib.import_module("realname.one")
    assert importlib.import_module("nick.one") is one
    assert one.__spec__ is not None
    assert (one.__name__, one.__spec__.name) == ("realname.one", "realname.one")
    assert importlib.reload(one) is one


def test_what_is_not_there(nick):
    with pytest.raises(ModuleNotFoundError, match=r"nick\.three"):
        importlib.import_module("nick.three")
    assert importlib.util.find_spec("nickname") is None


def test_running_a_module_by_the_alias(nick):
    values = runpy.run_module("nick.one", run_name="__main__")
    assert values["__file__"] == importlib.import_module("realname.one").__file__
    assert importlib.import_module("realname").runs[0] == "__main__"


def test_redirecting_twice_is_redirecting_once(nick):
    importlib.import_module("nick")
    finders = len(sys.meta_path)
    redirect("nick", "realname")
    assert len(sys.meta_path) == finders


def test_a_package_that_is_not_there():
    with pytest.raises(ModuleNotFoundError):
        redirect("nick", "vultus.compat.nothing")
    assert "nick" not in sys.modules
