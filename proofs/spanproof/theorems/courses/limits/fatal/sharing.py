"""Steps are asked for what they refuse, whatever their guards say: on records made for it."""

from typing import Final, NamedTuple

from msgspec.structs import replace

from spanproof.theorems.courses.limits.fatal.allocation import ACTOR, slot_of
from spanproof.theorems.courses.limits.fatal.checks import Checks
from spanproof.theorems.courses.limits.fatal.sweeping import being_swept, put
from spanspec.base.ids import ThreadId
from spanspec.base.words import M32
from spanspec.heap.heap import Heap
from spanspec.sharing.steps import cachespan, caching, sweeping
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import (
    CHECKING,
    EXAMINED,
    FREEING,
    HELD,
    SWEEPING,
    SharedSpan,
    swept_buffer,
)
from spanspec.span.listing import NONEMPTY, NOWHERE


class Midway(NamedTuple):
    """A heap in which a thread is in the middle of a task with a span."""

    heap: Heap
    thread: ThreadId
    span: int

    @property
    def it(self) -> SharedSpan:
        """What threads share of the span."""
        return self.heap.state.shared(self.span)

    def put(self, it: SharedSpan) -> None:
        """Give the span another record."""
        put(self.heap.state, self.span, it)


CACHED: Final = 3
"""How far the sweepgen of a cached span is ahead of the heap's."""


def midway(task: int) -> Midway:
    """Return a heap whose span is being swept, and was last swept in the cycle before."""
    heap, thread = being_swept(task)
    it = Midway(heap, thread, heap.state.sharing.threads[thread].span - 1)
    it.put(replace(it.it, swept_at=(heap.state.sweepgen - 2) & M32))
    return it


# --- the sweep of a span --------------------------------------------------------------------------


def a_span_that_left_use_is_examined() -> None:
    it = midway(SWEEPING)
    it.put(replace(it.it, in_use=False))
    sweeping.examine(it.heap.state.sharing, it.thread, freed=True, dead=False)


def a_span_that_is_not_claimed_is_examined() -> None:
    it = midway(SWEEPING)
    it.put(replace(it.it, sweepgen=it.heap.state.sweepgen))
    sweeping.examine(it.heap.state.sharing, it.thread, freed=True, dead=False)


def a_span_that_left_use_is_published() -> None:
    it = midway(EXAMINED)
    it.put(replace(it.it, in_use=False))
    sweeping.publish(it.heap.state.sharing, it.thread)


def a_cached_span_is_published() -> None:
    it = midway(EXAMINED)
    it.put(replace(it.it, sweepgen=it.heap.state.sweepgen + CACHED))
    sweeping.publish(it.heap.state.sharing, it.thread)


def an_unlisted_span_is_kept_for_its_sweeper() -> None:
    it = midway(EXAMINED)
    threads = it.heap.state.sharing.threads
    threads.set(it.thread, replace(threads[it.thread], preserve=True, freed=True))
    it.put(replace(it.it, place=NOWHERE))
    sweeping.publish(it.heap.state.sharing, it.thread)


def a_span_is_published_twice_in_a_cycle() -> None:
    it = midway(EXAMINED)
    it.put(replace(it.it, swept_at=it.heap.state.sweepgen))
    sweeping.publish(it.heap.state.sharing, it.thread)


def a_swept_span_is_pushed_twice() -> None:
    it = midway(EXAMINED)
    sg = it.heap.state.sweepgen
    first = swept_buffer(sg) == 0
    sweeping.pushed(sg, replace(it.it, in_buffer_0=first, in_buffer_1=not first))


def a_dead_span_that_left_use_is_published() -> None:
    it = midway(EXAMINED)
    it.put(replace(it.it, in_use=False))
    sweeping.publish_dead(it.heap.state.sharing, it.thread)


