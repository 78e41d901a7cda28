"""Views of a heap's memory outlive it, and a heap that is dropped says so."""

import ctypes
import warnings
from types import ModuleType


def test_a_view_shows_its_object_after_the_heap_is_closed(package: ModuleType) -> None:
    heap = package.Heap()
    view = heap.memory(heap.malloc(64), 64)
    view[:5] = b"hello"
    parts: list[memoryview] = [view[1:3], view.cast("I"), memoryview(view)]
    array = (ctypes.c_char * 64).from_buffer(view)
    heap.close()
    view[5:7] = b"!!"
    assert bytes(view[:7]) == b"hello!!"
    assert bytes(parts[0]) == b"el"
    del view, parts
    assert bytes(array)[:7] == b"hello!!"


def test_a_view_across_arenas_outlives_the_heap(package: ModuleType) -> None:
    heap = package.Heap()
    size = 100 << 20
    view = heap.memory(heap.malloc(size), size)
    view[64 << 20] = view[size - 1] = 7
    heap.close()
    assert (view[64 << 20], view[size - 1], view[0]) == (7, 7, 0)


def test_memory_goes_with_the_last_view_of_it(package: ModuleType) -> None:
    released: list[tuple[int, int]] = []

    class Watched(package.RealMemory):  # type: ignore[misc, name-defined]
        def release(self, address: int, size: int) -> None:
            released.append((address, size))
            super().release(address, size)

    heap = package.Heap(1, Watched())
    address = heap.malloc(64)
    view = heap.memory(address, 64)
    heap.close()
    assert released == [(0xC000000000, 64 << 20)]
    assert is_mapped(address)
    del view
    assert not is_mapped(address)


def is_mapped(address: int) -> bool:
    """Tell whether a page is mapped: mincore knows."""
    libc = ctypes.CDLL(None)
    page = ctypes.c_void_p(address & ~4095)
    return int(libc.mincore(page, ctypes.c_size_t(4096), ctypes.create_string_buffer(1))) == 0


def test_a_view_of_a_swept_object_reads_whatever_is_there_now(package: ModuleType) -> None:
    with package.Heap() as heap:
        address = heap.malloc(100_000)
        view = heap.memory(address, 100_000)
        view[:] = b"x" * 100_000
        heap.collect()
        heap.free_os_memory()
        assert view[5000] == 0
        assert heap.malloc(100_000) == address


def test_a_heap_that_is_dropped_says_so_and_gives_its_memory_back(package: ModuleType) -> None:
    heap = package.Heap()
    address = heap.malloc(64)
    view = heap.memory(address, 64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del heap
    assert [one.category for one in caught] == [ResourceWarning]
    assert view[0] == 0
    assert is_mapped(address)
    del view
    assert not is_mapped(address)


def test_a_heap_that_is_dropped_releases_what_it_has_reserved(package: ModuleType) -> None:
    memory = package.SimulatedMemory()
    heap = package.Heap(1, memory)
    heap.malloc(64)
    assert memory.reserved_bytes > 0
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        del heap
    assert memory.reserved_bytes == 0


def test_a_heap_that_is_dropped_ends_its_threads(package: ModuleType) -> None:
    heap = package.Heap()
    address = heap.malloc(64)
    heap.start_background()
    threads = list(heap.background.threads)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        del heap
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    del threads, thread
    assert not is_mapped(address)


def test_heaps_that_were_closed_or_hold_nothing_are_dropped_in_silence(
    package: ModuleType,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        package.Heap().close()
        package.Heap()
        package.Heap(1, package.SimulatedMemory()).malloc(8)
