"""Where turns are decided, a thread gives its turn up after each section and each atomic access."""

from random import Random
from types import ModuleType
from typing import Any

ENDS = {
    *("se", "sc", "po", "ib", "rn", "dd", "dr", "fs", "re", "rk", "rb", "rc", "ro", "sd", "si"),
    *("cg", "ct", "cm", "cr", "un", "um", "ra", "pf1"),
}
"""Events after which a step ends whatever comes next (`pf1` begins a flush)."""

SIZES = (3, 8, 16, 24, 100, 1000, 5000, 20_000, 32_768, 40_000, 100_000, 300_000)


def name_of(event: dict[str, Any]) -> str:
    return f"pf{event['beg']}" if event["k"] == "pf" else str(event["k"])


def test_a_step_ends_with_each_event_of_a_section_or_an_access(package: ModuleType) -> None:
    recorder = package.Recorder()
    ends = [0]

    class Noted(package.Turns):  # type: ignore[misc, name-defined]
        def step_ends(self) -> None:
            ends.append(len(recorder.events))

    chance, kept = Random(1), list[int]()
    with package.Heap(2, package.SimulatedMemory(), recorder, 0, Noted()) as heap:
        for cycle in range(6):
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
        heap.flush_caches()
    told = [name_of(event) for event in recorder.events]
    after = set(ends)
    assert set(told) >= ENDS
    wrong = {name for at, name in enumerate(told, 1) if name in ENDS and at not in after}
    assert wrong == set()
    pushed = [at for at, name in enumerate(told, 1) if name == "pu" and told[at : at + 1] != ["si"]]
    assert pushed
    assert after.issuperset(pushed)
