from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

import vultus
from vultus import errors


def classes_under(root: type) -> list[type]:
    return [root, *(found for child in root.__subclasses__() for found in classes_under(child))]


ALL = classes_under(errors.VultusError)


def test_the_tree_is_not_empty_and_lives_in_one_module():
    here = {value for value in vars(errors).values() if isinstance(value, type)}
    assert len(ALL) > 20
    assert set(ALL) == {found for found in here if issubclass(found, errors.VultusError)}


def test_codes_are_distinct():
    codes = [found.code for found in ALL]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", ALL)
def test_each_class_states_its_own_code(error):
    assert "code" in vars(error)
    assert error.code.replace("_", "").isalpha()
    assert error.code.islower()


@pytest.mark.parametrize("error", ALL)
def test_each_class_stands_in_the_tree_of_the_docstring(error):
    lines = [line for line in str(errors.__doc__).splitlines() if error.__name__ in line.split()]
    assert len(lines) == 1
    leaf = not error.__subclasses__()
    assert not leaf or error.code in lines[0]


@pytest.mark.parametrize("error", ALL)
def test_errors_are_pickled_whole(error):
    copy = pickle.loads(pickle.dumps(error("It broke.", "Mend it.")))  # noqa: S301
    assert type(copy) is error
    assert (copy.message, copy.hint) == ("It broke.", "Mend it.")
    assert str(copy) == "It broke. Mend it."


def test_the_message_stands_alone_where_there_is_no_hint():
    assert str(errors.NoFace("No face.")) == "No face."


def test_as_json_an_error_has_code_and_message():
    wire = errors.NoFace("No face.", "Another picture.").to_dict()
    assert wire == {"code": "no_face", "message": "No face. Another picture."}


def test_every_public_name_can_be_had():
    for name in vultus.__all__:
        assert getattr(vultus, name) is not None
    assert dir(vultus) == vultus.__all__


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = vultus.no_such_name


def test_importing_vultus_loads_nothing_heavy():
    script = "import sys, vultus; print(*sorted(sys.modules), sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "vultus.errors" in loaded
    assert not loaded & {"onnxruntime", "onnx", "cv2", "sqlalchemy", "numpy", "pydantic", "PIL"}
