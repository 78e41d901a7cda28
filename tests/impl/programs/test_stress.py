"""Real threads: nothing is handed out twice or lost, and all invariants hold at every cycle."""

import os

from spanalloc.programs.stress import Stress

OPERATIONS = int(os.environ.get("SPANALLOC_STRESS_OPERATIONS", "1000"))
"""For each thread; `python -m spanalloc.programs.stress` takes more."""


def test_eight_threads_with_background_threads_lose_nothing() -> None:
    tally = Stress(8, OPERATIONS, seed=1, every=800).run()
    assert tally.problems == ()
    assert tally.cycles > 2
    assert tally.objects_checked > OPERATIONS


def test_an_overwritten_object_would_be_noticed() -> None:
    stress = Stress(1, 0, seed=1, background=False)
    address = stress.heap.malloc(100)
    stress.held[0][address] = (100, 7)
    stress.fill(0, address, True)
    stress.heap.memory(address, 100)[50] = 8
    assert stress.run().problems == (f"P 0: 100 bytes at {address:#x} were overwritten",)


def test_memory_that_is_not_zero_would_be_noticed() -> None:
    stress = Stress(1, 0, seed=1, background=False)
    address = stress.heap.malloc(100)
    stress.heap.memory(address, 100)[99] = 1
    stress.held[0][address] = (100, 7)
    stress.fill(0, address, True)
    assert "are not zero" in stress.run().problems[0]
