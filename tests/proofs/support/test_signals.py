"""However a command ends, its exit status tells why, and nothing that it has started is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from spanproof.support.processes import pools

PROOFS = Path(__file__).resolve().parents[3] / "proofs"

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

FRAME = """
import hashlib, os, signal, subprocess, sys, threading, time
from spanproof.support.processes import interrupts
from spanproof.support.processes import pools
from spanproof.support.processes import children

{program}

if __name__ == "__main__":
    interrupts.catch()
    try:
        main()
    except KeyboardInterrupt:
        print("kept", flush=True)
    children.end_children()
    sys.exit(interrupts.status())
"""

WITH_WORKERS = """
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"

def work(_):
    grandchild = subprocess.Popen(
        [sys.executable, "-c", DEAF + "; time.sleep(600)"],
        stdout=subprocess.PIPE, preexec_fn=children.with_parent(),
    )
    grandchild.stdout.readline()
    os.write(1, f"{os.getpid()} {grandchild.pid}\\n".encode())
    time.sleep(600)

def main():
    print(os.getpid(), flush=True)
    with pools.pool(2) as workers:
        list(workers.map(work, range(2)))
"""

DEAF_CHILD = """
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"

def main():
    child = subprocess.Popen([sys.executable, "-c", DEAF + "; time.sleep(600)"],
                             stdout=subprocess.PIPE)
    child.stdout.readline()
    print(os.getpid(), child.pid, flush=True)
    child.wait()
"""

DEAF_ITSELF = """
def main():
    while True:
        try:
            print(os.getpid(), flush=True)
            time.sleep(600)
        except KeyboardInterrupt:
            print("heard", flush=True)
"""

IN_C = """
def main():
    threading.Timer(0.2, lambda: print(os.getpid(), flush=True)).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""

IN_Z3 = """
def main():
    import z3
    import spanproof.solvers.engines.inprocess
    solver, x, y = z3.Solver(), z3.BitVec("x", 128), z3.BitVec("y", 128)
    solver.add(x * y == (2**61 - 1) * (2**59 - 55), x > 1, y > 1, x < 2**62, y < 2**62)
    threading.Timer(0.3, lambda: print(os.getpid(), flush=True)).start()
    print(solver.check(), solver.reason_unknown())
"""

IN_A_FINALIZER = """
class Slow:
    def __del__(self):
        print(os.getpid(), flush=True)
        time.sleep(600)

def main():
    Slow()
    time.sleep(600)
"""

IGNORED = """
import os, signal
from spanproof.support.processes import interrupts
interrupts.catch()
os.kill(os.getpid(), signal.SIGHUP)
print("still here")
"""


LEAVES_ONE_BEHIND = """
import os, subprocess, sys
from spanproof.support.processes import interrupts
from spanproof.support.processes import pools
from spanproof.support.processes import children
theirs = int(sys.argv[1])
interrupts.catch()
LEAVES = '''
import os, time
if os.fork() == 0:
    os.setsid()
    child = os.fork()
    if child == 0:
        os.close(1)
        time.sleep(600)
    print(child)
'''
told = subprocess.run([sys.executable, "-c", LEAVES], stdout=subprocess.PIPE,
                      preexec_fn=children.with_parent())
children.end_left_over()
print(int(told.stdout), flush=True)
"""

REPLACES_A_SHELL = 'sleep 600 >&- 2>&- & exec "$0" -c "$1" $!'


def listen() -> None:
    """Undo what `nohup` or a shell's background does: what is ignored stays so in what is run."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def running(
    program: str, folder: Path, lines: int = 1
) -> Iterator[tuple[subprocess.Popen[str], set[int]]]:
    """Give a program that runs, and the processes that it told of in its first lines."""
    path = folder / "program.py"
    path.write_text(FRAME.format(program=program), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=listen,
    ) as process:
        assert process.stdout is not None
        try:
            told = {int(pid) for _ in range(lines) for pid in process.stdout.readline().split()}
            assert process.pid in told
            yield process, told
        finally:
            process.kill()


def all_gone(pids: set[int]) -> bool:
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return not psutil.wait_procs(alive, timeout=20)[1]


@pytest.mark.parametrize("number", [*ENDINGS, signal.SIGKILL])
def test_workers_and_what_they_started_end_with_the_command(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(WITH_WORKERS, tmp_path, lines=3) as (process, pids):
        assert len(pids) == 5
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert all_gone(pids)
    if number is signal.SIGKILL:
        assert (process.returncode, out) == (-number, "")
    else:
        assert (process.returncode, out, err) == (128 + number, "kept\n", "")


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with running(DEAF_CHILD, tmp_path) as (process, pids):
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert all_gone(pids)
    assert (process.returncode, out, err) == (143, "kept\n", "")


def test_a_second_signal_ends_a_command_that_goes_on(tmp_path: Path) -> None:
    with running(DEAF_ITSELF, tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "heard\n"
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("program", "out", "err"),
    [
        (IN_C, "", "spanspec: interrupted\n"),
        (IN_A_FINALIZER, "kept\n", ""),
        (IN_Z3, "kept\n", ""),
    ],
    ids=["in C", "in a finalizer", "in Z3"],
)
def test_an_interrupt_that_cannot_be_raised_ends_the_command(
    tmp_path: Path, program: str, out: str, err: str
) -> None:
    with running(program, tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (out, err)
    assert process.returncode == 130


def test_what_a_program_leaves_behind_ends_with_a_command_that_nobody_interrupts() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", REPLACES_A_SHELL, sys.executable, LEAVES_ONE_BEHIND + "print(theirs)"],
        capture_output=True,
        text=True,
    )
    left, theirs = (int(pid) for pid in done.stdout.split())
    there = psutil.Process(theirs)
    assert there.name() == "sleep"
    there.kill()
    assert all_gone({left})


def test_workers_need_no_short_name_of_the_folder_for_temporary_files(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    script = "from spanproof.support.processes.pools import pool\n"
    script += "with pool(1) as workers: print(workers.submit(len, 'abc').result())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert done.stdout == "3\n", done.stderr
    assert list(folder.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    shell = f"trap '' HUP; {sys.executable} -c '{IGNORED}'"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "still here\n"), done.stderr


def test_the_entry_loads_next_to_nothing_before_it_hears_of_signals() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import spanproof.cli.entry; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, str(PROOFS)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    ours = {name for name in loaded if name.startswith(("span",))}
    assert ours == {
        "spanproof",
        "spanproof.cli",
        "spanproof.cli.entry",
        "spanproof.cli.unexpected",
        "spanproof.support",
        "spanproof.support.processes.interrupts",
        "spanproof.support.files",
        "spanproof.support.files.streams",
        "spanproof.support.processes",
    }
    assert not loaded & {"typer", "rich", "msgspec", "pathlib", "multiprocessing", "z3", "psutil"}


AT_A_BAD_MOMENT = """
import os, signal
from spanproof.cli import app, entry, main
from spanproof.support.processes import interrupts

