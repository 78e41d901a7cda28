"""Hypothesis strategies for programs, to be used in tests of your own.

    from hypothesis import given
    from spanproof.fuzz.strategies import heap_programs, run_heap_program

    @given(heap_programs())
    def test_my_heap_agrees(program):
        assert run_heap_program(program, make_my_heap).divergence is None

They draw from the same grammars as `spanspec fuzz`, choice by choice, so Hypothesis shrinks what
fails, and keeps it in its database.
"""

from hypothesis.strategies import SearchStrategy

from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.choices import strategy_of
from spanproof.fuzz.programs.heapgrammar import heap_program
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.schedulegrammar import scheduled_program
from spanproof.fuzz.programs.spangrammar import span_program

__all__ = [
    "HeapProgram",
    "Program",
    "heap_programs",
    "run_heap_program",
    "run_program",
    "scheduled_programs",
    "span_programs",
]


def span_programs() -> SearchStrategy[Program]:
    """Return programs of one span, for `run_program`."""
    return strategy_of(span_program)


def heap_programs() -> SearchStrategy[HeapProgram]:
    """Return programs of a whole heap, for `run_heap_program`."""
    return strategy_of(heap_program)


def scheduled_programs() -> SearchStrategy[HeapProgram]:
    """Return programs in which several Ps act at once, for a heap that can be stopped."""
    return strategy_of(scheduled_program)
