"""A live Go program, stripped or not, is read; what is done to it and to its files is survived."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spanproof.witness.acceptance.damage import KINDS, NotHere, TargetHeap
from spanproof.witness.acceptance.damages import damaged, found_in
from spanproof.witness.acceptance.hostile import hostile
from spanproof.witness.acceptance.programs import built, running
from spanproof.witness.errors import WitnessError
from spanproof.witness.program import process as processes
from spanproof.witness.program.executable import read_executable
from spanproof.witness.program.layout import layout_of
from spanproof.witness.reading.source import Attached
from spanproof.witness.report import reported

GO = shutil.which("go")

needs_go = pytest.mark.skipif(GO is None, reason="no go on PATH: install a toolchain (golang-go)")

THREADS = """
import threading, time
for _ in range(3): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert GO is not None
    return built(Path(GO), tmp_path_factory.mktemp("load"))


def attached(pid: int, donor: Path | None = None) -> Attached:
    try:
        return Attached(pid, None, donor)
    except WitnessError as problem:
        if "may not be looked at" in str(problem):
            pytest.skip("a child's memory may not be read here: allow ptrace (CAP_SYS_PTRACE)")
        raise


@needs_go
def test_a_load_at_rest_holds_and_single_damages_of_it_are_noticed(load: Path) -> None:
    with running(load, "still") as process:
        witness = attached(process.pid)
        capture = witness.copied()
    assert reported(capture.stop.image).findings == []
    noticed = 0
    tried = []
    for number, kind in enumerate(KINDS):
        try:
            target = TargetHeap(capture.memory, witness.program, capture.stop.image, number)
            change = KINDS[kind](target)
        except NotHere:
            continue
        tried.append(kind)
        noticed += found_in(damaged(capture, change), witness.program, capture) != []
    assert len(tried) > 25
    assert noticed >= 0.95 * len(tried)


@needs_go
def test_a_stripped_program_is_read_by_its_structure(load: Path, tmp_path: Path) -> None:
    assert GO is not None
    bare = built(Path(GO), tmp_path, ["-ldflags=-s -w"])
    executable = read_executable(bare)
    assert not executable.symbols
    named = {name for _, _, name in read_executable(load).functions}
    assert {"runtime.mallocgc", "runtime.throw"} <= {n for _, _, n in executable.functions} & named
    with running(bare, "still") as process:
        stop = attached(process.pid, load).take()
    report = reported(stop.image)
    assert report.findings == []
    assert len(report.image.spans) > 50
    assert len(report.image.procs) >= 1
    assert report.image.threads
    assert any("gcphase" in line for line in report.image.unknown)


@needs_go
def test_a_donor_of_another_release_is_refused(load: Path) -> None:
    program = read_executable(load)
    with pytest.raises(WitnessError, match="built by the same Go"):
        layout_of(program._replace(go="go1.99.1"), load)


@needs_go
def test_hostile_memory_and_files_give_a_verdict_or_a_line(load: Path, tmp_path: Path) -> None:
    with running(load, "still") as process:
        attached(process.pid)
    result = hostile(load, 25, 3, tmp_path, with_core=False)
    assert result.failures == []
    assert sum(result.outcomes.values()) >= 25


def child() -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", THREADS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_process_that_is_killed_while_it_stands_still_is_reaped() -> None:
    process = child()
    try:
        with processes.stopped(process.pid):
            process.kill()
        assert process.wait(10) == -9
    except WitnessError:
        pytest.skip("a child may not be stopped here: allow ptrace (CAP_SYS_PTRACE)")
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_threads_that_do_not_stop_in_time_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    process = child()
    try:
        monkeypatch.setattr(processes, "PATIENCE", -1.0)
        monkeypatch.setattr(os, "waitpid", late_waitpid())
        with pytest.raises(WitnessError), processes.stopped(process.pid):
            pass
        tracers = [
            (task / "status").read_text().partition("TracerPid:")[2].split()[0]
            for task in Path(f"/proc/{process.pid}/task").iterdir()
        ]
        assert set(tracers) == {"0"}
    finally:
        process.kill()
        process.communicate(timeout=10)


def late_waitpid() -> object:
    """Return a waitpid that tells of nothing the first time that it is asked."""
    real, asked = os.waitpid, 0

    def waitpid(thread: int, options: int) -> tuple[int, int]:
        nonlocal asked
        asked += 1
        return (0, 0) if asked == 1 else real(thread, options)

    return waitpid
