"""Model and implementation agree in lockstep, and every planted bug is found and shrunk."""

from pathlib import Path
from typing import NamedTuple, cast

import msgspec
import pytest
from hypothesis import given, settings

from spanproof.fuzz.campaigns.campaign import run
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.planted.planting import Effort, PlantedBug, package_with
from spanproof.fuzz.planted.span import PLANTED, find
from spanproof.fuzz.program import (
    Allocate,
    Flush,
    MarkEvery,
    MarkFree,
    Program,
    ProgramError,
    Refill,
    Retire,
    StartCycle,
    Step,
    Sweep,
    describe,
    load,
    save,
)
from spanproof.fuzz.sides.spanalloc_subject import SpanallocSpan, installed, spans_of_package
from spanproof.fuzz.strategies import span_programs
from spanproof.fuzz.subjects import State, SubjectFactory

INTERPRETED = spans_of_package(package_with(None))
SIDES: dict[str, SubjectFactory] = {"installed": installed, "interpreted": INTERPRETED}


@pytest.mark.parametrize("side", sorted(SIDES))
def test_a_campaign_finds_no_divergence_and_exercises_enough(side: str) -> None:
    result = run(SIDES[side], start=11, examples=1000)
    assert result.divergence is None
    assert result.missing == ()
    assert result.programs == 1000
    for what in ("wrap-arounds", "refusals", "word ends", "retirements", "flushes"):
        assert result.exercised[what] > 0, what


@settings(max_examples=300)
@given(span_programs())
def test_every_program_is_valid_and_agrees(program: Program) -> None:
    assert run_program(program, installed).divergence is None
    assert msgspec.json.decode(msgspec.json.encode(program), type=Program) == program


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_found_and_shrunk_to_eight_steps(bug: PlantedBug) -> None:
    divergence = find(bug).divergence
    assert divergence is not None
    assert isinstance(divergence.program, Program)
    assert len(divergence.program.steps) <= 8
    again = run_program(divergence.program, spans_of_package(package_with(bug))).divergence
    assert again == divergence
    assert run_program(divergence.program, installed).divergence is None


UNSHIFTED = PlantedBug(
    "a span is cached with the free slots of the whole word",
    "span.span",
    "self.alloc_cache = window(self.alloc_bits, self.freeindex)",
    "self.alloc_cache = window(self.alloc_bits, self.freeindex & ~63)",
)


def test_a_span_that_shows_no_state_is_cached_again_where_its_search_had_come_to() -> None:
    """A flush between cycles is the only way to that; and then what is kept has to show it."""
    make = spans_of_package(package_with(UNSHIFTED))

    class Hidden(SpanallocSpan):
        def state(self) -> State:
            return cast("State", None)

    def hidden(program: Program) -> SpanallocSpan:
        made = make(program)
        made.__class__ = Hidden
        return made

    for start in (1, 2, 3):
        assert run(hidden, start=start, examples=300).divergence is not None


def test_a_planted_bug_out_of_date_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"is not in spanalloc\.span\.span"):
        package_with(PLANTED[0]._replace(module="span.span"))


def test_a_campaign_is_determined_by_its_seed() -> None:
    one, two = find(PLANTED[2], Effort(5)), find(PLANTED[2], Effort(5))
    assert one.programs == two.programs
    assert one.divergence == two.divergence


def test_a_campaign_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="examples or by seconds"):
        run(installed)


class Known(NamedTuple):
    """A program whose outcome is known from the worked examples."""

    steps: tuple[Step, ...]
    fast: int
    slow: int
    full: int


# EX-4, EX-5 and EX-6 on the classes with 85, 64 and 128 slots.
EXAMPLES = {
    7: Known((Refill(), Allocate(85), Allocate(1)), 84, 1, 1),
    9: Known((Refill(), Allocate(64), Allocate(1)), 64, 0, 1),
    5: Known((Refill(), Allocate(128), Allocate(1)), 127, 1, 1),
}


@pytest.mark.parametrize("size_class", sorted(EXAMPLES))
def test_the_worked_examples_take_the_paths_they_should(size_class: int) -> None:
    known = EXAMPLES[size_class]
    outcome = run_program(Program(size_class, known.steps), installed)
    assert outcome.divergence is None
    counts = outcome.exercised
    assert (
        counts["fast allocations"],
        counts["slow allocations"],
        counts["full allocations"],
    ) == (known.fast, known.slow, known.full)


def test_a_whole_life_across_the_wrap_around() -> None:
    steps = (
        Refill(),
        Allocate(100),
        MarkEvery(3),
        MarkFree(),
        StartCycle(),
        Flush(),
        Refill(),
        Allocate(1024),
        Retire(),
        MarkEvery(2, 1),
        StartCycle(),
        Sweep(),
        Refill(),
        Allocate(7),
    )
    outcome = run_program(Program(1, steps, sweepgen=(1 << 32) - 2), installed)
    assert outcome.divergence is None
    assert outcome.exercised["steps"] == len(steps)
    assert outcome.exercised["not enabled"] == 0
    assert outcome.exercised["wrap-arounds"] == 1
    assert outcome.exercised["sweeps"] == 2
    assert outcome.exercised["freed slots"] == 66 + 512


class Crashes(SpanallocSpan):
    """A span that falls over in a sweep."""

    def flush(self, sg: int) -> None:
        raise ZeroDivisionError("by design")


class Lies(SpanallocSpan):
    """A span that misreports its count."""

    def state(self) -> State:
        return super().state()._replace(alloc_count=9)


def subject(kind: type[SpanallocSpan]) -> SubjectFactory:
    def make(program: Program) -> SpanallocSpan:
        honest = installed(program)
        return kind(honest._span, honest._error)

    return make


def test_a_crash_of_the_implementation_is_an_observation() -> None:
    program = Program(9, (Refill(), Allocate(1), StartCycle(), Flush()))
    divergence = run_program(program, subject(Crashes)).divergence
    assert divergence is not None
    assert (divergence.step, divergence.what) == (4, "flush the cache")
    assert "ZeroDivisionError: by design" in divergence.seen


def test_a_difference_before_the_first_step_is_reported_as_step_zero() -> None:
    divergence = run_program(Program(9, ()), subject(Lies)).divergence
    assert divergence is not None
    assert (divergence.step, divergence.what, divergence.expected, divergence.seen) == (
        0,
        "alloc_count",
        "0",
        "9",
    )


def test_a_program_reads_as_a_short_text() -> None:
    program = Program(7, (Refill(), Allocate(1), MarkEvery(3, 4), StartCycle(), Sweep()))
    assert describe(program) == (
        "a span of class 7 (85 slots of 96 bytes), sweepgen 0\n"
        "  1. refill the cache with the span\n"
        "  2. allocate 1 slot\n"
        "  3. mark every 3rd allocated slot, starting with number 1\n"
        "  4. start a cycle\n"
        "  5. claim the span and sweep it"
    )


def test_a_program_is_saved_and_loaded(tmp_path: Path) -> None:
    program = Program(0, (Refill(), Retire(), MarkFree(2)), True, 6, 9)
    save(program, tmp_path / "p.json")
    assert load(tmp_path / "p.json") == program


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"size_class":67,"steps":[]}', '{"size_class":1,"steps":[{"type":"x"}]}'],
)
def test_a_file_that_is_no_program_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "p.json"
    file.write_text(text)
    with pytest.raises(ProgramError, match=r"p\.json: not a saved program"):
        load(file)
    with pytest.raises(ProgramError, match="cannot be read"):
        load(tmp_path / "missing.json")
