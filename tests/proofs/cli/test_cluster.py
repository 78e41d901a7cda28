"""Commands with pools of workers have them on a Dask cluster as well, and say the same."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from threading import Event
from typing import cast

import pytest

from spanproof.cli.app import run
from spanproof.cli.output import HOLDS, UNUSABLE
from spanproof.support.files.traces import bundled_traces
from spanproof.support.processes import clusters
from spanproof.support.processes.clusters import Given, OfCluster, Result

SMALL = [str(path) for path in sorted(bundled_traces(), key=lambda one: one.stat().st_size)[:2]]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Give the address of a cluster of two processes, of two threads each, as Dask makes them."""
    distributed = pytest.importorskip(
        "distributed", reason="pip install 'spanspec[cluster]' to try a Dask cluster"
    )
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as all:
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
    "command",
    [["prove", "courses.tiny"], ["mutants", "sizeclass.rounding", "tiny.inside"]],
)
def test_a_cluster_proves(
    command: list[str], scheduler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--no-cache", "--jobs", "4", "--scheduler", scheduler]
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


class Cancelling(Executor):
    """A cluster that has lost its scheduler: what is under way is cancelled, and nothing begun."""

    def __init__(self) -> None:
        self.under_way: list[Future[object]] = []

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Begin work that does not end, once."""
        if self.under_way:
            raise RuntimeError("the client is closed")
        begun: Future[Result] = Future()
        self.under_way.append(cast("Future[object]", begun))
        return begun


def test_what_is_under_way_when_the_scheduler_is_lost_has_broken_the_pool() -> None:
    cluster = Cancelling()
    workers = OfCluster(cluster, Lost)
    told = workers.submit(int, "1")
    assert not wait([told], timeout=0).done
    cluster.under_way[0].cancel()
    assert wait([told], timeout=5).done == {told}
    for future in (told, workers.submit(int, "1")):
        with pytest.raises(BrokenExecutor, match="scheduler"):
            future.result(timeout=5)


def test_a_cluster_without_workers_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clusters, "LOOK", 0.01)
    monkeypatch.setattr(clusters, "PATIENCE", 0.05)
    cluster = Cancelling()
    workers = OfCluster(cluster, Lost)
    told = workers.submit(int, "1")
    seen = iter([{"one": 1}, {}, {"one": 1}, *[{}] * 100])
    clusters.watch(lambda: next(seen), workers.give_up, Event())
    with pytest.raises(BrokenExecutor, match="no workers"):
        told.result(timeout=5)
    cluster.under_way[0].set_result(1)  # it is too late, and does no harm


def test_a_cluster_that_has_no_workers_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    distributed = pytest.importorskip("distributed", reason="pip install 'spanspec[cluster]'")
    monkeypatch.setattr(clusters, "CONNECT", 1)
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as all:
        assert run(["check", SMALL[0], "--scheduler", str(all.scheduler_address)]) == UNUSABLE
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "has no workers" in line


def test_a_cluster_that_is_not_there_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed", reason="pip install 'spanspec[cluster]'")
    monkeypatch.setattr("spanproof.support.processes.clusters.CONNECT", 0.2)
    assert run(["check", SMALL[0], "--scheduler", "tcp://127.0.0.1:1"]) == UNUSABLE
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("address", ["head", "tcp://head", "http://head:1", "tcp://head:123456"])
@pytest.mark.parametrize("command", [["check", SMALL[0]], ["fuzz", "--seconds", "1"]])
def test_what_is_no_address_is_told_in_one_line(
    command: list[str], address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--scheduler", address]) == UNUSABLE
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"{address}: no address of a scheduler" in line
