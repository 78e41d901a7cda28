"""What is fuzzed, by the way in which it was plugged in."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from spanproof.doors.calling import called_of
from spanproof.fuzz.campaigns.campaign import CampaignResult, run_once, run_target
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.engine.target import (
    Target,
    of_contract,
    of_heap,
    of_long_contracts,
    of_schedules,
    of_sizes,
    of_span,
    within,
)
from spanproof.fuzz.heapsides import Side
from spanproof.fuzz.isolation.apart import apart
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.levels.remote import Answerer, RemoteSizes, RemoteSpans
from spanproof.fuzz.levels.remoteheap import RemoteHeaps
from spanproof.fuzz.levels.sizes import SizeClasses
from spanproof.fuzz.lockstep.divergence import AnyProgram, Divergence
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.contractprogram import ContractProgram
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanproof.fuzz.sides import spanalloc_subject, spanallocheap
from spanproof.fuzz.sides.factories import ByName, Scope, WrongFactory
from spanproof.fuzz.subjects import Subject
from spanproof.protocol.faults import Broken, CannotStart
from spanproof.protocol.messages import Greeting

SHARE: Final = 0.8
"""The part of a program's limit that a process has to say who it is."""

Campaigner = Callable[..., CampaignResult]
"""Runs a campaign; takes what `run_target` takes beside the target."""


class Long(NamedTuple):
    """Programs of so many steps, on so many threads at once."""

    steps: int
    threads: int = 1


def campaign_of(found_with: FoundWith, long: Long | None = None) -> Campaigner:
    """Return the campaign on what is plugged in; `long` programs are for the contract only.

    Raises: CannotStart, WrongFactory if it cannot be used.
    """
    match found_with.of:
        case Scope.SPAN:
            return partial(run_target, span_target(found_with))
        case Scope.SIZES:
            return partial(run_target, sizes_target(found_with))
        case Scope.CONTRACT:
            return partial(run_target, contract_target(found_with, long))
        case _:
            return partial(run_target, heap_target(found_with))


def run_again(program: AnyProgram, found_with: FoundWith, limits: Limits) -> Divergence | None:
    """Run a program with what it was found with, in a process of its own.

    Raises: CannotStart, WrongFactory if the implementation cannot be used.
    """
    match program:
        case Program():
            return run_once(span_target(found_with), program, limits)
        case SizesProgram():
            return run_once(sizes_target(found_with), program, limits)
        case ContractProgram():
            return run_once(contract_target(found_with, None), program, limits)
        case HeapProgram():
            return run_once(heap_target(found_with), program, limits)


def answerer_of(found_with: FoundWith) -> Answerer:
    """Return what answers behind a door.

    Raises: CannotStart if there is no such command or file.
    """
    called = called_of(found_with.door, found_with.command, found_with.folder)
    return Answerer(called, found_with.of.value, SHARE * found_with.limit)


def greeting_of(found_with: FoundWith) -> Greeting:
    """Return what an implementation says of itself.

    Raises: CannotStart if it cannot be started, or says nothing usable.
    """
    answerer = answerer_of(found_with)

    def greeted() -> Greeting:
        try:
            return answerer.greeted()
        finally:
            answerer.close()

    try:
        return apart(greeted, Greeting, Limits(found_with.limit), (CannotStart, Broken))
    except Broken as problem:
        raise CannotStart(str(problem)) from None
    except OSError as problem:
        raise CannotStart(problem.strerror or str(problem)) from None


def span_target(found_with: FoundWith) -> Target[Program]:
    """Return the target that spans are."""
    if found_with.door:
        answerer = answerer_of(found_with)
        return of_span(RemoteSpans(answerer))._replace(prepare=answerer.prepare)
    if not found_with.python:
        return of_span(spanalloc_subject.installed)
    factory: ByName[Program, Subject] = ByName(found_with.python, found_with.folder, Scope.SPAN)
    return of_span(factory)._replace(prepare=factory.prepare)


def sizes_target(found_with: FoundWith) -> Target[SizesProgram]:
    """Return the target that size classes are."""
    if found_with.door:
        answerer = answerer_of(found_with)
        return of_sizes(RemoteSizes(answerer))._replace(prepare=answerer.prepare)
    if not found_with.python:
        raise WrongFactory("size classes are asked of --exec, --lib or --python")
    factory: ByName[SizesProgram, SizeClasses] = ByName(
        found_with.python, found_with.folder, Scope.SIZES
    )
    return of_sizes(factory)._replace(prepare=factory.prepare)


def contract_target(found_with: FoundWith, long: Long | None) -> Target[ContractProgram]:
    """Return the target that a malloc is."""
    if not found_with.door:
        raise WrongFactory("the contract is asked of --exec, --lib or --malloc")
    answerer = answerer_of(found_with)
    answerer.threads = 1 if long is None else long.threads
    target = of_contract(answerer) if long is None else of_long_contracts(answerer, *long)
    return target._replace(prepare=answerer.prepare)


def heap_target(found_with: FoundWith) -> Target[HeapProgram]:
    """Return the target that heaps are."""
    target = of_schedules if found_with.of is Scope.SCHEDULE else of_heap
    if found_with.door:
        answerer = answerer_of(found_with)
        made = within(target(RemoteHeaps(answerer)), answerer.greeted)
        return made._replace(prepare=answerer.prepare)
    if not found_with.python:
        return target(spanallocheap.installed)
    factory: ByName[HeapProgram, Side] = ByName(found_with.python, found_with.folder, found_with.of)
    return target(factory)._replace(prepare=factory.prepare)
