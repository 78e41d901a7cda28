"""What is for tests of somebody's own: the state machine, the strategies, and the GitHub action."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from spanproof.fuzz.differences.differences import Difference, Raised
from spanproof.fuzz.heapsides import State
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.sides.spanallocheap import SpanallocHeap, installed
from spanproof.fuzz.statemachine import HeapMachine, state_machine_of

FEW = settings(
    max_examples=3,
    stateful_step_count=15,
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
ACTION = Path(__file__).resolve().parents[3] / "action.yml"


def test_the_state_machine_agrees_with_spanalloc() -> None:
    run_state_machine_as_test(state_machine_of(installed), settings=FEW)


def test_the_state_machine_finds_a_difference() -> None:
    class Lies(SpanallocHeap):
        def state(self) -> State:
            return {**super().state(), "heap_live": 9}

    def make(program: HeapProgram) -> Lies:
        return Lies(program, installed(program)._package)

    with pytest.raises(Difference, match="heap_live") as raised:
        run_state_machine_as_test(state_machine_of(make, thorough=True), settings=FEW)
    told = str(raised.value)
    for part in ("a heap with 1 P", "heap_live: differs", "CEN-10: ", "model says     0", "n 9"):
        assert part in told


def test_the_state_machine_tells_what_a_heap_raises() -> None:
    class Fails(SpanallocHeap):
        def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
            raise ZeroDivisionError("by nothing")

    def make(program: HeapProgram) -> Fails:
        return Fails(program, installed(program)._package)

    with pytest.raises(Raised) as raised:
        run_state_machine_as_test(state_machine_of(make), settings=FEW)
    told = str(raised.value)
    for part in ("allocate an object", "the implementation fails", "ZeroDivisionError: by nothing"):
        assert part in told


def test_a_machine_without_a_heap_says_what_it_lacks() -> None:
    with pytest.raises(NotImplementedError, match="a subclass makes the heap"):
        HeapMachine().make_heap(HeapProgram(()))


MINE = """
from hypothesis import given
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.sides.spanallocheap import installed
from spanproof.fuzz.statemachine import state_machine_of
from spanproof.fuzz.strategies import heap_programs


@given(heap_programs())
def test_my_heap_agrees(program):
    divergence = run_heap_program(program, installed).divergence
    assert divergence is None, divergence.render()


TestMyHeap = state_machine_of(installed).TestCase
"""


def test_hypofuzz_takes_them_as_they_are(tmp_path: Path) -> None:
    if importlib.util.find_spec("hypofuzz") is None:
        pytest.skip("HypoFuzz is not installed: pip install hypofuzz")
    (tmp_path / "test_mine.py").write_text(MINE)
    fuzz = "from hypothesis.extra.cli import main; main()"
    command = [sys.executable, "-u", "-c", fuzz, "fuzz", "--no-dashboard", "-n", "1", "--"]
    with subprocess.Popen(
        [*command, "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as running:
        assert running.stdout is not None
        lines = []
        for line in running.stdout:
            lines.append(line)
            if "process to fuzz" in line:
                break
        os.killpg(running.pid, signal.SIGKILL)
    assert "using 1 process to fuzz 2 tests" in "".join(lines)


def script() -> str:
    """The shell script of the action's campaign."""
    text = ACTION.read_text(encoding="utf-8")
    body = text.partition("      run: |\n")[2].partition("    - name: Keep")[0]
    return re.sub(r"^ {8}", "", body, flags=re.MULTILINE)


def summary_of(folder: Path, options: str, behaves: str) -> tuple[int, str]:
    """The status of the action, and its summary, with a command that behaves in some way."""
    fake = folder / "spanspec"
    fake.write_text(f'#!/bin/sh\necho "called with $*"\ncase "$*" in {behaves} esac\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", script()],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "OPTIONS": options,
            "LEVEL": "span",
            "SECONDS_TO_RUN": "5",
            "SEED": "7",
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        },
        capture_output=True,
        text=True,
    )
    return done.returncode, (folder / "summary.md").read_text()


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_action_writes_a_summary_and_passes_the_status_on(tmp_path: Path, status: int) -> None:
    found, summary = summary_of(tmp_path, "--exec ./mine", f"fuzz*) exit {status};;")
    assert found == status
    assert [line for line in summary.splitlines() if line.startswith("called with")] == [
        "called with smoke --exec ./mine",
        "called with vectors spanspec-vectors --exec ./mine",
        "called with fuzz --exec ./mine --of span --seconds 5 --seed 7 --save spanspec-findings",
    ]
    told = ("No divergence", "diverges from the specification", "could not be run")
    assert told[status] in summary.partition("### Fuzzing")[2]


@pytest.mark.parametrize("part", ["smoke*", "vectors*--exec*"])
def test_what_any_part_of_the_action_finds_fails_it_and_the_others_run(
    tmp_path: Path, part: str
) -> None:
    found, summary = summary_of(tmp_path, "--exec ./mine", f"{part}) exit 1;;")
    assert found == 1
    assert summary.count("called with") == 3
    assert summary.count("diverges from the specification") == 1


def test_an_allocator_without_the_levels_of_vectors_does_not_fail(tmp_path: Path) -> None:
    assert summary_of(tmp_path, "--exec ./mine", "vectors*--exec*) exit 2;;")[0] == 0
    (tmp_path / "summary.md").unlink()
    status, summary = summary_of(tmp_path, "--malloc libmine.so", "x) ;;")
    assert (status, "vectors" in summary, "smoke --malloc" in summary) == (0, False, True)
