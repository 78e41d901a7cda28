"""Campaigns over time and over processes: what they keep and share, which rules they reach."""

import errno
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from msgspec import json

from spanproof.cli import app
from spanproof.cli.campaigning.rounds import Budget, Rounds
from spanproof.doors import slices
from spanproof.doors.slices import (
    ATTEMPTS,
    PROGRAMS,
    Slice,
    Sliced,
    campaign_in_slices,
    campaigner_in_slices,
    slices_of,
)
from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.engine import watching
from spanproof.fuzz.engine.corpus import Corpus
from spanproof.fuzz.engine.reachable import APART, reachable
from spanproof.fuzz.engine.watching import Watcher, by_rule
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.programs.heapprogram import (
    FinishCycle,
    FreeManual,
    HeapProgram,
    Malloc,
    StartCycle,
    Sweep,
    TakeManual,
)
from spanproof.fuzz.sides.factories import Scope
from spanproof.support.files import savedfile
from spanproof.support.files.stores import PROGRESS, FolderStore
from spanspec.rules.book import definitions, modules

SHORT, LONG = HeapProgram((Malloc(8),)), HeapProgram((Malloc(8), Malloc(16)))
WITH = FoundWith(Scope.HEAP, 5)
FOUND = Divergence(SHORT, 1, "the result", "1", "2", None, ("MAL-10",))


