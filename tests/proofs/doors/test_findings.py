"""A finding can be run again without the campaign that found it, and is told what it is like."""

import json
import shlex
import subprocess
import sys
from collections import Counter
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path

import pytest

from spanproof.cli import app
from spanproof.cli.campaigning.saving import Saver
from spanproof.doors.reproducing import replayed, script_of
from spanproof.doors.targets import run_again
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.engine.causes import beside, cause_of
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.lockstep.divergence import AnyProgram, Divergence, Run
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.planted.planting import package_with
from spanproof.fuzz.planted.span import PLANTED
from spanproof.fuzz.program import Allocate, Flush, Program, Refill, StartCycle
from spanproof.fuzz.programs import heapprogram
from spanproof.fuzz.programs.contractprogram import ContractProgram, Malloc
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.sizesprogram import AskSize, SizesProgram
from spanproof.fuzz.sides.factories import Scope
from spanproof.fuzz.sides.spanalloc_subject import spans_of_package
from spanproof.mutation import diagnosis
from spanproof.mutation.vectors import variants
from spanproof.support.files.stores import FolderStore
from spanproof.symbolic.reading.sources import SourceTree

HOSTILE = Path(__file__).parent / "hostile.py"
PROGRAM = Program(1, (Refill(), Allocate(3)))
LIMITS = Limits(seconds=20)
SMALLEST: dict[Scope, AnyProgram] = {
    Scope.SPAN: PROGRAM,
    Scope.SIZES: SizesProgram((AskSize(8),)),
    Scope.CONTRACT: ContractProgram((Malloc(8),)),
    Scope.HEAP: HeapProgram((heapprogram.Malloc(8),)),
}
"""A program of each level."""


def found_with(kind: str, of: Scope = Scope.SPAN) -> FoundWith:
    command = f"{sys.executable} -S {HOSTILE} {kind!r} {of}"
    return FoundWith(of, door="exec", command=command, limit=20.0)


def found(kind: str, of: Scope = Scope.SPAN) -> Divergence:
    divergence = run_again(SMALLEST[of], found_with(kind, of), LIMITS)
    assert divergence is not None
    return divergence


