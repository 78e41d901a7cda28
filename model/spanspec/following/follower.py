"""A history of the heap, event by event, as steps of the protocol.

What is proved of the protocol is proved of its steps. The follower ties them to the heap: it takes
for each event the steps that the event stands for, and requires that each is possible, and leaves
the span with the sweepgen that the event tells. A history that it follows to the end is a run of
the proved protocol.

Steps under a lock are recorded in their order. Those without one may be noted late, when several
Ps run; see `popped`. A sweep is published at the first step that needs it to be.
"""

from collections.abc import Callable
from typing import Final, cast

from spanspec.base.constants import NUM_SPAN_CLASSES, size_class_of
from spanspec.base.ids import ClassId, ProcId, SlotId, SpanId, ThreadId
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.following.popped import Popped
from spanspec.following.run import Run
from spanspec.following.system import slot_id, span_id, thread_id
from spanspec.sharing.records import CHECKING, EXAMINED, NO_SPAN
from spanspec.sharing.sweeping import may_publish
from spanspec.span.listing import SKIP, on_empty, on_nonempty

BOOT: Final = 0
"""The mcache of who runs before there is a P, which P 0 inherits (MC-14)."""

IN_USE: Final = 1
"""The state of a span in use that goes back to the page heap."""

BY_LIST: Final = ("cs-nonempty", "cs-empty")
DIRECTLY: Final = ("reclaim", "ensure")

Handler = Callable[[EventBase], None]


