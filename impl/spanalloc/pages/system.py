"""The operating system as the page heap uses it: answers are checked, and failures have types.

An `OsMemory` may be written by anybody, and raise anything, or say what cannot be. Whatever it does
becomes an OsFailed before the heap has changed anything.
"""

from contextlib import suppress
from typing import Final, final

from mypy_extensions import i64

from spanalloc.base.errors import BadRequest, MadviseFailed, MmapFailed, OsFailed
from spanalloc.base.mutex import Interrupts
from spanalloc.pages.osmem import OsMemory
from spanalloc.span import kernels

ADDRESS_SPACE: Final = 1 << 47
"""Bytes that the arena map spans from address 0 on (HEAP-5)."""

SMALLEST_PAGE: Final = 4096


@final
class System:
    """What answers for the operating system, and what it has granted.

    `held` are the reservations, `real` tells whether there is memory behind them; `problem` is what
    mere advice raised last.
    """

    def __init__(self, os: OsMemory, interrupts: Interrupts) -> None:
        self.os = os
        try:
            self.sizes = os.sizes
        except AttributeError:
            raise BadRequest(
                "an OsMemory without page sizes: its __init__ does not call that of the class"
            ) from None
        self.interrupts = interrupts
        self.problem: Exception | None = None
        self.held: list[tuple[int, int]] = []
        self.real = False
        self.interpreted: bool = kernels.__file__.endswith(".py")

    def reserve(self, address: i64, size: i64) -> i64:
        """Reserve address space, at `address` if that is free, else anywhere; 0 if refused (OS-3).

        Raises: OsFailed, also for what is no place, or held already (T-11).
        """
        try:
            found = self.os.reserve(address, size)
            if self.interpreted:
                number(found)
        except BaseException as problem:
            raise failed("reserve", problem) from problem
        return self.place(found, size) if found != 0 else 0

    def reserve_aligned(self, size: i64, align: i64) -> tuple[i64, i64]:
        """Reserve `size` bytes or more at a multiple of `align`; return where and how many (AR-6).

        (0, 0) if refused.

        Raises: OsFailed, as `reserve`.
        """
        try:
            found, length = self.os.reserve_aligned(size, align)
            if self.interpreted:
                number(found)
                number(length)
        except BaseException as problem:
            raise failed("reserve_aligned", problem) from problem
        if length == 0:
            return 0, 0
        if not size <= length <= ADDRESS_SPACE or length % SMALLEST_PAGE != 0:
            raise OsFailed(f"reserve_aligned: {length} bytes instead of {int(size)}")
        base = self.place(found, length)
        if base & (align - 1) != 0 or base + length > ADDRESS_SPACE:
            self.release(base, length)
            raise OsFailed(f"T-8: the reservation at {found:#x} cannot hold arenas")
        return base, length

    def place(self, found: int, size: int) -> i64:
        """Return where a reservation is, if it can be there."""
        if found <= 0 or found >> 62 != 0 or found % SMALLEST_PAGE != 0:
            raise OsFailed(f"a reservation at {found:#x}, which is the address of no page")
        for base, length in self.held:
            if found < base + length and base < found + size:
                raise OsFailed(f"T-11: the reservation at {found:#x} is held already")
        return found

    def map(self, base: i64, size: i64) -> None:
        """Turn reserved memory into usable memory.

        Raises: MmapFailed, OsFailed; the reservation has been given back then.
        """
        try:
            self.os.map(base, size)
        except BaseException as problem:
            refused = problem if isinstance(problem, MmapFailed) else failed("map", problem)
            self.release(base, size)
            raise refused from problem

    def hold(self, base: int, size: int) -> None:
        """Note that a reservation is held."""
        self.held = [*self.held, (base, size)]

    def release(self, address: i64, size: i64) -> None:
        """Give address space back (OS-7).

        Raises: MmapFailed, OsFailed.
        """
        try:
            self.os.release(address, size)
        except MmapFailed:
            raise
        except BaseException as problem:
            raise failed("release", problem) from problem

    def release_all(self) -> None:
        """Give back all that is held; what cannot be is lost.

        Raises: MmapFailed, OsFailed: the first failure.
        """
        first: BaseException | None = None
        while self.held:
            base, size = self.held[-1]
            self.held = self.held[:-1]
            try:
                self.release(base, size)
            except (MmapFailed, OsFailed) as problem:
                first = first or problem
        if first is not None:
            raise first

    def used(self, base: i64, size: i64) -> None:
        """Say that a range is going to be used (OS-5).

        Raises: OsFailed.
        """
        try:
            self.os.used(base, size)
        except BaseException as problem:
            raise failed("used", problem) from problem

    def unused(self, base: i64, size: i64) -> None:
        """Return the memory of a range (OS-6).

        Raises: MadviseFailed, OsFailed.
        """
        try:
            self.os.unused(base, size)
        except MadviseFailed:
            raise
        except BaseException as problem:
            raise failed("unused", problem) from problem

    def welcome_huge(self, base: i64, size: i64) -> None:
        """Say that huge pages are welcome in a range: advice, so failures change nothing (OS-5)."""
        try:
            self.os.welcome_huge(base, size)
        except Exception as problem:
            self.problem = problem
        except BaseException as problem:
            self.interrupts.keep(problem)

    def clear(self, base: i64, size: i64) -> None:
        """Write zeros over committed memory.

        Raises: OsFailed.
        """
        try:
            self.os.clear(base, size)
        except BaseException as problem:
            raise failed("clear", problem) from problem

    def view(self, base: i64, size: i64) -> memoryview | None:
        """Return committed memory as bytes to be read and written; None if there is none behind it.

        Raises: OsFailed, also for a view of another form.
        """
        try:
            view = buffer(self.os.view(base, size))
        except BaseException as problem:
            raise failed("view", problem) from problem
        if view is not None:
            fits = view.nbytes == size and view.format == "B" and view.ndim == 1
            if not fits or view.readonly or not view.c_contiguous:
                raise OsFailed(f"view: not {int(size)} bytes that can be written")
            self.real = True
        return view


def number(answer: object) -> None:
    """Raise TypeError unless an answer is an integer, which only compiled code knows by itself."""
    if not isinstance(answer, int):
        raise TypeError(f"a {type(answer).__name__} for an integer")


def buffer(answer: object) -> memoryview | None:
    """Return an answer that is a view, or None.

    Raises: TypeError if it is neither.
    """
    if answer is not None and not isinstance(answer, memoryview):
        raise TypeError(f"a {type(answer).__name__} for a memoryview")
    return answer


def failed(what: str, problem: BaseException) -> OsFailed:
    """Return the error that says what came out of a call of the operating system's object."""
    said = type(problem).__name__
    with suppress(Exception):
        said = f"{said}: {problem}"
    error = OsFailed(f"{what} of the operating system: {said}")
    # Compiled code does not do this where it raises one "from" another.
    error.__cause__ = problem
    return error
