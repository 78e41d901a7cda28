"""`spanspec verify`: who judged nothing says so, and where CI is set nothing is taken over."""

from collections.abc import Mapping, Sequence

import pytest

from spanproof.cli import prove, verify
from spanproof.cli.app import run
from spanproof.decide.cache import Cache, NoCache, in_ci
from spanproof.decide.catalogue import Catalogue, catalogue
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.verdict import Verdict
from spanproof.fuzz.campaign import CampaignResult

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

    def fuzzed(*arguments: object) -> Mapping[str, CampaignResult]:
        return {}

    monkeypatch.setattr(prove, "decide_all", decided)
    monkeypatch.setattr(verify, "check_bundled", lambda: verify.Checked([], [], 0.0))
    monkeypatch.setattr(verify, "fuzz_for", fuzzed)
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
        prove,
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