def test_a_campaign_goes_on_where_its_corpus_cannot_be_written_and_says_so_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk is full once the campaign has begun."""
    whole = savedfile.write_bytes

    def full(content: bytes, path: Path) -> Path:
        if path.name != PROGRESS:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return whole(content, path)

    monkeypatch.setattr(savedfile, "write_bytes", full)
    command = ["fuzz", "--of", "span", "--seconds", "1.5", "--corpus", str(tmp_path)]
    assert app.run(command) == 2
    said = capsys.readouterr()
    assert "no divergence" in said.out
    assert "corpus does not have all that it should" in said.err
    assert "No space left on device" in said.err
    assert "bug of spanspec" not in said.err


def test_slices_go_on_where_they_cannot_be_noted_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: bytes, path: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    numbers = slices_of(FolderStore(tmp_path), 7)
    assert next(numbers) == 0
    monkeypatch.setattr(savedfile, "write_bytes", full)
    assert [next(numbers), next(numbers)] == [1, 2]
    with pytest.raises(OSError, match="No space"):
        next(slices_of(FolderStore(tmp_path), 7))


class Shrinks(Executor):
    """Slices that have found something, and are making it smaller for ever."""

    def submit(  # type: ignore[override]
        self, function: object, found_with: FoundWith, one: Slice
    ) -> Future[CampaignResult]:
        one.note(FOUND)
        return Future()


@contextmanager
def shrinking(workers: int, preload: Sequence[str] = (), scheduler: str = "") -> Iterator[Executor]:
    yield Shrinks()


def test_what_a_slice_has_found_is_told_before_it_is_made_smaller_and_kept_by_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Divergence] = []

    def hear(divergence: Divergence) -> None:
        heard.append(divergence)
        raise KeyboardInterrupt

    monkeypatch.setattr(slices, "pool", shrinking)
    cut = Sliced(2, "", FolderStore(tmp_path))
    result = campaign_in_slices(WITH, cut, seconds=60, limits=Limits(1), shrink=60, on_found=hear)
    assert heard == [FOUND]
    assert (result.divergence, result.interrupted) == (FOUND, True)
    assert [path.name for path in tmp_path.iterdir()] == [PROGRESS]


OTHER = FOUND._replace(what="something else")


class FindsBoth(Executor):
    """Of two slices the first is making something smaller for ever; the second has done so."""

    def submit(  # type: ignore[override]
        self, function: object, found_with: FoundWith, one: Slice
    ) -> Future[CampaignResult]:
        future: Future[CampaignResult] = Future()
        if one.number % 2 == 0:
            one.note(FOUND)
        else:
            future.set_result(CampaignResult(1, 0.1, Counter(programs=1), OTHER, False, ()))
        return future


@contextmanager
def finding_both(
    workers: int, preload: Sequence[str] = (), scheduler: str = ""
) -> Iterator[Executor]:
    yield FindsBoth()


def test_what_was_found_first_is_no_less_a_finding_if_another_slice_ends_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slices, "pool", finding_both)
    budget = Budget(60, 0, 0, Limits(1), 0, 2)
    campaign = campaigner_in_slices(WITH, Sliced(2, "", FolderStore(tmp_path / "corpus")))
    assert Rounds(WITH, campaign, budget, FolderStore(tmp_path), False).run() == 1
    saved = [tmp_path / f"divergence-{number}.json" for number in (1, 2)]
    assert [json.decode(one.read_bytes())["what"] for one in saved] == [FOUND.what, OTHER.what]
    assert "found by another process, and not made smaller" in capsys.readouterr().out


class Breaks(Executor):
    """Runs work at once; the first so many pieces kill their process."""

    left = 0
    ran: ClassVar[list[int]] = []

    def submit(  # type: ignore[override]
        self, function: object, found_with: FoundWith, one: Slice
    ) -> Future[CampaignResult]:
        future: Future[CampaignResult] = Future()
        Breaks.ran.append(one.number)
        if Breaks.left:
            Breaks.left -= 1
            future.set_exception(BrokenExecutor("killed"))
        else:
            done = Counter(programs=1, calls=one.number)
            future.set_result(CampaignResult(1, 0.1, done, None, False, ()))
        return future


@contextmanager
def breaking(workers: int, preload: Sequence[str] = (), scheduler: str = "") -> Iterator[Executor]:
    yield Breaks()


def run(folder: Path, broken: int, monkeypatch: pytest.MonkeyPatch) -> CampaignResult:
    monkeypatch.setattr(slices, "pool", breaking)
    Breaks.left, Breaks.ran = broken, []
    return campaign_in_slices(
        WITH, Sliced(2, "", FolderStore(folder)), seconds=0.02, limits=Limits(1), shrink=0
    )


def test_a_slice_whose_process_is_killed_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, 1, monkeypatch)
    assert sorted(set(Breaks.ran)) == list(range(max(Breaks.ran) + 1)), "none is lost"
    assert result.exercised["calls"] == sum(set(Breaks.ran))
    with pytest.raises(BrokenExecutor, match="ends its process"):
        run(tmp_path, 2 * ATTEMPTS, monkeypatch)


def test_a_cluster_runs_slices_although_a_worker_is_killed(tmp_path: Path) -> None:
    distributed = pytest.importorskip(
        "distributed", reason="pip install 'spanspec[cluster]' to try a Dask cluster"
    )
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as all:
        all.workers[0].process.process.kill()
        result = campaign_in_slices(
            WITH,
            Sliced(2, all.scheduler_address, FolderStore(tmp_path)),
            seconds=3,
            limits=Limits(5),
            shrink=0,
        )
    assert result.divergence is None
    assert result.programs > 0
    assert list(Corpus(FolderStore(tmp_path), HeapProgram).fresh())


def test_slices_have_programs_of_their_own() -> None:
    assert PROGRAMS > 1 << 30


def test_the_rules_that_programs_reach_are_counted() -> None:
    watcher = Watcher()
    watcher.watch(HeapProgram((TakeManual(4), Malloc(64))))
    watcher.watch(HeapProgram((Malloc(64), StartCycle(), FinishCycle(), Sweep(2), FreeManual())))
    reached = watcher.finish()
    assert reached.programs == 2
    assert reached.first["HEAP-25"] == reached.first["SPAN-12"] == 1
    assert reached.first["SWP-24"] == 2
    assert "HEAP-32" in reached.missing
    lines = "\n".join(by_rule(reached))
    assert "HEAP-25  program 1" in lines
    assert "HEAP-32  not reached" in lines
    assert 0.5 < reached.share < 1


def test_programs_that_there_is_no_time_left_for_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", 0.0)
    watcher = Watcher()
    # They are more than a pipe holds, so that some are still to be written.
    for _ in range(3000):
        watcher.watch(HeapProgram((Malloc(64), StartCycle(), FinishCycle())))
    assert watcher.finish().programs < 3000


def test_each_reason_against_a_rule_is_about_definitions_that_there_are() -> None:
    names = [one.qualified for module, path in modules() for one in definitions(module, path)]
    for beginning in APART:
        assert any(name.startswith(beginning) for name in names), beginning
    known = reachable()
    assert not set(known.rules) & set(known.others)
    # Programs run on the model of one version.
    assert not [rule for rule in known.rules if rule.startswith("VER-")]
    assert msgspec.json.encode(known.others)
