"""Jobs side by side: a worker that is killed costs no more than its own job."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanproof.cli.app import run
from spanproof.decide import schedule, suite
from spanproof.decide.cache import NoCache
from spanproof.decide.catalogue import book_for
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.schedule import obligation_jobs
from spanproof.decide.verdict import Verdict
from spanproof.prove.proof import Obligation, Proof
from spanproof.solvers.engines.inprocess import check
from spanproof.solvers.engines.limits import CLOCK, Z3_UNITS, exhausted, milliseconds, units
from spanproof.symbolic.bitvectors import Words
from spanspec.base.words import U32

DEADLY = """
import os, signal, time
from pathlib import Path
from spanproof.decide.jobs import Outcome
from spanproof.symbolic.bitvectors import Words
from spanproof.decide.verdict import Verdict
from spanspec.base.words import U32


def deadly(job):
    name, _, place = job.obligation.partition(":")
    first = bool(place) and not Path(place).exists()
    if first:
        Path(place).touch()
    if name == "endless" and first:
        time.sleep(3600)
    while name == "after" and not Path(place).with_name("endless").exists():
        time.sleep(0.01)
    if name == "always" or first:
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(job, Verdict(job.obligation, "proved", 1, 0.0, 0.0))
"""


def test_a_killed_worker_costs_its_job_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly_jobs.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    deadly = importlib.import_module("deadly_jobs").deadly
    names = ["a", "always", "b", f"once:{tmp_path / 'mark'}", "c", "d"]
    outcomes = list(suite.run([Job(name) for name in names], 2, deadly))
    assert sorted(one.job.obligation for one in outcomes) == sorted(names)
    bad = [one for one in outcomes if not one.good]
    assert [one.job.obligation for one in bad] == ["always"]
    assert bad[0].verdict.answer == "unknown"
    assert "killed" in bad[0].verdict.detail


def test_a_killed_worker_is_not_waited_for_by_what_another_is_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly_jobs.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path)
    deadly = importlib.reload(importlib.import_module("deadly_jobs")).deadly
    names = ["a", f"endless:{tmp_path / 'endless'}", f"after:{tmp_path / 'after'}"]
    outcomes = list(suite.run([Job(name) for name in names], 2, deadly))
    assert all(one.good for one in outcomes)
    assert sorted(one.job.obligation for one in outcomes) == sorted(names)


def test_the_obligations_that_take_longest_are_begun_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[Job] = []

    def note(jobs: list[Job], workers: int | None, *, keep_going: bool) -> Iterator[Outcome]:
        begun.extend(jobs)
        return iter(())

    monkeypatch.setattr(suite, "run", note)
    book = book_for(NoCache())
    jobs = obligation_jobs(book)
    assert list(schedule.run(jobs, book, NoCache())) == []
    assert [job.obligation for job in begun[: len(schedule.LONGEST)]] == list(schedule.LONGEST)
    assert sorted(begun) == sorted(jobs)


def test_a_killed_worker_is_told_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(job: Job) -> Outcome:
        if job.obligation == "sweepgen.relabel":
            return suite._undecided(job, "unknown", "its process was killed")
        return Outcome(job, Verdict(job.obligation, "proved", 1, 0.0, 0.0))

    monkeypatch.setattr(suite, "run_job", killed)
    assert run(["prove", "sweepgen.", "--no-cache", "--jobs", "1"]) == 1
    text = capsys.readouterr().out
    assert "2 of 3 obligations proved" in text
    assert text.rstrip().endswith("its process was killed")
    assert "sweepgen.states" not in text


def test_what_fails_comes_last_and_is_saved_after_it_was_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "inside"

    def failing(job: Job) -> Outcome:
        place.touch()  # it was no file when the command began
        verdict = Verdict(job.obligation, "unknown", 1, 0.0, 0.0, "a claim", "why", "(check-sat)")
        return Outcome(job, verdict)

    monkeypatch.setattr(suite, "run_job", failing)
    assert run(["prove", "sweepgen.relabel", "--no-cache", "--save", str(place)]) == 1
    out, err = capsys.readouterr()
    assert "sweepgen.relabel is unknown: a claim" in out
    assert "not saved: " in err


# --- limits ---------------------------------------------------------------------------------------


def hard(p: Proof) -> None:
    a, b = p.number(U32, "a"), p.number(U32, "b")
    p.show("is prime", a * b != 4294967291 * 4294967279)
    p.possible("anything")


def test_a_limit_is_one_of_work() -> None:
    claim = Obligation("test", ("I-1",), "a claim", Words(64), hard, {}, {})
    [query] = [one for one in claim.proof().queries if one.label == "is prime"]
    findings = [check([~query.goal], 0.02) for _ in range(2)]
    assert {one.result for one in findings} == {"unknown"}
    assert all("units of work" in one.reason for one in findings), findings


def test_an_unknown_says_which_limit_it_was() -> None:
    assert "by the clock" in exhausted(2.0, Z3_UNITS, 2.0 * CLOCK)
    assert f"{2 * Z3_UNITS} units of work" in exhausted(2.0, Z3_UNITS, 3.0)
    assert units(1e9, Z3_UNITS) == milliseconds(1e9, CLOCK) == 2**32 - 1
    assert units(1e-9, Z3_UNITS) == 1
