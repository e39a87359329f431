"""One package under a second name: the same module objects, whichever name imports them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType


def redirect(alias: str, package: str) -> None:
    """Make `alias` and all modules below it stand for `package` and those below that.

    To be called while a package named `alias` is being imported; it is replaced.

    Raises:
        ImportError: there is no such package.
    """
    module = importlib.import_module(package)
    if not any(isinstance(f, _Finder) and f.alias == alias for f in sys.meta_path):
        # first: the usual finders would find the files by the package's path, and load them twice
        sys.meta_path.insert(0, _Finder(alias, package))
    sys.modules[alias] = module


class _Finder(MetaPathFinder):
    """Answers for every module below the alias."""

    def __init__(self, alias: str, package: str) -> None:
        self.alias = alias
        self._package = package

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        del path, target
        if not fullname.startswith(self.alias + "."):
            return None
        found = importlib.util.find_spec(self._package + fullname[len(self.alias) :])
        if found is None:
            return None
        return ModuleSpec(
            fullname,
            _Loader(found),
            origin=found.origin,
            is_package=found.submodule_search_locations is not None,
        )


class _Loader(Loader):
    """Hands out the module that is, or becomes, loaded under its own name."""

    def __init__(self, real: ModuleSpec) -> None:
        self._real = real
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        del spec
        module = importlib.import_module(self._real.name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # it has run already; the import system has put the alias's spec in the place of its own
        module.__spec__ = self._spec

    def get_code(self, fullname: str) -> CodeType | None:
        """For `python -m`, which runs a module's code without importing it."""
        del fullname
        get_code = getattr(self._real.loader, "get_code", None)
        code: CodeType | None = get_code(self._real.name) if get_code else None
        return code
