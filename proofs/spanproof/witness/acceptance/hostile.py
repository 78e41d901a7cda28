"""Hostile input: memory overwritten, files cut off or changed. Each gives a verdict or a line."""

import os
import random
import shutil
import signal
import subprocess
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from spanproof.support.processes.children import with_parent
from spanproof.witness.acceptance.programs import running
from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.program.memory import CHUNK, OverwrittenMemory
from spanproof.witness.program.process import Registers
from spanproof.witness.reading.source import Attached, image_of
from spanproof.witness.report import Report, examined, reported
from spanproof.witness.snapshots import save

SLOWEST: Final = 30
"""Seconds after which a case counts as hanging."""

ODD: Final = (0, 1, 7, 8, 1 << 12, 1 << 16, 1 << 31, 1 << 47, (1 << 64) - 1, 1 << 63, 0xC000000000)
"""Values that are put in the place of words."""

PART: Final = {"memory": 70, "registers": 4, "saved": 22, "core": 3, "executable": 1}
"""Of a hundred cases, how many are of each kind: those are few that take long."""


class Hostile(msgspec.Struct):
    """What became of the cases: a verdict, or one line; `failures` are tracebacks and hangs."""

    outcomes: dict[str, int] = {}
    failures: list[str] = []

    @property
    def holds(self) -> bool:
        """Whether every case had a verdict or a line."""
        return not self.failures and bool(self.outcomes)


class Hangs(BaseException):
    """A case takes too long."""