class Follower:
    """The protocol, following a history.

    A P is its mcache here; one that is gone holds nothing, and so may flush at any time.
    """

    def __init__(self) -> None:
        self.run = Run()
        self._popped = Popped(self.run)
        self._procs = 1
        self._mcache_of: dict[int, int] = {}
        self._alive = {BOOT}
        self._releasing: dict[int, int] = {}
        self._taken: dict[SpanId, int] = {}
        self._nelems: dict[SpanId, int] = {}
        self._handlers = self._by_kind()

    def follow(self, event: EventBase) -> None:
        """Follow the next event.

        Raises: NotAStep if it is no step of the protocol.
        """
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def finish(self) -> None:
        """Require the protocol's invariant of the last system.

        Raises: NotAStep if it does not hold: then the protocol is not what was proved.
        """
        self.run.check()

    # --- who and what -----------------------------------------------------------------------------

    def _mcache(self, p: int) -> int:
        return self._mcache_of.get(p, BOOT)

    def _thread(self, event: ThreadEvent) -> ThreadId:
        """Return the thread of an event: an M, and the mcache that it releases or runs with."""
        mcache = self._releasing.get(event.thread)
        return thread_id(event.thread, self._mcache(event.p) if mcache is None else mcache)

    def _expect_span(self, event: ev.SpanEvent, thread: ThreadId) -> SpanId:
        span = span_id(event.span)
        self.run.expect("span in the thread's hands", self.run.state.threads[thread].span, span)
        return span

    def _expect_held(self, event: ev.SpanEvent, slot: SlotId) -> SpanId:
        span = span_id(event.span)
        self.run.expect("span in the cache slot", self.run.state.slots[slot].span, span)
        return span

    def _expect_generation(self, span: SpanId, seen: int) -> None:
        expected = self.run.state.spans[span].sweepgen
        self.run.expect(f"sweepgen of span {span - 1}", expected, seen)

    # --- allocation and refill --------------------------------------------------------------------

    def _malloc(self, event: ev.Malloc) -> None:
        if event.path == ev.LARGE:
            return
        slot = slot_id(self._mcache(event.p), event.spanclass)
        span = self.run.state.slots[slot].span
        taken = self._taken.get(span, 0) + 1
        self.run.take("allocate", slot, taken == self._nelems.get(span))
        self._taken[span] = taken

    def _refill_begins(self, event: ev.RefillBegins) -> None:
        slot = slot_id(self._mcache(event.p), event.spanclass)
        span = self._expect_held(event, slot)
        self.run.take("retire", slot)
        self._expect_generation(span, event.sweepgen)

    def _refill_ends(self, event: ev.RefillEnds) -> None:
        thread = self._thread(event)
        if self.run.state.threads[thread].task == CHECKING:
            self.run.take("check-room", thread)
        span = self._expect_span(event, thread)
        self._taken[span], self._nelems[span] = event.alloc_count, event.nelems
        self.run.take("install", thread, slot_id(self._mcache(event.p), event.spanclass))
        self._expect_generation(span, event.sweepgen)

    # --- Ps and their mcaches ---------------------------------------------------------------------

    def _proc_resize(self, event: ev.ProcResize) -> None:
        self._procs = max(self._procs, event.procs)

    def _proc_gets_mcache(self, event: ev.ProcGetsMcache) -> None:
        self._mcache_of[event.id] = event.mcache

    def _mcache_changes(self, event: ev.McacheChanges) -> None:
        if event.new:
            self.run.take("flush", ProcId(event.mcache))
            self._alive.add(event.mcache)
        else:
            slots = (slot_id(event.mcache, spanclass) for spanclass in range(NUM_SPAN_CLASSES))
            held = sum(self.run.state.slots[slot].span != NO_SPAN for slot in slots)
            self.run.expect("spans in the mcache that is freed", held, 0)
            self._alive.discard(event.mcache)

    def _release_all(self, event: ev.ReleaseAll) -> None:
        if event.begins:
            self._releasing[event.thread] = event.mcache
        else:
            self._releasing.pop(event.thread, None)

    def _uncache(self, event: ev.Uncache) -> None:
        mcache = self._releasing.get(event.thread, BOOT)
        slot = slot_id(mcache, event.spanclass)
        span = self._expect_held(event, slot)
        self._expect_generation(span, event.sweepgen_before)
        self.run.take("uncache", self._thread(event), slot)

    def _uncache_to_nonempty(self, event: ev.UncacheToNonempty) -> None:
        self.run.take("move-uncached", self._thread(event))

    def _prepare_for_sweep(self, event: ev.PrepareForSweep) -> None:
        if not event.begins:
            self.run.take("flush", ProcId(event.mcache))

    # --- central lists ----------------------------------------------------------------------------

    def _central_skips(self, event: ev.CentralSkips) -> None:
        span = span_id(event.span)
        look = on_nonempty if event.list == "N" else on_empty
        state = self.run.state
        if look(state.sweepgen, state.spans[span].sweepgen) != SKIP:
            self.run.expect("Ps that run while a claim is not told yet", self._procs > 1, True)
            self._popped.owe(span)

    def _central_takes(self, event: ev.CentralTakes) -> None:
        thread, span = self._thread(event), span_id(event.span)
        if event.source == 0:
            owner = self.run.state.spans[span].owner
            if self.run.state.threads[owner].span == span and may_publish(self.run.state, owner):
                self.run.take("publish", owner)
            self.run.take("take-listed", thread, span, ClassId(event.spanclass))
        else:
            self.run.take("move-claimed", thread)
        self._expect_generation(span, event.sweepgen)

    def _central_checks_room(self, event: ev.CentralChecksRoom) -> None:
        span = self._expect_span(event, self._thread(event))
        room = self.run.state.spans[span].has_free
        self.run.expect(f"room in span {event.span}", int(room), event.room)
        self.run.take("check-room", self._thread(event))

    def _central_grows(self, event: ev.CentralGrows) -> None:
        self.run.take("list-grown", self._thread(event))

    def _central_frees_span(self, event: ev.CentralFreesSpan) -> None:
        thread = self._thread(event)
        if event.was_empty and not event.freed:
            self.run.take("relist", thread)
        self.run.take("publish-dead" if event.freed else "publish", thread)
        self._expect_generation(span_id(event.span), event.sweepgen)

    # --- sweeping ---------------------------------------------------------------------------------

    def _buffer_pop(self, event: ev.BufferPop) -> None:
        if event.span >= 0:
            self._popped.pop(self._thread(event), span_id(event.span))

    def _sweep_drops(self, event: ev.SweepDrops) -> None:
        thread = self._thread(event)
        span = self._expect_span(event, thread)
        self._popped.lose(thread, span, in_use=event.why == "gen")

    def _sweep_claim(self, event: ev.SweepClaim) -> None:
        thread, span = self._thread(event), span_id(event.span)
        if event.by in BY_LIST:
            self.run.take("claim-listed", thread, span, ClassId(event.spanclass))
        elif event.by in DIRECTLY:
            self.run.take("claim-directly", thread, span)
        elif event.by != "uncache":
            self._popped.win(thread)
        self._expect_span(event, thread)
        self._expect_generation(span, event.sweepgen)
        self._popped.claimed(span)

    def _sweep_result(self, event: ev.SweepResult) -> None:
        thread = self._thread(event)
        span = self._expect_span(event, thread)
        if size_class_of(event.spanclass) == 0:
            freed = dead = event.large_dead == 1
        else:
            freed, dead = event.nfreed > 0, event.alloc_count == 0
            full = not self.run.state.spans[span].has_free
            self.run.expect(f"span {event.span} was full", int(full), event.was_empty)
        self.run.take("examine", thread, freed, dead)

    def _buffer_push(self, event: ev.BufferPush) -> None:
        thread = self._thread(event)
        worker = self.run.state.threads[thread]
        if worker.span != span_id(event.span):
            return  # a descriptor on its way into use, of which SpanInUse tells the rest
        if worker.task == EXAMINED:
            self.run.take("publish", thread)
        self.run.take("push", thread)

    # --- the page heap, and the cycle -------------------------------------------------------------

    def _span_in_use(self, event: hev.SpanInUse) -> None:
        thread, span = self._thread(event), span_id(event.span)
        self._popped.changes(span)
        self.run.take("grow", thread, span, ClassId(event.spanclass), event.large == 1)
        self.run.take("use", thread)
        self._popped.changed()
        self._expect_generation(span, event.sweepgen)

    def _heap_frees(self, event: hev.HeapFrees) -> None:
        if event.state != IN_USE:
            return
        thread = self._thread(event)
        span = self._expect_span(event, thread)
        if self.run.state.threads[thread].task == EXAMINED:
            self.run.take("publish-dead", thread)
        self._popped.changes(span)
        self.run.take("free", thread)

    def _coalesces(self, _: hev.Coalesces) -> None:
        self._popped.changed()

    def _sweep_phase_starts(self, event: ev.SweepPhaseStarts) -> None:
        for proc in self.run.state.procs:
            if proc not in self._alive:
                self.run.take("flush", proc)
        self.run.expect("spans of which a claim was seen that nobody told", {}, self._popped.owed)
        self.run.check()
        self.run.take("start-cycle")
        self.run.expect("sweepgen of the heap", self.run.state.sweepgen, event.sweepgen)

    def _by_kind(self) -> dict[type[EventBase], Handler]:
        """Return what to do with each kind of event that the protocol has a step for."""
        handlers = {
            ev.Malloc: self._malloc,
            ev.RefillBegins: self._refill_begins,
            ev.RefillEnds: self._refill_ends,
            ev.ProcResize: self._proc_resize,
            ev.ProcGetsMcache: self._proc_gets_mcache,
            ev.McacheChanges: self._mcache_changes,
            ev.ReleaseAll: self._release_all,
            ev.Uncache: self._uncache,
            ev.UncacheToNonempty: self._uncache_to_nonempty,
            ev.PrepareForSweep: self._prepare_for_sweep,
            ev.CentralSkips: self._central_skips,
            ev.CentralTakes: self._central_takes,
            ev.CentralChecksRoom: self._central_checks_room,
            ev.CentralGrows: self._central_grows,
            ev.CentralFreesSpan: self._central_frees_span,
            ev.BufferPop: self._buffer_pop,
            ev.SweepDrops: self._sweep_drops,
            ev.SweepClaim: self._sweep_claim,
            ev.SweepResult: self._sweep_result,
            ev.BufferPush: self._buffer_push,
            ev.SweepPhaseStarts: self._sweep_phase_starts,
            hev.SpanInUse: self._span_in_use,
            hev.HeapFrees: self._heap_frees,
            hev.Coalesces: self._coalesces,
        }
        return cast(dict[type[EventBase], Handler], handlers)
