"""On real memory: objects read as zero, memory follows what is touched, and comes back."""

import builtins
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from spanalloc import Heap
from spanalloc.programs import seed

MIB = 1 << 20


@pytest.fixture
def heap(package: ModuleType) -> Iterator[Heap]:
    with package.Heap() as made:
        yield made
        assert package.audit(made.snapshot()) == []


@pytest.mark.parametrize("size", [3, 16, 48, 100, 1024, 5000, 32768, 40000, 3 * MIB])
def test_a_new_object_is_zero_however_often_its_memory_was_used(heap: Heap, size: int) -> None:
    for cycle in range(4):
        kept = []
        for number in range(200 if size < MIB else 3):
            address = heap.malloc(size, noscan=number % 2 == 0)
            view = heap.memory(address, size)
            assert not any(bytes(view))
            view[:] = b"\xff" * size
            if number % (cycle + 2) == 0:
                kept.append(address)
        heap.collect(kept)


def test_objects_do_not_overlap(heap: Heap) -> None:
    sizes = [1, 7, 8, 15, 16, 17, 100, 1024, 3000, 40000]
    held = {}
    for number in range(300):
        size = sizes[number % len(sizes)]
        address = heap.malloc(size, noscan=number % 3 == 0)
        held[address] = (size, number & 0xFF)
        heap.memory(address, size)[:] = bytes([number & 0xFF]) * size
    for address, (size, pattern) in held.items():
        assert heap.memory(address, size) == bytes([pattern]) * size


@pytest.mark.parametrize("size", [24, 40_000])
def test_a_view_is_of_no_bytes_up_to_all_of_an_object_and_no_more(heap: Heap, size: int) -> None:
    base, extent = heap.extent(heap.malloc(size))
    assert len(heap.memory(base, extent)) == extent >= size
    for at in (base, base + size - 1):
        assert len(heap.memory(at, 0)) == 0
        assert len(heap.memory(at, base + extent - at)) == base + extent - at
        for wrong in (-1, base + extent - at + 1):
            with pytest.raises(ValueError, match="are not all in the object there"):
                heap.memory(at, wrong)


def test_an_object_across_arenas_is_one_piece(heap: Heap) -> None:
    size = 100 * MIB
    view = heap.memory(heap.malloc(size), size)
    view[64 * MIB - 8 : 64 * MIB + 8] = b"across the border"[:16]
    assert bytes(view[64 * MIB - 8 : 64 * MIB + 8]) == b"across the border"[:16]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_follows_what_is_touched_and_comes_back() -> None:
    stages = {stage.name: stage for stage in seed.run()}
    fresh = stages["10 objects of 1 MiB allocated"]
    assert fresh.vms >= 64 * MIB
    assert fresh.rss < 4 * MIB
    assert stages["half of them touched"].rss >= 5 * MIB
    touched = stages["all touched"].rss
    assert touched >= 10 * MIB
    assert stages["found dead by a cycle, and swept"].rss > 9 * MIB
    assert stages["returned by the scavenger"].rss < touched - 9 * MIB
    assert stages["heap closed"].vms < 16 * MIB
    assert "all touched" in seed.as_text(list(stages.values()))
    assert seed.as_svg(list(stages.values())).count("<rect") == len(stages)


def test_failed_calls_of_the_real_system_keep_their_errno(package: ModuleType) -> None:
    memory = package.RealMemory()
    with pytest.raises(package.MmapFailed) as mapped:
        memory.map(4097, 4096)
    assert mapped.value.errno == 22
    with pytest.raises(package.MadviseFailed) as advised:
        memory.unused(1 << 46, os.sysconf("SC_PAGE_SIZE"))
    assert advised.value.errno == 12


def test_a_refused_reservation_of_the_real_system_is_out_of_memory(heap: Heap) -> None:
    before = heap.statistics()
    with pytest.raises(MemoryError):
        heap.malloc((1 << 47) - (1 << 30))
    assert heap.statistics() == before
    assert heap.malloc(8) != 0


def test_handles_keep_objects_alive(package: ModuleType) -> None:
    with package.Arena(automatic=False) as arena:
        page, word = arena.new(4096), arena.new(8)
        page.view[:5] = b"hello"
        arena.collect()
        assert bytes(page.view[:5]) == b"hello"
        assert (len(arena), len(page), arena.heap.statistics().live_objects) == (2, 4096, 2)
        del word
        assert arena.trim() >= 0
        assert (len(arena), arena.heap.statistics().live_objects) == (1, 1)
        with pytest.raises(package.BadRequest, match="an object of 0 bytes"):
            arena.new(0)


def test_an_arena_runs_cycles_by_itself(package: ModuleType) -> None:
    with package.Arena() as arena:
        for _ in range(200):
            arena.new(100_000)
        assert arena.heap.statistics().cycles > 2
        assert arena.heap.statistics().heap_inuse < 10 * MIB


SMAPS = Path("/proc/self/smaps")


def flags_at(address: int) -> set[str]:
    """Return what the kernel knows of the use of a mapped page, as /proc/self/smaps names it."""
    inside = False
    for line in SMAPS.read_text(encoding="ascii").splitlines():
        first = line.split(maxsplit=1)[0]
        if not first.endswith(":"):
            begin, _, end = first.partition("-")
            inside = int(begin, 16) <= address < int(end, 16)
        elif inside and first == "VmFlags:":
            return set(line.split()[1:])
    return set()


