"""The fuzzer's engine: programs from bytes, what is compared after a call, and what guides it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace

import msgspec
import pytest
from msgspec.structs import replace

import spanalloc
from spanproof.fuzz.differences.differences import Told, compare_events
from spanproof.fuzz.engine.guidance import FRESH, KeptPrograms, Source
from spanproof.fuzz.engine.target import of_heap, of_schedules
from spanproof.fuzz.heapsides import ShowsWhole, State, WholeEvent, WholeState
from spanproof.fuzz.lockstep.divergence import ProgramT
from spanproof.fuzz.lockstep.heaplockstep import (
    MOST_UNSEEN,
    HeapLockstep,
    run_heap_program,
    run_heap_program_quickly,
)
from spanproof.fuzz.lockstep.novelty import Feature
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.choices import Choices, FromBytes, seeded
from spanproof.fuzz.programs.heapgrammar import heap_program
from spanproof.fuzz.programs.heapprogram import (
    Answer,
    FinishCycle,
    FlushCaches,
    HeapProgram,
    Malloc,
    StartCycle,
    Step,
    Sweep,
)
from spanproof.fuzz.programs.schedulegrammar import scheduled_program
from spanproof.fuzz.programs.spangrammar import span_program
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.fuzz.sides.spanallocheap import SpanallocHeap, installed
from spanspec.heap.parts import Part, Wanted
from spanspec.invariants import violations, violations_at

GRAMMARS = (heap_program, scheduled_program, span_program)
PACKAGE = SimpleNamespace(**vars(spanalloc))


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda one: one.__name__)
def test_bytes_determine_a_program(grammar: Callable[[Choices], ProgramT]) -> None:
    for seed in range(30):
        program = grammar(FromBytes(seeded(seed)))
        assert grammar(FromBytes(seeded(seed))) == program
        text = msgspec.json.encode(program)
        assert msgspec.json.decode(text, type=Program | HeapProgram) == program
    assert len(grammar(FromBytes(b"")).steps) <= 8, "where bytes run out, a program ends soon"


def test_the_grammar_of_heaps_draws_every_step_that_is_taken_alone() -> None:
    drawn = {
        type(step) for seed in range(150) for step in heap_program(FromBytes(seeded(seed))).steps
    }
    alone = {one for one in Step.__args__ if one.__name__ != "Together"}
    assert drawn == alone


class Watched(SpanallocHeap):
    """A heap that is asked for parts, and for the whole, by name or in plain tuples."""

    parts = 0
    wholes = 0
    states = 0

    def part(self, wanted: Wanted) -> Part:
        Watched.parts += 1
        return super().part(wanted)

    def whole(self) -> WholeState:
        Watched.wholes += 1
        return super().whole()

    def state(self) -> State:
        Watched.states += 1
        return super().state()


def test_the_whole_state_is_compared_at_the_ends_of_a_program_alone() -> None:
    program = HeapProgram((Malloc(64, 100), Malloc(3000, 20), StartCycle(), FinishCycle()))
    Watched.wholes = Watched.states = 0
    assert run_heap_program(program, lambda one: Watched(one, PACKAGE)).divergence is None
    assert (Watched.wholes, Watched.states) == (2, 0)


def test_what_has_changed_is_compared_once_a_step_and_in_the_middle_of_a_long_one() -> None:
    program = HeapProgram((Malloc(64, MOST_UNSEEN), Malloc(64, 2 * MOST_UNSEEN + 1), StartCycle()))
    Watched.parts = 0
    assert run_heap_program(program, lambda one: Watched(one, PACKAGE)).divergence is None
    assert Watched.parts == 1 + 3 + 1


def shown_by(*answers: Answer) -> set[Feature]:
    """What allocations show for which the system is asked, after what it cannot grant."""
    much = (Malloc(64), Malloc((1 << 48) - 8192), *[Malloc(64 << 20)] * 3)
    run = run_heap_program(HeapProgram(much, answers=answers), installed)
    assert run.divergence is None
    return {one for one in run.features if one[0] == "asked"}


def test_where_the_heap_grows_is_something_new() -> None:
    granted = shown_by()
    assert shown_by("grant", "grant", "grant") == granted
    downwards = shown_by("grant", "grant", "grant", "refuse")
    assert downwards - granted == {
        ("asked", False, False, True, False, -1),
        ("asked", False, True, False, False, -1),
    }


class Slips(SpanallocHeap):
    """A heap that shows a figure in a part of its state that is another one in the whole."""

    def part(self, wanted: Wanted) -> Part:
        part = super().part(wanted)
        return part._replace(figures=(9, *part.figures[1:])) if wanted.shape else part


class Decays(SpanallocHeap):
    """A heap in which a list changes in a call that has nothing to do with it."""

    def flush_caches(self, p: int) -> None:
        super().flush_caches(p)
        self.decayed = True

    decayed = False

    def state(self) -> State:
        whole = super().state()
        return {**whole, "buffers": ()} if self.decayed else whole


def test_what_a_call_has_changed_is_compared_at_once() -> None:
    program = HeapProgram((Malloc(64), StartCycle(), FinishCycle(), Sweep(9), Malloc(64)))
    divergence = run_heap_program_quickly(program, lambda one: Slips(one, PACKAGE)).divergence
    assert divergence is not None
    assert divergence.what == "a part of the state"


def test_what_no_call_has_changed_is_compared_in_the_end_and_the_step_is_named() -> None:
    program = HeapProgram((Malloc(64), FlushCaches(), Malloc(64), Malloc(100, 3)))
    quick = run_heap_program_quickly(program, lambda one: Decays(one, PACKAGE)).divergence
    assert quick is not None
    assert (quick.step, quick.what) == (4, "buffers")
    exact = run_heap_program(program, lambda one: Decays(one, PACKAGE)).divergence
    assert exact is not None
    assert (exact.step, exact.what) == (2, "buffers")


class Hides(SpanallocHeap):
    """A heap that shows a figure in plain tuples that is another one by name."""

    def whole(self) -> WholeState:
        return super().whole()._replace(counts={})


class Fails(SpanallocHeap):
    """A heap that cannot show all in plain tuples."""

    def whole(self) -> WholeState:
        raise LookupError("no span")


def test_where_the_whole_differs_that_is_said_although_all_named_parts_agree() -> None:
    divergence = run_heap_program(
        HeapProgram((Malloc(64),)), lambda p: Hides(p, PACKAGE)
    ).divergence
    assert divergence is not None
    assert (divergence.step, divergence.what) == (0, "the whole state")


def test_a_heap_that_cannot_show_the_whole_fails() -> None:
    divergence = run_heap_program(
        HeapProgram((Malloc(64),)), lambda p: Fails(p, PACKAGE)
    ).divergence
    assert divergence is not None
    assert (divergence.step, divergence.side) == (0, "implementation")
    assert "no span" in divergence.seen


def leaves(value: object) -> Iterator[object]:
    """All that a value consists of."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from leaves(part)
    else:
        yield value


