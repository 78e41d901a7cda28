"""Obligations that are decided by running: what holds, what is vacuous, what does not end."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from spanproof.decide import copies, trying
from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.catalogue import current
from spanproof.decide.copies import functions_run_by, try_out_changed
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.schedule import known_reads, known_runs
from spanproof.decide.suite import run_job
from spanproof.decide.trying import try_out
from spanproof.decide.verdict import Verdict
from spanproof.prove.exploration import EXPLORATIONS, Exploration, Ran, explored
from spanproof.simulate.exhaustive.allocating import allocate
from spanproof.simulate.exhaustive.keeping import set_procs
from spanproof.simulate.exhaustive.trying import Player, Setting, Wrong, promise, try_all
from spanproof.theorems import all_explorations
from spanproof.theorems.cases import every_case
from spanproof.theorems.mutants import MUTANTS

QUICK = "courses.specials"


def claim_of(run: Callable[[], Ran], *needs: str) -> Exploration:
    return Exploration("x", (), "It holds.", run, needs)


def test_each_is_killed_by_a_mutant_and_says_what_has_to_happen() -> None:
    killers = {mutant.killed_by for mutant in MUTANTS.values()}
    for name, claim in all_explorations().items():
        assert name in killers
        assert claim.needs
        assert claim.rules


@pytest.mark.parametrize(
    "name", [one for one in all_explorations() if one.startswith(("containers", "memory"))]
)
def test_containers_and_memory_do_as_they_promise(name: str) -> None:
    verdict = try_out(all_explorations()[name])
    assert verdict.proved, (verdict.failed, verdict.detail)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name", [one for one in all_explorations() if one.startswith("courses") and one != QUICK]
)
def test_courses_hold_of_the_model_that_runs(name: str) -> None:
    verdict = try_out(all_explorations()[name])
    assert verdict.proved, (verdict.failed, verdict.detail)


def test_one_holds_of_the_model_that_runs() -> None:
    verdict = try_out(all_explorations()[QUICK])
    assert verdict.proved
    assert verdict.queries > 10


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", [name for name, m in MUTANTS.items() if m.killed_by == QUICK])
def test_a_mutant_is_refuted_by_a_program(name: str) -> None:
    outcome = run_job(Job(MUTANTS[name].killed_by, name))
    assert outcome.good
    assert "add-finalizer" in outcome.verdict.detail


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", [QUICK])
def test_a_plain_copy_tells_which_functions_ran(name: str) -> None:
    ran = functions_run_by((name,))[name]
    assert "spanspec.heap.courses.sweepspan.after_specials" in ran
    assert "spanspec.pages.freeset.treap.Treap.find" in ran
    assert "spanspec.pages.memory.mallocinit.linear_alloc" not in ran
    assert len(ran) == len(set(ran)), "what a function defines inside counts as it does"


def test_functions_are_noted_only_where_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "is_plain", lambda: True)
    asked = claim_of(lambda: Ran(1, {"pop": 1}), "pop")

    def profiled() -> Ran:
        return Ran(1, {"pop": sys.getprofile() is not None})

    assert try_out(claim_of(profiled, "pop")).answer == "vacuous"
    assert try_out(claim_of(profiled, "pop"), noting=True).proved
    assert try_out(asked).reads == ()


def test_what_ran_last_is_known_after_an_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, book = Cache(tmp_path), current()
    ran = dict.fromkeys(all_explorations(), ("spanspec.heap.courses.malloc.take_slot",))
    monkeypatch.setattr(
        copies, "functions_run_by", lambda claims: {one: ran[one] for one in claims}
    )
    assert known_runs(book, cache) == ran
    claims = {
        name: claim._replace(rests_on=f"edited {claim.rests_on}")
        for name, claim in book.claims.items()
    }
    edited = book._replace(claims=claims)
    outcome = Outcome(Job(QUICK), Verdict(QUICK, "proved", 1, 0.0, 0.0))
    assert known_reads(edited, cache, [outcome]) == {QUICK: ran[QUICK]}
    assert known_reads(edited, NoCache(), [outcome]) == {}


def test_a_model_that_cannot_be_imported_is_refuted() -> None:
    verdict = try_out_changed((QUICK,), "spanspec.base.words", "1 / 0")
    assert (verdict.answer, verdict.failed) == ("refuted", "the model can be imported")
    assert "ZeroDivisionError" in verdict.detail


def test_what_never_happens_makes_it_vacuous() -> None:
    verdict = try_out(claim_of(lambda: Ran(1, {"pop": 1}), "pop", "push"))
    assert (verdict.answer, verdict.failed) == ("vacuous", "push")


def test_what_is_not_tried_to_the_end_is_unknown() -> None:
    assert try_out(claim_of(lambda: Ran(1, {"pop": 1}, complete=False), "pop")).answer == "unknown"


def test_what_does_not_end_is_unknown() -> None:
    def runs_on() -> Ran:
        while True:
            pass

    verdict = try_out(claim_of(runs_on, "pop"), seconds=0.05)
    assert (verdict.answer, verdict.failed) == ("unknown", "it ends")


def test_what_does_not_end_is_no_exception_that_is_told_and_gone_on_after() -> None:
    def runs_on() -> Ran:
        found = every_case([("for ever", forever)])
        return found._replace(complete=True)

    def forever(met: Counter[str]) -> None:
        while True:
            pass

    verdict = try_out(claim_of(runs_on, "pop"), seconds=0.05)
    assert (verdict.answer, verdict.failed) == ("unknown", "it ends")


def test_what_cannot_be_run_is_refuted() -> None:
    def fails() -> Ran:
        raise LookupError("lost")

    verdict = try_out(claim_of(fails, "pop"))
    assert (verdict.answer, verdict.detail) == ("refuted", "LookupError: lost")


def test_other_solvers_have_nothing_to_say() -> None:
    assert run_job(Job(QUICK, solver="cvc5")).verdict.answer == "outside"


def test_a_claim_needs_a_name_a_text_and_something_that_happens() -> None:
    with pytest.raises(ValueError, match="nothing has to happen"):
        explored("courses.new", "")(EXPLORATIONS[QUICK].run)
    with pytest.raises(ValueError, match="registered twice"):
        explored(QUICK, "", needs="pop")(EXPLORATIONS[QUICK].run)


def test_a_program_that_breaks_a_promise_is_told() -> None:
    def broken(player: Player) -> None:
        promise(player.state.procs == 1, "there are two")

    both = (allocate(8), ("count", broken))
    found = try_all((Setting("one", Player, (), both, 2), Setting("two", Player, (), both, 2)))
    assert found.wrong == ""
    assert found.met["count"] > 0
    two = Setting("Ps", Player, (set_procs(2),), both, 2)
    found = try_all((two,))
    assert (found.wrong, found.how) == ("there are two", "Ps: procs2, then count")
    with pytest.raises(Wrong, match="no"):
        promise(False, "no")
