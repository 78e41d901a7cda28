"""How long obligations are asked: briefly first, longer if the answer hangs on it, and no more."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from spanproof.cli.app import run
from spanproof.decide import enough, suite
from spanproof.decide.catalogue import current
from spanproof.decide.enough import ENOUGH, LEFT, Given, in_rounds
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.prover import decide
from spanproof.decide.schedule import founded
from spanproof.decide.verdict import Answer, Verdict
from spanproof.prove.exploration import EXPLORATIONS, Exploration, Ran
from spanproof.prove.questions import Question
from spanproof.solvers.engines.finding import SolverAnswer
from spanproof.solvers.engines.inprocess import Z3, FewFirst
from spanproof.theorems import all_obligations

Answers = Callable[[Job], Answer]


class Asked:
    """Decides jobs one after the other, as it is told, and notes how each is asked."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.efforts: list[str] = []

    def __call__(self, jobs: Sequence[Job], given: Given) -> Iterator[Outcome]:
        for one in jobs:
            job = given(one)
            self.efforts.append(job.effort)
            answer: Answer = "unasked" if job.effort == "none" else self._answers(job)
            yield Outcome(job, Verdict(job.obligation, answer, 1, 0.0, 0.0))


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enough, "monotonic", lambda: 0.0)


def settled(asked: Asked, *jobs: Job) -> dict[str, Verdict]:
    outcomes = list(in_rounds(jobs, asked))
    assert [one.job for one in outcomes if one.job not in jobs] == []
    assert len(outcomes) == len(jobs)
    return {one.job.mutant or one.job.obligation: one.verdict for one in outcomes}


def test_what_is_open_is_asked_for_longer_if_nothing_fails() -> None:
    asked = Asked(lambda job: "proved" if job.effort == "full" else "unknown")
    told = settled(asked, Job("a"), Job("b"))
    assert asked.efforts == ["brief", "brief", "full", "full"]
    assert all(verdict.proved for verdict in told.values())


def test_what_is_open_is_left_if_something_fails() -> None:
    answers: dict[str, Answer] = {"a": "unknown", "b": "refuted", "c": "proved"}
    asked = Asked(lambda job: answers[job.obligation])
    told = settled(asked, *map(Job, answers))
    assert "full" not in asked.efforts
    assert {name: verdict.answer for name, verdict in told.items()} == answers
    assert LEFT in told["a"].detail


def test_no_more_than_one_is_waited_for_in_vain() -> None:
    asked = Asked(lambda job: "unknown")
    told = settled(asked, *map(Job, "abc"))
    assert asked.efforts == ["brief"] * 3 + ["full", "none", "none"]
    assert {verdict.answer for verdict in told.values()} == {"unknown"}


def test_where_enough_fail_the_rest_is_not_asked() -> None:
    asked = Asked(lambda job: "refuted")
    told = settled(asked, *(Job(str(number)) for number in range(ENOUGH + 2)))
    assert asked.efforts == ["brief", *["doubtful"] * (ENOUGH - 1), "none", "none"]
    assert [verdict.answer for verdict in told.values()][-2:] == ["unasked"] * 2


def test_once_one_fails_the_rest_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(enough, "monotonic", lambda: now[0])
    answers: dict[str, Answer] = {"a": "proved", "b": "proved", "c": "refuted", "d": "proved"}

    def answer(job: Job) -> Answer:
        now[0] += enough.PATIENCE
        return answers[job.obligation]

    asked = Asked(answer)
    told = settled(asked, *map(Job, answers))
    assert asked.efforts == ["brief"] * 3 + ["none"]
    assert [verdict.answer for verdict in told.values()] == [
        "proved",
        "proved",
        "refuted",
        "unasked",
    ]


def test_an_objection_is_looked_for_first_only_where_half_of_them_fail() -> None:
    answers: dict[str, Answer] = {"a": "proved", "b": "proved", "c": "refuted", "d": "proved"}
    asked = Asked(lambda job: answers[job.obligation])
    settled(asked, *map(Job, answers))
    assert asked.efforts == ["brief"] * 4


