"""Python's own pickler is the reference for what is read; its reader is not used here."""

from __future__ import annotations

import collections
import pickle
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.test_arrays_pickle import RAN, Exploit
from vultus.models import pickle_machine
from vultus.models.pickle_machine import Machine, Pending, PickleRefused, Word

FIRST = st.none() | st.booleans() | st.integers(-(10**99), 10**99) | st.text()
FIRST |= st.floats(allow_nan=False)  # what protocol 0 has
PLAIN = st.recursive(
    FIRST | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.binary() | st.integers(), inner)
        | st.tuples(inner)
        | st.tuples(inner, inner, inner, inner)
    ),
    max_leaves=30,
)


@given(PLAIN, st.integers(3, 5))
@settings(max_examples=40)
def test_plain_values_of_every_protocol_with_bytes_are_read(value, protocol):
    assert Machine(pickle.dumps(value, protocol), {}).run() == value


@given(st.lists(st.dictionaries(st.text(), st.tuples(FIRST, FIRST))), st.integers(0, 2))
@settings(max_examples=40)
def test_plain_values_of_the_first_protocols_are_read(value, protocol):
    assert Machine(pickle.dumps(value, protocol), {}).run() == value


def test_a_value_that_is_shared_stays_one():
    shared = [1.5]
    first, second = Machine(pickle.dumps([shared, shared]), {}).run()
    assert first is second == [1.5]


def test_a_list_in_itself_is_no_trouble():
    value: list[object] = []
    value.append(value)
    found = Machine(pickle.dumps(value), {}).run()
    assert found[0] is found


def test_bytearrays_and_text_of_python_2_are_bytes():
    assert Machine(pickle.dumps(bytearray(b"abc"), 5), {}).run() == b"abc"
    assert Machine(rb"S'a\x00\'\n\\b'" + b"\n.", {}).run() == b"a\x00'\n\\b"
    assert Machine(b'S"it\'s"\n.', {}).run() == b"it's"
    assert Machine(b"U\x02\xc3\xa4.", {}).run() == "ä".encode()


class _Box(Pending):
    def build(self, state, machine):
        self.value = state


WORDS = {
    ("boxes", "Box"): Word("Box", lambda arguments, machine: _Box()),
    ("boxes", "odd"): Word("odd"),
}


def test_only_what_is_admitted_is_called():
    assert Machine(b"cboxes\nBox\n)Rp0\nI7\nbg0\n\x86.", WORDS).run() == (7, 7)
    with pytest.raises(PickleRefused, match="may not be called"):
        Machine(b"cboxes\nodd\n)R.", WORDS).run()
    with pytest.raises(PickleRefused, match="cut off or damaged"):
        Machine(b"](cboxes\nBox\n)Re.", WORDS).run()  # never filled


@pytest.mark.parametrize("protocol", range(6))
def test_what_it_wants_to_load_is_named_and_not_run(protocol):
    RAN.clear()
    data = pickle.dumps({"encodings": [Exploit()]}, protocol)
    with pytest.raises(PickleRefused, match="run_here") as refused:
        Machine(data, WORDS).run()
    assert refused.value.wanted == "tests.models.test_arrays_pickle.run_here"
    assert not RAN


REFUSED = {
    "a name by parts": b"\x8c\x05boxes\x8c\x0cBox.__init__\x93)R.",
    "a name through the memo": b"\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.",
    "a class of Python 2": b"(iboxes\nBox\n.",
    "an object of Python 2": b"(cboxes\nBox\no.",
    "an extension": b"\x82\x01.",
    "a persistent id": b"Pname\n.",
    "a binary persistent id": b"K\x01Q.",
    "new with keywords": b"cboxes\nBox\n)}\x92.",
    "a set": pickle.dumps({1, 2}, 4),
    "a buffer outside": b"\x97.",
    "an attribute set on a list": b"]}X\x01\x00\x00\x00aK\x01sb.",
    "a call of what it made": b"](K\x01eK\x02\x85R.",
    "a dict with a tuple as key": pickle.dumps({(1, 2): 3}),
    "a dict with a number of letters": pickle.dumps({1.5: 3}),
    "a long number": b"\x8b\xff\xff\xff\x7f.",
    "a long number in letters": b"L" + b"9" * 100_000 + b"L\n.",
    "an own id": b"cnonsense\n.",
    "more than there is": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "a negative length": b"T\xff\xff\xff\xffabc.",
    "nothing": b"",
    "no end": b"K\x01",
    "no value": b".",
    "no mark": b"K\x01e.",
    "append to nothing": b"K\x01a.",
    "half a pair": b"}(K\x01u.",
    "an unknown place": b"h\x07.",
    "text that is none": b"X\x01\x00\x00\x00\xff.",
    "a quote that does not end": b"S'abc\n.",
    "an unknown opcode": b"\xfe.",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused(data):
    with pytest.raises(PickleRefused):
        Machine(data, WORDS).run()


BOMBS = {
    "a far place": b"\x80\x02N" + b"r\xff\xff\xff\x7f" * 1000 + b".",
    "deep lists": b"]" * 40_000 + b"a" * 39_999 + b".",
    "deep tuples": b")" + b"\x85" * 40_000 + b".",
    "lists without end": b"(" + b"]" * 60_000 + b"l.",
    "marks without end": b"(" * 60_000 + b".",
    "doubling": b"]" + b"2a" * 20_000 + b".",
    "a billion laughs": b"]q\x00" + (b"](" + b"h\x00" * 9 + b"eq\x00") * 30 + b".",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_bomb_takes_little_memory(data, monkeypatch):
    monkeypatch.setattr(pickle_machine, "_MAX_CONTAINERS", 50_000)
    tracemalloc.start()
    try:
        with suppress(PickleRefused):  # what stays small is read
            Machine(data, {}).run()
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opcode", [b"]", b"}", b"(", b")\x85"])
def test_containers_are_counted(opcode, monkeypatch):
    monkeypatch.setattr(pickle_machine, "_MAX_CONTAINERS", 1000)
    with pytest.raises(PickleRefused, match="more than 1,000 lists"):
        Machine(opcode * 1001 + b"N.", {}).run()


def test_steps_and_remembered_values_are_counted(monkeypatch):
    monkeypatch.setattr(pickle_machine, "_MAX_STEPS", 1000)
    monkeypatch.setattr(pickle_machine, "_MAX_REMEMBERED", 100)
    with pytest.raises(PickleRefused, match="steps"):
        Machine(b"N0" * 1000 + b".", {}).run()
    with pytest.raises(PickleRefused, match="remembers"):
        Machine(b"N" + b"\x94" * 200 + b".", {}).run()


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_cut_off_anywhere_is_refused(protocol):
    whole = pickle.dumps({"names": ["ada", "bob"], "n": [1, 2.5, None, True, 10**30]}, protocol)
    for end in range(len(whole)):
        with pytest.raises(PickleRefused):
            Machine(whole[:end], {}).run()


def test_a_name_in_a_message_is_short():
    with pytest.raises(PickleRefused) as refused:
        Machine(b"c" + b"a" * 10_000 + b"\nb\n.", {}).run()
    assert len(str(refused.value)) < 300


def test_an_ordered_dict_is_not_admitted_by_itself():
    with pytest.raises(PickleRefused, match=r"collections\.OrderedDict"):
        Machine(pickle.dumps(collections.OrderedDict(a=1)), {}).run()
