"""Whether values stand for all of their types: what is shown of them is then shown of all.

Who uses a lemma uses it of any values. So its prover has to show it of unknown ones: each a symbol
of its own, and none narrower than its type.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, get_args, get_origin

import z3

from spanproof.symbolic.reading.dependence import identity_of
from spanproof.symbolic.reading.fresh import FreshSymbols, word_bits
from spanproof.symbolic.values.merge import described
from spanproof.symbolic.values.records import record_fields
from spanproof.symbolic.values.values import SymbolicBitmap, SymbolicTable, SymbolicWords, Value

Part = tuple[str, object, Value]
"""A part of a value: its name, its type, and itself."""


class Generality(NamedTuple):
    """How values fall short of all: why they are a special case, and which symbols are narrow.

    `narrow` has the parts that are unknown numbers of fewer bits than their types have, each with
    its bits: nothing is lost if larger ones are excluded anyway.
    """

    special: str = ""
    narrow: tuple[tuple[str, int], ...] = ()


def generality(
    symbols: FreshSymbols, kinds: Mapping[str, object], values: Sequence[Value]
) -> Generality:
    """Return how values of some types fall short of all values of these types."""
    seen: dict[object, str] = {}
    narrow: list[tuple[str, int]] = []
    for (name, kind), value in zip(kinds.items(), values, strict=False):
        for part, type_of_it, it in _parts(name, kind, value):
            known = identity_of(it)
            if known in seen:
                return Generality(f"{part} is {seen[known]}")
            seen[known] = part
            bits, wanted = symbols.bits(it), word_bits(type_of_it)
            if bits is not None:
                if wanted is None or bits < wanted:
                    narrow.append((part, bits))
            elif not _is_unknown(it):
                what = "made of other values" if isinstance(it, z3.ExprRef) else described(it)
                return Generality(f"{part} is {what}")
    return Generality(narrow=tuple(narrow))


def _parts(name: str, kind: object, value: Value) -> Iterator[Part]:
    fields = record_fields(type(value))
    if fields is not None:
        for field, inner in fields.items():
            yield from _parts(f"{name}.{field}", inner, getattr(value, field))
    elif isinstance(value, tuple) and get_origin(kind) is tuple:
        for place, (inner, part) in enumerate(zip(get_args(kind), value, strict=True)):
            yield from _parts(f"{name}.{place}", inner, part)
    else:
        yield name, kind, value


def _is_unknown(value: Value) -> bool:
    """Tell whether a value is a symbol, or of a kind of which proofs make unknown ones only."""
    if isinstance(value, SymbolicBitmap | SymbolicTable | SymbolicWords):
        return True
    if not isinstance(value, z3.ExprRef):
        return False
    return bool(z3.is_const(value) and value.decl().kind() == z3.Z3_OP_UNINTERPRETED)
