"""Signals at random moments of every long command.

SPANSPEC_SIGNALS says how many (300 take about half an hour), SPANSPEC_SEED which:

    SPANSPEC_SIGNALS=300 SPANSPEC_SEED=1 pytest tests/hostile/test_signals.py -s
"""

import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

NUMBER = int(os.environ.get("SPANSPEC_SIGNALS", "5"))
SEED = int(os.environ.get("SPANSPEC_SEED", "1"))
LATEST = 4.0 if NUMBER < 50 else 8.0
"""Seconds after the start of a command in which a signal comes."""

PYTHON_NOT_STARTED = "init_import_site: Failed to import the site module"
"""What Python says, with status 1, where Ctrl-C comes before it runs any module but its own."""

TOKEN = "SPANSPEC_TEST_TOKEN"

COMMANDS = (
    "prove --no-cache --save kept",
    "prove --no-cache --jobs 1 span.*",
    "planted --no-cache",
    "fuzz --seconds 100 --save kept",
    "fuzz --of schedule --seconds 100",
    "simulate --steps 1000000 --trace run.jsonl.gz",
    "verify --no-cache",
    "mutants --no-cache sweepgen",
    "fuzz --of span --seconds 100",
    "simulate --steps 1000000 --threads 4 --json",
    "corrupt --number 1000000",
    "explain --coverage",
    "prove --cache --json",
    "bench check --quick",
    "selftest --functions 100000 --jobs 2",
    "selftest --functions 100000 --jobs 1 --json",
    "vectors out",
    "mutants --random 20 --no-cache",
    *(("mutants --generated --no-cache --jobs 1",) if find_spec("cosmic_ray") else ()),
    *(("probe --operations 200000 --save run.jsonl.gz",) if shutil.which("go") else ()),
)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)


class Attack(NamedTuple):
    """A signal, some seconds after a command was started, to it or to all that it started too."""

    command: str
    number: signal.Signals
    after: float
    to_all: bool


def attacks() -> Iterator[Attack]:
    chance = random.Random(SEED)
    for index in range(NUMBER):
        number = SIGNALS[index % len(SIGNALS)] if NUMBER >= 50 else chance.choice(SIGNALS[:3])
        to_all = number is not signal.SIGKILL and chance.random() < 0.3
        command = COMMANDS[(index + SEED) % len(COMMANDS)]
        yield Attack(command, number, round(chance.uniform(0.1, LATEST), 2), to_all)


def listen() -> None:
    """Undo what `nohup` or a shell's background does: what is ignored stays so in what is run."""
    for number in SIGNALS[:3]:
        signal.signal(number, signal.SIG_DFL)


def relatives(token: str) -> list[psutil.Process]:
    """Return the processes that run for a command: they have its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("attack", list(attacks()), ids=lambda one: f"{one.command} {one.number!r}")
def test_a_signal_at_any_moment_ends_a_command_and_all_that_it_started(
    tmp_path: Path, attack: Attack
) -> None:
    token = uuid.uuid4().hex
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    work.mkdir()
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "spanproof", *attack.command.split()],
        cwd=work,
        env={
            **os.environ,
            TOKEN: token,
            "TMPDIR": str(temporary),
            "SPANSPEC_CACHE": str(tmp_path / "cache"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=listen,
    ) as process:
        time.sleep(attack.after)
        if attack.to_all:
            os.killpg(process.pid, attack.number)
        else:
            process.send_signal(attack.number)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    left = psutil.wait_procs(relatives(token), timeout=20)[1]
    for one in left:
        one.kill()
    assert not left, left
    check_status(attack, process.returncode, out, err.decode())
    for path in work.rglob("*"):
        check_file(path)
    if process.returncode == 128 + attack.number:
        left_over = [one.name for one in temporary.iterdir()]
        assert all(name.startswith("spanspec-") for name in left_over)
        assert not any(name.startswith("spanspec-selftest-") for name in left_over)


FOUND = re.compile(rb"^missed ", re.MULTILINE)
"""What a benchmark prints of a goal that it has missed."""


def check_status(attack: Attack, status: int, out: bytes, err: str) -> None:
    ours = [line for line in err.splitlines() if "resource_tracker" not in line]
    if status == 1 and FOUND.search(out):
        return  # a finding stays the status, whatever ends the command after it
    if attack.number is signal.SIGKILL:
        assert status in (-signal.SIGKILL, 0), (status, err)
        return
    if status == 1 and attack.number is signal.SIGINT and PYTHON_NOT_STARTED in err:
        assert out == b""
        assert "spanproof" not in err
        return
    if status == -attack.number:
        # So early that Python itself was still being loaded, and nothing listened yet.
        assert out == b""
        assert "spanproof/cli/app.py" not in err
        return
    assert status in (128 + attack.number, 0), (status, err)
    assert "Traceback" not in err, err
    assert not any("Warning" in line or "bug" in line for line in ours), err
    if "--json" in attack.command and out:
        json.loads(out)


def check_file(path: Path) -> None:
    if path.suffix == ".gz":
        content = path.read_bytes()
        if content:
            assert gzip.decompress(content).endswith(b"\n")
    elif path.suffix == ".jsonl":
        assert all(json.loads(line) for line in path.read_bytes().splitlines())
    elif path.suffix == ".json":
        json.loads(path.read_bytes())
    else:
        assert path.is_dir(), path
