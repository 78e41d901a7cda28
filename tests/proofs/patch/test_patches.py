"""A mutant and a bug are found by their syntax, and one that does not apply says so, no more."""

import ast
import json
from functools import cache

import pytest

from spanproof.cli.app import run
from spanproof.decide import suite
from spanproof.decide.jobs import Job
from spanproof.fingerprint.modules import module_file
from spanproof.fuzz.planted import heap, schedule, span
from spanproof.mutation.knownbugs import BUGS as KNOWN_BUGS
from spanproof.mutation.knownbugs import KnownBug, find
from spanproof.patch.mutant import module_and_place
from spanproof.patch.patches import DoesNotApply, patched, place_of, tokens
from spanproof.theorems.mutants import MUTANTS

TEXT = '''
from spanspec.base.words import M32


def rule(sg: int, step: int) -> int:
    """Says sg + step."""
    total = (sg + step) & M32  # a remark
    if total >= 3 and sg > 1:
        total = take(total, "x", size=3)
        return total
    return 0


class Table:
    def put(self, a: int) -> int:
        if a > 1:
            self.size = a
        return a
'''


def code(text: str) -> str:
    return ast.dump(ast.parse(text))


SAME: dict[str, tuple[str, str]] = {
    "layout": ("(sg + step) & M32", "(sg\n        + step) & M32"),
    "parentheses": ("total = (sg + step) & M32  # a remark", "total = ((sg + step) & M32)"),
    "a wrapped condition": (
        "if total >= 3 and sg > 1:",
        "if (\n        total >= 3\n        and sg > 1\n    ):",
    ),
    "a comment": ("sg > 1:", "sg > 1:  # here"),
    "quotes and a last comma": ('total, "x", size=3)', "\n  total,\n  'x',\n  size=3,\n)"),
}


@pytest.mark.parametrize(("old", "other"), SAME.values(), ids=SAME)
def test_layout_is_no_change(old: str, other: str) -> None:
    reformatted = TEXT.replace(old, other)
    assert code(reformatted) == code(TEXT)
    changes = {
        "(sg + step) & M32": "sg + step",
        "total >= 3 and sg": "total >= 2 and sg",
        'take(total, "x", size=3)': 'take(sg, "x", size=4)',
        '        total = take(total, "x", size=3)\n        return total\n': "        return 1\n",
    }
    for before, after in changes.items():
        expected = code(TEXT.replace(before, after))
        assert code(patched(TEXT, before, after, function="rule")) == expected
        assert code(patched(reformatted, before, after, function="rule")) == expected


@cache
def rewritten(text: str) -> str:
    return ast.unparse(ast.parse(text))


@pytest.mark.sampled(20)
@pytest.mark.parametrize("module", sorted({mutant.module for mutant in MUTANTS.values()}))
def test_every_mutant_of_a_module_applies_to_another_layout(module: str) -> None:
    path = module_file(module)
    assert path is not None
    text = path.read_text(encoding="utf-8")
    failed = []
    for mutant in (one for one in MUTANTS.values() if one.module == module):
        name = module_and_place(mutant.function)[1]
        try:
            made = patched(rewritten(text), mutant.old, mutant.new, function=name)
        except DoesNotApply:  # it begins amid an operation, whose parentheses are gone
            failed.append(mutant.name)
        else:
            assert code(made) == code(mutant.text()), mutant.name
    assert len(failed) <= 1, failed


@pytest.mark.parametrize("bug", KNOWN_BUGS, ids=lambda bug: bug.name)
def test_every_known_bug_applies(bug: KnownBug) -> None:
    path = module_file(f"spanspec.{bug.module}")
    assert path is not None
    text = path.read_text(encoding="utf-8")
    assert code(bug.apply(text)) != code(text)


PLANTED_BUGS = (*span.PLANTED, *heap.BUGS, *schedule.RACES)


def test_every_planted_bug_applies_to_another_layout() -> None:
    failed = []
    for bug in PLANTED_BUGS:
        path = module_file(f"spanalloc.{bug.module}")
        assert path is not None
        text = path.read_text(encoding="utf-8")
        try:
            made = bug.apply(rewritten(text))
        except DoesNotApply:
            failed.append(bug.name)
        else:
            assert code(made) == code(bug.apply(text)), bug.name
    assert not failed


