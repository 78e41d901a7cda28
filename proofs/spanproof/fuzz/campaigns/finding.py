"""A finding as it is saved: the program, what it showed, and what it was found with."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

import msgspec

from spanproof.fuzz.isolation.ending import MOST_SECONDS
from spanproof.fuzz.lockstep.divergence import AnyProgram, Divergence
from spanproof.fuzz.program import Program, ProgramError
from spanproof.fuzz.programs.contractprogram import ContractProgram
from spanproof.fuzz.programs.heapprogram import HeapProgram, check_bounds
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanproof.fuzz.sides.factories import Scope
from spanproof.support.files import savedfile

KIND: Final = "finding"
DoorName = Literal["", "exec", "lib", "malloc"]
DISTRIBUTIONS: Final = ("spanspec", "hypothesis")


OF_KIND: Final[dict[str, type[AnyProgram]]] = {
    "heap": HeapProgram,
    "sizes": SizesProgram,
    "contract": ContractProgram,
}


def versions_here() -> dict[str, str]:
    """Return the versions of what a finding depends on, beside the implementation."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # run from its sources
    return found


class FoundWith(msgspec.Struct, frozen=True, omit_defaults=True):
    """What something was found with: the options of `fuzz`, and where it was called.

    `python` is the factory of the implementation, and `folder` where its modules are looked for;
    without one it was the installed spanalloc. Or it was the `command` behind a `door`: a process,
    a library, or a malloc.
    """

    of: Scope
    seed: int = 0
    python: str = ""
    folder: str = ""
    limit: float = MOST_SECONDS
    versions: dict[str, str] = {}
    door: DoorName = ""
    command: str = ""


class FuzzFinding(msgspec.Struct, frozen=True, tag=KIND, tag_field="kind"):
    """A program on which two sides part, and what was seen of that."""

    program: AnyProgram
    step: int
    what: str
    expected: str
    seen: str
    again: str = ""
    found_with: FoundWith | None = None
    format: Literal[1] = 1


def finding_of(divergence: Divergence, again: str, found_with: FoundWith) -> FuzzFinding:
    """Return a divergence as it is saved."""
    return FuzzFinding(
        divergence.program,
        divergence.step,
        divergence.what,
        divergence.expected,
        divergence.seen,
        again,
        found_with,
    )


def load(path: Path) -> tuple[AnyProgram, FoundWith | None]:
    """Read a finding, or the program alone; return what it was found with, if that is known.

    Raises: ProgramError if the file is missing or holds neither, or the program asks for too much.
    """
    program: AnyProgram
    found_with: FoundWith | None
    kind = savedfile.kind_of(path)
    if kind == KIND:
        found = savedfile.read(path, FuzzFinding, "not a saved finding", ProgramError)
        program, found_with = found.program, found.found_with
    else:
        of_kind = OF_KIND.get(kind, Program)
        program = savedfile.read(path, of_kind, "not a saved program", ProgramError)
        found_with = None
    if isinstance(program, HeapProgram):
        try:
            check_bounds(program)
        except ProgramError as problem:
            raise ProgramError(f"{path}: {problem}") from None
    return program, found_with
