"""Vectors of whole heaps: programs with the replies, events and states that they must have."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, cast

from spanproof.fuzz.campaigns.campaign import run_target
from spanproof.fuzz.differences.differences import (
    Difference,
    Refused,
    compare_events,
    compare_states,
)
from spanproof.fuzz.engine.target import of_heap
from spanproof.fuzz.heapsides import SideFactory
from spanproof.fuzz.levels.answeringheap import AnsweringHeap
from spanproof.fuzz.levels.recorded import Exchange, line_of
from spanproof.fuzz.levels.remote import refusal_of
from spanproof.fuzz.levels.remoteheap import RemoteHeaps
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program_quickly
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.reasons import are_alike
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.mutation.vectors.variants import ModelVariant
from spanproof.protocol.messages import HeapCall, HeapShown, Reply, Request, Returned
from spanproof.protocol.messages import Refused as Declines
from spanproof.support.processes.timelimit import WALL, limited

CALLS: Final = 200_000
"""Calls in which a program is looked for that a variant goes wrong on."""

SHRINK: Final = 4.0
"""Seconds in which it is made smaller."""

LIMIT: Final = 10.0
"""Seconds after which a variant is taken not to end on a vector."""

ALONE: Final = {"set_gc_percent", "finish_paced"}
"""Calls that not every heap has, and without which the rest of a vector is another."""


class HeapVector(NamedTuple):
    """A program, the rules that it is about, the variants that it finds, and what is exchanged."""

    program: HeapProgram
    rules: tuple[str, ...]
    finds: tuple[str, ...]
    exchange: Exchange


class ChosenHeaps(NamedTuple):
    """The vectors, the shortest first, and the variants that none of them finds."""

    vectors: list[HeapVector]
    left: list[str]


class TakesTooLong(BaseException):
    """A variant has not ended."""


def exchange_of(program: HeapProgram) -> Exchange:
    """Return what the model is asked by a program, and says; its state after each step."""
    answering = AnsweringHeap(ModelHeap)
    run = run_heap_program_quickly(program, RemoteHeaps(answering))
    assert run.divergence is None, run.divergence
    return answering.exchange


def is_wrong(make: SideFactory, exchange: Exchange) -> bool:
    """Tell whether a heap replies otherwise than the model; whatever it does is a reply."""
    answering = AnsweringHeap(make)
    try:
        with limited(LIMIT, WALL, TakesTooLong):
            for ask, wanted in exchange:
                try:
                    seen = answering.ask(cast("Request", ask), type(wanted))
                except Refused as problem:
                    seen = refusal_of(problem)
                except AssertionError:  # it does not refuse
                    return True
                compare(wanted, seen)
    except (Exception, TakesTooLong):
        return True
    return False


def compare(wanted: Reply, seen: Reply) -> None:
    """Compare two replies to the same request.

    Raises: Difference.
    """
    match wanted, seen:
        case HeapShown(), HeapShown():
            compare_states(wanted.state, seen.state)
        case Returned(), Returned():
            if (wanted.result, wanted.no_memory) != (seen.result, seen.no_memory):
                raise Difference("the result", wanted.result, seen.result)
            compare_events(wanted.events, seen.events)
        case Declines(), Declines():
            if not are_alike(wanted.reason, seen.reason):
                raise Difference("the reason", wanted.reason, seen.reason)
            compare_events(wanted.events, seen.events)
        case _:
            if type(wanted) is not type(seen):
                raise Difference("the reply", type(wanted).__name__, type(seen).__name__)


def choose_heaps(
    variants: Iterable[ModelVariant], hear: Callable[[str], None] = lambda name: None
) -> ChosenHeaps:
    """Return vectors that find the wrong variants of a heap; `hear` is told of each.

    Raises: KeyboardInterrupt, also where it came in a campaign, which returns what it has by then.
    """
    found: list[tuple[HeapProgram, Divergence, Exchange, list[str]]] = []
    left: list[str] = []
    for variant in variants:
        hear(variant.name)
        make: SideFactory = variant.make()  # type: ignore[assignment]
        names = next((names for _, _, said, names in found if is_wrong(make, said)), None)
        if names is not None:
            names.append(variant.name)
            continue
        result = run_target(of_heap(make), calls=CALLS, shrink=SHRINK)
        if result.interrupted:
            raise KeyboardInterrupt
        told = result.divergence
        if told is None or not isinstance(told.program, HeapProgram):
            left.append(variant.name)
            continue
        exchange = exchange_of(told.program)
        if is_wrong(make, exchange):
            found.append((told.program, told, exchange, [variant.name]))
        else:
            left.append(variant.name)
    vectors = [
        HeapVector(program, told.rules, tuple(names), exchange)
        for program, told, exchange, names in found
    ]
    return ChosenHeaps(sorted(vectors, key=lambda one: len(one.exchange)), left)


def heap_lines(vectors: Iterable[HeapVector]) -> Iterator[bytes]:
    """Yield the lines of the file of heaps."""
    for one in vectors:
        calls = {ask.call for ask, _ in one.exchange if isinstance(ask, HeapCall)}
        needs = sorted(ALONE & calls)
        yield line_of(one.exchange, level="heap", rules=one.rules, finds=one.finds, needs=needs)
