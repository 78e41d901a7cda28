"""The whole state of a heap (rules HEAP-1, MC-1, CEN-1)."""

from typing import Final

from spanspec.base.constants import NUM_SPAN_CLASSES
from spanspec.base.ids import NOBODY, ClassId, ProcId, ThreadId
from spanspec.base.words import U32, U64
from spanspec.events.span_events import Phase
from spanspec.heap.state.accounts import Accounts, ClassCounts
from spanspec.heap.state.allp import AllP, McacheTable
from spanspec.heap.state.collector import Collector
from spanspec.heap.state.inputs import Inputs
from spanspec.heap.state.marking import NEVER_MARKED, MarkedSpan
from spanspec.heap.state.pacing import FIRST_TRIGGER, SweepPace
from spanspec.heap.state.progress import Progress
from spanspec.heap.state.refilling import NO_REFILL
from spanspec.pages.memory.fixalloc import FixAlloc, Nameless
from spanspec.pages.memory.persistent import (
    MCACHE_BYTES,
    SPECIAL_FINALIZER_BYTES,
    SPECIAL_PROFILE_BYTES,
    FinalizerBlocks,
)
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.sharing.containers.spanlist import SpanList, SpanLists, no_lists
from spanspec.sharing.containers.sweepbuf import SweepBuffer
from spanspec.sharing.tables.growing import Tables, slot_id, span_id, thread_id
from spanspec.sharing.tables.records import NO_SPAN, UNUSED, SharedSpan, swept_buffer
from spanspec.span.listing import EMPTY, NONEMPTY
from spanspec.span.markbits import NO_ARENAS, SpanBits
from spanspec.span.mspan import Mspan
from spanspec.span.specials import FINALIZER, PROFILE, Specials
from spanspec.span.tiny import NO_TINY_BLOCK, TinyBlock

BOOT_MCACHE: Final = 0
"""The mcache that the first thread has before there is a P; P 0 inherits it (MC-14)."""


class Mcache:
    """What an mcache has besides the slots and the flush generation that are shared (MC-1).

    `first_slot` is its slot for span class 0. `refilled` is the class whose span is fresh from a
    refill, -1 for none: the next allocation is the one that asked for it. `tiny` is the current
    tiny block. Their own steps change both. `may_allocate` is no state: `taking.allocate` notes
    there that a guard was found to hold in this cycle, which it does to its end.
    """

    def __init__(self, identity: int) -> None:
        self.identity = identity
        self.first_slot = slot_id(identity, 0)
        self.may_allocate = False
        self.refilled = NO_REFILL
        self.tiny: TinyBlock = NO_TINY_BLOCK


class Mcentral:
    """The spans of one class that no mcache has, and those cached or full (CEN-1)."""

    def __init__(self, lists: SpanLists, spanclass: ClassId) -> None:
        self.nonempty = SpanList(lists, spanclass, NONEMPTY)
        self.empty = SpanList(lists, spanclass, EMPTY)
        self.counts = ClassCounts()


class Centrals:
    """The lists of every span class; those of a class are made when they are first asked for."""

    def __init__(self, lists: SpanLists) -> None:
        self._lists = lists
        self._made: dict[int, Mcentral] = {}

    def __getitem__(self, spanclass: int) -> Mcentral:
        """Return the lists of a class.

        Raises: IndexError if there is no such class.
        """
        found = self._made.get(spanclass)
        if found is None:
            if not 0 <= spanclass < NUM_SPAN_CLASSES:
                raise IndexError(spanclass)
            found = self._made[spanclass] = Mcentral(self._lists, ClassId(spanclass))
        return found

    def used(self) -> list[tuple[int, Mcentral]]:
        """Return the classes, in order, of which something was ever listed, counted or asked for.

        The lists of all others are empty, and nothing of them is counted.
        """
        listed = {*self._lists.nonempty, *self._lists.empty}
        return [(number, self[number]) for number in sorted(listed | self._made.keys())]


class Times:
    """How often a step was taken."""

    # An object, so that to count changes no table: it is found again where it was found before.
    def __init__(self) -> None:
        self.times = 0


