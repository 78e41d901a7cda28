"""What a campaign is about: one span, a whole heap, or several Ps of it at once."""

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple

from spanproof.fuzz.heapsides import SideFactory
from spanproof.fuzz.levels.beginnings import AgeingAllocator
from spanproof.fuzz.levels.contract import LACKS
from spanproof.fuzz.levels.lacking import NEVER, without
from spanproof.fuzz.levels.remote import Answerer
from spanproof.fuzz.levels.sizes import SizesFactory, run_sizes, sizes_program
from spanproof.fuzz.lockstep.divergence import ProgramT, Run, StepHeard
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program, run_heap_program_quickly
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.choices import Choices
from spanproof.fuzz.programs.contractprogram import ContractProgram, contract_program, drawn
from spanproof.fuzz.programs.heapgrammar import heap_program
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.schedulegrammar import scheduled_program
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanproof.fuzz.programs.spangrammar import span_program
from spanproof.fuzz.sides.factories import AnyStart
from spanproof.fuzz.subjects import SubjectFactory
from spanproof.protocol.messages import Greeting

MUST_EXERCISE = (
    "fast allocations",
    "slow allocations",
    "full allocations",
    "sweeps",
    "freed slots",
)
"""What a campaign must have met at least once; otherwise it says nothing."""

SCHEDULE_MUST_EXERCISE = ("m", "ro", "po", "sc", "se", "ct", "hf", "switches")
"""The same for several Ps at once; switches are made in the middle of an operation."""

HEAP_MUST_EXERCISE = ("m", "t", "rn", "ha", "se", "sg", "refusals")
"""The same for whole heaps: kinds of events, by their names in a trace, and refusals."""

SIZES_MUST_EXERCISE = ("small", "large")
CONTRACT_MUST_EXERCISE = ("malloc", "realloc", "free", "show")
"""The same for size classes, and for anything that is a malloc."""

Attempt = Callable[[ProgramT, StepHeard, bool], Run]
"""Runs a program, and tells of each step when it begins; exactly, where that is asked for."""


class Target(NamedTuple, Generic[ProgramT]):
    """What a campaign is about: its programs, how one is run, and what must be exercised.

    Programs are of a `kind`. They are drawn from the `grammar`, and with `guided` made of those
    that have shown something new. `prepare` is called once in each process, with a way to tell of a
    program that is under way. `beginnings` are the programs that may fail as one has failed, in
    processes of their own, for what does not forget the programs before.
    """

    kind: type[ProgramT]
    grammar: Callable[[Choices], ProgramT]
    attempt: Attempt[ProgramT]
    must_exercise: tuple[str, ...]
    prepare: Callable[[Callable[[AnyStart], None]], None] | None = None
    guided: bool = True
    beginnings: Callable[[ProgramT], Iterator[ProgramT]] | None = None


def of_span(factory: SubjectFactory) -> Target[Program]:
    """Return the target that one span is."""

    def attempt(program: Program, on_step: StepHeard, _: bool) -> Run:
        return run_program(program, factory, on_step)

    return Target(Program, span_program, attempt, MUST_EXERCISE)


def of_heap(factory: SideFactory) -> Target[HeapProgram]:
    """Return the target that a whole heap is."""
    return Target(HeapProgram, heap_program, heap_attempt(factory), HEAP_MUST_EXERCISE)


def of_schedules(factory: SideFactory) -> Target[HeapProgram]:
    """Return the target that a heap is on which several Ps act at once.

    Its programs are all fresh ones: what has to meet depends on how a program was built up, so a
    changed one finds fewer races in a call, as measured (docs/fuzzing.md).
    """
    attempt = heap_attempt(factory)
    schedules = Target(HeapProgram, scheduled_program, attempt, SCHEDULE_MUST_EXERCISE)
    return schedules._replace(guided=False)


def of_sizes(factory: SizesFactory) -> Target[SizesProgram]:
    """Return the target that size classes are."""

    def attempt(program: SizesProgram, on_step: StepHeard, _: bool) -> Run:
        return run_sizes(program, factory, on_step)

    return Target(SizesProgram, sizes_program, attempt, SIZES_MUST_EXERCISE)


def of_contract(answerer: Answerer) -> Target[ContractProgram]:
    """Return the target that anything is that is a malloc."""
    ageing = AgeingAllocator(answerer)
    return Target(
        ContractProgram,
        contract_program,
        ageing.attempt,
        CONTRACT_MUST_EXERCISE,
        beginnings=ageing.beginnings,
    )


def of_long_contracts(answerer: Answerer, steps: int, threads: int) -> Target[ContractProgram]:
    """Return the same for long programs, on so many threads at once."""

    def draw(choices: Choices) -> ContractProgram:
        return drawn(f"{choices.below(1 << 64)}", steps, threads)

    return of_contract(answerer)._replace(grammar=draw, guided=False)


def heap_attempt(factory: SideFactory) -> Attempt[HeapProgram]:
    """Return what runs programs of heaps, made by a factory."""

    def attempt(program: HeapProgram, on_step: StepHeard, exact: bool) -> Run:
        run = run_heap_program if exact else run_heap_program_quickly
        return run(program, factory, on_step)

    return attempt


def within(target: Target[HeapProgram], greeted: Callable[[], Greeting]) -> Target[HeapProgram]:
    """Return a target whose programs ask for nothing that a heap lacks, as it says once asked."""

    def draw(choices: Choices) -> HeapProgram:
        return without(target.grammar(choices), greeted())

    def attempt(program: HeapProgram, on_step: StepHeard, exact: bool) -> Run:
        # One that was kept for another heap may ask for more.
        run = target.attempt(without(program, greeted()), on_step, exact)
        for lack in greeted().lacks:
            run.exercised.update(f"{LACKS}{one}" for one in NEVER.get(lack, ()))
        return run

    return target._replace(grammar=draw, attempt=attempt)
