"""How the process of an implementation ended, in words: the cause, the place, what it printed."""

import signal
from pathlib import Path
from typing import Final

import spanproof
from spanproof.fuzz.differences.plain import plain
from spanproof.fuzz.isolation.ending import Ended, Limits
from spanproof.protocol.process import WAITS

LINES: Final = 6
"""Lines of its output that are shown, and calls of its stack."""

WIDTH: Final = 160
"""Characters of each such line."""

FATAL: Final = "Fatal Python error:"
STACK: Final = "(most recent call first):"
OURS: Final = str(Path(spanproof.__file__).parent)


def end_report(ended: Ended, limits: Limits, cut_off: bool) -> str:
    """Return what a process did that ended; `cut_off` says that nothing could be sent any more."""
    printed = plain_lines(ended.printed)
    return "\n".join(
        [
            cause_of(ended, limits, cut_off),
            *(f"    {line}" for line in waits(printed)[-1:]),
            *(f"    {line}" for line in where(printed)[:LINES]),
            *(f"    it printed: {line}" for line in said(printed)[-LINES:]),
        ]
    )


def cause_of(ended: Ended, limits: Limits, cut_off: bool) -> str:
    """Return why a process ended."""
    if cut_off:
        return "closes the pipe by which its process is watched"
    match ended.cause:
        case "exit":
            return f"ends its process, with exit status {ended.number}"
        case "signal":
            return f"ends its process by {name_of(ended.number)}"
        case "time":
            return f"does not end within {limits.seconds:g} s"
        case "memory":
            return f"takes more than {limits.memory >> 20} MiB of memory"
        case "damaged":
            return "damages what its process tells the one that watches it"
        case _:
            return "ends the process that watches its own"


def name_of(number: int) -> str:
    """Return the name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def plain_lines(printed: bytes) -> list[str]:
    """Return what was printed, line by line."""
    return [plain(line) for line in printed.decode(errors="replace").splitlines()]


def waits(printed: list[str]) -> list[str]:
    """Return what the process of an implementation was waited for, of one that is asked."""
    return [line.removeprefix(WAITS) for line in printed if line.startswith(WAITS)]


def where(printed: list[str]) -> list[str]:
    """Return the calls that a thread was in which runs the implementation, the innermost first."""
    for place, line in enumerate(printed):
        if line.endswith(STACK):
            calls = []
            for call in printed[place + 1 :]:
                if not call.startswith("  File ") or OURS in call:
                    break
                calls.append(call.strip())
            if calls and "threading.py" not in calls[0]:
                return calls
    return []


def said(printed: list[str]) -> list[str]:
    """Return the lines that the implementation printed itself."""
    lines = []
    for line in printed:
        before, fatal, _ = line.partition(FATAL)
        if before.strip() and not before.startswith(WAITS):
            lines.append(before if len(before) <= WIDTH else f"{before[:WIDTH]} ...")
        if fatal:
            break
    return lines
