"""The map of fields: which span of the model a span of the implementation is, and what holds of it.

A span of the implementation is an object that its methods change. Its image is a span of the model:
field by field the same numbers, its bitmaps the words of its vectors.
"""

from typing import Final, cast

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.span.kernels import next_free_index
from spanalloc.span.span import Span
from spanproof.prove.methods import Fields, MethodOutcome, equal
from spanproof.prove.proof import Proof
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.values.merge import scalar_of
from spanproof.symbolic.values.values import SymbolicBitmap, SymbolicWords
from spanproof.theorems.kernels.spans import (
    cache_is_exact,
    can_search,
    has_slots,
)
from spanspec.base.words import U8, U16, U32
from spanspec.span.mspan import Mspan

NATIVE: Final = Signed(64)

NUMBERS: Final = (
    "base",
    "npages",
    "spanclass",
    "state",
    "elemsize",
    "limit",
    "nelems",
    "freeindex",
    "alloc_count",
    "needzero",
)
"""The fields that a span has in common with its image."""

VECTORS: Final = ("alloc_bits", "gcmark_bits")

CHANGED: Final = (*NUMBERS, *VECTORS, "alloc_cache", "sweepgen", "magic", "was_empty", "dirty")
"""The fields that its methods change."""


def bit(words: vec[i64], index: i64) -> bool:
    """A bit of a bitmap; none beyond its words."""
    return 0 <= index < 64 * len(words) and (words[index >> 6] >> (index & 63)) & 1 == 1


def bitmap(p: Proof, words: SymbolicWords) -> SymbolicBitmap:
    """What a vector of words is as a bitmap of the model."""
    return SymbolicBitmap(lambda index: p.holds(bit, words, index), None, None)


def image(p: Proof, span: Fields) -> Mspan:
    """The span of the model that a span is now. Its cache is in no rule that is used here."""
    numbers = {name: span[name] for name in NUMBERS}
    bits = {name: bitmap(p, span.words(name)) for name in VECTORS}
    return Mspan(**numbers, **bits, alloc_cache=0)  # type: ignore[arg-type]


def is_span(
    nelems: i64, freeindex: i64, alloc_count: i64, sweepgen: i64, spanclass: i64, needzero: i64
) -> bool:
    """What holds of the numbers of every span between two calls of its methods."""
    return (
        1 <= nelems <= 1024
        and 0 <= freeindex <= nelems
        and 0 <= alloc_count <= nelems
        and 0 <= sweepgen <= 0xFFFF_FFFF
        and 0 <= spanclass < 134
        and 0 <= needzero <= 1
    )


def numbers_are_right(p: Proof, span: Fields) -> z3.BoolRef:
    """The invariant of a span's numbers, and that its bitmaps have room for its slots."""
    names = ("nelems", "freeindex", "alloc_count", "sweepgen", "spanclass", "needzero")
    held = p.holds(is_span, *(span[name] for name in names))
    rooms = (p.implied(held, has_slots, span.words(name), span["nelems"]) for name in VECTORS)
    return z3.And(held, *rooms)


def searched(span: Fields) -> tuple[SymbolicWords, z3.ExprRef, z3.ExprRef, z3.ExprRef]:
    """What the search of a span rests on."""
    return span.words("alloc_bits"), span["freeindex"], span["nelems"], span["alloc_cache"]


def any_span(p: Proof, *, exact: bool = True) -> Fields:
    """A span of which the invariant holds, and whose cache is exact if that is asked for."""
    p.arbitrary("ahead", U8)
    p.arbitrary("below", U16)
    span = Fields(p, Span, "span")
    p.name("words", span.words("alloc_bits"))
    p.name("nelems", span["nelems"])
    p.assume(numbers_are_right(p, span))
    if exact:
        fits = p.holds(can_search, *searched(span)[:3])
        p.assume(p.implied(fits, cache_is_exact, *searched(span)))
    return span


def any_generation(p: Proof) -> z3.ExprRef:
    """The sweep generation of a heap."""
    return p.number(U32, "sg")


def ghost(p: Proof, name: str) -> z3.ExprRef:
    """An arbitrary number that the searches speak of."""
    return cast(z3.ExprRef, p.translator.ghosts[name])


def keeps(p: Proof, span: Fields, before: dict[str, object], *changed: str) -> None:
    """Show that a method changed nothing but some fields."""
    for name, held in before.items():
        if name not in changed:
            p.show(f"{name} stays", equal(p, span.value(name), held))


def bits_stay(p: Proof, span: Fields, before: dict[str, SymbolicBitmap], *changed: str) -> None:
    """Show that a method changed no bit of a bitmap, but of some."""
    slot = ghost(p, "below")
    for name, held in before.items():
        if name not in changed:
            now = bitmap(p, span.words(name)).bit(slot)
            p.show(f"the bits of {name} stay", now == held.bit(slot))


def bits_of(p: Proof, span: Fields) -> dict[str, SymbolicBitmap]:
    """The bitmaps of a span as they are now."""
    return {name: bitmap(p, span.words(name)) for name in VECTORS}


def refuses(
    p: Proof, span: Fields, ran: MethodOutcome, before: dict[str, object], when: z3.BoolRef
) -> None:
    """Show that a method raises an exception exactly there, and leaves the span as it was."""
    p.show("refused exactly where it must be", ran.raises == when)
    p.show("a refusal changes nothing", span.same_where_raised(ran, before))
    p.possible("it is refused", when)
    p.possible("it is not refused", z3.Not(when))


def searched_slot(p: Proof) -> z3.ExprRef:
    """What the last slow search found, which may end at a free slot or where there is none."""
    found = p.results_of(next_free_index)[-1]
    assert isinstance(found, tuple)
    return cast(z3.ExprRef, p.arithmetic.lift(scalar_of(found[0])).term)
