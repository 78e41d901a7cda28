"""Commands with pools of workers have them on a Dask cluster as well, and say the same."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future

import pytest

from spanproof.cli.app import run
from spanproof.cli.output import HOLDS, UNUSABLE
from spanproof.support.files.traces import bundled_traces
from spanproof.support.processes.clusters import Given, OfCluster, Result

SMALL = [str(path) for path in sorted(bundled_traces(), key=lambda one: one.stat().st_size)[:2]]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Give the address of a cluster of two processes."""
    distributed = pytest.importorskip(
        "distributed", reason="pip install 'spanspec[cluster]' to try a Dask cluster"
    )
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as all:
        yield str(all.scheduler_address)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    """Return the JSON document that a command prints."""
    assert run([*arguments, "--json"]) == HOLDS
    return json.loads(capsys.readouterr().out)


def untimed(documents: object) -> object:
    """Return reports without the seconds that they took."""
    assert isinstance(documents, list)
    return [{**one, "seconds": 0} for one in documents]


def test_traces_are_checked_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    alone = said(capsys, "check", *SMALL)
    assert untimed(said(capsys, "check", *SMALL, "--jobs", "2")) == untimed(alone)


def test_a_trace_that_is_unusable_is_told_by_any_worker(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["check", "--jobs", "2", "nowhere.jsonl", *SMALL]) == UNUSABLE
    assert "nowhere.jsonl: cannot be opened" in capsys.readouterr().err


def test_a_cluster_checks_traces(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    alone = said(capsys, "check", *SMALL)
    assert untimed(said(capsys, "check", *SMALL, "--scheduler", scheduler)) == untimed(alone)


def test_a_cluster_finds_planted_bugs(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["planted", "#35445", "--no-cache"]
    assert said(capsys, *command, "--scheduler", scheduler) == said(capsys, *command)


@pytest.mark.parametrize(
    "command", [["prove", "sizeclass.rounding"], ["mutants", "sizeclass.rounding"]]
)
def test_a_cluster_proves(
    command: list[str], scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--no-cache", "--jobs", "2", "--scheduler", scheduler]
    assert run([*command, *where]) == HOLDS


class Lost(Exception):
    """What a cluster raises for work that loses one worker after another."""


class Losing(Executor):
    """A cluster in which work that fails has lost its workers."""

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Call a function at once."""
        done: Future[Result] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except ValueError as problem:
            done.set_exception(Lost(str(problem)))
        return done


def test_what_loses_each_worker_has_broken_the_pool() -> None:
    workers = OfCluster(Losing(), Lost)
    with pytest.raises(BrokenExecutor, match="invalid literal"):
        workers.submit(int, "one").result()
    assert workers.submit(int, "1").result() == 1


def test_a_cluster_that_is_not_there_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed", reason="pip install 'spanspec[cluster]'")
    monkeypatch.setattr("spanproof.support.processes.clusters.CONNECT", 0.2)
    assert run(["check", SMALL[0], "--scheduler", "tcp://127.0.0.1:1"]) == UNUSABLE
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
