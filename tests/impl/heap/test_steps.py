"""Where turns are decided, a thread gives its turn up after each section and each atomic access."""

from collections.abc import Callable
from random import Random
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

ENDS = {
    *("se", "sc", "po", "ib", "rn", "dd", "dr", "fs", "re", "rk", "rb", "ro", "sd", "si"),
    *("cg", "ct", "cm", "cr", "un", "um", "ra", "rcbeg", "rcend", "pf1"),
}
"""Events after which a step ends whatever comes next (`pf1` begins a flush, `rcend` ends a chunk of
the reclaimer)."""

SIZES = (3, 8, 16, 24, 100, 1000, 5000, 20_000, 32_768, 40_000, 100_000, 300_000)


def name_of(event: dict[str, Any]) -> str:
    """Return the kind of an event, with which part of it is told where an operation has several."""
    part = {"pf": "beg", "rc": "st"}.get(event["k"], "")
    return f"{event['k']}{event.get(part, '')}"


PATIENCE = 60.0
"""Seconds after which a thread is taken to hang."""


class Run:
    """What a heap has told, and where steps have ended: after how many events, with what credit."""

    def __init__(self, package: ModuleType) -> None:
        self.recorder = package.Recorder()
        self.ends: list[int] = []
        self.credit: list[int] = []
        self.meanwhile: Callable[[], object] | None = None
        """What another thread does where a span has been claimed for the first time."""
        run = self

        class Noted(package.Turns):  # type: ignore[misc, name-defined]
            def step_ends(self) -> None:
                run.ends.append(len(run.recorder.events))
                run.credit.append(run.heap.state.pacing.reclaim_credit)
                meanwhile, claimed = run.meanwhile, run.recorder.events[-1:]
                if meanwhile is not None and [event["k"] for event in claimed] == ["sc"]:
                    run.meanwhile = None
                    other = Thread(target=meanwhile)
                    other.start()
                    other.join(PATIENCE)
                    assert not other.is_alive()

        self.heap = package.Heap(2, package.SimulatedMemory(), self.recorder, 0, Noted())

    def wrong(self, kinds: set[str]) -> set[str]:
        """Return the kinds of events after which a step did not end, though it should have."""
        told, after = [name_of(event) for event in self.recorder.events], set(self.ends)
        assert set(told) >= kinds
        return {name for at, name in enumerate(told, 1) if name in kinds and at not in after}

    def frees(self) -> list[int]:
        """Return the places of the events that end a free of pages: what became of the run."""
        told = [event["k"] for event in self.recorder.events]
        places = [at + 2 for at, name in enumerate(told) if name == "hf"]
        assert {told[place - 1] for place in places} == {"co"}
        return places


def test_a_step_ends_with_each_event_of_a_section_or_an_access(package: ModuleType) -> None:
    run = Run(package)
    chance, kept = Random(1), list[int]()
    with run.heap as heap:
        for cycle in range(8):
            for _ in range(400):
                noscan, p = chance.random() < 0.5, chance.randrange(2)
                kept.append(heap.malloc(chance.choice(SIZES), noscan, p=p))
            heap.start_cycle()
            chance.shuffle(kept)
            del kept[len(kept) // 2 :]
            heap.finish(kept)
            if cycle == 2:
                heap.set_procs(1)
                heap.set_procs(2)
            if cycle == 3:
                heap.free_os_memory()
            if cycle > 3:
                for address in kept[:3]:
                    heap.ensure_swept(address)
            if cycle > 5:
                heap.flush_caches()
        heap.flush_caches()
    assert run.wrong(ENDS) == set()
    told, after = [event["k"] for event in run.recorder.events], set(run.ends)
    pushed = [at for at, name in enumerate(told, 1) if name == "pu" and told[at : at + 1] != ["si"]]
    assert pushed
    assert after.issuperset(pushed)


def test_a_reclaimed_span_is_looked_at_once_before_it_is_claimed(package: ModuleType) -> None:
    """Whether a page has a span to sweep is read without the lock: a step of its own (SWP-22)."""
    run = Run(package)
    with run.heap as heap:
        for _ in range(3):
            heap.malloc(40_000)
        heap.collect([])
        heap.malloc(100_000)
    told = run.recorder.events
    claims = [at for at, one in enumerate(told) if one["k"] == "sc" and one["by"] == "reclaim"]
    assert len(claims) == 3
    assert all(run.ends.count(at) > 1 for at in claims)


def test_credit_for_a_swept_span_is_given_before_a_step_ends(package: ModuleType) -> None:
    run = Run(package)
    with run.heap as heap:
        heap.malloc(40_000)
        heap.collect([])
        run.credit.clear()
        assert heap.sweep_one() == 5
    assert run.credit[-1] == 5


def test_a_step_ends_when_a_span_that_a_cache_gives_back_has_gone(package: ModuleType) -> None:
    run = Run(package)
    with run.heap as heap:
        heap.malloc(8)
        heap.collect([])
        heap.flush_caches()
        assert heap.spans() == []
    (freed,) = run.frees()
    assert freed in run.ends


def test_a_step_ends_when_the_last_span_of_a_chunk_has_gone(package: ModuleType) -> None:
    run = Run(package)
    with run.heap as heap:
        heap.malloc(40_000)
        heap.collect([])
        heap.malloc(100_000)
    assert run.wrong({"rcbeg", "rcend", "rcdone"}) == set()
    (freed,) = run.frees()
    assert freed in run.ends


def test_a_step_ends_when_a_span_has_been_claimed_that_is_to_be_swept(package: ModuleType) -> None:
    run = Run(package)
    with run.heap as heap:
        one = heap.malloc(40_000)
        heap.collect([one])
        heap.ensure_swept(one)
    assert [event["by"] for event in run.recorder.events if event["k"] == "sc"] == ["ensure"]
    assert run.wrong({"sc"}) == set()


@pytest.mark.parametrize(("objects", "place"), [(1, "N"), (2, "E")])
def test_a_step_ends_where_a_span_is_passed_over_that_another_thread_sweeps(
    objects: int, place: str, package: ModuleType
) -> None:
    """Spans of 4096 bytes hold two: with one the span is in the nonempty list, with two in E."""
    run = Run(package)
    with run.heap as heap:
        kept = [heap.malloc(4096) for _ in range(objects)]
        heap.flush_caches()
        heap.collect(kept)
        heap.release(0)
        run.meanwhile = lambda: heap.malloc(4096)
        heap.sweep_one(1)
    assert [event["l"] for event in run.recorder.events if event["k"] == "ck"] == [place]
    assert run.wrong({"ck"}) == set()