PROGRAMS = [heap_program(FromBytes(seeded(seed))) for seed in range(12)]


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_what_differs_in_the_state_by_name_differs_in_the_whole(program: HeapProgram) -> None:
    """After each step each span, list, cache and figure that `state` shows is in `whole`, too."""
    pair = HeapLockstep(program, installed)
    assert isinstance(pair.other, ShowsWhole)
    for step in program.steps:
        pair.take(step)
        whole = pair.model.whole()
        assert whole == pair.other.whole()
        for name, part in pair.model.state().items():
            assert set(leaves(part)) <= set(leaves(whole)), name


class Tells(SpanallocHeap):
    """A heap that tells in another way what it has done."""

    change: Callable[[list[WholeEvent]], list[WholeEvent]] = staticmethod(lambda events: events)

    def whole_events(self) -> list[WholeEvent]:
        events = super().whole_events()
        assert events is not None
        return self.change(events)


def told_otherwise(change: Callable[[list[WholeEvent]], list[WholeEvent]]) -> str:
    """What differs where a heap tells in another way what it has done."""

    class Changed(Tells):
        pass

    Changed.change = staticmethod(change)
    program = HeapProgram((Malloc(64, 3), StartCycle(), FinishCycle(), Sweep(2)))
    quick = run_heap_program_quickly(program, lambda one: Changed(one, PACKAGE)).divergence
    exact = run_heap_program(program, lambda one: Changed(one, PACKAGE)).divergence
    assert quick == exact
    return "" if quick is None else quick.what


def test_events_are_the_same_whoever_counts_lines_and_threads() -> None:
    assert told_otherwise(lambda told: told) == ""
    assert told_otherwise(lambda told: [{**one, "lo": 1, "t": 9} for one in told]) == ""


