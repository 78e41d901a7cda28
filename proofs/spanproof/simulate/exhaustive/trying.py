"""Every program of a few operations on a small heap: what a course does is tried, not sampled.

A setting is a heap, what was done to it before, and a few operations. Each sequence of them, up to
a length, is a program; one that leads to a state that was reached before is not gone on with. What
judges a state keeps books of its own, and each operation has to do what it promises.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from spanproof.prove.exploration import Ran
from spanproof.simulate.judging import ProgramObjects, growth_of
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import NOBODY
from spanspec.base.sizeclass import CLASS_TO_SIZE
from spanspec.events import heap_events as hev
from spanspec.events.fields import EventBase
from spanspec.heap.heap import ZERO_BASE, Heap, OutOfMemory, Refused
from spanspec.heap.memstats import live_by_spans, read_memstats
from spanspec.heap.program import AnyInput
from spanspec.heap.snapshot import snapshot_of
from spanspec.invariants import violations
from spanspec.pages.memory.arena import GrantingOs, Os
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.pageheap import page_address
from spanspec.pages.tables.runs import AMD64, PhysicalPages
from spanspec.span.mspan import Mspan
from spanspec.span.sweepgen import needs_sweep

MOST_STATES: Final = 50_000
"""States after which nothing more is tried, and the answer is that it was not tried to the end."""


class NotNow(Exception):
    """An operation that cannot be done in this state: it is no program."""


class Wrong(Exception):
    """What was done is not what was promised; the message says what."""


def promise(condition: bool, otherwise: str) -> None:
    """Require what an operation promises.

    Raises: Wrong.
    """
    if not condition:
        raise Wrong(otherwise)


class Player:
    """Plays programs on a heap of its own, and keeps the program's books."""

    def __init__(
        self, procs: int = 1, os: Os | None = None, phys: PhysicalPages = AMD64, sweepgen: int = 0
    ) -> None:
        self.told: list[EventBase] = []
        self.met: Counter[str] = Counter()
        self.live_bytes = 0
        self.os = FollowedOs(GrantingOs() if os is None else os)
        self.heap = Heap(procs, self.os, phys, self._note, sweepgen)
        self.state = self.heap.state
        self.objects = ProgramObjects()
        self.order: list[int] = []
        self.manual: list[int] = []
        self.born: set[int] = set()
        self.marked: set[int] = set()

    def _note(self, event: EventBase) -> None:
        self.told.append(event)
        self.met[type(event).__name__] += 1
        self.live_bytes += growth_of(event)

    def ask(self, request: AnyInput) -> int | None:
        """Take a step of the heap; without memory the answer is None."""
        self.told.clear()
        try:
            return self.heap.step(request).result
        except OutOfMemory:
            self.met["OutOfMemory"] += 1
            return None
        except Refused as refused:
            raise NotNow(str(refused)) from None

    def span_at(self, address: int) -> Mspan:
        """Return the record of the span that has an address."""
        return self.state.spans[self.heap.span_of(address)]

    def key(self) -> tuple[object, ...]:
        """Return what the coming operations hang on."""
        return snapshot_of(self.state), tuple(self.order), tuple(self.manual)

    # --- what is wrong ----------------------------------------------------------------------------

    def judge(self) -> None:
        """Hold the state against the invariants and the books.

        Raises: Wrong.
        """
        for problem in violations(self.state):
            raise Wrong(f"{problem.invariant}: {problem.what}")
        for address in self.objects.sizes:
            held = self.heap.is_allocated(address)
            promise(held, f"I-38: the object at {address:#x} was freed while in use")
        live = self.state.accounts.heap_live
        promise(live == self.live_bytes, f"CEN-10: heap_live is {live}, not {self.live_bytes}")
        free = len(self.state.pages.free.in_order())
        nodes = len(self.state.pages.treap_nodes)
        promise(nodes == free, f"HEAP-4: {nodes} nodes for {free} free runs")
        kinds = Counter(it.kind for its in self.state.specials.values() for it in its)
        for kind, records in self.state.special_records.items():
            count = len(records)
            promise(count == kinds[kind], f"HEAP-4: {count} special records, not {kinds[kind]}")
        for address, size in self.os.outstanding.items():
            raise Wrong(f"AR-4: {size} bytes at {address:#x} are reserved and not used")
        for event in self.told:
            if isinstance(event, hev.SpanInUse | hev.SpanManual):
                address, size = page_address(event.base_page), event.npages * PAGE_SIZE
                ready = self.os.is_usable(self.state.pages.phys, address, size)
                promise(ready, f"OS-1: {address:#x} is in use and not ready")
        if not any(map(self.state.cached_spans, self.state.mcaches)):
            stats = read_memstats(self.state)
            counted, there = (stats.heap_objects, stats.alloc), live_by_spans(self.state)
            promise(counted == there, f"HEAP-39: counted are {counted}, there are {there}")


Operation = tuple[str, Callable[[Player], None]]
"""What can be done: its name, and how; it raises NotNow where it cannot, and Wrong."""


class Setting(NamedTuple):
    """A small system: a heap, what is done to it first, and what then may be done in any order."""

    name: str
    start: Callable[[], Player]
    before: tuple[Operation, ...]
    operations: tuple[Operation, ...]
    length: int


def try_all(settings: Sequence[Setting]) -> Ran:
    """Run every program of every setting, shortest first; stop where something is wrong."""
    met: Counter[str] = Counter()
    states = 0
    for setting in settings:
        seen: set[tuple[object, ...]] = set()
        waiting: list[tuple[Operation, ...]] = [()]
        for program in waiting:
            player = setting.start()
            done = [*setting.before, *program]
            try:
                for number, (name, act) in enumerate(done, 1):
                    player.told.clear()
                    act(player)
                    if number == len(done):  # what comes before it was judged as a program
                        player.judge()
                    player.met[name] += 1
            except NotNow:
                continue
            except Exception as problem:
                wrong = str(problem)
                if not isinstance(problem, Wrong):
                    wrong = f"the model raises {type(problem).__name__}: {problem}"
                how = ", then ".join(name for name, _ in done)
                return Ran(states, met, wrong, f"{setting.name}: {how}")
            states += 1
            met.update(player.met)
            if states >= MOST_STATES:
                return Ran(states, met, complete=False)
            if len(program) == setting.length:
                continue
            key = player.key()
            if key not in seen:
                seen.add(key)
                waiting.extend((*program, one) for one in setting.operations)
    return Ran(states, met)


def smallest_class(size: int) -> int:
    """Return the bytes of the smallest slot that holds so many."""
    return next(one for one in CLASS_TO_SIZE if one >= size)


def unswept(player: Player) -> list[int]:
    """Return the spans in use that nobody has swept in this cycle."""
    state = player.state
    return [span for span in state.spans if needs_sweep(state.sweepgen, state.generation(span))]


__all__ = ["NOBODY", "ZERO_BASE", "NotNow", "Operation", "Player", "Setting", "Wrong", "promise"]
