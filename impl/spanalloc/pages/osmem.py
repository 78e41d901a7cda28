"""The operating system, as the heap asks it for memory: the real one, and a simulated one.

`OsMemory` names the five calls that an operating system answers, and builds on them what the
runtime's mem_linux.go does: advice about huge pages, aligned reservations.
"""

import ctypes
import ctypes.util
import errno
import os
from collections import Counter
from typing import Final

from mypy_extensions import i64, mypyc_attr

from spanalloc.base.errors import MadviseFailed, MmapFailed
from spanalloc.base.mappings import Mappings
from spanalloc.base.pagesizes import PageSizes, round_down, round_up

MADV_DONTNEED: Final = 4
MADV_HUGEPAGE: Final = 14
MADV_NOHUGEPAGE: Final = 15

PROT_NONE: Final = 0
PROT_READ_WRITE: Final = 3
MAP_PRIVATE: Final = 0x02
MAP_FIXED: Final = 0x10
MAP_ANONYMOUS: Final = 0x20
MAP_NORESERVE: Final = 0x4000
MAP_FAILED: Final = (1 << 64) - 1

HUGE_PAGE_FILE: Final = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"


@mypyc_attr(allow_interpreted_subclasses=True)
class OsMemory:
    """What a heap needs of an operating system; a subclass answers the calls.

    Addresses and sizes are in bytes and multiples of the physical page. The heap checks each
    answer, and lets an OsFailed say what it was, or what a call raised. The calls are made in the
    middle of operations on the heap, which refuses others by the same thread meanwhile.
    """

    def __init__(self, sizes: PageSizes) -> None:
        self.sizes = sizes

    # --- the calls -------------------------------------------------------------------------------

    def reserve(self, address: int, size: int) -> int:
        """Reserve address space, at `address` if that is free, else anywhere; 0 if refused (OS-3).

        With `address` 0 any place will do.
        """
        raise NotImplementedError

    def commit(self, address: int, size: int) -> int:
        """Make reserved memory usable and zero; return 0, or an errno (OS-4)."""
        raise NotImplementedError

    def release(self, address: int, size: int) -> None:
        """Give address space back; what views of it show has to stay until they are gone (OS-7)."""
        raise NotImplementedError

    def madvise(self, address: int, size: int, advice: int) -> int:
        """Advise on the use of a range; return 0, or an errno."""
        raise NotImplementedError

    def view(self, address: int, size: int) -> memoryview | None:
        """Return committed memory to be read and written; None if there is nothing behind it."""
        raise NotImplementedError

    def clear(self, address: int, size: int) -> None:
        """Write zeros over committed memory."""
        raise NotImplementedError

    # --- what the runtime makes of them ----------------------------------------------------------

    def reserve_aligned(self, size: int, align: int) -> tuple[int, int]:
        """Reserve `size` bytes anywhere at a multiple of `align`; return where and how many.

        If the place found is aligned by chance, all of `size` + `align` bytes are kept, as the
        runtime does; (0, 0) if refused (AR-6).
        """
        found = self.reserve(0, size + align)
        if found == 0:
            return 0, 0
        start = (found + align - 1) & ~(align - 1)
        if start == found:
            return found, size + align
        self.release(found, start - found)
        end = start + size
        if end < found + size + align:
            self.release(end, found + size + align - end)
        return start, size

    def map(self, address: int, size: int) -> None:
        """Turn reserved memory into usable memory.

        Raises: MmapFailed.
        """
        problem = self.commit(address, size)
        if problem != 0:
            raise MmapFailed(
                problem, f"mmap of {size} bytes at {address:#x}: {os.strerror(problem)}"
            )

    def used(self, base: i64, size: i64) -> None:
        """Say that a range is going to be used (OS-5)."""
        self.welcome_huge(base, size)

    def welcome_huge(self, base: i64, size: i64) -> None:
        """Say that huge pages are welcome in a range (OS-5)."""
        huge = self.sizes.huge
        if huge == 0:
            return
        start, end = round_up(base, huge), round_down(base + size, huge)
        if end > start:
            self.madvise(start, end - start, MADV_HUGEPAGE)

    def unused(self, base: i64, size: i64) -> None:
        """Return the memory of a range; it reads as zero when it is used again (OS-6).

        The huge pages that the range cuts in two are not to be put together again behind it.

        Raises: MadviseFailed.
        """
        huge = self.sizes.huge
        if huge != 0:
            head, tail = round_down(base, huge), round_down(base + size - 1, huge)
            cuts_head, cuts_tail = base != head, base + size != tail + huge
            if cuts_head and cuts_tail and head + huge == tail:
                self.madvise(head, 2 * huge, MADV_NOHUGEPAGE)
            else:
                if cuts_head:
                    self.madvise(head, huge, MADV_NOHUGEPAGE)
                if cuts_tail and not (cuts_head and head == tail):
                    self.madvise(tail, huge, MADV_NOHUGEPAGE)
        problem = self.madvise(base, size, MADV_DONTNEED)
        if problem != 0:
            where = f"{int(size)} bytes at {int(base):#x}"
            raise MadviseFailed(problem, f"madvise of {where}: {os.strerror(problem)}")