{moment}
main()
"""

WHILE_SIGNALS_ARE_SET_UP = """
real = signal.signal
def one_comes_at_once(number, handler):
    before = real(number, handler)
    if number == {number}:
        os.kill(os.getpid(), number)
    return before
signal.signal = one_comes_at_once
"""

WHILE_A_BUG_IS_TOLD = """
def run(arguments):
    raise ValueError("nobody planned this")
def told(problem):
    os.kill(os.getpid(), {number})
    raise SystemError("not reached")
app.run, entry.unexpected = run, told
"""


@pytest.mark.parametrize("moment", [WHILE_SIGNALS_ARE_SET_UP, WHILE_A_BUG_IS_TOLD])
@pytest.mark.parametrize("number", ENDINGS)
def test_a_signal_is_one_from_the_first_moment_to_the_last(
    moment: str, number: signal.Signals
) -> None:
    program = AT_A_BAD_MOMENT.format(moment=moment.format(number=int(number)))
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=PROOFS,
        preexec_fn=listen,
    )
    assert done.returncode == 128 + number, done.stderr
    assert done.stderr.endswith("spanspec: interrupted\n")
    assert "Traceback" not in done.stderr


POOL = """
import signal, sys
from spanproof.support.processes.pools import pool
signal.signal(signal.SIGINT, lambda number, frame: None)
with pool(1, ["loads_slowly"]) as processes:
    print(processes.submit(abs, -3).result())
"""

LOADS_SLOWLY = """
import pathlib, time
pathlib.Path({marker!r}).touch()
time.sleep(0.3)
"""


def test_an_interrupt_while_the_server_of_workers_loads_modules_is_not_its_affair(
    tmp_path: Path,
) -> None:
    marker = tmp_path / "loading"
    (tmp_path / "loads_slowly.py").write_text(LOADS_SLOWLY.format(marker=str(marker)))
    process = subprocess.Popen(
        [sys.executable, "-c", POOL],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    while not marker.exists() and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    said, complained = process.communicate()
    assert (said, complained, process.returncode) == ("3\n", "", 0)


AT_THE_VERY_END = """
import os, sys
from spanproof.support.processes import interrupts

class Late:
    def __del__(self, kill=os.kill, own=os.getpid()):
        kill(own, {number})

interrupts.catch()
interrupts.over()
late = Late()  # gone when modules are taken apart, after Python has given signals back
sys.exit(3)
"""


@pytest.mark.parametrize("number", ENDINGS)
def test_a_signal_after_all_is_done_leaves_the_exit_status_alone(number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_VERY_END.format(number=int(number))],
        capture_output=True,
        text=True,
        cwd=PROOFS,
        preexec_fn=listen,
    )
    assert (done.returncode, done.stderr) == (3, "")


def test_a_closed_terminal_does_not_end_the_tracker_of_semaphores() -> None:
    script = (
        "from multiprocessing.resource_tracker import _resource_tracker as tracker\n"
        "from spanproof.support.processes.pools import get_ready\n"
        "get_ready([])\n"
        "print(open(f'/proc/{tracker._pid}/status').read())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    masks = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("SigBlk:")]
    assert len(masks) == 1, done.stderr
    assert int(masks[0], 16) >> (signal.SIGHUP - 1) & 1


FORKS_NO_MORE = """
import os
def fork():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = fork
"""

WITHOUT_PROCESSES = """
from spanproof.support.processes.pools import pool
with pool(2, ["forks_no_more"]) as processes:
    try:
        print(processes.submit(abs, -3).result())
    except OSError as problem:
        print(problem.strerror)
"""


def test_where_no_process_can_be_started_is_no_interrupt_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "forks_no_more.py").write_text(FORKS_NO_MORE)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PROCESSES],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert (done.stdout, done.stderr) == (pools.SERVER_ENDED + "\n", "")
    assert "ulimit -u" in pools.SERVER_ENDED


def test_a_pool_that_would_have_too_few_threads_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(OSError, match="no more processes can be started"), pools.pool(2):
        pass
    assert len(started) == 3
    assert not any(thread.is_alive() for thread in started)
