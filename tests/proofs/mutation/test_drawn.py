"""Mutants drawn by lot: what is changed, who judges, and what is kept."""

import ast
import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from spanproof.cli.app import run
from spanproof.cli.showing import drawn as command
from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.catalogue import Catalogue, ListedClaim
from spanproof.decide.verdict import Verdict
from spanproof.mutation.drawing import fates
from spanproof.mutation.drawing.drawn import (
    Drawn,
    all_drawn,
    draw,
    drawable,
    drawn_of_structures,
    mutants_of,
)
from spanproof.mutation.drawing.fates import MutantJudge
from spanproof.mutation.drawing.reasons_model import OF_DRAWN
from spanproof.report.implread import share_of

TEXT = '''"""A module."""


def rule(a: int, b: int) -> int:
    """Say something.

    Rules: SPAN-1.
    """
    if a <= b:
        return a + b
    assert a, "T-1"
    return a


def chain(a: int, b: int) -> bool:
    """Say something in a chain.

    Rules: SPAN-3.
    """
    return 0 <= a < b


def helper(a: int) -> bool:
    """Cite nothing."""
    return a < 3


class Table:
    """A table."""

    def put(self, key: int) -> None:
        """Put something in.

        Rules: SPAN-2.
        """
        self.size += key
        self.rows[key] = [one for one in (key,) if one]
'''


def changes() -> set[tuple[str, str, str, str]]:
    return {(one.function, one.kind, one.before, one.after) for one in mutants_of("m", TEXT)}


def test_each_change_is_of_a_function_that_cites_a_rule() -> None:
    assert changes() == {
        ("m.rule", "compare", "a <= b", "(a < b)"),
        ("m.rule", "compare", "a <= b", "(a > b)"),
        ("m.rule", "condition", "a <= b", "(not (a <= b))"),
        ("m.rule", "arithmetic", "a + b", "(a - b)"),
        ("m.rule", "condition", "a", "(not (a))"),
        ("m.rule", "deleted", "assert a, 'T-1'", "pass"),
        ("m.chain", "compare", "0 <= a < b", "(0 < a < b)"),
        ("m.chain", "compare", "0 <= a < b", "(0 > a < b)"),
        ("m.chain", "compare", "0 <= a < b", "(0 <= a <= b)"),
        ("m.chain", "compare", "0 <= a < b", "(0 <= a >= b)"),
        ("m.Table.put", "arithmetic", "self.size += key", "self.size -= key"),
        ("m.Table.put", "deleted", "self.size += key", "pass"),
        ("m.Table.put", "deleted", "self.rows[key] = [one for one in (key,) if one]", "pass"),
        ("m.Table.put", "condition", "one", "(not (one))"),
    }
    for one in mutants_of("m", TEXT):
        assert ast.dump(ast.parse(one.text)) != ast.dump(ast.parse(TEXT))
    assert len({one.key for one in mutants_of("m", TEXT)}) == 14


def test_a_seed_determines_what_is_drawn() -> None:
    every = list(mutants_of("m", TEXT))
    assert draw(every, 4, 1) == draw(every, 4, 1) != draw(every, 4, 2)
    assert len(draw(every, 99, 1)) == len(every)


def test_courses_steps_and_containers_are_among_them() -> None:
    names = drawable()
    assert {
        "spanspec.heap.courses.mcentral.cache_span",
        "spanspec.sharing.steps.sweeping.pop",
        "spanspec.pages.freeset.treap.Treap.find",
    } <= set(names)
    assert not any(name.startswith("spanspec.rules") for name in names)


def claim(name: str, rests_on: str) -> ListedClaim:
    return ListedClaim(name, (), "It holds.", (), rests_on)