class HeapState:
    """Everything that the rules speak of, except the page heap's own part in `pages`.

    `sharing` is what threads share of spans: sweepgens, lists, sweep buffers and cache slots. Only
    its steps change it, by `heap.state.taking`, in the tables of `tables`; `central` and
    `buffers` have the order of what its records say, and `step_counts` counts the steps, by name.

    `collector` tells how far a cycle has come, and `allp` which P has which mcache; their own steps
    change them, by `advancing.advance`. `mcache_of` shows the table of `allp`.

    `spans` has the slots of the in-use spans. `bits_epoch` tells in which mark-bit epochs a span's
    allocBits and mark bits were obtained, and whether some slot of it was freed.
    `page_marks` has the epoch in which the marker has found an object on the first page of a span;
    in a replay, only the roots, as a recording does not tell what is marked when.
    `trigger` tells when the next cycle is due.
    `finalizers` has the addresses of the objects whose finalizers are due; `sweepers` the threads
    that pop spans to sweep them, or sweep one that they have popped, as the runtime counts them.
    """

    def __init__(self, inputs: Inputs, pages: PageHeap, sweepgen: U32 = 0) -> None:
        self.inputs = inputs
        self.pages = pages
        self.tables = Tables()
        self.sharing = self.tables.system(sweepgen)
        self.slots = self.tables.slots.records
        self.step_counts: dict[str, Times] = {}
        self.collector = Collector()
        self.sweepers: frozenset[int] = frozenset()
        self.spans: dict[int, Mspan] = {}
        self.lists = no_lists()
        self.central = Centrals(self.lists)
        self.mcaches: dict[int, Mcache] = {}
        self.mcache_ids = FixAlloc(pages.metadata, MCACHE_BYTES, "mcache_sys")
        table = McacheTable()
        self.allp = AllP(0, 0, 0, table)
        self.mcache_of = table.records
        self.buffers = (SweepBuffer(), SweepBuffer())
        self.bits_epoch: dict[int, SpanBits] = {}
        self.page_marks: dict[int, int] = {}
        self.specials: dict[int, Specials] = {}
        self.finalizers: list[U64] = []
        self.finalizer_blocks = FinalizerBlocks(pages.metadata)
        self.special_records = {
            FINALIZER: Nameless(FixAlloc(pages.metadata, SPECIAL_FINALIZER_BYTES, "other_sys")),
            PROFILE: Nameless(FixAlloc(pages.metadata, SPECIAL_PROFILE_BYTES, "other_sys")),
        }
        self.bits_arenas = NO_ARENAS
        self.progress = Progress()
        self.accounts = Accounts()
        self.trigger = FIRST_TRIGGER
        self.pace = SweepPace()

    @property
    def taken(self) -> dict[str, int]:
        """How often each step of what is shared was taken, by its name."""
        return {name: one.times for name, one in self.step_counts.items()}

    @property
    def phase(self) -> Phase:
        """The phase of the cycle."""
        return self.collector.phase

    @property
    def cycle(self) -> int:
        """The number of cycles that have begun."""
        return self.collector.cycle

    @property
    def sweepdone(self) -> bool:
        """Whether somebody has found nothing left to sweep."""
        return self.collector.sweepdone

    @property
    def procs(self) -> int:
        """The number of Ps that there are to be."""
        return self.allp.count

    @property
    def sweepgen(self) -> U32:
        """The heap's sweepgen."""
        return self.sharing.sweepgen

    @property
    def swept(self) -> SweepBuffer:
        """The stack of spans that are swept."""
        return self.buffers[swept_buffer(self.sweepgen)]

    @property
    def unswept(self) -> SweepBuffer:
        """The stack of spans that were in use when the cycle began."""
        return self.buffers[1 - swept_buffer(self.sweepgen)]

    def shared(self, span: int) -> SharedSpan:
        """Return what threads share of a descriptor."""
        known = self.tables.spans.records.get(span_id(span))
        return UNUSED if known is None else known

    def generation(self, span: int) -> U32:
        """Return the sweepgen of a descriptor, in use or not."""
        return self.shared(span).sweepgen

    def marked_span(self, span: int) -> MarkedSpan:
        """Return a span in use as the marker sees it."""
        return MarkedSpan(self.spans[span], self.page_marks.get(span, NEVER_MARKED))

    def flush_gen(self, mcache: int) -> U32:
        """Return the cycle in which an mcache was last flushed."""
        return self.tables.procs[ProcId(mcache)].flush_gen

    def cached(self, mcache: int, spanclass: int) -> int:
        """Return the span that an mcache has for a class, or NOBODY."""
        slot = self.slots.get(slot_id(mcache, spanclass))
        return NOBODY if slot is None else slot.span - 1

    def cached_spans(self, mcache: int) -> dict[int, int]:
        """Return the spans that an mcache has, by span class, in the order of the classes."""
        held = [
            (slot.spanclass, slot.span - 1)
            for slot in self.slots.values()
            if slot.proc == mcache and slot.span != NO_SPAN
        ]
        return dict(sorted(held))

    def thread_of(self, actor: Actor, mcache: int = NOBODY) -> ThreadId:
        """Return the thread that acts, for the mcache of its P or another."""
        # A thread without a P works with the mcache that the first thread had.
        if mcache == NOBODY:
            mcache = self.mcache_of.get(actor.p, BOOT_MCACHE)
        return self.inputs.stand_in(thread_id(actor.thread, mcache))
