"""Factories of what is under test, by name: found in a worker, and looked at before they are used.

What is wrong with a factory is said in one line. What it makes is another matter: that is judged.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Final, Generic, TypeVar, cast

from spanproof.fuzz.differences.plain import plain, said_by
from spanproof.fuzz.heapsides import Schedulable, Side
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanproof.fuzz.subjects import Subject


class Scope(StrEnum):
    """What is fuzzed: a heap, several Ps of it at once, a span, size classes, or any malloc."""

    HEAP = "heap"
    SCHEDULE = "schedule"
    SPAN = "span"
    SIZES = "sizes"
    CONTRACT = "contract"


AnyStart = Program | HeapProgram | SizesProgram

SIMPLEST: Final[dict[Scope, AnyStart]] = {
    Scope.HEAP: HeapProgram(()),
    Scope.SCHEDULE: HeapProgram((), procs=4),
    Scope.SPAN: Program(1, ()),
    Scope.SIZES: SizesProgram(()),
}
"""A program without steps."""


def names_of(protocol: type) -> frozenset[str]:
    """Return the names of a protocol's own methods."""
    return frozenset(name for name in vars(protocol) if not name.startswith("_"))


HEAP: Final = names_of(Side)
METHODS: Final = {
    Scope.HEAP: HEAP,
    Scope.SCHEDULE: HEAP | names_of(Schedulable),
    Scope.SPAN: names_of(Subject),
    Scope.SIZES: frozenset({"size"}),
}
"""The methods that are asked for."""

NAMES: Final = {
    Scope.HEAP: "a heap",
    Scope.SCHEDULE: "a heap",
    Scope.SPAN: "a span",
    Scope.SIZES: "size classes",
}


class WrongFactory(Exception):
    """A factory cannot be used; the message is one line that says why."""


ProgramT = TypeVar("ProgramT", Program, HeapProgram, SizesProgram)
MadeT = TypeVar("MadeT")


class ByName(Generic[ProgramT, MadeT]):
    """The factory that MODULE:FACTORY names, of modules in a folder, or installed.

    It is imported by `prepare`, in the process that uses it.
    """

    def __init__(self, name: str, folder: str, of: Scope) -> None:
        self.name = name
        self._folder = folder
        self._of = of
        self._factory: Callable[[ProgramT], MadeT] | None = None

    def __call__(self, program: ProgramT) -> MadeT:
        """Make what a program starts with."""
        assert self._factory is not None, "a factory is prepared before it is used"
        return self._factory(program)

    def prepare(self, begins: Callable[[AnyStart], None]) -> None:
        """Import it, and look at what it makes for a program without steps.

        `begins` hears of that program before it runs.

        Raises: WrongFactory if it is none, or what it makes is not what is asked for.
        """
        sys.path.insert(0, self._folder)
        sys.dont_write_bytecode = True
        factory = self._imported()
        simplest = SIMPLEST[self._of]
        try:
            inspect.signature(factory).bind(simplest)
        except ValueError:
            pass  # written in C: it has no signature to look at
        except TypeError as problem:
            raise self._wrong(f"cannot be called with a program: {plain(problem)}") from None
        self._factory = cast("Callable[[ProgramT], MadeT]", factory)
        begins(simplest)
        try:
            made: object = factory(simplest)
        except BaseException:
            # That is an observation, unless it makes something else than what is asked for.
            other: object = None
            with suppress(BaseException):
                other = factory(SIMPLEST[self._other])
            if not missing_of(self._other, other):
                raise self._makes_the_other() from None
            return
        self._look_at(made)

    @property
    def _other(self) -> Scope:
        return Scope.HEAP if self._of is Scope.SPAN else Scope.SPAN

    def _imported(self) -> Callable[..., object]:
        module_name, colon, name = self.name.partition(":")
        if not (colon and module_name and name):
            raise self._wrong("it has to be MODULE:FACTORY")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as problem:
            if problem.name is not None and f"{module_name}.".startswith(f"{problem.name}."):
                where = f"neither in {self._folder} nor installed"
                raise self._wrong(f"there is no module {problem.name!r}, {where}") from None
            raise self._wrong(f"importing {module_name!r} {said_by(problem)}") from None
        except BaseException as problem:
            raise self._wrong(f"importing {module_name!r} {said_by(problem)}") from None
        try:
            factory: object = getattr(module, name)
        except BaseException:
            raise self._wrong(f"the module {module_name!r} has no {name!r}") from None
        if not callable(factory):
            raise self._wrong(f"{name!r} is {a_kind_of(factory)}, which cannot be called")
        return factory

    def _look_at(self, made: object) -> None:
        """Require the methods that are asked for.

        Raises: WrongFactory if there are others, or none.
        """
        missing = missing_of(self._of, made)
        if not missing:
            return
        if not missing_of(self._other, made):
            raise self._makes_the_other()
        if self._of is Scope.SCHEDULE and HEAP.isdisjoint(missing):
            raise self._wrong(f"its heaps have no {listed(missing)}, which `--of schedule` needs")
        wanted = NAMES[self._of]
        raise self._wrong(
            f"returns {a_kind_of(made)}, and {wanted} "
            f"{'are' if wanted.endswith('s') else 'is'} asked for: it has no {listed(missing)}"
        )

    def _makes_the_other(self) -> WrongFactory:
        made = self._other.value
        asked = f"{NAMES[self._of]} {'are' if self._of is Scope.SIZES else 'is'} asked for"
        return self._wrong(f"makes {made}s, and {asked}; try it with --of {made}")

    def _wrong(self, why: str) -> WrongFactory:
        return WrongFactory(why)


def missing_of(of: Scope, made: object) -> list[str]:
    """Return the methods that are asked for, and that an object has not."""
    return sorted(name for name in METHODS[of] if not has(made, name))


def has(made: object, name: str) -> bool:
    """Tell whether an object has a method, whatever it does when it is asked."""
    try:
        return callable(getattr(made, name))
    except BaseException:
        return False


def listed(names: list[str], most: int = 4) -> str:
    """Return names in words, the first of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + more


def a_kind_of(value: object) -> str:
    """Return what a value is, in words."""
    return "None" if value is None else f"an object of type {type(value).__qualname__}"
