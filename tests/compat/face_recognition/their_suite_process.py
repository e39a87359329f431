"""Runs the original's own tests and writes what failed as JSON: `{name: error or null}`.

Run by `test_their_suite`. With names of tests only these are run, and the face of `obama.jpg` is
where dlib finds it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import unittest
from pathlib import Path

from face_recognition import api

from vultus.compat.face_recognition.boxes import css_to_rect

# what test_face_locations of the suite wants of `obama.jpg`, a picture of this shape
DLIBS_BOX = (142, 617, 409, 349)
SHAPE = (1137, 910, 3)


def load(path: Path, only: tuple[str, ...]) -> unittest.TestSuite:
    spec = importlib.util.spec_from_file_location("theirs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*.{name}" for name in only] or None
    return loader.loadTestsFromModule(module)


def use_dlibs_box() -> None:
    find = api._raw_face_locations

    def locate(image, *args, **kwargs):
        return [css_to_rect(DLIBS_BOX)] if image.shape == SHAPE else find(image, *args, **kwargs)

    api._raw_face_locations = locate


def main(path: str, answer: str, *only: str) -> None:
    if only:
        use_dlibs_box()
    suite = load(Path(path), only)
    names = [test._testMethodName for group in suite for test in group]
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    wrong = {test._testMethodName: text for test, text in result.failures + result.errors}
    Path(answer).write_text(json.dumps({name: wrong.get(name) for name in names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
