"""What a thread is amid is in flight where the thread shows it, and damage elsewhere."""

import msgspec
import pytest

from spanproof.witness.judging.finding import FindingVerdict, JudgedImage, record_of
from spanproof.witness.judging.midway import is_amid_allocation, order_of_allocation, reached_with
from spanproof.witness.judging.thrown import thrown
from spanproof.witness.reading.image import Image, SpanImage
from spanproof.witness.report import Report, judged, merge
from spanproof.witness.snapshots import Snapshot, load
from spanspec.sharing.containers.spansets import Entries, entries_hold
from spanspec.span.alloccache import next_free_fast
from tests.proofs.witness.images import SAVED, alter, cached, owner, small, unlist, with_thread

MALLOC = ["mallocgc", "main"]


REFILLING = ["(*mcentral).cacheSpan", "(*mcache).refill", "(*mcache).nextFree", "mallocgc"]


def verdicts(saved: Snapshot) -> dict[str, FindingVerdict]:
    return {f.rule: f.verdict for f in judged(saved.image, saved.profile)}


def half_allocated(image: Image) -> SpanImage:
    """Let the cached span be as an allocation leaves it before it counts the slot."""
    span = cached(image)
    after = next_free_fast(record_of(span)).span
    alter(span, alloc_cache=after.alloc_cache, freeindex=after.freeindex)
    return span


def test_an_allocation_between_two_writes_is_in_flight_where_its_thread_shows_it(
    saved: Snapshot,
) -> None:
    span = half_allocated(saved.image)
    assert verdicts(saved) == {"I-2": FindingVerdict.DAMAGE}
    with_thread(saved.image, owner(saved.image, span), MALLOC)
    assert verdicts(saved) == {"I-2": FindingVerdict.IN_FLIGHT}


def test_no_thread_excuses_what_no_allocation_leaves(saved: Snapshot) -> None:
    span = cached(saved.image)
    alter(span, alloc_count=span.alloc_count + 1)
    with_thread(saved.image, owner(saved.image, span), MALLOC, near={span.descriptor: "register 1"})
    assert verdicts(saved)["I-2"] is FindingVerdict.DAMAGE


def test_a_thread_that_throws_excuses_nothing(saved: Snapshot) -> None:
    span = half_allocated(saved.image)
    text = "s.allocCount != s.nelems && freeIndex == s.nelems"
    frames = ["throw", "(*mcache).nextFree", "mallocgc"]
    with_thread(saved.image, owner(saved.image, span), frames, message=text)
    found = judged(saved.image, saved.profile)
    assert {f.verdict for f in found} == {FindingVerdict.DAMAGE}
    error = thrown(JudgedImage(saved.image, saved.profile), found)
    assert error is not None
    assert (error.rule, error.descriptor) == ("T-15", span.descriptor)
    assert error.function == "runtime.(*mcache).nextFree"


def two_in_no_list(image: Image) -> tuple[SpanImage, SpanImage]:
    """Take two spans of small objects and of one sweepgen out of their lists; return them."""
    first = small(image)
    second = next(
        span
        for span in image.spans
        if span.state == 1
        and span.spanclass > 1
        and span is not first
        and span.sweepgen == first.sweepgen
    )
    for span in (first, second):
        unlist(image, span.descriptor)
    return first, second


def test_a_span_on_its_way_is_in_flight_for_one_thread_only(saved: Snapshot) -> None:
    first, second = two_in_no_list(saved.image)
    assert set(verdicts(saved).values()) == {FindingVerdict.DAMAGE}
    near = {first.descriptor: "register 3", second.descriptor: "stack+64"}
    with_thread(saved.image, 0, REFILLING, near=near)
    seen = [f.verdict for f in judged(saved.image, saved.profile)]
    assert sorted(v.value for v in seen) == ["damage", "in flight"]


def test_two_spans_of_two_threads_at_the_same_sets_are_in_flight_both(saved: Snapshot) -> None:
    """Each thread might have either: whichever is looked at first, each span has its own."""
    first, second = two_in_no_list(saved.image)
    classes = sorted({first.spanclass, second.spanclass})
    frames = ["osyield", "(*mheap).allocSpan", "(*mcentral).grow", *REFILLING]
    with_thread(saved.image, 0, frames, near={second.descriptor: "stack+8"}, classes=classes)
    with_thread(saved.image, 0, frames, near={first.descriptor: "stack+8"}, classes=classes)
    seen = judged(saved.image, saved.profile)
    assert {f.descriptor for f in seen} == {first.descriptor, second.descriptor}
    assert {f.verdict for f in seen} == {FindingVerdict.IN_FLIGHT}


def test_a_count_is_off_only_by_the_span_that_a_thread_is_at(saved: Snapshot) -> None:
    """However many threads are at the page heap, a count is off by a span at hand, or damaged."""
    span = next(s for s in saved.image.spans if s.state == 1 and s.npages > 1)
    if "pagesInUse" not in saved.image.counters:
        pytest.skip("this version does not count the pages in use")
    saved.image.counters["pagesInUse"] -= span.npages
    frames = ["(*mheap).initSpan", "(*mheap).allocSpan"]
    with_thread(saved.image, 0, frames)
    assert verdicts(saved) == {"I-29": FindingVerdict.DAMAGE}
    saved.image.threads.clear()
    with_thread(saved.image, 0, frames, near={span.descriptor: "register 2"})
    assert verdicts(saved) == {"I-29": FindingVerdict.IN_FLIGHT}
    saved.image.counters["pagesInUse"] -= 1
    assert verdicts(saved) == {"I-29": FindingVerdict.DAMAGE}