def renamed(text: str) -> str:
    return text.replace("total", "amount").replace("sg", "generation")


def test_a_renamed_variable_is_no_change() -> None:
    other = renamed(TEXT)
    for before, after in {
        "(sg + step) & M32": "sg + step",
        "if total >= 3 and sg > 1:": "if total >= 2 or sg > 1:",
        "take(total, ": "take(sg, ",
    }.items():
        if "sg" in after and "sg" not in before:
            continue
        made = patched(other, before, after, function="rule")
        assert code(made) == code(renamed(TEXT.replace(before, after)))
    with pytest.raises(DoesNotApply, match=r"sg for .* is no name"):
        patched(other, "take(total, ", "take(sg, ", function="rule")


def test_another_variable_is_a_change() -> None:
    """`sg` is still there, so it is not what is called `step` now."""
    with pytest.raises(DoesNotApply, match="is not in"):
        patched(TEXT, "step > 1", "step > 2", function="rule")
    with pytest.raises(DoesNotApply, match=r"places|is not in"):
        patched(TEXT, "gone > 1", "gone > 2")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("sg - step", "sg", "is not in"),
        ("Says sg + step", "Says", "is not in"),
        ("return 0", "return (", "is no Python"),
        ("return 0", "return  0", "is the same code"),
        ("", "sg", "is not in"),
    ],
)
def test_what_does_not_apply_says_why(old: str, new: str, why: str) -> None:
    with pytest.raises(DoesNotApply, match=why):
        patched(TEXT, old, new, function="rule", where="m")
    with pytest.raises(DoesNotApply, match="there is no function"):
        patched(TEXT, old, new, function="other", where="m")


def test_a_piece_without_a_function_is_in_the_module_once() -> None:
    assert "a > 2" in patched(TEXT, "a > 1", "a > 2")
    assert "self.size = 0" in patched(
        TEXT.replace("= a", "= (a)"), "self.size = a", "self.size = 0"
    )
    with pytest.raises(DoesNotApply, match="2 times"):
        patched(TEXT + "\n\ndef f():\n    return 0\n", "return 0", "return 1")


def test_a_piece_begins_and_ends_with_a_token() -> None:
    with pytest.raises(DoesNotApply):
        patched("def f():\n    return ending\n", "return end", "return 0", function="f")
    assert [token.text for token in tokens("a.b(c=1)#x")] == [
        "a",
        ".",
        "b",
        "(",
        "c",
        "=",
        "1",
        ")",
    ]


def test_a_mutant_that_does_not_apply_is_told_with_its_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(one.name for one in MUTANTS.values() if one.killed_by == "sweepgen.relabel")
    monkeypatch.setitem(MUTANTS, name, MUTANTS[name]._replace(old="no such text"))
    outcome = suite.run_job(Job("sweepgen.relabel", name))
    assert outcome.verdict.answer == "inapplicable"
    assert not outcome.good
    assert "sweepgen_mutants.py:" in outcome.verdict.detail
    assert run(["mutants", "sweepgen.relabel", "--no-cache", "--jobs", "1", "--no-known"]) == 1
    out, err = capsys.readouterr()
    assert f"{name}  DOES NOT APPLY" in out
    assert "1 of 2 mutants killed" in out
    assert "Traceback" not in out + err
    assert run(["mutants", name, "--no-cache", "--jobs", "1", "--no-known", "--json"]) == 1
    [mutant] = json.loads(capsys.readouterr().out)["mutants"]
    assert mutant["answer"] == "inapplicable"


def test_a_known_bug_that_does_not_apply_is_told_with_its_place() -> None:
    bug = KNOWN_BUGS[0]
    found = find(bug._replace(old="no such text"))
    assert not found.by
    assert found.wrong.startswith("does not apply: ")
    assert "knownbugs/catalogue.py:" in found.wrong
    assert place_of("no-such-bug", "spanproof.mutation.knownbugs") == "spanproof.mutation.knownbugs"
