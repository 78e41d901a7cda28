"""Watching which rules a campaign reaches: its programs are run on the model, beside it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Final, NamedTuple

import msgspec

from spanproof.fuzz.engine.reachable import Reachable, reachable
from spanproof.fuzz.lockstep.divergence import AnyProgram
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.support.processes.children import with_parent
from spanspec.compiled import INTERPRET
from spanspec.rules.book import BY_ID

PATIENCE: Final = 60.0
"""Seconds that the watcher has at the end for programs that it has not run yet."""


class ReachedBy(NamedTuple):
    """The rules that were reached, each with the number of the program that was the first to."""

    first: dict[str, int]
    programs: int
    known: Reachable

    @property
    def reached(self) -> tuple[str, ...]:
        """Those of the rules that can be reached which were."""
        return tuple(rule for rule in self.known.rules if rule in self.first)

    @property
    def missing(self) -> tuple[str, ...]:
        """Those which were not."""
        return tuple(rule for rule in self.known.rules if rule not in self.first)

    @property
    def share(self) -> float:
        """The part of the rules that can be reached which were."""
        return len(self.reached) / len(self.known.rules)


class Watcher:
    """A process that runs the programs that a campaign keeps, where each call can be seen."""

    def __init__(self) -> None:
        self._known = reachable()
        self._first: dict[str, int] = {}
        self._programs = 0
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "spanproof.fuzz.lockstep.rulewatch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, INTERPRET: "1"},
            preexec_fn=with_parent(),
        )
        self._writes = threading.Thread(target=self._write, daemon=True)
        self._reads = threading.Thread(target=self._read, daemon=True)
        self._writes.start()
        self._reads.start()

    def watch(self, program: AnyProgram) -> None:
        """Have a program run, if it is one of a whole heap."""
        if isinstance(program, HeapProgram):
            self._queue.put(msgspec.json.encode(program) + b"\n")

    def so_far(self) -> ReachedBy:
        """Return what was reached by the programs that were run."""
        return ReachedBy(dict(self._first), self._programs, self._known)

    def finish(self) -> ReachedBy:
        """Wait for the programs that are left, and end the process."""
        self._queue.put(b"")
        self._reads.join(PATIENCE)
        self._process.kill()
        self._process.wait()
        for thread, pipe in (
            (self._writes, self._process.stdin),
            (self._reads, self._process.stdout),
        ):
            thread.join()
            if pipe is not None:
                # What was not written to a process that has no time left stays unwritten.
                with suppress(BrokenPipeError):
                    pipe.close()
        return self.so_far()

    def _write(self) -> None:
        assert self._process.stdin is not None
        try:
            while text := self._queue.get():
                self._process.stdin.write(text)
                self._process.stdin.flush()
            self._process.stdin.close()
        except OSError:
            return

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._programs += 1
            for rule in msgspec.json.decode(line, type=list[str]):
                self._first.setdefault(rule, self._programs)


def by_rule(reached: ReachedBy) -> Iterator[str]:
    """Yield the table of rules: a line for each that can be reached, and then the others."""
    for rule in reached.known.rules:
        first = reached.first.get(rule)
        seen = "not reached" if first is None else f"program {first}"
        yield f"{rule:<9}{seen:<13}{BY_ID[rule].says}"
    reasons: dict[str, list[str]] = {}
    for rule, reason in reached.known.others.items():
        reasons.setdefault(reason, []).append(rule)
    yield ""
    for reason, rules in reasons.items():
        yield f"not counted: {' '.join(rules)}: {reason}"
    yield ""
    yield summary(reached)


def summary(reached: ReachedBy) -> str:
    """Return how many of the rules were reached in one line."""
    return (
        f"{len(reached.reached)} of {len(reached.known.rules)} rules that programs can reach were "
        f"reached ({reached.share:.1%}), by {reached.programs} programs that were kept"
    )
