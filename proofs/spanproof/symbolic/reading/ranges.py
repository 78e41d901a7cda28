"""The ranges that annotations state, as claims about values: what `fresh` assumes, shown."""

from collections.abc import Callable, Collection, Iterator
from typing import Literal, get_args, get_origin

import z3

from spanproof.symbolic.reading.fresh import counts, word_bits
from spanproof.symbolic.values.arithmetic import Arithmetic, Scalar
from spanproof.symbolic.values.construct import conjunction, disjunction
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.records import record_fields
from spanproof.symbolic.values.values import Value


def in_ranges(
    arithmetic: Arithmetic,
    kind: object,
    value: Value,
    known: Callable[[Value, int], bool] = lambda value, bits: False,
    named: Collection[str] | None = None,
) -> Iterator[z3.BoolRef]:
    """Yield that each number in a value lies in the range of its annotation.

    Fields of records and parts of tuples are looked into; the rows of a table are not. `known`
    tells of what it is assumed already; `named` are the fields of the value that matter, or all.
    Of what counts, only that it is not negative: the bound is an assumption (`counters`).
    """
    bits = word_bits(kind)
    if bits is not None and not known(value, bits):
        number = scalar_of(value)
        low = as_bool(arithmetic.compare(">=", number, Scalar(0)))
        high = as_bool(arithmetic.compare("<=", number, Scalar((1 << bits) - 1)))
        yield z3.simplify(low if counts(kind) else conjunction(low, high))
    elif get_origin(kind) is Literal:
        number = scalar_of(value)
        cases = [arithmetic.compare("==", number, Scalar(one)) for one in get_args(kind)]
        yield z3.simplify(disjunction(*(as_bool(one) for one in cases)))
    elif get_origin(kind) is tuple and isinstance(value, tuple):
        for part, one in zip(get_args(kind), value, strict=True):
            yield from in_ranges(arithmetic, part, one, known)
    elif bits is None:
        for name, field in (record_fields(kind) or {}).items():
            if named is None or name in named:
                yield from in_ranges(arithmetic, field, getattr(value, name), known)
