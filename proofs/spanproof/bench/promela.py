"""The ownership protocol in Promela, for SPIN: written out for a scope, compiled, and run."""

import os
import re
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

from spanproof.bench.tools import C_COMPILER, SPIN, command_of
from spanproof.ownershipscope import Scope

TEMPLATE: Final = Path(__file__).with_name("ownership.pml")

MEMORY: Final = 1500
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


def promela(scope: Scope) -> str:
    """Return the Promela text of the protocol with so many spans, cache slots and sweepers."""
    spans, slots, sweepers = range(1, scope.spans + 1), range(scope.slots), range(scope.sweepers)
    swept = [f"(gen[{s}] == FREE || gen[{s}] == SWEPT || gen[{s}] == CACHED)" for s in spans]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        spans=scope.spans,
        slots=scope.slots,
        sweepers=scope.sweepers,
        all_swept=_all([*swept, *(f"flushed[{t}]" for t in slots)]),
        owned=_all(_owned(spans, slots, sweepers)),
        heap_steps=_options(f"allocate({s})" for s in spans),
        slot_steps=_options(
            [
                *(f"cache(ME_SLOT, {s})" for s in spans),
                *(f"uncache(ME_SLOT, {w})" for w in sweepers),
            ]
        ),
        sweeper_steps=_options(f"claim({s}, ME_SWEEPER)" for s in spans),
    )


def verify(scope: Scope, seconds: float) -> Verified:
    """Have SPIN visit every state of the protocol in scope, for so many seconds at most.

    Time, and its limit, is the processor's; writing and compiling it (a second) is left out.

    Raises: Missing if SPIN or a C compiler is not installed.
    """
    spin, compiler = command_of(SPIN), command_of(C_COMPILER)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ownership.pml").write_text(promela(scope), encoding="utf-8")
        _compile([spin, "-a", "ownership.pml"], folder)
        flags = ["-O2", "-w", "-DSAFETY", f"-DMEMLIM={MEMORY}"]
        _compile([compiler, *flags, "-o", "pan", "pan.c"], folder)
        started = _children_seconds()
        verifier = subprocess.Popen(
            [Path(folder, "pan"), f"-m{DEEPEST}", "-b"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
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


def _compile(command: list[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
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


def _owned(spans: range, slots: range, sweepers: range) -> list[str]:
    """Return the parts of the invariant: owners own, are alone, and exist where they must."""
    return [
        *(f"(slot[{t}] == 0 || gen[slot[{t}]] == (flushed[{t}] -> CACHED : STALE))" for t in slots),
        *(f"(sweeper[{w}] == 0 || gen[sweeper[{w}]] == SWEEPING)" for w in sweepers),
        *(f"(slot[{t}] == 0 || slot[{t}] != slot[{u}])" for t, u in combinations(slots, 2)),
        *(
            f"(sweeper[{v}] == 0 || sweeper[{v}] != sweeper[{w}])"
            for v, w in combinations(sweepers, 2)
        ),
        *(f"(gen[{s}] < STALE || {_some('slot', s, slots)})" for s in spans),
        *(f"(gen[{s}] != SWEEPING || {_some('sweeper', s, sweepers)})" for s in spans),
    ]


def _some(owner: str, span: int, identities: range) -> str:
    return "(" + " || ".join(f"{owner}[{one}] == {span}" for one in identities) + ")"


def _all(parts: Iterable[str]) -> str:
    return " && \\\n  ".join(parts)


def _options(steps: Iterable[str]) -> str:
    return "\n".join(f"  :: {step}" for step in steps)
