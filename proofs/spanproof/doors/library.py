"""A shared library as a process: `python -m spanproof.doors.library FILE.so` answers messages.

It calls the functions of `spanspec.h` that the library has. What a library does to its process, it
does to this one only.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, get_args

import msgspec

from spanproof.doors.header import GENERIC, SIGNED, WORDS, function_of, given_as, typed
from spanproof.protocol import messages
from spanproof.protocol.messages import (
    LARGEST,
    REPLIES,
    VERSION,
    Ask,
    Done,
    Extra,
    Lack,
    Level,
    Reply,
    Shows,
    op_of,
)

ENCODER: Final = msgspec.json.Encoder()
DECODER: Final = msgspec.json.Decoder(messages.Request)
NO_LEVEL: Final = (
    "it has none of spanspec_size, _malloc with _free, _new_span, _new_heap with _heap_call"
)
MOST_RUNS: Final = 8
WORDS_OF_BITS: Final = 16


class Bits(ctypes.Structure):
    """A bitmap of 1024 slots."""

    _fields_ = (("word", ctypes.c_uint64 * WORDS_OF_BITS),)


C_TYPES: Final[dict[object, type]] = {
    int: ctypes.c_uint64,
    SIGNED: ctypes.c_int64,
    bool: ctypes.c_int,
    str: ctypes.c_char_p,
    WORDS: ctypes.c_char_p,
    msgspec.Raw: ctypes.c_char_p,
    list: Bits,
}
"""What a field of a kind is in C."""


def structure_of(message: type[msgspec.Struct]) -> type[ctypes.Structure]:
    """Return the struct that a message is in the header."""
    members: list[tuple[str, type]] = []
    for name, kind in typed(message):
        if kind is None:
            members += [(name, ctypes.c_uint64), (f"has_{name}", ctypes.c_int)]
        else:
            members.append((name, C_TYPES[kind]))
    return type(message.__name__, (ctypes.Structure,), {"_fields_": members})


def in_c(kind: object, value: object) -> object:
    """Return a field of a request as it is given to C."""
    if kind is WORDS:
        assert isinstance(value, list)
        return " ".join(value).encode()
    return value.encode() if isinstance(value, str) else value


def told_by(struct: ctypes.Structure, reply: type[Reply]) -> dict[str, object]:
    """Return the fields of a reply that a struct has."""
    found: dict[str, object] = {}
    for name, kind in typed(reply):
        value: object = getattr(struct, name)
        if kind is None and not getattr(struct, f"has_{name}"):
            value = None
        elif kind is bool:
            value = bool(value)
        elif kind is msgspec.Raw:
            if value is None:
                continue
            assert isinstance(value, bytes)
            value = msgspec.Raw(value)
        elif isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif isinstance(value, Bits):
            value = [
                slot
                for slot in range(64 * WORDS_OF_BITS)
                if value.word[slot // 64] >> slot % 64 & 1
            ]
        found[name] = value
    return found


class Library:
    """A library, and the objects of the contract that live in it."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._path = path
        self._structures = {asked: structure_of(REPLIES[asked]) for asked in GENERIC}
        given = {asked: given_as(asked) for asked in GENERIC}
        self._given = {asked: structure_of(one) for asked, one in given.items() if one is not None}
        self._objects: dict[int, tuple[int, int]] = {}
        for asked in GENERIC:
            if self.has(op_of(asked)):
                getattr(self._library, function_of(asked)).restype = ctypes.c_char_p
        for name, result, arguments in (
            ("malloc", ctypes.c_void_p, [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int]),
            ("realloc", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_uint64]),
            ("free", None, [ctypes.c_void_p]),
            ("name", ctypes.c_char_p, []),
            ("alignment", ctypes.c_uint64, []),
            ("largest", ctypes.c_uint64, []),
            ("memory", ctypes.c_uint64, []),
            ("lacks", ctypes.c_uint, []),
            ("shows_events", ctypes.c_int, []),
            ("calls", ctypes.c_uint, []),
        ):
            if self.has(name):
                function = getattr(self._library, f"spanspec_{name}")
                function.restype, function.argtypes = result, arguments

    def has(self, name: str) -> bool:
        """Tell whether the library defines a function of the header."""
        return hasattr(self._library, f"spanspec_{name}")

    def answer(self, ask: messages.Request) -> Mapping[str, object]:
        """Return the reply to a request."""
        does: dict[type[Ask], Callable[..., Mapping[str, object]]] = {
            messages.Hello: self._hello,
            messages.Program: self._program,
        }
        if self.has("malloc") and self.has("free"):
            does |= {
                messages.NewContract: self._forget,
                messages.Malloc: self._malloc,
                messages.Realloc: self._realloc,
                messages.Free: self._free,
                messages.Show: self._show,
            }
        if type(ask) in does:
            return {"n": ask.n, **does[type(ask)](ask)}
        if not self.has(op_of(ask)):
            return {"n": ask.n, "error": f"there is no function {function_of(type(ask))}"}
        return {"n": ask.n, **self._generic(ask)}

    def _hello(self, ask: messages.Hello) -> Mapping[str, object]:
        has = {
            "sizes": self.has("size"),
            "contract": self.has("malloc") and self.has("free"),
            "span": self.has("new_span"),
            "heap": self.has("new_heap") and self.has("heap_call"),
        }
        has["schedule"] = has["heap"] and self.has("heap_begin") and self.has("turn")
        states = {self.has("span_state")} if has["span"] else set[bool]()
        states |= {self.has("heap_state")} if has["heap"] else set[bool]()
        shows = {
            "state": states == {True},
            "account": self.has("account"),
            "events": bool(self.has("shows_events") and self._library.spanspec_shows_events()),
        }
        calls: int = self._library.spanspec_calls() if self.has("calls") else 0
        lacks: int = self._library.spanspec_lacks() if self.has("lacks") else 0
        lacks |= not self.has("realloc")
        name: bytes = (
            self._library.spanspec_name() if self.has("name") else self._path.name.encode()
        )
        levels: list[Level] = [one for one in get_args(Level) if has[one]]
        if not levels:
            return {"refused": NO_LEVEL}
        shown: list[Shows] = [one for one in get_args(Shows) if shows.get(one)]
        return {
            "protocol": VERSION,
            "name": name.decode(errors="replace"),
            "levels": levels,
            "shows": shown,
            "alignment": self._library.spanspec_alignment() if self.has("alignment") else 8,
            "largest": self._library.spanspec_largest() if self.has("largest") else LARGEST,
            "memory": self._library.spanspec_memory() if self.has("memory") else LARGEST,
            "programs": True,
            "lacks": [one for bit, one in enumerate(get_args(Lack)) if lacks >> bit & 1],
            "calls": [one for bit, one in enumerate(get_args(Extra)) if calls >> bit & 1],
        }

    def _generic(self, ask: Ask) -> Mapping[str, object]:
        asked = type(ask)
        values = {name: in_c(kind, getattr(ask, name)) for name, kind in typed(asked)}
        arguments: list[object] = [C_TYPES[kind](values[name]) for name, kind in typed(asked)]
        if asked in self._given:
            arguments = [ctypes.byref(self._given[asked](**values))]
        function: Callable[..., bytes | None] = getattr(self._library, function_of(asked))
        if REPLIES[asked] is Done:
            refused = function(*arguments)
            return {} if refused is None else {"refused": refused.decode(errors="replace")}
        reply = self._structures[asked]()
        refused = function(*arguments, ctypes.byref(reply))
        told = told_by(reply, REPLIES[asked])
        if refused is not None:
            events = {"events": told["events"]} if "events" in told else {}
            return {"refused": refused.decode(errors="replace"), **events}
        return told

    def _program(self, ask: messages.Program) -> Mapping[str, object]:
        return {"replies": [self.answer(one) for one in ask.requests]}

    def _forget(self, ask: messages.NewContract) -> Mapping[str, object]:
        for address, _ in self._objects.values():
            self._library.spanspec_free(address)
        self._objects.clear()
        return {}

    def _malloc(self, ask: messages.Malloc) -> Mapping[str, object]:
        address: int | None = self._library.spanspec_malloc(ask.bytes, ask.align, ask.zero)
        return self._made(ask, address, ask.zero)

    def _realloc(self, ask: messages.Realloc) -> Mapping[str, object]:
        old, _ = self._objects[ask.id]
        return self._made(ask, self._library.spanspec_realloc(old, ask.bytes), True)

    def _made(
        self, ask: messages.Malloc | messages.Realloc, address: int | None, shown: bool
    ) -> Mapping[str, object]:
        self._objects[ask.id] = (address or 0, ask.bytes if address else 0)
        contents = self._runs(ask.id) if shown else []
        if address:
            ctypes.memset(address, ask.byte, ask.bytes)
        return {"address": address, "runs": contents}

    def _free(self, ask: messages.Free) -> Mapping[str, object]:
        contents = self._runs(ask.id)
        self._library.spanspec_free(self._objects.pop(ask.id)[0])
        return {"runs": contents}

    def _show(self, ask: messages.Show) -> Mapping[str, object]:
        return {"runs": self._runs(ask.id)}

    def _runs(self, one: int) -> list[tuple[int, int]]:
        address, size = self._objects[one]
        content = ctypes.string_at(address, size) if size else b""
        found: list[tuple[int, int]] = []
        place = 0
        while place < size and len(found) < MOST_RUNS:
            rest = content[place:].lstrip(content[place : place + 1])
            found.append((content[place], size - place - len(rest)))
            place = size - len(rest)
        return found


def main() -> None:
    """Answer what comes on standard input; what the library prints goes to standard error."""
    replies = open(os.dup(1), "wb")  # noqa: SIM115
    os.dup2(2, 1)
    try:
        library = Library(Path(sys.argv[1]).absolute())
    except OSError as problem:
        sys.exit(f"it cannot be loaded: {problem}")
    for line in sys.stdin.buffer:
        replies.write(ENCODER.encode(library.answer(DECODER.decode(line))) + b"\n")
        replies.flush()


if __name__ == "__main__":
    main()
