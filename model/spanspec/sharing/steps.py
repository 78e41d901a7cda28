"""All steps of the protocol in one table, for those who run, search or prove."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from spanspec.base.ids import ClassId, ProcId, SlotId, SpanId, ThreadId
from spanspec.sharing import caching, cycle, sweeping
from spanspec.sharing.records import NO_SPAN, Sharing


class Step(NamedTuple):
    """A step: its guard and its effect, both functions of a system and the chosen identities."""

    name: str
    may: Callable[..., bool]
    take: Callable[..., Sharing]

    @property
    def chosen(self) -> dict[str, object]:
        """What is chosen for the step: its parameters after the state, and the type of each."""
        names = list(self.take.__annotations__.items())[1:-1]
        return dict(names)


def _step(may: Callable[..., bool], take: Callable[..., Sharing]) -> Step:
    return Step(take.__name__.replace("_", "-"), may, take)


STEPS: Final = (
    _step(sweeping.may_pop, sweeping.pop),
    _step(sweeping.may_look, sweeping.look),
    _step(sweeping.may_drop, sweeping.drop),
    _step(sweeping.may_compare_and_swap, sweeping.compare_and_swap),
    _step(sweeping.may_claim_directly, sweeping.claim_directly),
    _step(sweeping.may_examine, sweeping.examine),
    _step(sweeping.may_relist, sweeping.relist),
    _step(sweeping.may_publish, sweeping.publish),
    _step(sweeping.may_push, sweeping.push),
    _step(sweeping.may_publish_dead, sweeping.publish_dead),
    _step(sweeping.may_free, sweeping.free),
    _step(caching.may_claim_listed, caching.claim_listed),
    _step(caching.may_move_claimed, caching.move_claimed),
    _step(caching.may_take_listed, caching.take_listed),
    _step(caching.may_check_room, caching.check_room),
    _step(caching.may_grow, caching.grow),
    _step(caching.may_use, caching.use),
    _step(caching.may_list_grown, caching.list_grown),
    _step(caching.may_install, caching.install),
    _step(caching.may_allocate, caching.allocate),
    _step(caching.may_retire, caching.retire),
    _step(caching.may_uncache, caching.uncache),
    _step(caching.may_move_uncached, caching.move_uncached),
    _step(caching.may_flush, caching.flush),
    _step(cycle.may_start_cycle, cycle.start_cycle),
)
"""Every step; the parameters after the state are chosen by their annotations."""

Choice = int | bool
"""An identity, or the outcome of something that the protocol leaves open."""


class Taken(NamedTuple):
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
        ClassId: sorted({state.slots[slot].spanclass for slot in state.slots}),
        bool: [False, True],
    }
    yield from product(*(pools[kind] for kind in step.chosen.values()))


def enabled(state: Sharing) -> Iterator[Taken]:
    """Yield every step that is possible in a system of finitely many identities.

    Raises: AssertionError if a step runs into a fatal check of the runtime.
    """
    for step in STEPS:
        for chosen in choices_for(step, state):
            if step.may(state, *chosen):
                yield Taken(step, chosen, step.take(state, *chosen))