@pytest.mark.skipif(
    not SMAPS.exists() or not Path("/sys/kernel/mm/transparent_hugepage").exists(),
    reason="needs a Linux with transparent huge pages",
)
def test_huge_pages_are_cut_and_welcomed_in_the_kernel(package: ModuleType) -> None:
    huge, page = 2 * MIB, os.sysconf("SC_PAGE_SIZE")
    memory = package.RealMemory(package.PageSizes(page, huge))
    base, size = memory.reserve_aligned(8 * huge, huge)
    memory.map(base, size)
    view = memory.view(base, size)
    gone = huge + page
    try:
        for at in (gone - 1, gone, 2 * huge, gone + 3 * huge - 1, gone + 3 * huge):
            view[at] = 0xFF
        memory.unused(base + gone, 3 * huge)
        # Both huge pages that the range cuts are not to be made whole again, those between may be.
        cut = ["nh" in flags_at(base + number * huge) for number in range(8)]
        assert cut == [False, True, False, False, True, False, False, False]
        assert not any(view[gone : gone + 3 * huge])
        assert view[gone - 1] == view[gone + 3 * huge] == 0xFF
        memory.used(base + page, 3 * huge)
        welcome = ["hg" in flags_at(base + number * huge) for number in range(8)]
        assert welcome == [False, True, True, False, False, False, False, False]
        memory.unused(base + 6 * huge + page, page)
        assert "nh" in flags_at(base + 6 * huge)
        assert "nh" not in flags_at(base + 7 * huge)
    finally:
        del view
        memory.release(base, size)


@pytest.mark.parametrize("huge", [0, 2 * MIB])
def test_without_huge_pages_nothing_is_said_of_them(package: ModuleType, huge: int) -> None:
    advised: list[tuple[int, int, int]] = []

    class Noted(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def madvise(self, address: int, size: int, advice: int) -> int:
            advised.append((address, size, advice))
            return 0

    memory = Noted(package.PageSizes(4096, huge))
    memory.unused(3 * MIB, 1 * MIB)
    memory.used(4 * MIB, 3 * MIB)
    dont_need, no_huge, with_huge = 4, 15, 14
    told = [(2 * MIB, 2 * MIB, no_huge)] * bool(huge) + [(3 * MIB, 1 * MIB, dont_need)]
    assert advised == told + [(4 * MIB, 2 * MIB, with_huge)] * bool(huge)


def test_memory_that_cannot_be_unmapped_is_told(package: ModuleType) -> None:
    memory = package.RealMemory()
    with pytest.raises(package.MmapFailed, match=r"munmap of 8192 bytes at 0x10000000001: Invalid"):
        memory.release((1 << 40) + 1, 8192)


def test_simulated_memory_counts_each_call_and_its_bytes(package: ModuleType) -> None:
    memory = package.SimulatedMemory()
    assert memory.reserve(1 << 40, 8192) == 1 << 40
    assert memory.reserve(0, 8192) == 0x7F00_0000_0000 - 8192
    assert memory.reserved_bytes == 16384
    assert memory.commit(1 << 40, 8192) == memory.madvise(1 << 40, 4096, 4) == 0
    memory.clear(1 << 40, 4096)
    assert memory.view(1 << 40, 4096) is None
    memory.release(1 << 40, 8192)
    assert memory.reserved_bytes == 8192
    assert memory.advised_bytes == {4: 4096}
    assert memory.calls == {"reserve": 2, "commit": 1, "madvise": 1, "clear": 1, "release": 1}


def test_simulated_memory_fails_as_often_as_it_is_told_to(package: ModuleType) -> None:
    memory = package.SimulatedMemory()
    memory.refuse_reservations = memory.fail_commits = memory.fail_madvise = 2
    assert memory.reserve_aligned(1 << 26, 1 << 26) == (0, 0)
    assert [memory.reserve(1 << 40, 4096) for _ in range(2)] == [0, 1 << 40]
    assert [memory.commit(1 << 40, 4096) for _ in range(3)] == [errno.ENOMEM, errno.ENOMEM, 0]
    advice = [memory.madvise(1 << 40, 4096, kind) for kind in (14, 4, 15, 4, 4)]
    assert advice == [0, errno.EINVAL, 0, errno.EINVAL, 0]
    memory.relocate = [1 << 41, 0]
    assert [memory.reserve(1 << 40, 4096) for _ in range(3)] == [1 << 41, 0, 1 << 40]


def test_the_sizes_of_pages_are_this_machine_s(package: ModuleType) -> None:
    osmem = package.pages.osmem
    place = Path(osmem.HUGE_PAGE_FILE)
    huge = int(place.read_text()) if place.exists() else 0
    sizes = osmem.machine_sizes()
    assert (sizes.physical, sizes.huge) == (os.sysconf("SC_PAGE_SIZE"), huge)


@pytest.mark.parametrize(
    ("says", "huge"),
    [
        (None, 0),
        ("", 0),
        ("many\n", 0),
        ("-2097152\n", 0),
        ("3145728\n", 0),
        ("0\n", 0),
        ("4194304\n", 4 * MIB),
    ],
)
def test_huge_pages_are_those_of_a_file_that_says_a_power_of_two(
    says: str | None, huge: int, package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> io.StringIO:
        if says is None:
            raise FileNotFoundError
        return io.StringIO(says)

    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", opened)
        sizes = package.pages.osmem.machine_sizes()
    assert sizes.huge == huge


def test_an_arena_has_one_p(package: ModuleType) -> None:
    with package.Arena() as arena:
        assert arena.heap.procs == 1