def test_events_that_tell_something_else_differ() -> None:
    assert told_otherwise(lambda told: told[1:]) != ""
    assert told_otherwise(lambda told: [*told, *told[-1:]]) != ""
    assert told_otherwise(lambda told: told[::-1]).startswith("event ")
    assert told_otherwise(lambda told: [{**one, "p": 5} for one in told]).endswith(", p")


def test_events_of_both_sides_mostly_agree_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """To compare them figure by figure takes longer than to make them."""
    slowly = []

    def compare(expected: Sequence[Told], seen: Sequence[Told]) -> None:
        slowly.append(expected)
        compare_events(expected, seen)

    monkeypatch.setattr("spanproof.fuzz.lockstep.heaplockstep.compare_events", compare)
    calls = 0
    for seed in range(20):
        program = heap_program(FromBytes(seeded(seed)))
        run = run_heap_program_quickly(program, installed)
        assert run.divergence is None
        calls += run.exercised["calls"]
    assert len(slowly) < calls // 20


def broken_model() -> ModelHeap:
    model = ModelHeap(HeapProgram(()))
    for size in (64, 64, 3000, 40_000):
        model.malloc(size, False, True, 0)
    return model


SPAN_DAMAGE: dict[str, dict[str, int]] = {
    "I-1": {"freeindex": 2000},
    "I-2": {"alloc_count": 5},
    "I-6": {"nelems": 7},
    "I-7": {"alloc_count": 0},
    "I-11": {"elemsize": 24},
}
RUN_DAMAGE: dict[str, dict[str, int]] = {
    "I-9": {"scavenged": True},
    "I-13": {"npages": 3},
    "I-17": {"state": 2},
}


@pytest.mark.parametrize("rule", SPAN_DAMAGE)
def test_an_invariant_that_a_changed_span_breaks_is_found_there(rule: str) -> None:
    state = broken_model().heap.state
    span = min(state.spans)
    state.spans[span] = replace(state.spans[span], **SPAN_DAMAGE[rule])
    found = {one for one in violations(state) if f"span {span}:" in one.what}
    assert rule in {one.invariant for one in violations_at(state, [span], ())}
    assert set(violations_at(state, [span], ())) <= found
    assert not list(violations_at(state, [one for one in state.spans if one != span], ()))


@pytest.mark.parametrize("rule", RUN_DAMAGE)
def test_an_invariant_that_a_changed_run_breaks_is_found_there(rule: str) -> None:
    state = broken_model().heap.state
    span = min(state.spans)
    state.pages.runs.records[span] = replace(state.pages.runs[span], **RUN_DAMAGE[rule])
    assert rule in {one.invariant for one in violations_at(state, (), [span])}
    assert rule in {one.invariant for one in violations(state)}


def test_a_program_is_kept_if_it_shows_anything_new() -> None:
    kept: KeptPrograms[HeapProgram] = KeptPrograms()
    short, long = HeapProgram((Malloc(8),)), HeapProgram((Malloc(8), Malloc(16)))
    assert kept.add(long, frozenset("ab"))
    assert not kept.add(short, frozenset("b"))
    assert kept.add(short, frozenset("abc"))
    assert kept.programs == [long, short]
    assert kept.minimal() == [short]


def test_guided_programs_are_determined_by_the_seed_and_by_what_was_heard() -> None:
    def drawn(guided: bool) -> list[HeapProgram]:
        source = Source(heap_program, 3, guided=guided)
        programs = []
        for number in range(40):
            program = source.next()
            programs.append(program)
            source.observed(program, frozenset({(number % 7,)}), 10)
        return programs

    assert drawn(True) == drawn(True)
    assert drawn(False) == [heap_program(FromBytes(seeded(3, number))) for number in range(40)]
    assert drawn(True) != drawn(False)


def test_changed_programs_take_no_more_than_their_share_of_the_calls() -> None:
    """However many calls a changed one makes: fresh ones catch up before there is another."""
    source = Source(heap_program, 5)
    calls = {True: 0, False: 0}
    for number in range(600):
        program = source.next()
        fresh = program == heap_program(FromBytes(seeded(5, number)))
        made = 10 if fresh else 70
        calls[fresh] += made
        source.observed(program, frozenset({(number,)}), made)
    assert 0 < FRESH * calls[False] <= calls[True] + FRESH * 70


def test_schedules_are_drawn_afresh() -> None:
    assert not of_schedules(installed).guided
    assert of_heap(installed).guided
