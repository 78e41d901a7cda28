"""Plain values of symbolic ones, and symbolic values whose content is known.

A plain value is a Python integer, truth value, record, tuple, bitmap (`Bits`), list of words, or a
table of few identities (`Finite`). Known values stand in for symbolic ones in an obligation: their
numbers are numerals.
"""

from collections.abc import Callable, Iterable
from typing import Final, NewType, cast, get_args, get_origin

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.records import parts_of, record_fields, remade
from spanproof.symbolic.values.terms import within
from spanproof.symbolic.values.values import (
    IDENTITY_SORT,
    SymbolicBitmap,
    SymbolicTable,
    SymbolicWords,
    Value,
)
from spanspec.base.bitmap import Bitmap, Bits
from spanspec.base.tables import Table
from spanspec.sharing.tables.finite import Finite

MOST_IDENTITIES: Final = 8
MOST_SLOTS: Final = 1024
MOST_WORDS: Final = 17


class NotConcrete(Exception):
    """A value is not known: it depends on something that has no plain counterpart."""


def table_of(records: Iterable[Value]) -> Finite[int, Value]:
    """Return the table in which the identities 0, 1, 2... have these records."""
    found = tuple(records)
    return Finite(tuple(range(len(found))), found)


class KnownBitmap(SymbolicBitmap):
    """A bitmap of known content."""

    def __init__(self, bits: Bits, arithmetic: Arithmetic) -> None:
        self.bits = bits

        def number(index: z3.ExprRef) -> int:
            return natural(index) % (1 << 16)

        super().__init__(
            lambda index: z3.BoolVal(bits.bit(number(index))),
            lambda index: arithmetic.const(bits.word(number(index))),
            lambda index: arithmetic.const(bits.count(number(index))),
        )


class KnownTable(SymbolicTable):
    """A table of few identities."""

    def __init__(self, table: Table[int, Value], arithmetic: Arithmetic) -> None:
        self.table = table
        super().__init__(IDENTITY_SORT, lambda key: known(table[natural(key)], arithmetic))


class KnownWords(SymbolicWords):
    """A list of known words."""

    def __init__(self, words: list[int], arithmetic: Arithmetic) -> None:
        self.words = words

        def word(index: z3.ExprRef) -> z3.ExprRef:
            place = natural(index)
            if place >= len(words):
                raise NotConcrete(f"word {place} of {len(words)}")
            return arithmetic.const(words[place])

        super().__init__(word, arithmetic.const(len(words)))


def natural(term: z3.ExprRef) -> int:
    """Return the natural number that a term stands for.

    Raises: NotConcrete if it is no numeral.
    """
    simple = z3.simplify(term)
    if z3.is_bv_value(simple) or z3.is_int_value(simple):
        return int(simple.as_long())
    raise NotConcrete(f"{simple} is not known")


def known(value: Value, arithmetic: Arithmetic) -> Value:
    """Return a plain value in the form in which an obligation works with it."""
    match value:
        case bool():
            return z3.BoolVal(value)
        case int():
            return arithmetic.const(value)
        case Bits():
            return KnownBitmap(value, arithmetic)
        case list():
            return KnownWords(value, arithmetic)
        case Finite():
            return KnownTable(value, arithmetic)
    fields = record_fields(type(value))
    if fields is not None:
        parts = zip(fields.values(), parts_of(value) or (), strict=True)
        return remade(value, [_of_kind(kind, part, arithmetic) for kind, part in parts])
    return tuple(known(part, arithmetic) for part in parts_of(value) or ())


def _of_kind(kind: object, value: Value, arithmetic: Arithmetic) -> Value:
    return z3.IntVal(value) if isinstance(kind, NewType) else known(value, arithmetic)


def plain(value: Value, arithmetic: Arithmetic) -> Value:
    """Return a known value as a plain one.

    Raises: NotConcrete if it is not known.
    """
    match value:
        case KnownBitmap(bits=bits):
            return bits
        case KnownTable(table=table):
            return table
        case KnownWords(words=words):
            return list(words)
        case SymbolicBitmap() | SymbolicTable() | SymbolicWords():
            raise NotConcrete("a changed table or bitmap has no plain counterpart")
        case z3.ExprRef():
            return number(z3.simplify(value), arithmetic, value.sort())
        case bool() | int() | Bits():
            return value
    parts = parts_of(value)
    if parts is None:
        return value
    return remade(value, [plain(part, arithmetic) for part in parts])


