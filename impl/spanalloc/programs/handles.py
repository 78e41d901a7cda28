"""An easy way to use a heap from Python: objects live as long as their handles do.

with Arena() as arena:
page = arena.new(4096)
page.view[:5] = b"hello"
del page                 # dead, from the next cycle on
arena.collect()
"""

from types import TracebackType
from typing import Final
from weakref import WeakSet

from spanalloc.base.errors import BadRequest
from spanalloc.heap.heap import Heap
from spanalloc.pages.osmem import OsMemory


class Handle:
    """An object in an arena, which lives as long as this does.

    `address` and `size` are in bytes. Whoever keeps `view` must keep the handle, too.
    """

    __slots__ = ("__weakref__", "_arena", "address", "size")

    def __init__(self, arena: "Arena", address: int, size: int) -> None:
        self._arena = arena
        self.address: Final = address
        self.size: Final = size

    @property
    def view(self) -> memoryview:
        """The bytes of the object, to be read and written.

        Raises: HeapClosed if the arena is closed.
        """
        return self._arena.heap.memory(self.address, self.size)

    def __len__(self) -> int:
        """Return the size in bytes."""
        return self.size

    def __repr__(self) -> str:
        """Return size and address."""
        return f"<{self.size} bytes at {self.address:#x}>"


class Arena:
    """A heap with one P whose living objects are those that have handles.

    With `automatic`, a cycle runs when the heap has grown enough for one, as in the runtime. What
    dies is found by a cycle only: nobody frees a single object.
    """

    def __init__(self, os: OsMemory | None = None, *, automatic: bool = True) -> None:
        self.heap = Heap(1, os)
        self.automatic = automatic
        self._handles: WeakSet[Handle] = WeakSet()

    def new(self, size: int) -> Handle:
        """Allocate a zeroed object of 1 byte or more.

        Raises: BadRequest for a size below 1; whatever `Heap.malloc` raises.
        """
        if size < 1:
            raise BadRequest(f"an object of {size} bytes")
        if self.automatic and self.heap.wants_cycle:
            self.collect()
        handle = Handle(self, self.heap.malloc(size, noscan=True), size)
        self._handles.add(handle)
        return handle

    def collect(self) -> None:
        """Run a cycle: what has no handle any more is dead."""
        self.heap.collect([handle.address for handle in self._handles])

    def trim(self) -> int:
        """Run a cycle, and return all free memory to the operating system; return the bytes."""
        self.collect()
        return self.heap.free_os_memory()

    def __len__(self) -> int:
        """Return the number of objects that have handles."""
        return len(self._handles)

    def close(self) -> None:
        """Give all memory back.

        Raises: HeapClosed if that was done already.
        """
        self.heap.close()

    def __enter__(self) -> "Arena":
        """Return the arena, which is closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the arena, unless that was done already."""
        if not self.heap.closed:
            self.close()
