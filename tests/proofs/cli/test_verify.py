"""`spanspec verify`: who judged nothing says so, and where CI is set nothing is taken over."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from spanproof.cli.app import run
from spanproof.cli.commands import verify
from spanproof.decide.cache import Cache, NoCache, in_ci
from spanproof.decide.catalogue import Catalogue, catalogue, current
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.verdict import Verdict
from spanproof.fuzz.campaigns import campaign
from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.engine.target import of_heap
from spanproof.fuzz.sides import spanalloc_subject, spanallocheap

JUDGED = verify.judged
WORK = Verdict("o", "proved", 1, 0.1, 0.1)


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> list[Cache]:
    """Decide and judge nothing but proofs, each at once; return the caches that were used."""
    used: list[Cache] = []

    def decided(
        work: Sequence[Job], book: Catalogue, store: Cache, *rest: object
    ) -> tuple[list[Outcome], bool]:
        used.append(store)
        answers = {True: WORK, False: WORK._replace(answer="refuted")}
        return [Outcome(job, answers[job.mutant is None]) for job in work], False

    def judged_nothing(
        *arguments: object,
    ) -> tuple[verify.CheckedTraces, Mapping[str, CampaignResult]]:
        return verify.CheckedTraces([], [], 0.0), {}

    monkeypatch.setattr(verify, "decide_all", decided)
    monkeypatch.setattr(verify, "judged", judged_nothing)
    return used


def test_a_part_that_judged_nothing_is_named(
    stores: list[Cache], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify"]) == 2
    out, err = capsys.readouterr()
    assert "everything holds" not in out
    assert "nothing was judged of: traces, corruptions" in err


def test_a_catalogue_without_claims_is_no_proof(
    stores: list[Cache], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "book_for", lambda store: Catalogue("", {}, {}))
    assert run(["verify"]) == 2
    assert "nothing was judged of: obligations, mutants" in capsys.readouterr().err


def test_a_failure_is_one_also_where_something_judged_nothing(
    stores: list[Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        verify,
        "decide_all",
        lambda work, *rest: ([Outcome(job, WORK) for job in work], False),
    )
    assert run(["verify"]) == 1


@pytest.mark.parametrize(("value", "expected"), [("true", NoCache), ("1", NoCache), ("", Cache)])
def test_where_ci_is_set_nothing_is_taken_from_a_cache(
    stores: list[Cache], monkeypatch: pytest.MonkeyPatch, value: str, expected: type[Cache]
) -> None:
    monkeypatch.setenv("CI", value)
    assert in_ci() == bool(value)
    book = catalogue(Cache())
    monkeypatch.setattr(verify, "book_for", lambda store: book)
    run(["verify"])
    assert [type(store) for store in stores] == [expected]


@pytest.fixture(scope="module")
def before() -> verify.CheckedTraces:
    """What the bundled traces give in this process, which takes seconds."""
    return verify.check_bundled()


def test_verify_ends_with_one_table(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    before: verify.CheckedTraces,
) -> None:
    monkeypatch.setattr(verify, "check_bundled", lambda: before)
    book = current()
    claims = {name: claim for name, claim in book.claims.items() if name.startswith("sweepgen.")}
    mutants = {name: one for name, one in book.mutants.items() if one.killed_by in claims}
    few = book._replace(claims=claims, mutants=mutants)
    monkeypatch.setattr("spanproof.cli.commands.verify.book_for", lambda store: few)

    def fuzzed(seconds: float, seed: int) -> dict[str, CampaignResult]:
        return {
            "heaps": campaign.run_target(of_heap(spanallocheap.installed), start=1, examples=40),
            "spans": campaign.run(spanalloc_subject.installed, start=1, examples=60),
        }

    # As much on a busy machine.
    monkeypatch.setattr("spanproof.cli.commands.verify.fuzz_for", fuzzed)
    assert run(["verify", "--jobs", "1"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for word in ("proved", "checked", "fuzzed", "of 100 corruptions", "everything holds"):
        assert word in text


def nothing_but_the_checks(*arguments: object) -> Mapping[str, CampaignResult]:
    return {}


def figures(checked: verify.CheckedTraces) -> list[tuple[str, int, int | None]]:
    return [(report.path, report.tally.events, report.steps) for report, _ in checked.reports]


def test_traces_are_checked_beside_the_fuzzing_as_without_it(
    monkeypatch: pytest.MonkeyPatch, before: verify.CheckedTraces
) -> None:
    monkeypatch.setattr(verify, "fuzz_for", nothing_but_the_checks)
    beside, _ = verify.judged(1, 0, 2)
    assert figures(beside) == figures(before)
    assert beside.corruptions == before.corruptions
    # The first divergence of a process, too, names the figure that differs.
    seen = [one.divergence.seen for one in beside.corruptions if one.divergence is not None]
    assert seen
    assert "events differ in no figure" not in seen
    assert beside.good


def test_an_interrupt_while_fuzzing_ends_it(
    stores: list[Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = CampaignResult(1, 1.0, Counter(), None, True, ())
    monkeypatch.setattr(verify, "fuzz_for", lambda *arguments: {"heaps": stopped})
    checked, campaigns = JUDGED(1, 0, 2)
    assert not checked.reports
    monkeypatch.setattr(verify, "judged", lambda *arguments: (checked, campaigns))
    assert run(["verify"]) == 130
