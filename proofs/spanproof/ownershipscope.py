"""The ownership protocol with few spans, cache slots and sweepers, ready to be searched.

Guards and transitions are the functions of `spanspec.ownership`, or those of a variant. Two views
make the search finite. `everything` of `boundedsearch` needs a bound on the number of cycles.
`essentials` needs none: it reads generations relative to the heap's, and forgets what no guard
depends on, which are the witnesses of the invariant and the generation of a free span. So it must
not be used on a variant that lets such a thing matter.
"""

import importlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import permutations, product
from typing import Final, NamedTuple, TypeAlias, TypeVar, cast

from spanproof.boundedsearch import Action
from spanproof.symbolic.sources import SourceTree, execute
from spanspec.ownership import (
    NO_SPAN,
    CacheSlot,
    OwnedSpan,
    Ownership,
    Sweeper,
    slot_is_owner,
    span_is_owned,
    sweeper_is_owner,
)
from spanspec.protocol.finite import Finite
from spanspec.tables import SlotId, SpanId, SweeperId
from spanspec.words import M32, U32

Key = TypeVar("Key", bound=int)
Value = TypeVar("Value")

BEFORE_THE_WRAP: Final = 0xFFFF_FFFC
"""The second last sweepgen before the wrap-around at 2**32."""

PROTOCOL: Final = "spanspec.ownership"

Essentials: TypeAlias = tuple[tuple[int, ...], tuple[tuple[int, bool], ...], tuple[int, ...]]
"""Of each span its generation relative to the heap's, or FREE; of each slot its span and whether
its P has flushed; of each sweeper its span."""

FREE: Final = -1
"""Stands for the generation of a span that is not in use; real ones are not negative."""


class Scope(NamedTuple):
    """How many spans, cache slots and sweepers there are."""

    spans: int
    slots: int
    sweepers: int


def at_rest(scope: Scope, sweepgen: U32 = BEFORE_THE_WRAP) -> Ownership:
    """Return the system in which no span is in use and every P has flushed."""
    nothing = OwnedSpan(False, 0, SlotId(0), SweeperId(0), 0)
    return Ownership(
        sweepgen,
        _table(SpanId, nothing, scope.spans + 1),
        _table(SlotId, CacheSlot(NO_SPAN, sweepgen), scope.slots),
        _table(SweeperId, Sweeper(NO_SPAN), scope.sweepers),
    )


def _table(kind: Callable[[int], Key], record: Value, number: int) -> Finite[Key, Value]:
    """Return a table in which so many identities have the same record."""
    return Finite(tuple(map(kind, range(number))), (record,) * number)


def actions_of(
    scope: Scope,
    *,
    cycles: int | None = None,
    start: U32 = BEFORE_THE_WRAP,
    sources: SourceTree | None = None,
) -> list[Action[Ownership]]:
    """Return the transitions of the protocol for all identities in scope.

    `cycles` bounds how often a cycle may begin after sweepgen `start`; `sources` gives the
    functions of a variant instead of the installed ones.
    """
    functions = _functions(sources)
    spans, slots, sweepers = range(1, scope.spans + 1), range(scope.slots), range(scope.sweepers)

    def guard(name: str) -> Callable[..., bool]:
        return cast(Callable[..., bool], functions[name])

    def step(name: str) -> Callable[..., Ownership]:
        return cast(Callable[..., Ownership], functions[name])

    def action(name: str, may: str, does: str, *chosen: range) -> Action[Ownership]:
        return Action(name, list(product(*chosen)), guard(may), step(does))

    may_start, may_publish = guard("all_swept"), guard("may_publish")
    last = None if cycles is None else (start + 2 * cycles) & M32
    return [
        action("allocate", "may_allocate", "allocate_span", spans),
        action("cache", "may_cache", "cache_span", slots, spans),
        action("retire", "may_retire", "retire_span", slots),
        action("uncache", "may_uncache", "uncache_span", slots, sweepers),
        action("flush", "may_flush", "flush_slot", slots),
        action("claim", "may_claim", "claim_span", spans, sweepers),
        Action(
            "publish",
            list(product(sweepers, (0, 1))),
            lambda state, sweeper, dead: may_publish(state, sweeper),
            step("publish_span"),
        ),
        Action(
            "start_sweep_phase",
            [()],
            lambda state: state.sweepgen != last and may_start(state),
            step("start_sweep_phase"),
        ),
    ]


def _functions(sources: SourceTree | None) -> Mapping[str, object]:
    """Return the functions of the protocol, by name, as installed or as a variant has them."""
    if sources is None:
        return importlib.import_module(PROTOCOL).__dict__
    protocol = sources.module(PROTOCOL)
    # Executed anew, as the functions must find the changed ones among their own globals.
    namespace = execute(PROTOCOL, protocol.path, protocol.text)
    for name in protocol.imported:
        namespace[name] = sources.lookup(PROTOCOL, name)
    return namespace


def ownership_breach(state: Ownership) -> str | None:
    """Say which part of the inductive invariant does not hold, if any.

    Rules: SWP-2 SWP-5 MC-13 CONC-5.
    """
    if state.sweepgen % 2:
        return f"the heap's sweepgen {state.sweepgen} is odd"
    for span in state.spans:
        if not span_is_owned(state, span):
            return f"span {span} has no legal owner: {state.spans[span]}"
    for slot in state.slots:
        if not slot_is_owner(state, slot):
            return f"cache slot {slot} does not own its span: {state.slots[slot]}"
    for sweeper in state.sweepers:
        if not sweeper_is_owner(state, sweeper):
            return f"sweeper {sweeper} does not own its span: {state.sweepers[sweeper]}"
    return None


def essentials(state: Ownership) -> Essentials:
    """Tell states apart by what guards depend on."""
    sg, spans = state.sweepgen, state.spans
    return (
        tuple([(spans[s].sweepgen - sg) & M32 if spans[s].in_use else FREE for s in spans]),
        tuple([(state.slots[t].span, state.slots[t].flush_gen == sg) for t in state.slots]),
        tuple([state.sweepers[w].span for w in state.sweepers]),
    )


def up_to_names(state: Ownership) -> Hashable:
    """Tell states apart by their essentials, whichever spans, slots and sweepers play which part.

    Returns the least of the views that renaming gives: so many states fewer are visited, but each
    costs up to as many renamings as there are orders of the spans.
    """
    gens, slots, sweepers = essentials(state)
    return min(
        (
            tuple(gens[span] for span in order),
            tuple(sorted((renamed[span], flushed) for span, flushed in slots)),
            tuple(sorted(renamed[span] for span in sweepers)),
        )
        for order, renamed in _renamings(gens)
    )


def _renamings(gens: tuple[int, ...]) -> Iterator[tuple[list[int], dict[int, int]]]:
    """Yield the orders of the spans in which their generations ascend, and the new names."""
    groups: dict[int, list[int]] = {}
    for span in range(1, len(gens)):
        groups.setdefault(gens[span], []).append(span)
    ascending = [permutations(groups[gen]) for gen in sorted(groups)]
    for parts in product(*ascending):
        order = [span for part in parts for span in part]
        yield order, {int(NO_SPAN): 0} | {span: place for place, span in enumerate(order, 1)}
