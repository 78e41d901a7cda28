"""All steps of the protocol in one table, for those who run, search or prove."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from spanspec.base.ids import ProcId, SlotId, SpanId, ThreadId
from spanspec.base.steps import Step as StepOf
from spanspec.base.steps import step_of
from spanspec.sharing.steps import cachespan, caching, cycle, sweeping
from spanspec.sharing.tables.records import NO_SPAN, Sharing

Step = StepOf[Sharing]
"""A step of the protocol: what is chosen for it are identities."""


def _step(may: Callable[..., bool], take: Callable[..., Sharing], **chosen: object) -> Step:
    return step_of("sharing", may, take, **chosen)


POP: Final = _step(sweeping.may_pop, sweeping.pop, thread=ThreadId, span=SpanId)
LOOK: Final = _step(sweeping.may_look, sweeping.look, thread=ThreadId)
DROP: Final = _step(sweeping.may_drop, sweeping.drop, thread=ThreadId)
COMPARE_AND_SWAP: Final = _step(
    sweeping.may_compare_and_swap, sweeping.compare_and_swap, thread=ThreadId
)
CLAIM_DIRECTLY: Final = _step(
    sweeping.may_claim_directly, sweeping.claim_directly, thread=ThreadId, span=SpanId
)
EXAMINE: Final = _step(
    sweeping.may_examine, sweeping.examine, thread=ThreadId, freed=bool, dead=bool
)
RELIST: Final = _step(sweeping.may_relist, sweeping.relist, thread=ThreadId)
PUBLISH: Final = _step(sweeping.may_publish, sweeping.publish, thread=ThreadId)
PUSH: Final = _step(sweeping.may_push, sweeping.push, thread=ThreadId)
PUBLISH_DEAD: Final = _step(sweeping.may_publish_dead, sweeping.publish_dead, thread=ThreadId)
FREE: Final = _step(sweeping.may_free, sweeping.free, thread=ThreadId)
CLAIM_LISTED: Final = _step(
    cachespan.may_claim_listed, cachespan.claim_listed, thread=ThreadId, span=SpanId, slot=SlotId
)
MOVE_CLAIMED: Final = _step(cachespan.may_move_claimed, cachespan.move_claimed, thread=ThreadId)
TAKE_LISTED: Final = _step(
    cachespan.may_take_listed, cachespan.take_listed, thread=ThreadId, span=SpanId, slot=SlotId
)
CHECK_ROOM: Final = _step(cachespan.may_check_room, cachespan.check_room, thread=ThreadId)
GROW: Final = _step(
    cachespan.may_grow, cachespan.grow, thread=ThreadId, span=SpanId, slot=SlotId, large=bool
)
USE: Final = _step(cachespan.may_use, cachespan.use, thread=ThreadId)
LIST_GROWN: Final = _step(cachespan.may_list_grown, cachespan.list_grown, thread=ThreadId)
INSTALL: Final = _step(caching.may_install, caching.install, thread=ThreadId)
ALLOCATE: Final = _step(caching.may_allocate, caching.allocate, slot=SlotId, last=bool)
RETIRE: Final = _step(caching.may_retire, caching.retire, slot=SlotId)
UNCACHE: Final = _step(caching.may_uncache, caching.uncache, thread=ThreadId, slot=SlotId)
MOVE_UNCACHED: Final = _step(caching.may_move_uncached, caching.move_uncached, thread=ThreadId)
FLUSH: Final = _step(caching.may_flush, caching.flush, proc=ProcId)
START_CYCLE: Final = _step(cycle.may_start_cycle, cycle.start_cycle)

STEPS: Final = (
    POP,
    LOOK,
    DROP,
    COMPARE_AND_SWAP,
    CLAIM_DIRECTLY,
    EXAMINE,
    RELIST,
    PUBLISH,
    PUSH,
    PUBLISH_DEAD,
    FREE,
    CLAIM_LISTED,
    MOVE_CLAIMED,
    TAKE_LISTED,
    CHECK_ROOM,
    GROW,
    USE,
    LIST_GROWN,
    INSTALL,
    ALLOCATE,
    RETIRE,
    UNCACHE,
    MOVE_UNCACHED,
    FLUSH,
    START_CYCLE,
)
"""Every step; what is chosen, is so by its type."""

Choice = int | bool
"""An identity, or the outcome of something that the protocol leaves open."""


class Successor(NamedTuple):
    """A step that is possible in some system, what was chosen for it, and the system after it."""

    step: Step
    chosen: tuple[Choice, ...]
    after: Sharing


def choices_for(step: Step, state: Sharing) -> Iterator[tuple[Choice, ...]]:
    """Yield what can be chosen for a step, possible or not, in a system of few identities."""
    pools: dict[object, Sequence[Choice]] = {
        SpanId: [span for span in state.spans if span != NO_SPAN],
        SlotId: list(state.slots),
        ProcId: list(state.procs),
        ThreadId: list(state.threads),
        bool: [False, True],
    }
    yield from product(*(pools[kind] for kind in step.chosen.values()))


def enabled(state: Sharing) -> Iterator[Successor]:
    """Yield every step that is possible in a system of finitely many identities.

    Raises: AssertionError if a step runs into a fatal check of the runtime.
    """
    for step in STEPS:
        for chosen in choices_for(step, state):
            if step.may(state, *chosen):
                yield Successor(step, chosen, step.take(state, *chosen))