def test_mutants_and_other_solvers_are_asked_as_long_as_it_takes() -> None:
    jobs = [Job("a", f"mutant {number}") for number in range(ENOUGH + 1)]
    asked = Asked(lambda job: "unknown" if job.mutant else "refuted")
    settled(asked, *jobs, Job("b", solver="cvc5"))
    assert set(asked.efforts) == {"full"}


def test_what_is_not_asked_is_a_failure_and_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = suite.run_job

    def refusing(job: Job) -> Outcome:
        if job.effort == "none":
            return decided(job)
        return Outcome(job, Verdict(job.obligation, "refuted", 1, 0.0, 0.0, "a claim"))

    monkeypatch.setattr(suite, "run_job", refusing)
    assert run(["prove", "protocol.", "--no-cache", "--jobs", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum("is refuted" in line for line in lines) == ENOUGH
    assert [line for line in lines if "unasked" in line] == []
    [line] = [line for line in lines if "not asked" in line]
    number = len([name for name in all_obligations() if name.startswith("protocol.")])
    assert line.startswith(f"{number - ENOUGH} others not asked, or resting on such")


def test_what_rests_on_what_was_not_asked_is_told_of_with_it() -> None:
    book = current()
    above = next(name for name in book.claims if len(book.rests_on(name)) > 1)
    below, other = list(book.rests_on(above))[:2]

    def judged(answer: Answer) -> Verdict:
        asked: dict[str, Answer] = {above: "proved", below: "unasked", other: answer}
        outcomes = [
            Outcome(Job(name), Verdict(name, one, 1, 0.0, 0.0)) for name, one in asked.items()
        ]
        return founded(outcomes, book)[0].verdict

    assert judged("proved").answer == "unasked"
    assert judged("refuted").answer == "unfounded"
    assert judged("refuted").detail == f"rests on {other}, which is refuted"


def test_how_a_job_is_asked_is_how_a_solver_is(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[type, bool, bool]] = []

    def noted(claim: object, sources: object, timeout: float, by: Z3, *, briefly: bool) -> Verdict:
        used.append((type(by), by._briefly, briefly))
        return Verdict("x", "proved", 1, 0.0, 0.0, reads=("f",))

    monkeypatch.setattr(suite, "decide", noted)
    job = Job("protocol.free")
    for effort in ("full", "brief", "doubtful"):
        suite.run_job(job._replace(effort=effort))
    assert used == [(Z3, False, False), (Z3, True, True), (FewFirst, True, True)]


def test_what_is_tried_briefly_has_less_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def runs_on() -> Ran:
        while True:
            pass

    monkeypatch.setitem(EXPLORATIONS, "x", Exploration("x", (), "Ends.", runs_on, ("end",)))
    monkeypatch.setattr(suite, "BRIEF_SECONDS", 0.05)
    assert suite.run_job(Job("x", effort="brief")).verdict.failed == "it ends"


def test_the_first_question_that_stays_open_ends_a_brief_decision() -> None:
    asked: list[Question] = []

    class Dumb:
        name = "z3"

        def ask(self, question: Question, timeout: float) -> SolverAnswer:
            asked.append(question)
            return SolverAnswer("unknown", 0.0, "too hard")

    claim = all_obligations()["protocol.start"]
    verdict = decide(claim, None, 20.0, Dumb(), briefly=True)
    assert (verdict.answer, len(asked)) == ("unknown", 1)
    asked.clear()
    decide(claim, None, 20.0, Dumb())
    assert len(asked) > 1


def test_all_are_asked_in_full_for_who_says_so() -> None:
    efforts: list[str] = []

    def refuted(job: Job) -> Outcome:
        efforts.append(job.effort)
        return Outcome(job, Verdict(job.obligation, "refuted", 1, 0.0, 0.0))

    jobs = [Job(f"one.{number}") for number in range(ENOUGH + 4)]
    assert {one.verdict.answer for one in suite.run(jobs, 1, refuted, keep_going=True)} == {
        "refuted"
    }
    assert efforts == ["full"] * len(jobs)
