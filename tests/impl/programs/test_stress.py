"""Real threads: nothing is handed out twice or lost, and all invariants hold at every cycle."""

import os
from types import ModuleType

from spanalloc import audit
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


def test_the_audit_notices_figures_that_are_wrong(package: ModuleType) -> None:
    heap = package.Heap(2, package.SimulatedMemory())
    kept = [heap.malloc(size) for size in (8, 100, 5000, 100_000) for _ in range(5)]
    heap.malloc(5, noscan=True)
    heap.collect(kept[::2])
    heap.malloc(100)
    shot = heap.snapshot()
    assert audit(shot) == []
    span = shot.spans[0]
    wrong = {
        "I-1": {"freeindex": span.nelems + 1},
        "I-2": {"alloc_count": span.alloc_count + 1},
        "I-4": {"mark_bits": 1 << (span.nelems - 1)},
        "I-6": {"limit": span.limit + 8},
        "I-11": {"elemsize": span.elemsize + 8},
        "I-22": {"sweepgen": shot.sweepgen + 1},
    }
    for rule, change in wrong.items():
        changed = shot._replace(spans=(span._replace(**change), *shot.spans[1:]))
        assert any(problem.startswith(rule) for problem in audit(changed)), rule
    sums = {
        "I-29": {"heap_inuse": shot.heap_inuse + 1},
        "I-12": {"arenas": (*shot.arenas, 0)},
        "I-18": {"free": (*shot.free, span.ident)},
        "I-19": {"central": ()},
        "I-23": {"buffers": ((), ())},
        "I-35": {"sweepgen": shot.sweepgen + 2},
    }
    for rule, figures in sums.items():
        assert any(problem.startswith(rule) for problem in audit(shot._replace(**figures))), rule