@contextmanager
def limited() -> Iterator[None]:
    """Raise Hangs in a case that takes too long."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SLOWEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def hostile(program: Path, number: int, seed: int, folder: Path, with_core: bool = True) -> Hostile:
    """Run some number of cases against a load and its files; a core takes gcore.

    Raises: WitnessError if the load cannot be read.
    """
    drawn = random.Random(seed)
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    os.environ["SPANSPEC_CACHE"] = str(folder / "cache")
    with running(program, "still") as process:
        attached = Attached(process.pid, None, None)
        capture = attached.copied()
        report = reported(capture.stop.image)
        saved = folder / "heap.json"
        save(report.image, report.profile, saved)
        cores = core_of(process.pid, folder) if with_core else []
    registers = capture.registers
    chunks = sorted(capture.memory.chunks)

    def memory() -> Report:
        changed = OverwrittenMemory(capture.memory)
        for _ in range(drawn.choice((1, 1, 1, 2, 20))):
            at = drawn.choice(chunks) * CHUNK + 8 * drawn.randrange(CHUNK // 8)
            try:
                changed.overwrite(at, odd_word(drawn, changed.number(at)).to_bytes(8, "little"))
            except Unreadable:
                continue
        return judged_copy(changed, registers)

    def odd_registers() -> Report:
        strange = {
            thread: Registers(
                odd_word(drawn, known.pc),
                odd_word(drawn, known.sp),
                odd_word(drawn, known.bp),
                known.thread_pointer,
                known.all,
            )
            for thread, known in registers.items()
        }
        return judged_copy(OverwrittenMemory(capture.memory), strange)

    def judged_copy(changed: OverwrittenMemory, known: dict[int, Registers]) -> Report:
        try:
            return reported(image_of(changed, attached.program, known, "a changed copy"))
        except Unreadable as problem:
            if not problem.missing:
                raise
            raise WitnessError("what is led to was not copied") from None

    def odd_saved() -> Report:
        return of_file(saved, drawn, folder / "odd.json", lambda path: examined_file(path))

    def odd_core() -> Report:
        if not cores:
            raise WitnessError("there is no core")
        with changed_core(cores[0], drawn):
            return examined(str(cores[0]), program, "", 1, 0)

    def odd_executable() -> Report:
        if not cores:
            raise WitnessError("there is no core")
        odd = folder / "odd"
        return of_file(
            program, drawn, odd, lambda path: examined(str(cores[0]), path, "", 1, 0), heads=True
        )

    cases = {
        "memory": memory,
        "registers": odd_registers,
        "saved": odd_saved,
        "core": odd_core,
        "executable": odd_executable,
    }
    kinds = [kind for kind, part in PART.items() for _ in range(part)]
    for case in range(number):
        kind = drawn.choice(kinds)
        try:
            with limited():
                report = cases[kind]()
            what = "damage" if report.damaged else "no damage"
        except (WitnessError, OSError) as problem:
            what = "one line" if "\n" not in str(problem) else "more lines"
            if what == "more lines":
                failures.append(f"case {case} ({kind}): {problem}")
        except Hangs:
            what = "hangs"
            failures.append(f"case {case} ({kind}): takes longer than {SLOWEST} s")
        except Exception:
            what = "traceback"
            failures.append(f"case {case} ({kind}): {traceback.format_exc()}")
        outcomes[f"{kind}: {what}"] += 1
    if cores:
        for said in cut_off(cores[0], program, drawn, number // 50):
            outcomes["core cut off: one line"] += 1
            if "\n" in said:
                failures.append(said)
    return Hostile(dict(outcomes), failures)


def core_of(pid: int, folder: Path) -> list[Path]:
    """Return a core of a process, which goes on; none if there is no gcore, or it fails.

    The runtime's reserved memory makes a core large, and most of it is empty.
    """
    gcore = shutil.which("gcore")
    if gcore is None:
        return []
    dumped = subprocess.run(
        [gcore, "-o", str(folder / "core"), str(pid)], capture_output=True, preexec_fn=with_parent()
    )
    return list(folder.glob("core.*")) if dumped.returncode == 0 else []


def examined_file(path: Path) -> Report:
    """Examine a saved heap."""
    return examined(str(path), None, "", 1, 0)


def odd_word(drawn: random.Random, word: int) -> int:
    """Return another value for a word: an odd one, a bit flipped, moved a little, or any."""
    match drawn.randrange(4):
        case 0:
            return drawn.choice(ODD)
        case 1:
            return word ^ 1 << drawn.randrange(64)
        case 2:
            return word + drawn.choice((-8, -1, 1, 8, 4096)) & (1 << 64) - 1
        case _:
            return drawn.getrandbits(64)


def of_file(
    path: Path,
    drawn: random.Random,
    odd: Path,
    look: Callable[[Path], Report],
    heads: bool = False,
) -> Report:
    """Look at a copy of a file that is cut off, or has some bytes changed; often at its ends."""
    data = bytearray(path.read_bytes())
    if drawn.random() < 0.3:
        del data[drawn.randrange(len(data)) :]
    else:
        for _ in range(drawn.choice((1, 3, 30))):
            edge = heads and drawn.random() < 0.7
            place = drawn.randrange(min(4096, len(data))) if edge else drawn.randrange(len(data))
            if edge and drawn.random() < 0.5:
                place = len(data) - 1 - place
            data[place] = drawn.getrandbits(8) if heads else drawn.choice(b'0123456789-,[]{}":ef')
    odd.write_bytes(data)
    return look(odd)


@contextmanager
def changed_core(core: Path, drawn: random.Random) -> Iterator[None]:
    """Change some bytes of the head of a core, or say that it is shorter, and put them back."""
    with core.open("r+b") as file:
        head = file.read(1 << 16)
        file.seek(0)
        changed = bytearray(head)
        for _ in range(drawn.choice((1, 2, 10))):
            changed[drawn.randrange(drawn.choice((64, 4096, len(head))))] = drawn.getrandbits(8)
        file.write(changed)
    try:
        yield
    finally:
        with core.open("r+b") as file:
            file.write(head)


def cut_off(core: Path, program: Path, drawn: random.Random, number: int) -> Iterator[str]:
    """Yield what is said of a core that is cut off, shorter each time; the core is lost.

    Raises: AssertionError if a cut core is judged.
    """
    copy = core.with_suffix(".cut")
    shutil.move(core, copy)
    size = copy.stat().st_size
    for _ in range(number):
        size = (
            drawn.randrange(size + 1)
            if drawn.random() < 0.2
            else max(size - drawn.randrange(1 << 20), 0)
        )
        os.truncate(copy, size)
        try:
            examined(str(copy), program, "", 1, 0)
        except (WitnessError, OSError) as problem:
            yield str(problem)
        else:
            raise AssertionError(f"a core that was cut off at {size} bytes is judged")