@pytest.mark.parametrize("kind", ["crash", "another form"])
def test_a_shell_script_reproduces_it(kind: str, tmp_path: Path) -> None:
    script = script_of(found_with(kind), found(kind))
    assert script is not None
    assert "python" not in script.replace(f"{sys.executable} -S {HOSTILE}", "")
    mended = script.replace(f"hostile.py {shlex.quote(kind)}", "hostile.py good")
    for text, status in ((script, 1), (mended, 0)):
        place = tmp_path / "finding.sh"
        place.write_text(text)
        done = subprocess.run(["sh", place], capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        assert 'asked:  {"op":"allocate","n":6}' in done.stdout


@pytest.mark.parametrize(
    ("op", "of"),
    [
        ("new_span", Scope.SPAN),
        ("span_state", Scope.SPAN),
        ("refill", Scope.SPAN),
        ("allocate", Scope.SPAN),
        ("size", Scope.SIZES),
        ("new_contract", Scope.CONTRACT),
        ("malloc", Scope.CONTRACT),
        ("new_heap", Scope.HEAP),
        ("heap_state", Scope.HEAP),
        ("heap_call", Scope.HEAP),
    ],
)
def test_whatever_is_refused_that_may_not_be_is_saved_with_a_script(
    op: str, of: Scope, tmp_path: Path
) -> None:
    kind = f"refuses {op}"
    divergence = found(kind, of)
    assert "not today" in divergence.seen
    saver = Saver(FolderStore(tmp_path), found_with(kind, of))
    saver.save(divergence)
    saver.save_what_reproduces(divergence)
    done = subprocess.run(["sh", tmp_path / "divergence-1.sh"], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f'asked:  {{"op":"{op}"' in done.stdout


def test_what_was_saved_is_a_test_that_fails(tmp_path: Path) -> None:
    saver = Saver(FolderStore(tmp_path), found_with("crash"))
    divergence = found("crash")
    saver.save(divergence)
    saver.save_what_reproduces(divergence)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["divergence-1.json", "divergence-1.sh", "test_divergence_1.py"]
    scope: dict[str, object] = {"__file__": str(tmp_path / "test_divergence_1.py")}
    exec((tmp_path / "test_divergence_1.py").read_text(), scope)
    test = scope["test_divergence_1"]
    assert callable(test)
    with pytest.raises(AssertionError, match="SIGSEGV"):
        test()
    again = replayed(tmp_path / "divergence-1.json")
    assert again is not None
    assert cause_of(again) == cause_of(divergence)


def test_several_causes_are_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This span refuses nothing and never frees: two causes at least."""
    monkeypatch.setattr(diagnosis, "variants_for", lambda divergence: iter(()))
    options = ["--exec", found_with("good").command, "--examples", "40", "--shrink", "0.1"]
    status = app.run(["fuzz", *options, "--findings", "2", "--save", str(tmp_path)])
    told = capsys.readouterr().out
    assert status == 1
    assert "2 findings of different causes" in told
    assert len(list(tmp_path.glob("divergence-*.json"))) == 2


def test_causes_are_told_apart_by_rule_field_and_failure_and_not_by_numbers() -> None:
    one = Divergence(PROGRAM, 2, "freeindex", "64", "63", None, ("SPAN-15",))
    assert cause_of(one) == "freeindex (SPAN-15)"
    assert cause_of(one._replace(step=1, expected="1", seen="2")) == cause_of(one)
    assert cause_of(one._replace(what="needzero")) != cause_of(one)
    crash = one._replace(what="allocate 3 slots", side="implementation", rules=())
    crashes = [crash._replace(seen=f"ends by {name}") for name in ("SIGSEGV", "SIGABRT")]
    assert len({cause_of(other) for other in crashes}) == 2
    passed = beside(lambda program, on_step, exact: Run(one, Counter()), {cause_of(one)})
    assert passed(PROGRAM, lambda step: None, False).divergence is None


def test_a_finding_is_told_what_it_behaves_like(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = PLANTED[0]
    program = Program(1, (Refill(), Allocate(64)))
    divergence = run_program(program, spans_of_package(package_with(bug))).divergence
    assert divergence is not None
    wanted = {bug.name, "the fast path takes the last slot of a word and leaves a used-up cache"}
    few = [one for one in variants.of_span() if one.name in wanted]
    others = list(islice((one for one in variants.of_span() if one.name not in wanted), 3))
    monkeypatch.setattr(diagnosis, "variants_for", lambda divergence: [*few, *others])
    likes = list(diagnosis.diagnose(divergence, 60))
    assert {like.name for like in likes} == wanted
    assert str(likes[0]) == f"behaves like: {bug.name}; rules SPAN-12, SPAN-15"


def test_there_are_many_variants_and_some_have_the_number_of_an_issue() -> None:
    names = [one.name for one in variants.of_span()]
    assert len(set(names)) > 40
    assert any(one.name.startswith("Go #") for one in variants.of_heap())


def test_a_finding_stays_one_where_what_it_behaves_like_cannot_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(divergence: Divergence) -> list[object]:
        raise OSError("no such source")

    monkeypatch.setattr(diagnosis, "diagnose", fails)
    options = ["--exec", found_with("good").command, "--examples", "40", "--shrink", "0.1"]
    assert app.run(["fuzz", *options, "--save", str(tmp_path)]) == 1
    assert "cannot be told: OSError: no such source" in capsys.readouterr().err
    assert list(tmp_path.glob("divergence-*.json"))


def test_a_variant_is_made_of_the_source_whatever_a_compiled_module_says_of_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("mspan", "alloccache"):
        spec = import_module(f"spanspec.span.{name}").__spec__
        monkeypatch.setattr(spec, "origin", f"/nowhere/spanspec/span/{name}.py")
    text = SourceTree().module("spanspec.span.mspan").text
    make = variants.model_span_with("spanspec.span.mspan", text)
    state = make(Program(1, ())).state()
    assert state is not None
    assert state.nelems == 1024


def test_a_path_that_is_never_told_is_not_compared_and_not_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (bug,) = (one for one in PLANTED if one.name == "a sweep keeps freeindex")
    steps = (Refill(), Allocate(2), StartCycle(), Flush(), Refill(), Allocate(1))
    program = Program(1, steps)
    for shows_state in (True, False):
        veiled = partial(
            diagnosis.opaque_span, spans_of_package(package_with(bug)), False, shows_state
        )
        divergence = run_program(program, veiled).divergence
        assert divergence is not None
        if not shows_state:
            assert divergence.what == "slot of an allocation"
            assert "slow" not in divergence.expected + divergence.seen
        itself = next(one for one in variants.of_span() if one.name == bug.name)
        monkeypatch.setattr(diagnosis, "variants_for", lambda divergence, one=itself: [one])
        assert bug.name in {like.name for like in diagnosis.diagnose(divergence, 60)}


@pytest.mark.parametrize("options", [["--json"], []])
def test_an_interrupt_while_it_is_told_what_it_behaves_like_keeps_the_finding(
    options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(divergence: Divergence) -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(diagnosis, "diagnose", interrupted)
    command = ["fuzz", "--exec", found_with("good").command, "--examples", "40", "--shrink", "0.1"]
    assert app.run([*command, "--findings", "2", "--save", str(tmp_path), *options]) == 1
    said = capsys.readouterr().out
    assert str(tmp_path / "divergence-1.json") in said
    if options:
        assert len(json.loads(said)["findings"]) == 1
    else:
        assert "1 finding\n" in said
