"""Special records, as a span has them and as a sweep decides on them: every set of a few."""

from collections import Counter
from functools import partial
from itertools import combinations, product
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case, refuses
from spanspec.base.constants import TINY_SIZE, TINY_SPAN_CLASS
from spanspec.heap.state.specials import (
    DueTable,
    SpanSpecials,
    SpecialTable,
    by_fate,
    is_settled,
    special_id,
)
from spanspec.span.alloccache import next_free_fast
from spanspec.span.mspan import init_span, set_marked
from spanspec.span.specials import (
    FINALIZER,
    PROFILE,
    Special,
    Specials,
    add_special,
    fates_of,
    has_special,
    in_order,
    remove_special,
)

Key = tuple[int, int]
"""Where a record's address lies, in bytes, and its kind."""

KEYS: Final[tuple[Key, ...]] = tuple(product((0, 8, 16, 24), (FINALIZER, PROFILE)))
"""The records that two tiny blocks can have, with two objects each."""

SLOTS: Final = (0, 1)


def given(keys: tuple[Key, ...]) -> Specials:
    """Give records to a span, those of high addresses first."""
    specials: Specials = ()
    for offset, kind in reversed(keys):
        specials = add_special(specials, offset, kind)
    return specials


def kept_in_order(met: Counter[str], keys: tuple[Key, ...]) -> None:
    """Records stand in order of address and kind; each can be taken out, and is there once."""
    specials = given(keys)
    told = [(special.offset, special.kind) for special in specials]
    promise(told == list(keys) and in_order(specials), f"SWP-24: {specials} of {keys}")
    promise(not in_order((*specials, *specials)) or not keys, "SWP-24: one record twice")
    for offset, kind in KEYS:
        there = (offset, kind) in keys
        promise(has_special(specials, offset, kind) == there, f"SWP-24: {offset}, {kind}")
        rest = remove_special(specials, offset, kind)
        left = [one for one in keys if one != (offset, kind)]
        promise([(one.offset, one.kind) for one in rest] == left, f"SWP-24: {offset} remains")
        if there and kind == PROFILE:
            refuses("T-42", partial(add_special, specials, offset, PROFILE))
        elif there:
            promise(add_special(specials, offset, kind) == specials, "SWP-24: a second finalizer")
        refuses("T-43", partial(add_special, specials, offset, 3))
    met["order"] += 1


def swept(met: Counter[str], keys: tuple[Key, ...], marked: tuple[int, ...]) -> None:
    """A sweep decides on each record by the slot that its address lies in."""
    span = init_span(0xC000000000, 1, TINY_SPAN_CLASS, 0)
    for _ in SLOTS:
        span = next_free_fast(span).span
    for slot in marked:
        span = set_marked(span, slot)
    records, due = {1: given(keys)}, list[int]()
    at = SpanSpecials(span, span, SpecialTable(records, 1, span), DueTable(due))
    for special, fate in zip(given(keys), fates_of(span, given(keys)), strict=True):
        at = by_fate(at, special, fate)
    kept, queued, after = list[Special](), list[int](), span
    for slot in SLOTS:
        here = [key for key in keys if key[0] // TINY_SIZE == slot]
        dies = [offset for offset, kind in here if kind == FINALIZER and slot not in marked]
        if dies:
            after = set_marked(after, slot)
        queued += [span.base + offset for offset in dies]
        if slot in marked:
            kept += [Special(*key) for key in here]
        elif dies:
            kept += [Special(*key) for key in here if key[1] == PROFILE]
        met["saved" if dies else "kept" if slot in marked else "freed"] += bool(here)
    promise(due == queued, f"SWP-24: {due} are due, not {queued}")
    left = records.get(1, ())
    promise(left == tuple(kept), f"SWP-24: {left} stay, not {kept}")
    promise(at.span == after, "SWP-24: what a finalizer saves is marked, and nothing else")
    promise(all(is_settled(at, special_id(*key)) for key in keys), "SWP-24: all is decided")


@explored(
    "specials.sweep",
    "SWP-24 T-42 T-43 I-27",
    needs="order saved kept freed",
    assumes=(SMALL_SCOPE,),
)
def a_sweep_decides_by_the_slot() -> Ran:
    """Every set of up to four records of two blocks, with any marks: a finalizer of a dead block
    is due, once, with its own address, and saves the block with its other records; what is
    marked keeps all; what is dead and has no finalizer loses all.
    """
    sets = [keys for size in range(5) for keys in combinations(KEYS, size)]
    marks = [some for size in range(3) for some in combinations(SLOTS, size)]
    orders = [(f"{keys}", lambda met, keys=keys: kept_in_order(met, keys)) for keys in sets]
    sweeps = [
        (f"{keys}, marked {some}", lambda met, keys=keys, some=some: swept(met, keys, some))
        for keys, some in product(sets, marks)
    ]
    return every_case([*orders, *sweeps])
