"""Special records: what a sweep decides on them, object by object."""

import pytest
from msgspec.structs import replace

from spanspec.base.bitmap import Bits
from spanspec.base.steps import NotAStep
from spanspec.heap.state.specials import DueTable, SpanSpecials, SpecialTable, by_fate
from spanspec.span.mspan import Mspan, init_span, set_marked
from spanspec.span.specials import (
    FINALIZER,
    FREED,
    PROFILE,
    QUEUED,
    Special,
    Specials,
    add_special,
    fates_of,
    has_special,
    remove_special,
)

# --- special records ------------------------------------------------------------------------------


def test_a_sweep_decides_on_special_records_object_by_object() -> None:
    span = init_span(0, 1, 8, 8192)  # slots of 48 bytes
    span = set_marked(replace(span, freeindex=4, alloc_count=4), 0)
    specials: tuple[Special, ...] = ()
    for offset, kind in ((0, PROFILE), (48, FINALIZER), (48, PROFILE), (96, PROFILE)):
        specials = add_special(specials, offset, kind)
    queued, kept, after = swept_specials(span, specials)
    assert queued == [48]
    assert kept == (Special(0, PROFILE), Special(48, PROFILE))
    assert after.gcmark_bits == Bits(0b11)


def test_records_of_one_slot_are_told_apart_by_address() -> None:
    span = replace(init_span(0, 1, 5, 8192), freeindex=3, alloc_count=3)  # slots of 16 bytes
    specials: tuple[Special, ...] = ()
    for offset, kind in ((24, FINALIZER), (16, PROFILE), (16, FINALIZER), (40, PROFILE)):
        specials = add_special(specials, offset, kind)
    assert has_special(specials, 24, FINALIZER)
    assert not has_special(specials, 16 + 4, FINALIZER)
    assert remove_special(specials, 17, FINALIZER) == specials
    queued, kept, after = swept_specials(span, remove_special(specials, 16, FINALIZER))
    assert queued == [24]
    assert kept == (Special(16, PROFILE),)
    assert after.gcmark_bits == Bits(0b10)
    assert swept_specials(span, specials)[0] == [16, 24]


def test_a_record_is_freed_only_with_its_object() -> None:
    span = set_marked(replace(init_span(0, 1, 5, 8192), freeindex=3, alloc_count=3), 0)
    records: dict[int, Specials] = {
        1: (Special(0, FINALIZER), Special(16, FINALIZER), Special(16, PROFILE))
    }
    at = SpanSpecials(span, span, SpecialTable(records, 1, span), DueTable([]))
    for special, fate in (
        (Special(0, FINALIZER), QUEUED),  # it is alive
        (Special(16, PROFILE), FREED),  # it is saved by its finalizer
        (Special(16, FINALIZER), FREED),
        (Special(32, PROFILE), FREED),  # there is none
    ):
        with pytest.raises(NotAStep):
            by_fate(at, special, fate)


def swept_specials(span: Mspan, specials: Specials) -> tuple[list[int], Specials, Mspan]:
    """Return which finalizers a sweep queues, which records it keeps, and the span."""
    records, queued = {1: specials}, list[int]()
    at = SpanSpecials(span, span, SpecialTable(records, 1, span), DueTable(queued))
    for special, fate in zip(specials, fates_of(span, specials), strict=True):
        at = by_fate(at, special, fate)
    return queued, records.get(1, ()), at.span