MADE = "".join(f"def {name}(): pass\n" for name in ("rule", "other", "third"))
MUTANT = Drawn("spanspec.m.rule", "compare", 1, "a", "b", "spanspec.m", MADE)
OTHER = MUTANT._replace(function="spanspec.m.other")
BOOK = Catalogue("w", {"f": claim("f", "1"), "r": claim("r", "2")}, {})
READS = {"f": ("spanspec.m.rule",)}
RUNS = {"r": ("spanspec.m.other", "spanspec.m.rule")}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the formula prove everything, and what is run refute; note who was asked."""
    who: list[str] = []

    def decide(*rest: object, explain: bool) -> Verdict:
        who.append("formula")
        return Verdict("f", "proved", 1, 0.0, 0.0)

    def try_out(claims: tuple[str, ...], *rest: object, seconds: float) -> Verdict:
        who.append("run")
        return Verdict(claims[0], "refuted", 1, 0.0, 0.0, "it holds")

    monkeypatch.setattr(fates, "all_obligations", lambda: {"f": None})
    monkeypatch.setattr(fates, "decide", decide)
    monkeypatch.setattr(fates, "try_out_changed", try_out)
    return who


def test_only_those_who_read_or_run_a_function_are_asked(asked: list[str]) -> None:
    judge = MutantJudge(BOOK, NoCache(), READS, RUNS, "proofs")
    fate = judge.judge(MUTANT)
    assert (fate.by, fate.says, fate.proved) == ("r", "refuted: it holds", True)
    assert asked == ["formula", "run"]
    judge.judge(OTHER)
    assert asked == ["formula", "run", "run"]
    nobody = judge.judge(MUTANT._replace(function="spanspec.m.third"))
    assert not nobody.killed
    assert asked == ["formula", "run", "run"]


def test_what_was_judged_is_kept_as_long_as_the_judge_is_the_same(
    asked: list[str], tmp_path: Path
) -> None:
    cache = Cache(tmp_path)
    fate = MutantJudge(BOOK, cache, READS, RUNS, "proofs").judge(MUTANT)
    assert MutantJudge(BOOK, cache, READS, RUNS, "proofs").known(MUTANT) == fate
    changed = BOOK._replace(claims={**BOOK.claims, "r": claim("r", "3")})
    assert MutantJudge(changed, cache, READS, RUNS, "proofs").known(MUTANT) is None
    assert MutantJudge(BOOK, cache, READS, RUNS, "proofs").known(OTHER) is None


def test_the_command_tells_who_killed_how_many(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "spanspec.span.sweepgen.next_cycle"
    monkeypatch.setattr(command, "read_by_formulas", lambda *rest: {"sweepgen.relabel": (name,)})
    monkeypatch.setattr(command, "known_runs", lambda *rest: {})
    monkeypatch.setattr(command, "known_reads", lambda *rest: {})
    arguments = ["mutants", name, "--random", "9", "--no-cache"]
    assert run([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["killed_by_proofs"] == document["judged"] == document["mutants"] > 1
    assert set(document["by"]) == {"sweepgen.*"}
    monkeypatch.setattr(command, "read_by_formulas", lambda *rest: {})
    assert run(arguments) == 1
    text = capsys.readouterr().out
    assert "span.sweepgen.next_cycle" in text
    assert "0 of 2 random mutants killed by obligations (0 %)" in text
    excused = ["mutants", "heap.operations.cycles.set_gc_percent", "--random", "99", "--no-cache"]
    assert run(excused) == 1
    assert "nobody can notice heap.operations.cycles.set_gc_percent" in capsys.readouterr().out
    assert run([*excused, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert len(told["unnoticeable"]) == 1
    assert len(told["survivors"]) == told["judged"] - 1
    assert run(["mutants", "no-such-function", "--random", "9", "--no-cache"]) == 2
    assert run([*arguments, "--judge", "nobody"]) == 2


def test_structures_of_spanalloc_are_judged_by_obligations_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {one.function for one in drawn_of_structures(lambda name: True)}
    assert {
        "spanalloc.span.span.Span.sweep_slots",
        "spanalloc.span.layout.SpanLayout.checked",
        "spanalloc.base.maxtree.MaxTree.store",
        "spanalloc.pages.pagemap.PageMap.enter_all",
    } <= names
    name = "spanalloc.span.span.Span.claim"
    monkeypatch.setattr(command, "read_by_formulas", lambda *rest: {"methods.sweepgen": (name,)})
    monkeypatch.setattr(command, "known_runs", lambda *rest: {})
    monkeypatch.setattr(command, "known_reads", lambda *rest: {})
    arguments = ["mutants", name, "--of", "structures", "--random", "9", "--no-cache"]
    assert run([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["killed_by_proofs"] == document["judged"] > 1
    assert set(document["by"]) == {"methods.*"}
    monkeypatch.setattr(command, "read_by_formulas", lambda *rest: {})
    assert run(arguments) == 1
    assert run(["mutants", "no-such", "--of", "structures", "--no-cache"]) == 2


@pytest.mark.parametrize("drawn", [["--random", "1"], ["--of", "structures"]])
@pytest.mark.parametrize("option", [["--jobs", "2"], ["--scheduler", "tcp://127.0.0.1:1"]])
def test_options_that_would_be_of_no_effect_are_refused(
    drawn: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mutants", "no-such-function", *drawn, *option, "--no-cache"]) == 2
    assert "--jobs and --scheduler are not for" in capsys.readouterr().err


def test_a_reason_is_of_mutants_that_can_be_drawn() -> None:
    every = [*all_drawn(drawable()), *drawn_of_structures(lambda _: True)]
    made = {(one.function, f"{one.before} -> {one.after}") for one in every}
    assert [
        one
        for one in OF_DRAWN
        if not any(
            fnmatchcase(function, one.function) and fnmatchcase(change, one.change)
            for function, change in made
        )
    ] == []


def test_the_share_of_a_module_that_is_read_is_counted_in_lines() -> None:
    every = share_of("pages.pageset", ())
    assert (every.lines > 20, every.read) == (True, 0)
    assert "spanalloc.pages.pageset.PageSet.highest" in every.unread
    one = share_of("pages.pageset", {"spanalloc.pages.pageset.PageSet.has"})
    assert (one.read, one.lines, len(one.unread)) == (1, every.lines, len(every.unread) - 1)