def test_pages_that_nobody_has_are_at_hand_of_a_thread_or_damage(saved: Snapshot) -> None:
    image = saved.image
    arena = image.arenas[0]
    if arena.allocated is None:
        pytest.skip("this version has no page bitmap")
    bits = bytearray.fromhex(arena.allocated)
    bits[-1] |= 0x80
    arena.allocated = bits.hex()
    frames = ["(*pageAlloc).scavengeOne", "bgscavenge"]
    thread = with_thread(image, 0, frames)
    assert verdicts(saved) == {"I-12": FindingVerdict.DAMAGE}
    page = (arena.index + 1) * image.pages_per_arena - 1
    thread.pages = [(page * image.page_size - image.arena_offset) % (1 << 64)]
    assert verdicts(saved) == {"I-12": FindingVerdict.IN_FLIGHT}


def test_each_unfilled_place_of_a_set_is_one_threads(saved: Snapshot) -> None:
    central = saved.image.central
    if "partial0" not in central[0]:
        pytest.skip("this version has central lists")
    central[4]["full0"].append(0)
    assert verdicts(saved) == {"CEN-1": FindingVerdict.DAMAGE}
    thread = with_thread(saved.image, 0, ["(*spanSet).push", "(*mcentral).uncacheSpan"])
    assert verdicts(saved) == {"CEN-1": FindingVerdict.UNDECIDED}
    thread.classes = [4]
    assert verdicts(saved) == {"CEN-1": FindingVerdict.IN_FLIGHT}
    central[4]["full0"].append(0)
    assert verdicts(saved) == {"CEN-1": FindingVerdict.DAMAGE}


def test_a_tiny_block_without_an_offset_is_in_flight_in_an_allocation_of_its_p(
    saved: Snapshot,
) -> None:
    proc = next(n for n, proc in enumerate(saved.image.procs) if proc.tiny)
    saved.image.procs[proc].tiny_offset = 0
    assert verdicts(saved) == {"I-36": FindingVerdict.DAMAGE}
    with_thread(saved.image, proc, MALLOC)
    assert verdicts(saved) == {"I-36": FindingVerdict.IN_FLIGHT}
    saved.image.procs[proc].tiny_offset = 17
    assert verdicts(saved) == {"I-36": FindingVerdict.DAMAGE}
    saved.image.procs[proc].tiny_offset = 0
    saved.image.procs[proc].tiny += 8
    assert verdicts(saved) == {"I-36": FindingVerdict.DAMAGE}


def test_no_allocation_moves_the_index_for_scans_beyond_freeindex(saved: Snapshot) -> None:
    span = cached(saved.image)
    span.scan_index = span.freeindex + 1
    with_thread(saved.image, owner(saved.image, span), MALLOC, near={span.descriptor: "register 1"})
    assert verdicts(saved) == {"VER-7": FindingVerdict.DAMAGE}


def test_a_thread_at_the_operation_that_shows_no_span_leaves_it_undecided(saved: Snapshot) -> None:
    unlist(saved.image, small(saved.image).descriptor)
    with_thread(saved.image, 0, REFILLING)
    assert set(verdicts(saved).values()) == {FindingVerdict.UNDECIDED}


def test_what_is_undecided_is_damage_if_it_stays_and_in_flight_if_it_goes(saved: Snapshot) -> None:
    unlist(saved.image, small(saved.image).descriptor)
    with_thread(saved.image, 0, REFILLING)
    undecided = Report(saved.image, saved.profile, judged(saved.image, saved.profile))
    seen = {finding.key: finding for finding in undecided.findings}
    merge(undecided, [seen, seen])
    assert {f.verdict for f in undecided.findings} == {FindingVerdict.UNDECIDED}
    gone = msgspec.structs.replace(undecided, findings=judged(saved.image, saved.profile))
    merge(gone, [seen, {}, seen])
    assert {f.verdict for f in gone.findings} == {FindingVerdict.IN_FLIGHT}
    merge(undecided, [seen, seen, seen])
    assert {f.verdict for f in undecided.findings} == {FindingVerdict.DAMAGE}


def test_what_rests_is_what_the_rule_of_the_sets_says() -> None:
    for view, tasks in reached_with(span_sets=True).views.items():
        if () in tasks:
            generation = (4 + view.ahead) % (1 << 32)
            entries = Entries(*view.places)
            assert entries_hold(4, generation, view.has_free, view.large, entries), view


def test_an_allocation_writes_in_the_order_that_is_looked_for() -> None:
    assert order_of_allocation() == ("alloc_cache", "freeindex", "alloc_count")


def test_what_an_allocation_leaves_between_two_writes_is_found_amid_it() -> None:
    record = record_of(cached(load(SAVED[0]).image))
    after = next_free_fast(record).span
    partly = record
    for field in order_of_allocation()[:-1]:
        partly = msgspec.structs.replace(partly, **{field: getattr(after, field)})
        assert is_amid_allocation(partly), field
    wrong = msgspec.structs.replace(record, alloc_count=record.alloc_count + 1)
    assert not is_amid_allocation(wrong)
