"""The types of values in written functions: what is unknown of them, and what a value of one is.

A vector, a bitmap and a table are small ones here, made of numbers and truth values: with those
known, a term is evaluated by putting numerals in.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final, NamedTuple, cast

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.values.arithmetic import Arithmetic, Scalar
from spanproof.symbolic.values.merge import merge
from spanproof.symbolic.values.values import (
    IDENTITY_SORT,
    SymbolicBitmap,
    SymbolicTable,
    SymbolicWords,
    Value,
)
from spanspec.base.bitmap import Bits
from spanspec.base.ids import SpanId
from spanspec.base.records import Record
from spanspec.base.tables import Table
from spanspec.sharing.tables.finite import Finite

SLOTS: Final = 4
"""Bits that a written bitmap may have set, words in a vector, identities in a table."""


class Pair(NamedTuple):
    """Two numbers."""

    first: int
    second: int


class Box(Record, frozen=True):
    """A number and a truth value."""

    size: int
    flag: bool


class Boxes(Record, frozen=True):
    """A system of boxes."""

    spans: Table[SpanId, Box]


Known = dict[str, int | bool]
"""What the symbols of an argument stand for."""


def symbolic(kind: str, name: str, arithmetic: Arithmetic) -> Value:
    """Return an unknown value of a kind; its symbols have names that begin with `name`."""

    def number(part: str) -> int:
        return cast(int, z3.Const(name + part, arithmetic.sort))

    def truth(part: str) -> bool:
        return cast(bool, z3.Bool(name + part))

    match kind:
        case "int":
            return number("")
        case "bool":
            return truth("")
        case "Pair":
            return Pair(number(".first"), number(".second"))
        case "Box":
            return Box(number(".size"), truth(".flag"))
        case "SpanId":
            return z3.Const(name, IDENTITY_SORT)
        case "Boxes":
            boxes = [Box(number(f".{i}.size"), truth(f".{i}.flag")) for i in range(SLOTS)]
            return Boxes(cast(Table[SpanId, Box], _table(boxes, arithmetic)))
        case "Bitmap":
            return _bitmap([z3.Bool(f"{name}.{i}") for i in range(SLOTS)], arithmetic)
    words = [z3.Const(f"{name}.{i}", arithmetic.sort) for i in range(SLOTS)]
    return SymbolicWords(_chosen(words), arithmetic.const(SLOTS))


def _chosen(items: list[z3.ExprRef]) -> Callable[[z3.ExprRef], z3.ExprRef]:
    def get(index: z3.ExprRef) -> z3.ExprRef:
        value = items[-1]
        for place in range(len(items) - 2, -1, -1):
            value = z3.If(index == place, items[place], value)
        return value

    return get


def _table(boxes: list[Box], arithmetic: Arithmetic) -> SymbolicTable:
    def get(key: z3.ExprRef) -> Value:
        value: Value = boxes[-1]
        for place in range(len(boxes) - 2, -1, -1):
            value = merge(arithmetic, key == place, boxes[place], value)
        return value

    return SymbolicTable(IDENTITY_SORT, get)


def _bitmap(bits: list[z3.BoolRef], arithmetic: Arithmetic) -> SymbolicBitmap:
    def number(value: int) -> z3.ExprRef:
        return arithmetic.const(value)

    def bit(index: z3.ExprRef) -> z3.BoolRef:
        return z3.Or(*(z3.And(index == number(i), one) for i, one in enumerate(bits)))

    def word(index: z3.ExprRef) -> z3.ExprRef:
        total = number(0)
        for i, one in enumerate(bits):
            total = total + z3.If(z3.And(one, index == number(0)), number(1 << i), number(0))
        return total

    def count(end: z3.ExprRef) -> z3.ExprRef:
        total = number(0)
        for i, one in enumerate(bits):
            below = z3.Not(cast(z3.BoolRef, arithmetic.compare("<=", _scalar(end), _scalar(i))))
            total = total + z3.If(z3.And(one, below), number(1), number(0))
        return total

    return SymbolicBitmap(bit, word, count)


def _scalar(value: Value) -> Scalar:
    return Scalar(cast(int, value))


def edges(arithmetic: Arithmetic) -> list[int]:
    """Return the numbers of an arithmetic at which something may change."""
    near = [
        k + d for k in (0, 8, 64, 128, 256, 1 << 31, 1 << 32, 1 << 63, 1 << 64) for d in (-1, 0)
    ]
    near += [1, 2, 3, 5, 7, -2, -8, -64, -128, -(1 << 63)]
    return [one for one in near if arithmetic.holds(one)]


def drawn(kind: str, name: str, arithmetic: Arithmetic, random: Random) -> tuple[object, Known]:
    """Return a value of a kind, and what its symbols stand for."""
    known: Known = {}

    def number(part: str) -> int:
        small = random.random() < 0.5
        value = random.randrange(10) if small else random.choice(edges(arithmetic))
        known[name + part] = value
        return value

    def truth(part: str) -> bool:
        value = random.random() < 0.5
        known[name + part] = value
        return value

    made: object
    match kind:
        case "int":
            made = number("")
        case "bool":
            made = truth("")
        case "Pair":
            made = Pair(number(".first"), number(".second"))
        case "Box":
            made = Box(number(".size"), truth(".flag"))
        case "SpanId":
            known[name] = made = random.randrange(SLOTS)
        case "Boxes":
            boxes = tuple(Box(number(f".{i}.size"), truth(f".{i}.flag")) for i in range(SLOTS))
            keys = tuple(SpanId(i) for i in range(SLOTS))
            made = Boxes(Finite(keys, boxes))
        case "Bitmap":
            made = Bits.of(*(i for i in range(SLOTS) if truth(f".{i}")))
        case _:
            made = vec[i64]([number(f".{i}") for i in range(SLOTS)])
    return made, known


def has(arithmetic: Arithmetic, kind: str) -> bool:
    """Tell whether an arithmetic has values of a kind."""
    if kind == "vec":
        return isinstance(arithmetic, Signed) and arithmetic.width == 64
    return True


def parts(value: object) -> Iterator[object]:
    """Yield the numbers and truth values that a result consists of, in order.

    A bitmap or a vector that is handed on as it is has none: what is read of it is compared.
    """
    if type(value) is vec[i64]:
        return
    match value:
        case Bits() | SymbolicBitmap() | SymbolicWords():
            return
        case Boxes(spans=table):
            for key in range(SLOTS):
                yield from parts(
                    table.get(z3.IntVal(key))
                    if isinstance(table, SymbolicTable)
                    else table[SpanId(key)]
                )
        case Box():  # Python does not ask whether a field has a value of its annotation
            yield from parts(value.size)
            yield from parts(value.flag)
        case tuple():
            for one in value:
                yield from parts(one)
        case _:
            yield value
