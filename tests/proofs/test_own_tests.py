"""What is for tests of somebody's own: the state machine, the strategies, and the GitHub action."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from spanproof.fuzz.differences import Difference
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import State
from spanproof.fuzz.spanallocheap import SpanallocHeap, installed
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
ACTION = Path(__file__).resolve().parents[2] / "action.yml"


def test_the_state_machine_agrees_with_spanalloc() -> None:
    run_state_machine_as_test(state_machine_of(installed), settings=FEW)


def test_the_state_machine_finds_a_difference() -> None:
    class Lies(SpanallocHeap):
        def state(self) -> State:
            return {**super().state(), "heap_live": 9}

    def make(program: HeapProgram) -> Lies:
        return Lies(program, installed(program)._package)

    with pytest.raises(Difference, match="heap_live"):
        run_state_machine_as_test(state_machine_of(make, thorough=True), settings=FEW)


def test_a_machine_without_a_heap_says_what_it_lacks() -> None:
    with pytest.raises(NotImplementedError, match="a subclass makes the heap"):
        HeapMachine().make_heap(HeapProgram(()))


def script() -> str:
    """The shell script of the action's campaign."""
    text = ACTION.read_text(encoding="utf-8")
    body = text.partition("      run: |\n")[2].partition("    - name: Keep")[0]
    return re.sub(r"^ {8}", "", body, flags=re.MULTILINE)


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_action_writes_a_summary_and_passes_the_status_on(tmp_path: Path, status: int) -> None:
    fake = tmp_path / "spanspec"
    fake.write_text(f'#!/bin/sh\necho "called with $*"\nexit {status}\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", script()],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "OPTIONS": "--exec ./mine",
            "SECONDS_TO_RUN": "5",
            "SEED": "7",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == status
    summary = (tmp_path / "summary.md").read_text()
    assert "called with fuzz --exec ./mine --seconds 5 --seed 7 --save spanspec-findings" in summary
    told = ("No divergence", "diverges from the specification", "could not be run")
    assert told[status] in summary
