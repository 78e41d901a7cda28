"""What reproduces a finding without the campaign: a test, and for a process a shell script."""

import re
import shlex
from pathlib import Path
from typing import Final

from spanproof.doors.calling import called_of
from spanproof.doors.targets import answerer_of, run_again
from spanproof.fuzz.campaigns import finding
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.isolation.apart import heard_apart
from spanproof.fuzz.isolation.confined import Sender
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.isolation.shared_note import Note
from spanproof.fuzz.levels.contract import ALIGNMENT, PLACE
from spanproof.fuzz.levels.contractruns import run_by_steps
from spanproof.fuzz.levels.remote import Answerer, RemoteSizes, RemoteSpans
from spanproof.fuzz.levels.remoteheap import RemoteHeaps
from spanproof.fuzz.levels.sizes import run_sizes
from spanproof.fuzz.lockstep.divergence import Divergence, Run
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.program import Program, ProgramError
from spanproof.fuzz.programs.contractprogram import ContractProgram
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanproof.fuzz.sides.factories import WrongFactory
from spanproof.protocol import process
from spanproof.protocol.faults import Broken, CannotStart

END: Final = "END OF REQUESTS"
LONGEST: Final = 1 << 16
"""Bytes of a reply that a script compares."""

AGREES: Final = b"a"
DIVERGES: Final = b"d"
"""What a run has come to that is written down: a message after those of its lines."""

PATIENCE: Final = 4
"""Limits of a program after which a run that is written down is ended; it ends itself before."""

VARYING: Final = re.compile(r'"(address|began|ended)":\d+')
"""What differs from run to run."""

UNIT: Final = re.compile(r"a multiple of (\d+)")
"""What is expected of an address, and its unit."""

WHERE: Final = r"""
function number(line, key) {
    if (!match(line, "\"" key "\":[0-9]+")) return -1
    return substr(line, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
}
/^$/ { replies = 1; next }
!replies { asked[number($0, "n")] = $0; next }
{
    ask = asked[number($0, "n")]
    id = number(ask, "id"); at = number($0, "address"); size = number(ask, "bytes"); said = ""
    if (ask ~ /"op":"(free|realloc)"/) delete start[id]
    if (ask !~ /"op":"(malloc|realloc)"/ || at <= 0 || size <= 0) next
    if (at % UNIT) said = "it is no multiple of UNIT"
    if (at + size > 18446744073709551616) said = "it ends beyond 64 bits"
    for (one in start)
        if (start[one] < at + size && at < start[one] + room[one]) said = "it overlaps object " one
    start[id] = at; room[id] = size
}
END { print said }
"""
"""Says what is wrong with the last object, as addresses are others each time: a program for awk."""


def replayed(path: Path) -> Divergence | None:
    """Run a saved finding again, with what it was found with.

    Raises: ProgramError if the file holds none; CannotStart, WrongFactory if the implementation
        cannot be used.
    """
    program, found_with = finding.load(path)
    if found_with is None:
        raise ProgramError(f"{path}: does not say what it was found with")
    return run_again(program, found_with, Limits(found_with.limit))


def test_of(saved: str, divergence: Divergence) -> str:
    """Return a test that fails until a finding is mended that is saved under a name beside it."""
    name = saved.removesuffix(".json").replace("-", "_")
    what = divergence.what.replace("\\", "/").replace('"', "'").splitlines()[0]
    return f'''"""Found by `spanspec fuzz`; it fails until that is mended: {what}."""

from pathlib import Path

from spanproof.doors.reproducing import replayed


def test_{name}() -> None:
    divergence = replayed(Path(__file__).with_name("{saved}"))
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
    begins = [
        "#!/bin/sh",
        "# Found by `spanspec fuzz`; this asks the process what it was asked then, and ends",
        "# with status 1 while it still replies so, and with 0 when it does not.",
        "#",
        *(f"# {line}".rstrip() for line in divergence.render().splitlines()),
        "",
        f"cd {shlex.quote(called.folder or '.')} || exit 2",
        f"asked={shlex.quote(record[-1][0].decode()[:400])}",
    ]
    requests = [line.decode() for line, _ in record]
    command = f"timeout {round(found_with.limit) + 5} {command}"
    if divergence.what in (ALIGNMENT, PLACE):
        unit = UNIT.match(divergence.expected)
        return "\n".join(
            [
                *begins,
                f"requests=$(cat <<'{END}'",
                *requests,
                END,
                ")",
                f"replies=$(printf '%s\\n' \"$requests\" | {command} | tr -d ' ')",
                'wrong=$(printf "%s\\n\\n%s\\n" "$requests" "$replies" | awk '
                f"{shlex.quote(WHERE.replace('UNIT', unit[1] if unit else '1'))})",
                'echo "asked:  $asked"',
                f'echo "says:   $(echo "$replies" | sed -n {len(record)}p | cut -c -400)"',
                'if [ -n "$wrong" ]; then echo "as it was found: $wrong"; exit 1; fi',
                "",
            ]
        )
    reply = VARYING.sub(r'"\1":0', record[-1][1].decode(errors="replace").replace(" ", ""))
    return "\n".join(
        [
            *begins,
            f"said=$({command} <<'{END}' |",
            *requests,
            END,
            f"    sed -n {len(record)}p | tr -d ' ' | cut -c -{LONGEST} |",
            '    sed -E \'s/"(address|began|ended)":[0-9]+/"\\1":0/g\')',
            f"found={shlex.quote(reply[:LONGEST])}",
            'echo "asked:  $asked"',
            'echo "says:   ${said:-nothing}"',
            'if [ "$said" = "$found" ]; then echo "as it was found"; exit 1; fi',
            'echo "found:  ${found:-nothing}"',
            "",
        ]
    )


def recorded(found_with: FoundWith, divergence: Divergence) -> list[tuple[bytes, bytes]]:
    """Run a program once more, and return the lines that were exchanged; none if it goes well.

    One that has no reply, as it ended the process that asked, has an empty one.
    """
    answerer = answerer_of(found_with)
    answerer.limit = found_with.limit

    def run(assignment: bytes, sender: Sender, note: Note) -> None:
        answerer.record = sender.send
        try:
            outcome = run_on(answerer, divergence)
        except (CannotStart, Broken, WrongFactory):
            sender.send(AGREES)
        else:
            sender.send(AGREES if outcome.divergence is None else DIVERGES)
        finally:
            answerer.close()

    lines: list[tuple[bytes, bytes]] = []
    verdicts: list[bytes] = []

    def hear(message: bytes) -> None:
        match message[:1]:
            case process.ASKED:
                lines.append((message[1:], b""))
            case process.REPLIED:
                lines[-1] = (lines[-1][0], message[1:])
            case _:
                verdicts.append(message)

    heard_apart(run, Limits(PATIENCE * found_with.limit), hear)
    return [] if AGREES in verdicts else lines


def run_on(answerer: Answerer, divergence: Divergence) -> Run:
    """Run the program of a finding on what answers."""
    match divergence.program:
        case Program() as program:
            return run_program(program, RemoteSpans(answerer))
        case SizesProgram() as program:
            return run_sizes(program, RemoteSizes(answerer))
        case ContractProgram() as program:
            # Step by step, so that the last reply is the one at fault.
            return run_by_steps(program, answerer, lambda step: None)
        case HeapProgram() as program:
            return run_heap_program(program, RemoteHeaps(answerer))