def a_dead_span_that_is_cached_is_published() -> None:
    it = midway(EXAMINED)
    it.put(replace(it.it, sweepgen=it.heap.state.sweepgen + CACHED))
    sweeping.publish_dead(it.heap.state.sharing, it.thread)


def a_dead_span_is_published_twice_in_a_cycle() -> None:
    it = midway(EXAMINED)
    it.put(replace(it.it, swept_at=it.heap.state.sweepgen))
    sweeping.publish_dead(it.heap.state.sharing, it.thread)


def a_span_is_freed_that_left_use() -> None:
    it = midway(FREEING)
    it.put(replace(it.it, in_use=False))
    sweeping.free(it.heap.state.sharing, it.thread)


def a_span_is_freed_that_is_being_swept() -> None:
    it = midway(FREEING)
    sweeping.free(it.heap.state.sharing, it.thread)


def a_span_is_freed_that_is_listed() -> None:
    it = midway(FREEING)
    it.put(replace(it.it, sweepgen=it.heap.state.sweepgen, place=NONEMPTY))
    sweeping.free(it.heap.state.sharing, it.thread)


# --- spans on their way into a cache --------------------------------------------------------------


def an_unswept_span_is_taken_from_a_list() -> None:
    it = midway(HELD)
    it.put(replace(it.it, place=NONEMPTY))
    slot = slot_of(it.heap, it.span)
    cachespan.take_listed(it.heap.state.sharing, it.thread, span_id(it.span), slot)


def a_span_with_room_is_full() -> None:
    """A span from the nonempty list is full after its sweep."""
    it = midway(CHECKING)
    threads = it.heap.state.sharing.threads
    threads.set(it.thread, replace(threads[it.thread], roomy=True))
    it.put(replace(it.it, has_free=False))
    cachespan.check_room(it.heap.state.sharing, it.thread)


def a_full_span_is_installed() -> None:
    it = midway(HELD)
    it.put(replace(it.it, has_free=False))
    caching.install(it.heap.state.sharing, it.thread)


def a_span_is_installed_over_another() -> None:
    """A span is installed in a slot that holds one."""
    it = midway(HELD)
    threads = it.heap.state.sharing.threads
    slot = slot_of(it.heap, it.span)
    threads.set(it.thread, replace(threads[it.thread], slot=slot))
    caching.install(it.heap.state.sharing, it.thread)


def an_unswept_span_is_allocated_from() -> None:
    """A span that is cached, but was not swept, is allocated from."""
    heap = Heap()
    span = heap.span_of(heap.malloc(16))
    thread = heap.state.thread_of(ACTOR)
    it = Midway(heap, thread, span)
    it.put(replace(it.it, sweepgen=(heap.state.sweepgen + 1) & M32))
    caching.allocate(heap.state.sharing, slot_of(heap, span), last=False)


CHECKS: Final[Checks] = (
    ("T-58", a_span_that_left_use_is_examined),
    ("T-58", a_span_that_is_not_claimed_is_examined),
    ("T-60", a_span_that_left_use_is_published),
    ("T-48", a_cached_span_is_published),
    ("T-49", an_unlisted_span_is_kept_for_its_sweeper),
    ("I-26", a_span_is_published_twice_in_a_cycle),
    ("SWP-13", a_swept_span_is_pushed_twice),
    ("T-60", a_dead_span_that_left_use_is_published),
    ("T-48", a_dead_span_that_is_cached_is_published),
    ("I-26", a_dead_span_is_published_twice_in_a_cycle),
    ("T-35", a_span_is_freed_that_left_use),
    ("T-34", a_span_is_freed_that_is_being_swept),
    ("T-32", a_span_is_freed_that_is_listed),
    ("SWP-6", an_unswept_span_is_taken_from_a_list),
    ("T-46", a_span_with_room_is_full),
    ("T-53", a_full_span_is_installed),
    ("MC-4", a_span_is_installed_over_another),
    ("SWP-6", an_unswept_span_is_allocated_from),
)
"""Each fatal check, and what runs into it."""
