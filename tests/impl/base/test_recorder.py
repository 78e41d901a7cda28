"""What a recorder has before, and after, a heap is recorded."""

from types import ModuleType


def test_a_header_tells_of_one_p_until_a_heap_says_how_many(package: ModuleType) -> None:
    recorder = package.Recorder()
    assert (recorder.header("x")["ncpu"], recorder.header("x")["gomaxprocs"]) == (1, 1)
    package.Heap(3, package.SimulatedMemory(), recorder).close()
    assert (recorder.header("x")["ncpu"], recorder.header("x")["gomaxprocs"]) == (3, 3)


def test_now_is_the_line_of_the_next_event(package: ModuleType) -> None:
    recorder = package.Recorder()
    assert recorder.now() == 1
    with package.Heap(1, package.SimulatedMemory(), recorder) as heap:
        heap.malloc(64)
        assert recorder.now() == len(recorder.events) + 1 > 2
