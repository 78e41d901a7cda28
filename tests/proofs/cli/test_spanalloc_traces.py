"""`spanspec check` accepts what spanalloc records of itself, and notices what it did not do."""

import random
from pathlib import Path

import pytest

import spanalloc
from spanalloc.programs.stress import Stress
from spanproof.cli.app import run


def one_thread(path: Path, procs: int, seed: int) -> None:
    """Record a run in which one thread takes turns on all Ps."""
    rng, recorder = random.Random(seed), spanalloc.Recorder()
    heap = spanalloc.Heap(procs, spanalloc.SimulatedMemory(), recorder)
    live: list[int] = []
    for number in range(1500):
        p = rng.randrange(heap.procs)
        size = rng.choice((5, 8, 16, 24, 100, 1000, 5000, 40000))
        live.append(heap.malloc(size, rng.random() < 0.5, True, p))
        if number % 400 == 399:
            live = rng.sample(live, len(live) // 2)
            heap.start_cycle(p)
            born = [heap.malloc(64, p=p) for _ in range(5)]
            heap.finish(live, p)
            live += born
        if number % 37 == 0:
            heap.sweep_one(p)
        if number % 300 == 0:
            heap.free_manual(heap.take_manual(4))
    heap.set_procs(procs + 1)
    heap.free_os_memory()
    recorder.save(path)


@pytest.mark.parametrize("procs", [1, 3])
def test_a_trace_of_one_thread_holds(tmp_path: Path, procs: int) -> None:
    one_thread(tmp_path / "t.jsonl.gz", procs, seed=procs)
    assert run(["check", "--protocol", str(tmp_path / "t.jsonl.gz")]) == 0


def test_a_trace_holds_in_which_ps_are_taken_away_by_one_that_goes(tmp_path: Path) -> None:
    recorder = spanalloc.Recorder()
    with spanalloc.Heap(1, spanalloc.SimulatedMemory(), recorder) as heap:
        for before, after in ((5, 2), (4, 1), (3, 1)):
            heap.set_procs(before)
            for p in range(before):
                heap.malloc(64, p=p)
            heap.set_procs(after, p=before - 1)
            heap.collect([], p=after - 1)
    recorder.save(tmp_path / "t.jsonl")
    assert run(["check", "--protocol", str(tmp_path / "t.jsonl")]) == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_trace_of_real_threads_holds(tmp_path: Path, seed: int) -> None:
    recorder = spanalloc.Recorder()
    assert Stress(4, 300, seed, recorder=recorder, every=200).run().problems == ()
    recorder.save(tmp_path / "t.jsonl")
    assert run(["check", "--protocol", str(tmp_path / "t.jsonl")]) == 0


def test_a_wrong_event_is_a_divergence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one_thread(tmp_path / "t.jsonl", 1, seed=3)
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if '"k": "m"' in line and '"i": 3' in line)
    lines[place] = lines[place].replace('"i": 3', '"i": 4')
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    assert run(["check", str(tmp_path / "t.jsonl")]) == 1
    assert f"t.jsonl:{place}" in capsys.readouterr().out
