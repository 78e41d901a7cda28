"""However a command ends, a finding is the status; a killed worker costs its own work only."""

import errno
import gzip
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spanproof.cli.app import run
from spanproof.cli.commands import check, selftest
from spanproof.cli.output import status_of
from spanproof.decide import suite
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.verdict import Verdict
from spanproof.fuzz.planted.planting import Effort
from spanproof.mutation import planted
from spanproof.mutation.planted import Campaigned
from spanproof.selftest import campaign
from spanproof.selftest.campaign import FunctionTally
from spanproof.selftest.judge import Problem
from spanproof.support.files.traces import bundled_traces
from spanproof.support.processes import pools, sidebyside

if TYPE_CHECKING:
    from spanproof.mutation.drawing.generated import Generated, GeneratedFate

HOLDS = next(path for path in bundled_traces() if path.name.startswith("small-tiny"))


@pytest.fixture
def diverges(tmp_path: Path) -> Path:
    """A trace of which one figure is wrong."""
    place = tmp_path / "diverges.jsonl"
    place.write_bytes(gzip.decompress(HOLDS.read_bytes()).replace(b'"w":1,', b'"w":2,', 1))
    return place


class OneKills(Executor):
    """Does work at once; that on one item kills its process each time."""

    def __init__(self, item: object) -> None:
        self._item = item

    def submit(  # type: ignore[override]
        self, work: Callable[..., object], *given: object
    ) -> Future[object]:
        future: Future[object] = Future()
        if given[-1] == self._item:
            future.set_exception(BrokenExecutor("killed"))
        else:
            future.set_result(work(*given))
        return future


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Have workers killed that work on an item."""

    def at(item: object) -> None:
        @contextmanager
        def pool(workers: int, preload: Sequence[str] = ()) -> Iterator[Executor]:
            yield OneKills(item)

        monkeypatch.setattr(sidebyside, "pool", pool)

    return at


@pytest.mark.parametrize("finding", [False, True])
def test_a_trace_whose_worker_is_killed_is_named_and_the_others_are_checked(
    finding: bool,
    diverges: Path,
    tmp_path: Path,
    killed: Callable[[object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    large = tmp_path / "large.jsonl.gz"
    large.write_bytes(HOLDS.read_bytes())
    killed(str(large))
    traces = [str(large), str(HOLDS), *([str(diverges)] if finding else [])]
    assert run(["check", "--jobs", "2", *traces]) == (1 if finding else 2)
    said = capsys.readouterr()
    assert said.err == f"spanspec: {large}: {sidebyside.KILLED}\n"
    assert f"holds {HOLDS}" in said.out
    assert ("divergence at" in said.out) == finding


@pytest.mark.parametrize("problems", [(), (Problem("", "", "", "", "", ""),)])
def test_functions_whose_worker_is_killed_are_named_and_the_others_are_compared(
    problems: tuple[Problem, ...],
    killed: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def judged(seed: int, first: int, end: int, folder: str) -> FunctionTally:
        return FunctionTally(inside=end - first, agreed=1, problems=problems)

    monkeypatch.setattr(campaign, "judged", judged)
    killed((500, 1000, False))
    status = run(["selftest", "--functions", "1200", "--no-coverage"])
    assert status == (1 if problems else 2)
    said = capsys.readouterr()
    assert "700 functions" in said.out
    assert f"functions 500 to 999: {sidebyside.KILLED}" in said.err


def test_functions_that_are_all_refused_show_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = FunctionTally(inside=1, refused=1)
    monkeypatch.setattr(selftest, "each_result", lambda tasks, *_: [(tasks[0], refused)])
    assert run(["selftest", "--functions", "1", "--no-coverage"]) == 2
    said = capsys.readouterr()
    assert "1 function:" in said.out
    assert "nothing was judged" in said.err


def test_an_interrupt_hides_no_divergence(diverges: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = check.check_one

    def interrupted_at_the_second(path: str, asked: check.Asked) -> check.Judged:
        if path == str(HOLDS):
            raise KeyboardInterrupt
        return one(path, asked)

    monkeypatch.setattr(check, "check_one", interrupted_at_the_second)
    assert run(["check", str(diverges), str(HOLDS)]) == 1
    assert run(["check", str(HOLDS), str(diverges)]) == 130


def test_an_interrupt_hides_no_refuted_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["refuted"])

    def refuted_then_interrupted(job: Job) -> Outcome:
        for _ in answers:
            return Outcome(job, Verdict(job.obligation, "refuted", 1, 0.0, 0.0))
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_job", refuted_then_interrupted)
    assert run(["prove", "sweepgen.*", "--no-cache", "--jobs", "1"]) == 1


def test_a_finding_is_the_status_whatever_else_became_of_a_command() -> None:
    assert status_of(True, True, True) == 1
    assert status_of(False, True, True) == 130
    assert status_of(False, False, True) == 2
    assert status_of(False) == 0


def test_a_bug_whose_worker_is_killed_is_neither_found_nor_missed(
    killed: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def found(name: str, effort: Effort, blind: bool) -> Campaigned:
        return Campaigned(name, 1, 1, 1, "")

    monkeypatch.setattr(planted, "look_for", found)
    killed("nothing")
    assert run(["planted", "#46827", "--no-cache"]) == 0
    first = next(name for name in planted.campaigns() if "#46827" in name)
    killed(first)
    capsys.readouterr()
    assert run(["planted", "#46827", "--no-cache"]) == 2
    said = capsys.readouterr()
    assert said.err == f"spanspec: {first}: {sidebyside.KILLED}\n"
    assert "2 of 2 bugs found" in said.out


@pytest.mark.parametrize("of_command", [True, False], ids=["supervisor", "worker"])
def test_where_no_process_can_be_started_no_bug_is_looked_for_and_that_is_said(
    of_command: bool,
    killed: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command, fork = os.getpid(), os.fork

    def refusing() -> int:
        if (os.getpid() == command) == of_command:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", refusing)
    killed("no bug")
    name = next(iter(planted.campaigns()))
    assert run(["planted", "--no-cache", name]) == 2
    assert capsys.readouterr().err == f"spanspec: {pools.NO_MORE}\n"


def test_a_mutant_whose_worker_is_killed_is_named_and_the_others_are_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generated = pytest.importorskip(
        "spanproof.mutation.drawing.generated", reason="pip install 'spanspec[mutation]'"
    )
    users = {"spanspec.span.sweepgen.next_cycle": ["sweepgen.relabel"]}
    monkeypatch.setattr(generated, "users_of_functions", lambda: users)
    monkeypatch.setenv("SPANSPEC_CACHE", str(tmp_path))
    judged: list[str] = []

    def judge(mutant: "Generated", obligations: Sequence[str]) -> "GeneratedFate":
        judged.append(mutant.after)
        what = (mutant.function, mutant.line, mutant.before, mutant.after, mutant.operator)
        fate: GeneratedFate = generated.Fate(*what, "refuted", obligations[0])
        return fate

    class KilledAtSub(OneKills):
        def submit(  # type: ignore[override]
            self, work: Callable[..., object], *given: object
        ) -> Future[object]:
            item = given[-1]
            assert isinstance(item, tuple)
            kills = deadly and item[0].after == "return (sg - 2) & M32"
            return OneKills(item if kills else None).submit(work, *given)

    @contextmanager
    def pool(workers: int, preload: Sequence[str] = ()) -> Iterator[Executor]:
        yield KilledAtSub(None)

    monkeypatch.setattr(generated, "judge", judge)
    monkeypatch.setattr(sidebyside, "pool", pool)
    mutants = generated.all_mutants(users, 0, 0)
    deadly = True
    assert run(["mutants", "--generated", "--jobs", "1"]) == 2
    said = capsys.readouterr()
    assert f"{len(mutants) - 1} of {len(mutants) - 1} generated mutants killed" in said.out
    assert "next_cycle line" in said.err
    assert f"return (sg - 2) & M32: {sidebyside.KILLED}\n" in said.err
    deadly = False
    judged.clear()
    assert run(["mutants", "--generated", "--jobs", "1"]) == 0
    assert judged == ["return (sg - 2) & M32"]
