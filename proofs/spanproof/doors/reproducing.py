"""What reproduces a finding without the campaign: a test, and for a process a shell script."""

import re
import shlex
from pathlib import Path
from typing import Final

from spanproof.doors.calling import called_of
from spanproof.doors.targets import SHARE, run_again
from spanproof.fuzz import finding
from spanproof.fuzz.divergence import Divergence, Run
from spanproof.fuzz.finding import FoundWith
from spanproof.fuzz.heaplockstep import run_heap_program
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.levels.contractprogram import ContractProgram
from spanproof.fuzz.levels.contractruns import attempt_on
from spanproof.fuzz.levels.remote import Answerer, RemoteSizes, RemoteSpans
from spanproof.fuzz.levels.remoteheap import RemoteHeaps
from spanproof.fuzz.levels.sizes import run_sizes
from spanproof.fuzz.levels.sizesprogram import SizesProgram
from spanproof.fuzz.lockstep import run_program
from spanproof.fuzz.program import Program, ProgramError

END: Final = "END OF REQUESTS"
LONGEST: Final = 1 << 16
"""Bytes of a reply that a script compares."""

VARYING: Final = re.compile(r'"(address|began|ended)":\d+')
"""What differs from run to run."""


def replayed(path: Path) -> Divergence | None:
    """Run a saved finding again, with what it was found with.

    Raises: ProgramError if the file holds none; CannotStart, WrongFactory if the implementation
        cannot be used.
    """
    program, found_with = finding.load(path)
    if found_with is None:
        raise ProgramError(f"{path}: does not say what it was found with")
    return run_again(program, found_with, Limits(found_with.limit))


def test_of(saved: Path, divergence: Divergence) -> str:
    """Return a test that fails until a saved finding is mended."""
    name = saved.stem.replace("-", "_")
    what = divergence.what.replace("\\", "/").replace('"', "'").splitlines()[0]
    return f'''"""Found by `spanspec fuzz`; it fails until that is mended: {what}."""

from pathlib import Path

from spanproof.doors.reproducing import replayed


def test_{name}() -> None:
    divergence = replayed(Path(__file__).with_name("{saved.name}"))
    assert divergence is None, divergence.render()
'''


def script_of(found_with: FoundWith, divergence: Divergence) -> str | None:
    """Return a shell script that asks a process what was asked, or None if it is no process.

    The script ends with status 1 while the process still replies what was found.
    """
    program = divergence.program
    if found_with.door not in ("exec", "malloc"):
        return None
    if isinstance(program, ContractProgram) and program.threads > 1:
        return None  # it may not happen again
    record = recorded(found_with, divergence)
    if not record:
        return None
    called = called_of(found_with.door, found_with.command, found_with.folder)
    variables = [f"{name}={value}" for name, value in called.extra.items()]
    command = shlex.join([*(("env", *variables) if variables else ()), *called.command])
    reply = VARYING.sub(r'"\1":0', record[-1][1].decode(errors="replace").replace(" ", ""))
    return "\n".join(
        [
            "#!/bin/sh",
            "# Found by `spanspec fuzz`; this asks the process what it was asked then, and ends",
            "# with status 1 while it still replies so, and with 0 when it does not.",
            "#",
            *(f"# {line}".rstrip() for line in divergence.render().splitlines()),
            "",
            f"cd {shlex.quote(called.folder or '.')} || exit 2",
            f"said=$(timeout {round(found_with.limit) + 5} {command} <<'{END}' |",
            *(line.decode() for line, _ in record),
            END,
            f"    sed -n {len(record)}p | tr -d ' ' | cut -c -{LONGEST} |",
            '    sed -E \'s/"(address|began|ended)":[0-9]+/"\\1":0/g\')',
            f"found={shlex.quote(reply[:LONGEST])}",
            f"asked={shlex.quote(record[-1][0].decode()[:400])}",
            'echo "asked:  $asked"',
            'echo "says:   ${said:-nothing}"',
            'if [ "$said" = "$found" ]; then echo "as it was found"; exit 1; fi',
            'echo "found:  ${found:-nothing}"',
            "",
        ]
    )


def recorded(found_with: FoundWith, divergence: Divergence) -> list[tuple[bytes, bytes]]:
    """Run a program once more, and return the lines that were exchanged; none if it goes well."""
    called = called_of(found_with.door, found_with.command, found_with.folder)
    answerer = Answerer(called, found_with.of.value, SHARE * found_with.limit)
    answerer.record = []
    answerer.limit = found_with.limit
    try:
        run = run_on(answerer, divergence)
    finally:
        answerer.close()
    return answerer.record if run.divergence is not None else []


def run_on(answerer: Answerer, divergence: Divergence) -> Run:
    """Run the program of a finding on what answers."""
    match divergence.program:
        case Program() as program:
            return run_program(program, RemoteSpans(answerer))
        case SizesProgram() as program:
            return run_sizes(program, RemoteSizes(answerer))
        case ContractProgram() as program:
            return attempt_on(answerer)(program, lambda step: None)
        case HeapProgram() as program:
            return run_heap_program(program, RemoteHeaps(answerer))
