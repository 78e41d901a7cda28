"""Implementations by name: the example of the docs is one, and what is none gets one line."""

import errno
import json
import re
from pathlib import Path
from typing import cast

import pytest

from spanproof.cli.app import run
from spanproof.fuzz.campaigns.finding import load
from spanproof.fuzz.differences.differences import Difference, compare_states
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.program import (
    Allocate,
    Flush,
    MarkEvery,
    Program,
    Refill,
    StartCycle,
    Sweep,
    save,
)
from spanproof.fuzz.programs.heapprogram import HeapProgram, Malloc
from spanproof.fuzz.sides.spanalloc_subject import SpanallocSpan, installed
from spanproof.fuzz.subjects import Path as SearchPath
from spanproof.fuzz.subjects import State, Subject, SweepOutcome
from spanproof.support.files import savedfile

DOCS = Path(__file__).resolve().parents[3] / "docs" / "fuzzing.md"


def example() -> str:
    (found,) = re.findall(
        r'```python\n("""spans\.py.*?)```', DOCS.read_text(encoding="utf-8"), re.DOTALL
    )
    return str(found)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the example and some others."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spans.py").write_text(example(), encoding="utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, encoding="utf-8")
    return tmp_path


def test_the_example_of_the_docs_holds_from_the_working_directory(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fuzz", "--of", "span", "--python", "spans:make", "--examples", "120"]
    assert run(arguments) == 0, capsys.readouterr()
    assert sorted(path.name for path in here.iterdir()) == ["spans.py", "wrong.py"]


def test_a_bug_of_the_example_is_found_saved_and_replayed_from_anywhere(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    buggy = example().replace("self.taken = self.kept = self.marked\n", "self.taken = self.kept\n")
    assert buggy != example()
    (here / "spans.py").write_text(buggy, encoding="utf-8")
    arguments = ["fuzz", "--of", "span", "--python", "spans:make", "--examples", "120", "--json"]
    assert run([*arguments, "--save", "kept", "--seed", "3"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["again"] == {"times": 3, "runs": 3}
    saved = here / document["saved"]
    program, found_with = load(saved)
    assert isinstance(program, Program)
    assert found_with is not None
    assert (found_with.python, found_with.folder, found_with.seed) == ("spans:make", str(here), 3)
    assert found_with.versions.keys() == {"python", "spanspec", "hypothesis"}
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert run(["replay", str(saved)]) == 1
    assert "with --python spans:make" in capsys.readouterr().out
    assert run(["replay", str(saved), "--impl", "spanalloc"]) == 0
    (here / "spans.py").write_text(example(), encoding="utf-8")
    assert run(["replay", str(saved)]) == 0
    (here / "spans.py").unlink()
    assert run(["replay", str(saved)]) == 2
    assert "there is no module 'spans'" in capsys.readouterr().err


def test_the_methods_of_a_span_are_those_that_the_docs_name() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in vars(Subject):
        assert name.startswith("_") or f"| `{name}(" in text, name


WRONG = """
from spanproof.fuzz.sides.spanalloc_subject import installed as spans
from spanproof.fuzz.sides.spanallocheap import installed as heaps

def none(program): return None
def nothing(): return None
def part(program):
    class Part:
        def malloc(self): pass
    return Part()
class Meta(type):
    @property
    def __name__(cls): raise RuntimeError
class Odd(metaclass=Meta):
    def __getattr__(self, name): raise RuntimeError("no [/b] attribute")
def odd(program): return Odd()
def raises(program): raise RuntimeError("out of [/b] order")
number = 3
"""

CASES = {
    "heap :x": "it has to be MODULE:FACTORY",
    "heap wrong": "it has to be MODULE:FACTORY",
    "heap wrong:": "it has to be MODULE:FACTORY",
    "heap nowhere:x": "there is no module 'nowhere', neither in ",
    "heap [/b]:x": "there is no module '[/b]'",
    "heap wrong.deeper:x": "there is no module 'wrong.deeper'",
    "heap ..x:y": "importing '..x' raises TypeError",
    "heap wrong:missing": "the module 'wrong' has no 'missing'",
    "heap wrong:number": "'number' is an object of type int, which cannot be called",
    "heap wrong:nothing": "cannot be called with a program: too many positional arguments",
    "heap wrong:none": "returns None, and a heap is asked for: it has no `add_special`",
    "heap wrong:part": "returns an object of type part.<locals>.Part, and a heap is asked for",
    "span wrong:odd": "returns an object of type Odd, and a span is asked for: it has no",
    "heap wrong:spans": "makes spans, and a heap is asked for; try it with --of span",
    "schedule wrong:spans": "makes spans, and a heap is asked for; try it with --of span",
    "span wrong:heaps": "makes heaps, and a span is asked for; try it with --of heap",
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_wrong_factory_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], case: str
) -> None:
    of, name = case.split()
    assert run(["fuzz", "--of", of, "--python", name, "--examples", "1"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"--python {name}: {CASES[case]}" in " ".join(err.split())


IMPORTS = {
    "raise RuntimeError('at [/red] import')": "raises RuntimeError: at [/red] import",
    "import sys; sys.exit(0)": "raises SystemExit: 0",
    "import os; os._exit(0)": "importing it ends its process, with exit status 0",
    "import ctypes; ctypes.string_at(0)": "importing it ends its process by SIGSEGV",
    "import nowhere_else": "raises ModuleNotFoundError: No module named 'nowhere_else'",
    "def f(:": "raises SyntaxError: invalid syntax",
    "while True: pass": "importing it does not end within 0.3 s",
}


@pytest.mark.parametrize("source", sorted(IMPORTS))
def test_an_import_that_goes_wrong_is_one_line_and_status_2(
    here: Path, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    (here / "bad.py").write_text(source, encoding="utf-8")
    limit = "0.3" if "while" in source else "20"
    assert run(["fuzz", "--python", "bad:x", "--examples", "1", "--limit", limit]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert IMPORTS[source] in " ".join(err.split())


def test_a_factory_that_raises_is_a_finding_that_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["fuzz", "--python", "wrong:raises", "--examples", "5"]) == 1
    assert "raises RuntimeError: out of [/b] order" in capsys.readouterr().out


def test_a_finding_that_cannot_be_saved_is_printed_and_its_status_stays(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", "[/b]")

    monkeypatch.setattr(savedfile, "write_new", full)
    arguments = ["fuzz", "--python", "wrong:raises", "--examples", "5", "--save", "file/[/b]"]
    assert run(arguments) == 1
    out, err = capsys.readouterr()
    assert "out of [/b] order" in out
    assert "could not be saved: [/b]: No space" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["fuzz", "simulate", "prove", "mutants"])
def test_a_folder_that_cannot_be_is_told_before_the_work(
    command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_bytes(b"")
    assert run([command, "--save", "file/deep/below"]) == 2
    said = capsys.readouterr()
    assert "file: Not a directory" in said.err
    assert said.err.count("\n") == 1
    assert not said.out


def test_a_program_that_was_saved_alone_is_still_replayed(here: Path) -> None:
    save(Program(9, (Refill(), Allocate(3), MarkEvery(1), StartCycle())), here / "p.json")
    (here / "q.json").write_text((here / "p.json").read_text().replace('"kind": "span",', ""))
    for name in ("p.json", "q.json"):
        assert run(["replay", name]) == 0
        assert run(["replay", name, "--python", "spans:make"]) == 0


def test_a_heap_without_alloccaches_is_not_compared_by_them() -> None:
    spans = {f"span {n}": {"allocCache": n, "freeindex": 1} for n in range(1, 3)}
    none = {name: {"allocCache": None, "freeindex": 1} for name in spans}
    compare_states(spans, none)
    for wrong in ({**none, "span 1": spans["span 2"]}, {**none, "span 1": {"allocCache": None}}):
        with pytest.raises(Difference):
            compare_states(spans, wrong)


def test_a_span_that_shows_an_alloccache_once_shows_it_always(here: Path) -> None:
    sometimes = example().replace(
        "alloc_cache=None,", "alloc_cache=(1 << 64) - 1 if not self.taken else None,"
    )
    (here / "spans.py").write_text(sometimes, encoding="utf-8")
    save(Program(1, (Refill(), Allocate(3))), here / "p.json")
    assert run(["replay", "p.json", "--python", "spans:make"]) == 1


def test_a_heap_program_is_not_taken_for_that_of_a_span(here: Path) -> None:
    from spanproof.fuzz.programs import heapprogram

    heapprogram.save(HeapProgram((Malloc(8),)), here / "h.json")
    assert load(here / "h.json") == (HeapProgram((Malloc(8),)), None)
    assert run(["replay", "h.json", "--python", "spans:make"]) == 2


class Inexact(SpanallocSpan):
    """A span whose figures are floating-point numbers, at one place."""

    place = ""

    def allocate(self) -> tuple[int, SearchPath]:
        slot, path = super().allocate()
        return cast("int", float(slot)) if self.place == "slot" else slot, path

    def claim_and_sweep(self, sg: int) -> SweepOutcome:
        swept = super().claim_and_sweep(sg)
        freed = cast("int", float(swept.nfreed))
        return swept._replace(nfreed=freed) if self.place == "freed" else swept

    def state(self) -> State:
        state = super().state()
        place = cast("int", float(state.freeindex))
        return state._replace(freeindex=place) if self.place == "state" else state


@pytest.mark.parametrize("place", ["slot", "freed", "state", ""])
def test_a_number_that_is_no_integer_is_none_although_it_is_equal(place: str) -> None:
    def make(program: Program) -> Subject:
        honest = installed(program)
        made = Inexact(honest._span, honest._error)
        made.place = place
        return made

    steps = (Refill(), Allocate(9), Flush(), StartCycle(), Sweep())
    divergence = run_program(Program(1, steps), make).divergence
    if place == "":
        assert divergence is None
    else:
        assert divergence is not None
        assert divergence.side == "implementation"
        assert "'float' object cannot be interpreted as an integer" in divergence.seen