@mypyc_attr(allow_interpreted_subclasses=True)
class RealMemory(OsMemory):
    """Anonymous memory of this process, by mmap, munmap and madvise.

    What is released while somebody looks at it is unmapped with the last view of it.
    """

    def __init__(self, sizes: PageSizes | None = None) -> None:
        super().__init__(sizes if sizes is not None else machine_sizes())
        libc = ctypes.CDLL(None, use_errno=True)
        self._mmap = libc.mmap
        self._mmap.restype = ctypes.c_size_t
        self._mmap.argtypes = [
            ctypes.c_size_t,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        ]
        self._munmap = libc.munmap
        self._munmap.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
        self._madvise = libc.madvise
        self._madvise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
        munmap = self._munmap
        self._mappings = Mappings(
            lambda address, size: 0 if munmap(address, size) == 0 else ctypes.get_errno()
        )

    def reserve(self, address: int, size: int) -> int:
        """Reserve by an inaccessible mapping."""
        flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        found: int = self._mmap(address, size, PROT_NONE, flags, -1, 0)
        return 0 if found == MAP_FAILED else found

    def commit(self, address: int, size: int) -> int:
        """Map usable memory over the reservation."""
        flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
        found: int = self._mmap(address, size, PROT_READ_WRITE, flags, -1, 0)
        if found == MAP_FAILED:
            return ctypes.get_errno()
        self._mappings.add(address, size)
        return 0

    def release(self, address: int, size: int) -> None:
        """Unmap, unless somebody looks at it still: then the last view does.

        Raises: MmapFailed.
        """
        problem = self._mappings.release(address, size)
        if problem != 0:
            raise MmapFailed(
                problem, f"munmap of {size} bytes at {address:#x}: {os.strerror(problem)}"
            )

    def madvise(self, address: int, size: int, advice: int) -> int:
        """Advise the kernel."""
        return 0 if self._madvise(address, size, advice) == 0 else ctypes.get_errno()

    def view(self, address: int, size: int) -> memoryview | None:
        """Return the memory itself."""
        return self._mappings.view(address, size)

    def clear(self, address: int, size: int) -> None:
        """Write zeros by memset."""
        ctypes.memset(address, 0, size)


def machine_sizes() -> PageSizes:
    """Return the page sizes of this machine (CONST-3)."""
    try:
        with open(HUGE_PAGE_FILE, encoding="ascii") as file:
            huge = int(file.read())
    except (OSError, ValueError):
        huge = 0
    if huge < 0 or huge & (huge - 1) != 0:
        huge = 0
    return PageSizes(os.sysconf("SC_PAGE_SIZE"), huge)


@mypyc_attr(allow_interpreted_subclasses=True)
class SimulatedMemory(OsMemory):
    """An operating system that has nothing but addresses, and counts what it is asked.

    It grants each reservation where it is asked for, and places those without an address far from
    the hints. `refuse_reservations`, `fail_commits` and `fail_madvise` say how many calls of each
    kind fail from now on; `relocate` where the next reservations go instead, 0 for a refusal. A
    subclass may decide otherwise.
    """

    def __init__(self, sizes: PageSizes | None = None) -> None:
        super().__init__(sizes if sizes is not None else PageSizes())
        self.calls: Counter[str] = Counter()
        self.refuse_reservations = 0
        self.fail_commits = 0
        self.fail_madvise = 0
        self.relocate: list[int] = []
        self.next_anywhere = 0x7F00_0000_0000
        self.reserved_bytes = 0
        self.advised_bytes: Counter[int] = Counter()

    def reserve(self, address: int, size: int) -> int:
        """Grant the address, unless told otherwise."""
        self.calls["reserve"] += 1
        if self.refuse_reservations > 0:
            self.refuse_reservations -= 1
            return 0
        if self.relocate:
            address = self.relocate.pop(0)
            if address == 0:
                return 0
        elif address == 0:
            self.next_anywhere -= size
            address = self.next_anywhere
        self.reserved_bytes += size
        return address

    def commit(self, address: int, size: int) -> int:
        """Grant it, unless told to fail."""
        self.calls["commit"] += 1
        if self.fail_commits > 0:
            self.fail_commits -= 1
            return errno.ENOMEM
        return 0

    def release(self, address: int, size: int) -> None:
        """Take it back."""
        self.calls["release"] += 1
        self.reserved_bytes -= size

    def madvise(self, address: int, size: int, advice: int) -> int:
        """Note the advice; only MADV_DONTNEED fails when told to."""
        self.calls["madvise"] += 1
        if advice == MADV_DONTNEED and self.fail_madvise > 0:
            self.fail_madvise -= 1
            return errno.EINVAL
        self.advised_bytes[advice] += size
        return 0

    def view(self, address: int, size: int) -> memoryview | None:
        """There is nothing behind the addresses."""
        return None

    def clear(self, address: int, size: int) -> None:
        """There is nothing to clear."""
        self.calls["clear"] += 1