def number(term: z3.ExprRef, arithmetic: Arithmetic, sort: z3.SortRef) -> int | bool:
    """Return the number or truth value that a numeral stands for, which is of this sort here.

    Raises: NotConcrete if it is none.
    """
    if z3.is_true(term) or z3.is_false(term):
        return bool(z3.is_true(term))
    if z3.is_bv_value(term):
        signed = isinstance(arithmetic, Signed) and sort == arithmetic.sort
        return int(term.as_signed_long() if signed else term.as_long())
    if z3.is_int_value(term):
        return int(term.as_long())
    raise NotConcrete(f"{term} is not known")


def in_model(value: Value, model: z3.ModelRef, arithmetic: Arithmetic) -> Value:
    """Return the plain value that a symbolic one has in a solver's model.

    Raises: NotConcrete if it has none.
    """

    def evaluated(term: z3.ExprRef) -> int | bool:
        found = model.eval(within(model.ctx, term), model_completion=True)
        return number(found, arithmetic, term.sort())

    match value:
        case KnownBitmap() | KnownTable() | KnownWords():
            return plain(value, arithmetic)
        case SymbolicBitmap():
            if value.has_words:
                words = (
                    evaluated(value.word(arithmetic.const(i))) for i in range(MOST_SLOTS // 64)
                )
                return Bits(sum(word << (64 * i) for i, word in enumerate(words)))
            slots = range(MOST_SLOTS)
            return Bits.of(*(i for i in slots if evaluated(value.bit(arithmetic.const(i)))))
        case SymbolicWords():
            held = min(int(evaluated(value.length)), MOST_WORDS)
            return [int(evaluated(value.get(arithmetic.const(i)))) for i in range(held)]
        case SymbolicTable():
            identities = range(identities_in(model))
            return table_of(
                in_model(value.get(z3.IntVal(one)), model, arithmetic) for one in identities
            )
        case z3.ExprRef():
            return evaluated(value)
        case bool() | int() | Bits():
            return value
    parts = parts_of(value)
    if parts is None:
        raise NotConcrete(f"no plain counterpart of {value!r}")
    return remade(value, [in_model(part, model, arithmetic) for part in parts])


def identities_in(model: z3.ModelRef) -> int:
    """Return how many identities a model speaks of, counted from 0.

    Raises: NotConcrete if there are too many to be shown.
    """
    highest = 3
    for declaration in model.decls():
        if declaration.arity() == 0 and declaration.range().kind() == IDENTITY_SORT.kind():
            highest = max(highest, int(model[declaration].as_long()))
    if highest >= MOST_IDENTITIES:
        raise NotConcrete(f"the model speaks of identity {highest}")
    return highest + 1


# --- files ----------------------------------------------------------------------------------------


def to_json(value: Value) -> object:
    """Return a plain value as JSON."""
    match value:
        case bool() | int():
            return value
        case Bits(value=bits):
            return hex(bits)
        case list():
            return value
        case Finite():
            return [to_json(record) for record in value.records]
    fields = record_fields(type(value))
    parts = parts_of(value) or ()
    if fields is None:
        return [to_json(part) for part in parts]
    return {name: to_json(part) for name, part in zip(fields, parts, strict=True)}


def from_json(kind: object, value: object) -> Value:
    """Return a plain value of a type from JSON.

    Raises: NotConcrete if the JSON is none of that type.
    """
    origin, fields = get_origin(kind), record_fields(kind)
    try:
        if kind is Bitmap and isinstance(value, str):
            return Bits(int(value, 16))
        if origin is Table and isinstance(value, list):
            return table_of(from_json(get_args(kind)[1], one) for one in value)
        if (origin is list or kind is vec[i64]) and isinstance(value, list):
            return [int(one) for one in value]
        if origin is tuple and isinstance(value, list):
            return tuple(from_json(k, v) for k, v in zip(get_args(kind), value, strict=True))
        if fields is not None and isinstance(value, dict):
            make = cast(Callable[..., Value], kind)
            return make(**{name: from_json(inner, value[name]) for name, inner in fields.items()})
        if isinstance(value, bool | int):
            return value
    except (KeyError, ValueError, TypeError) as problem:
        raise NotConcrete(f"{value!r} is no {kind}: {problem}") from None
    raise NotConcrete(f"{value!r} is no {kind}")
