"""What a recorder has before, and after, a heap is recorded."""

from types import ModuleType


def test_a_header_tells_of_one_p_until_a_heap_says_how_many(package: ModuleType) -> None:
    recorder = package.Recorder()
    assert (recorder.header("x")["ncpu"], recorder.header("x")["gomaxprocs"]) == (1, 1)
    package.Heap(3, package.SimulatedMemory(), recorder).close()
    assert (recorder.header("x")["ncpu"], recorder.header("x")["gomaxprocs"]) == (3, 3)
