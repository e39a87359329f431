"""Reading pickles without running them.

A pickle is a program for a small machine with a stack. Python's reader lets that program look up
and call what it names; this one is a machine of our own that looks up nothing. It makes lists,
dicts, tuples, text, bytes and numbers, and hands the few names that its caller admits to the
caller's own functions. Every other name, and every way to name something, ends the reading.

Opcodes as in CPython's `pickletools`, protocols 0 to 5. Work and memory are bounded: the input is
in memory, opcodes, containers and remembered values are counted, nothing recurses.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_MAX_STEPS = 15_000_000  # 100,000 lists of 128 numbers take 13 million
_MAX_CONTAINERS = 2_000_000
_MAX_REMEMBERED = 2_000_000
_MAX_MADE_BYTES = 256 * 2**20
_LONGEST_NUMBER = 400  # letters, or bytes
_LONGEST_NAME = 120  # in messages
_DAMAGED = "it is cut off or damaged"
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class PickleRefused(ValueError):
    """Why a pickle is not read; `wanted` is the name that it wanted to load, if that is why."""

    def __init__(self, reason: str, wanted: str | None = None) -> None:
        super().__init__(reason)
        self.wanted = wanted


class Pending:
    """Something that is made first and filled by a later opcode; `value` is None until then."""

    value: Any = None

    def build(self, state: Any, machine: Machine) -> None:
        """Take the state that the pickle gives; raises PickleRefused where it makes no sense."""
        raise NotImplementedError


@dataclass(frozen=True)
class Word:
    """An admitted name; `make` answers where the pickle calls it with a tuple of arguments."""

    name: str
    make: Callable[[tuple[Any, ...], Machine], Any] | None = None


Words = Mapping[tuple[str, str], Word]


class Machine:
    """Reads one pickle from `data`, beginning at `start`.

    words: what may be named, by module and name.
    """

    def __init__(self, data: bytes, words: Words, *, start: int = 0) -> None:
        self._data = data
        self._at = start
        self._words = words
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # what lies under each mark
        self._memo: dict[int, Any] = {}
        self._containers = 0
        self._text_bytes = 0

    def run(self) -> Any:
        """The value of the pickle.

        Raises:
            PickleRefused: it holds something that is not admitted, is damaged, or too much.
        """
        try:
            return self._run()
        except PickleRefused:
            raise
        except Exception as error:  # a hostile file may fail in any way; none may pass
            raise PickleRefused(_DAMAGED) from error

    def _run(self) -> Any:
        for _ in range(_MAX_STEPS):
            code = self.take(1)
            if code == b".":
                return finished(self._pop())
            act = _ACTS.get(code)
            if act is None:
                raise PickleRefused(f"it holds the opcode {code!r}, which is not admitted")
            act(self)
        raise PickleRefused(f"it has more than {_MAX_STEPS:,} steps")

    def spend(self, count: int) -> None:
        """Count bytes that are made of what is there already, which may come again and again."""
        self._text_bytes += count
        if self._text_bytes > _MAX_MADE_BYTES:
            raise PickleRefused(f"it makes more than {_MAX_MADE_BYTES:,} bytes of others")

    # reading

    def take(self, count: int) -> bytes:
        """The next bytes of the input."""
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise PickleRefused(_DAMAGED)
        part = self._data[self._at : end]
        self._at = end
        return part

    def _number(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "little", signed=signed)

    def _pass(self, count: int) -> None:
        self.take(count)

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise PickleRefused(_DAMAGED)
        line = self.take(end - self._at)
        self._at += 1
        return line

    def _short_line(self) -> bytes:
        line = self._line()
        if len(line) > _LONGEST_NUMBER:
            raise PickleRefused("it holds a number that is too long")
        return line

    # the stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise PickleRefused(_DAMAGED)
        return self._stack.pop()

    def _peek(self) -> Any:
        if not self._stack:
            raise PickleRefused(_DAMAGED)
        return self._stack[-1]

    def _discard(self) -> None:
        self._pop()

    def _discard_marked(self) -> None:
        self._pop_to_mark()

    def _pop_to_mark(self) -> list[Any]:
        if not self._below:
            raise PickleRefused(_DAMAGED)
        items, self._stack = self._stack, self._below.pop()
        return items

    def _container(self, value: Any) -> None:
        self._count()
        self._stack.append(value)

    def _count(self) -> None:
        self._containers += 1
        if self._containers > _MAX_CONTAINERS:
            raise PickleRefused(f"it has more than {_MAX_CONTAINERS:,} lists, dicts and tuples")

    def _mark(self) -> None:
        self._count()
        self._below.append(self._stack)
        self._stack = []

    def _top(self, kind: type) -> Any:
        top = self._peek()
        if type(top) is not kind:
            raise PickleRefused(_DAMAGED)
        return top

    # the memo

    def _remember(self, key: int) -> None:
        if len(self._memo) >= _MAX_REMEMBERED:
            raise PickleRefused(f"it remembers more than {_MAX_REMEMBERED:,} values")
        self._memo[key] = self._peek()

    def _recall(self, key: int) -> None:
        if key not in self._memo:
            raise PickleRefused(_DAMAGED)
        self._stack.append(self._memo[key])

    # values

    def _text(self, count: int) -> None:
        self._push(self.take(count).decode("utf-8", "surrogatepass"))

    def _long(self, count: int) -> None:
        if count > _LONGEST_NUMBER:
            raise PickleRefused("it holds a number that is too long")
        self._push(int.from_bytes(self.take(count), "little", signed=True))

    def _int_line(self) -> None:
        line = self._short_line()
        self._push(line == b"01" if line in (b"00", b"01") else int(line))

    def _quoted(self) -> None:
        """A string of Python 2 as its source wrote it."""
        line = self._line()
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[:1] != line[-1:]:
            raise PickleRefused(_DAMAGED)
        self._push(_ESCAPE.sub(_unescaped, line[1:-1]))

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise PickleRefused(_DAMAGED)
        items = tuple(map(finished, self._stack[-count:]))
        del self._stack[-count:]
        self._container(items)

    def _append(self, items: list[Any]) -> None:
        self._top(list).extend(map(finished, items))

    def _set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise PickleRefused(_DAMAGED)
        target = self._top(dict)
        for place in range(0, len(items), 2):
            key = items[place]
            if type(key) not in (str, bytes, int):  # hashing others may take for ever
                raise PickleRefused(f"a dict has a key that is a {type(key).__name__}")
            target[key] = finished(items[place + 1])

    def _dict_of_marked(self) -> None:
        items = self._pop_to_mark()
        self._container({})
        self._set_items(items)

    # names, and what is done with them

    def _named(self, module: str, name: str) -> None:
        word = self._words.get((module, name))
        if word is None:
            wanted = f"{module}.{name}"[:_LONGEST_NAME]
            raise PickleRefused(f"it wants to load {wanted}, which is not admitted", wanted)
        self._push(word)

    def _global(self) -> None:
        module, name = self._line(), self._line()
        self._named(module.decode("utf-8", "replace"), name.decode("utf-8", "replace"))

    def _instance(self) -> None:
        """An instance of a class of Python 2; no class is admitted."""
        self._global()
        raise PickleRefused("it makes something that may not be made")

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise PickleRefused(_DAMAGED)
        self._named(module, name)

    def _call(self) -> None:
        arguments, word = self._pop(), self._pop()
        if type(word) is not Word or type(arguments) is not tuple or word.make is None:
            raise PickleRefused("it calls something that may not be called")
        self._container(word.make(arguments, self))

    def _build(self) -> None:
        state = finished(self._pop())
        target = self._stack[-1] if self._stack else None
        if not isinstance(target, Pending):
            raise PickleRefused("it fills something that may not be filled")
        target.build(state, self)


def finished(item: Any) -> Any:
    """What has come of something pending; other items as they are."""
    if not isinstance(item, Pending):
        return item
    if item.value is None:
        raise PickleRefused(_DAMAGED)
    return item.value


def _unescaped(found: re.Match[bytes]) -> bytes:
    letter = found[1]
    if letter[:1] == b"x" and len(letter) == 3:
        return bytes.fromhex(letter[1:].decode())
    return _ESCAPED.get(letter, letter)


_ACTS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": lambda m: m._pass(1),  # protocol
    b"\x95": lambda m: m._pass(8),  # frame
    b"(": Machine._mark,
    b"0": Machine._discard,
    b"1": lambda m: m._discard_marked(),
    b"2": lambda m: m._push(m._peek()),
    b"N": lambda m: m._push(None),
    b"\x88": lambda m: m._push(True),
    b"\x89": lambda m: m._push(False),
    b"I": Machine._int_line,
    b"L": lambda m: m._push(int(m._short_line().rstrip(b"L"))),
    b"J": lambda m: m._push(m._number(4, signed=True)),
    b"K": lambda m: m._push(m._number(1)),
    b"M": lambda m: m._push(m._number(2)),
    b"\x8a": lambda m: m._long(m._number(1)),
    b"\x8b": lambda m: m._long(m._number(4)),
    b"F": lambda m: m._push(float(m._short_line())),
    b"G": lambda m: m._push(struct.unpack(">d", m.take(8))[0]),
    b"S": Machine._quoted,
    b"T": lambda m: m._push(m.take(m._number(4))),
    b"U": lambda m: m._push(m.take(m._number(1))),
    b"B": lambda m: m._push(m.take(m._number(4))),
    b"C": lambda m: m._push(m.take(m._number(1))),
    b"\x8e": lambda m: m._push(m.take(m._number(8))),
    b"\x96": lambda m: m._push(m.take(m._number(8))),  # a bytearray; nothing here changes it
    b"V": lambda m: m._push(m._line().decode("raw-unicode-escape")),
    b"X": lambda m: m._text(m._number(4)),
    b"\x8c": lambda m: m._text(m._number(1)),
    b"\x8d": lambda m: m._text(m._number(8)),
    b"]": lambda m: m._container([]),
    b"}": lambda m: m._container({}),
    b")": lambda m: m._push(()),
    b"\x85": lambda m: m._tuple(1),
    b"\x86": lambda m: m._tuple(2),
    b"\x87": lambda m: m._tuple(3),
    b"t": lambda m: m._container(tuple(map(finished, m._pop_to_mark()))),
    b"l": lambda m: m._container(list(map(finished, m._pop_to_mark()))),
    b"d": Machine._dict_of_marked,
    b"a": lambda m: m._append([m._pop()]),
    b"e": lambda m: m._append(m._pop_to_mark()),
    b"s": lambda m: m._set_items([m._pop(), m._pop()][::-1]),
    b"u": lambda m: m._set_items(m._pop_to_mark()),
    b"p": lambda m: m._remember(int(m._short_line())),
    b"q": lambda m: m._remember(m._number(1)),
    b"r": lambda m: m._remember(m._number(4)),
    b"\x94": lambda m: m._remember(len(m._memo)),
    b"g": lambda m: m._recall(int(m._short_line())),
    b"h": lambda m: m._recall(m._number(1)),
    b"j": lambda m: m._recall(m._number(4)),
    b"c": Machine._global,
    b"i": Machine._instance,
    b"\x93": Machine._stack_global,
    b"R": Machine._call,
    b"\x81": Machine._call,  # a new object
    b"b": Machine._build,
}
