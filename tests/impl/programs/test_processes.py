"""A heap in another process, or another interpreter, is whole or refuses.

`python -m spanalloc.programs.hostile` takes minutes and does all of it; here is a part of each.
"""

import os
import subprocess
import sys
from types import ModuleType

import pytest

LONG = os.environ.get("SPANALLOC_HOSTILE") == "1"
"""Whether to run all of it, which takes minutes."""

SUBINTERPRETER = """
import _xxsubinterpreters as interpreters
import spanalloc
other = interpreters.create()
try:
    interpreters.run_string(other, "import spanalloc")
    print("imported")
except interpreters.RunFailedError as problem:
    print(problem)
interpreters.destroy(other)
with spanalloc.Heap(1, spanalloc.SimulatedMemory()) as heap:
    heap.malloc(64)
    print(spanalloc.audit(heap.snapshot()))
"""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="_xxsubinterpreters has another name")
def test_a_subinterpreter_is_refused_and_harms_nobody() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER], capture_output=True, text=True, check=False
    )
    assert "in the main interpreter only" in done.stdout, done.stderr
    assert done.stdout.endswith("[]\n"), done.stderr


def test_a_heap_in_a_forked_child_is_whole(package: ModuleType) -> None:
    heap = package.Heap()
    address = heap.malloc(64)
    view = heap.memory(address, 64)
    view[0] = 7
    heap.start_background()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            whole = package.audit(heap.snapshot()) == [] and heap.malloc(64) != address
            view[0] += 1
            heap.start_background()
            heap.close()
            status = 0 if whole and view[0] == 8 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert view[0] == 7
    assert heap.malloc(64) != address
    heap.close()


def test_a_fork_in_the_middle_of_an_operation_leaves_the_child_a_heap_that_refuses(
    package: ModuleType,
) -> None:
    ends: list[int] = []

    class Forks(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def commit(self, address: int, size: int) -> int:
            child = os.fork()
            if child == 0:
                os._exit(0 if "fork" in heap.broken else 1)
            ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            return 0

    heap = package.Heap(1, Forks())
    heap.malloc(64)
    assert ends == [0]
    assert heap.broken == ""
    heap.close()


@pytest.mark.parametrize("part", ["systems", "addresses", "forks", "allocations"])
def test_a_heap_withstands_attacks(part: str) -> None:
    arguments = [part] if LONG else [part, "--quick"]
    done = subprocess.run(
        [sys.executable, "-m", "spanalloc.programs.hostile", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 2 and "_testcapi" in done.stderr:
        pytest.skip("needs _testcapi, which CPython's own tests install")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments", [["--operations", "-5"], ["--operations", "0"], ["--threads", "x"]]
)
def test_a_stress_test_with_nothing_to_do_is_no_success(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spanalloc.programs.stress", *arguments],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
