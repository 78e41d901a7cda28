"""Runs SPIN on a system of few identities: its verifier visits every state."""

import os
import re
import resource
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from spanproof.search.spin.promela import promela
from spanproof.support.processes.children import with_parent
from spanproof.support.processes.programs import ran
from spanproof.support.tools import C_COMPILER, SPIN, command_of
from spanproof.symbolic.reading.sources import SourceTree
from spanspec.sharing.tables.records import Sharing

MEMORY: Final = 4000
"""MiB that the verifier may use."""

DEEPEST: Final = 1_000_000
"""Steps of the longest run that it may follow; beyond it the search would not be complete."""


class Verified(NamedTuple):
    """What SPIN's verifier says: distinct states, transitions, errors, and seconds.

    `complete` is false if it ran into its limit of time or memory.
    """

    states: int
    transitions: int
    errors: int
    complete: bool
    seconds: float


def needed() -> tuple[str, str]:
    """Return the paths of SPIN and of a C compiler.

    Raises: Missing if one is not installed.
    """
    return command_of(SPIN), command_of(C_COMPILER)


def verify(
    start: Sharing, cycles: int, seconds: float, sources: SourceTree | None = None
) -> Verified:
    """Have SPIN visit every state of a system, with so many starts of a cycle.

    It stops after so many seconds. Time, and its limit, is the processor's; writing and compiling
    the verifier (some seconds) is left out. `sources` gives a variant of the rules.

    Raises: Missing if SPIN or a C compiler is not installed.
    """
    spin, compiler = needed()
    with tempfile.TemporaryDirectory() as folder:
        text = promela(start, cycles, sources)
        Path(folder, "protocol.pml").write_text(text, encoding="utf-8")
        _run([spin, "-a", "protocol.pml"], folder)
        flags = ["-O2", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEMORY}"]
        _run([compiler, *flags, "-o", "pan", "pan.c"], folder)
        started = _children_seconds()
        # A run may end: with no cycle left to start there is not always something to do (-E).
        verifier = subprocess.Popen(
            [Path(folder, "pan"), "-E", f"-m{DEEPEST}", "-b"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=with_parent(),
        )
        try:
            while True:
                try:
                    text, _ = verifier.communicate(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    if _seconds_of(verifier.pid) > seconds:
                        verifier.send_signal(signal.SIGINT)  # it then tells how far it has come
        finally:
            verifier.kill()
        return parse(text, _children_seconds() - started)


def _children_seconds() -> float:
    """Return the processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seconds_of(pid: int) -> float:
    """Return the processor time of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _run(command: list[str], folder: str) -> None:
    done = ran(command, folder=folder)
    if done.returncode != 0 or "Error" in done.stdout:
        raise RuntimeError(f"{command[0]} fails: {done.stdout.strip()} {done.stderr.strip()}")


def parse(text: str, seconds: float) -> Verified:
    """Read what the verifier printed.

    Raises: RuntimeError if it holds no statistics.
    """

    def number(pattern: str) -> int:
        found = re.search(pattern, text)
        if found is None:
            raise RuntimeError(
                f"SPIN's verifier says nothing of {pattern!r}: {text.strip()[-300:]}"
            )
        return int(float(found[1]))

    return Verified(
        number(r"([0-9.e+]+) states, stored"),
        number(r"([0-9.e+]+) transitions"),
        number(r"errors: (\d+)"),
        "Search not completed" not in text,
        seconds,
    )
