"""What a campaign is about: one span, a whole heap, or several Ps of it at once."""

from collections.abc import Callable
from typing import Generic, NamedTuple

from hypothesis.strategies import SearchStrategy

from spanproof.fuzz.divergence import ProgramT, Run, StepHeard
from spanproof.fuzz.factories import AnyStart
from spanproof.fuzz.heaplockstep import run_heap_program
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import SideFactory
from spanproof.fuzz.heapstrategies import heap_programs
from spanproof.fuzz.levels.contractprogram import ContractProgram, contract_programs, drawn
from spanproof.fuzz.levels.contractruns import attempt_on
from spanproof.fuzz.levels.remote import Answerer
from spanproof.fuzz.levels.sizes import SizesFactory, run_sizes, sizes_programs
from spanproof.fuzz.levels.sizesprogram import SizesProgram
from spanproof.fuzz.lockstep import run_program
from spanproof.fuzz.program import Program
from spanproof.fuzz.schedules import scheduled_programs
from spanproof.fuzz.strategies import programs
from spanproof.fuzz.subjects import SubjectFactory

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

BATCH = 200
HEAP_BATCH = 25
"""Programs that Hypothesis generates at a time; those of heaps take longer."""


class Target(NamedTuple, Generic[ProgramT]):
    """What a campaign is about: its programs, how one is run, and what must be exercised.

    An attempt tells of each step of its program when it begins.
    `batch` programs are generated at a time. Hypothesis `shrinks` what diverges, before each step
    that is not needed is left out; where a program takes long, that alone has to do. `prepare` is
    called once in each process, with a way to tell of a program that is under way. Where programs
    are many and long, they are `drawn` from a seed, and `programs` is not used.
    """

    programs: SearchStrategy[ProgramT]
    attempt: Callable[[ProgramT, StepHeard], Run]
    must_exercise: tuple[str, ...]
    batch: int = BATCH
    shrinks: bool = True
    prepare: Callable[[Callable[[AnyStart], None]], None] | None = None
    drawn: Callable[[str], ProgramT] | None = None


def of_span(factory: SubjectFactory) -> Target[Program]:
    """Return the target that one span is."""

    def attempt(program: Program, on_step: StepHeard) -> Run:
        return run_program(program, factory, on_step)

    return Target(programs(), attempt, MUST_EXERCISE)


def of_heap(factory: SideFactory) -> Target[HeapProgram]:
    """Return the target that a whole heap is."""
    return Target(heap_programs(), heap_attempt(factory), HEAP_MUST_EXERCISE, HEAP_BATCH)


def of_schedules(factory: SideFactory) -> Target[HeapProgram]:
    """Return the target that a heap is on which several Ps act at once."""
    return Target(
        scheduled_programs(), heap_attempt(factory), SCHEDULE_MUST_EXERCISE, HEAP_BATCH, False
    )


def of_sizes(factory: SizesFactory) -> Target[SizesProgram]:
    """Return the target that size classes are."""

    def attempt(program: SizesProgram, on_step: StepHeard) -> Run:
        return run_sizes(program, factory, on_step)

    return Target(sizes_programs(), attempt, SIZES_MUST_EXERCISE)


def of_contract(answerer: Answerer) -> Target[ContractProgram]:
    """Return the target that anything is that is a malloc."""
    return Target(contract_programs(), attempt_on(answerer), CONTRACT_MUST_EXERCISE)


def of_long_contracts(answerer: Answerer, steps: int, threads: int) -> Target[ContractProgram]:
    """Return the same for long programs, on so many threads at once."""

    def draw(seed: str) -> ContractProgram:
        return drawn(seed, steps, threads)

    return of_contract(answerer)._replace(drawn=draw)


def heap_attempt(factory: SideFactory) -> Callable[[HeapProgram, StepHeard], Run]:
    """Return what runs programs of heaps, made by a factory."""

    def attempt(program: HeapProgram, on_step: StepHeard) -> Run:
        return run_heap_program(program, factory, on_step)

    return attempt
