"""What `spanspec new` writes builds and passes, the examples too, and a planted bug is found."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spanproof.cli import app
from spanproof.doors.header import PLACE
from spanproof.doors.targets import run_again
from spanproof.doors.templates.language import FILES, Language, files_of, first_steps
from spanproof.fuzz.campaigns.finding import DoorName, FoundWith
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.program import (
    Allocate,
    Flush,
    MarkEvery,
    MarkFree,
    Program,
    Refill,
    StartCycle,
)
from spanproof.fuzz.sides.factories import Scope

ROOT = Path(__file__).parents[3]
HOSTILE = Path(__file__).parent / "hostile.py"
LIMITS = Limits(seconds=20)
STEPS = (Refill(), Allocate(65), MarkFree(), MarkEvery(3), StartCycle(), Flush(), Refill())
PROGRAM = Program(1, (*STEPS, Allocate(9)), sweepgen=(1 << 32) - 2)
ONLY_BEGINS = """
const char *spanspec_new_span(uint64_t size_class, uint64_t pages, uint64_t elemsize, int noscan,
                              uint64_t sweepgen) {
    return size_class + pages + elemsize + (uint64_t)noscan + sweepgen ? NULL : "nothing";
}
"""
INSTALL = {
    "cc": "apt-get install gcc",
    "c++": "apt-get install g++",
    "rustc": "apt-get install rustc",
    "go": "apt-get install golang-go",
    "make": "apt-get install make",
}


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}: {INSTALL[name]}")
    return found


def run(*command: str | Path, folder: Path) -> None:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def built(language: Language, source: Path, target: Path) -> str:
    """Build what is in a folder, and return its command."""
    target.mkdir()
    binary = target / "built"
    match language:
        case Language.C:
            (file,) = source.glob("*.c")
            flags = ("-Wall", "-Wextra", "-Werror", "-pthread", "-DSPANSPEC_MAIN")
            run(tool("cc"), *flags, f"-I{PLACE.parent}", "-o", binary, file, folder=target)
        case Language.RUST:
            run(
                tool("rustc"),
                "-D",
                "warnings",
                "-o",
                binary,
                source / "src" / "main.rs",
                folder=target,
            )
        case Language.GO:
            run(tool("go"), "build", "-o", binary, ".", folder=source)
        case Language.PYTHON:
            return f"{sys.executable} {source / 'harness.py'}"
    return str(binary)


def agrees(command: str, door: DoorName = "exec") -> bool:
    found_with = FoundWith(Scope.SPAN, door=door, command=command, limit=20.0)
    return run_again(PROGRAM, found_with, LIMITS) is None


@pytest.mark.parametrize("language", Language)
def test_a_harness_is_short_and_whole(language: Language) -> None:
    for name in FILES[language]:
        assert len(files_of(language)[name].splitlines()) <= 80


@pytest.mark.sampled(2)
@pytest.mark.parametrize("language", Language)
def test_a_new_harness_builds_and_passes(language: Language, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert app.run(["new", language.value, str(folder)]) == 0
    if language is Language.C:
        (folder / "harness.c").write_text(
            (folder / "harness.c").read_text().replace("#define SPANSPEC_MAIN\n", "")
        )
    assert agrees(built(language, folder, tmp_path / "target"))


@pytest.mark.parametrize("folder", [".", "mine", "my own/it's one"])
@pytest.mark.parametrize("language", Language)
def test_the_commands_that_are_told_can_be_said_as_they_are(
    language: Language, folder: str
) -> None:
    *_, smoke = first_steps(language, Path(folder))
    *spanspec, command = shlex.split(smoke)
    assert spanspec == ["spanspec", "smoke", "--exec"]
    words = shlex.split(command)
    assert words[0] == "python3" or "/" in words[0]
    assert words[-1].startswith(f"{Path(folder)}/")


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Makefile").write_text("mine")
    assert app.run(["new", "c", str(tmp_path)]) == 2
    assert "Makefile is there already; nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("language", [Language.C, Language.RUST, Language.GO])
def test_an_example_agrees_and_its_bug_is_found(language: Language, tmp_path: Path) -> None:
    command = built(language, ROOT / "examples" / language.value, tmp_path / "target")
    assert agrees(command)
    assert not agrees(f"env PLANT=1 {command}")


def test_the_example_in_c_is_a_library_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "span.so"
    source = ROOT / "examples" / "c" / "span.c"
    flags = ("-shared", "-fPIC", f"-I{PLACE.parent}")
    run(tool("cc"), *flags, "-o", library, source, folder=tmp_path)
    assert agrees(str(library), "lib")
    monkeypatch.setenv("PLANT", "1")
    assert not agrees(str(library), "lib")


def test_smoke_says_what_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["new", "c", str(tmp_path)]) == 0
    run(tool("make"), folder=tmp_path)
    assert app.run(["smoke", "--exec", str(tmp_path / "harness"), "--seconds", "0.5"]) == 0
    told = capsys.readouterr().out
    assert "harness, protocol 1: has contract, span; shows results" in told
    for level in ("contract", "span"):
        assert f"{level}: works; " in told


def test_smoke_says_what_is_wrong_with_a_level(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{sys.executable} -S {HOSTILE} good"
    assert app.run(["smoke", "--exec", command, "--seconds", "0.5"]) == 1
    told = capsys.readouterr().out
    assert "span: is wrong" in told
    assert "\n    implementation " in told


def test_smoke_says_what_is_wrong_with_a_reply(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["smoke", "--exec", f"{sys.executable} -S {HOSTILE} 'another greeting'"]) == 2
    told = capsys.readouterr().err
    assert "Expected `array`, got `str` - at `$.levels`; the form is" in told


def test_smoke_says_what_cannot_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["smoke", "--exec", f"{sys.executable} -c pass"]) == 2
    assert "ends its process, with exit status 0, instead" in capsys.readouterr().err
    assert app.run(["smoke"]) == 2
    assert app.run(["smoke", "--exec", "'"]) == 2
    assert "spanspec: --exec ': it cannot be read as a command: No" in capsys.readouterr().err


@pytest.mark.parametrize("door", ["exec", "lib"])
def test_one_in_c_without_any_function_is_told_which_there_are(
    door: DoorName, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one that lacks a function of a level which it has, which."""
    source = tmp_path / "one.c"
    shape = ("-pthread", "-DSPANSPEC_MAIN") if door == "exec" else ("-shared", "-fPIC")
    for text, status, says in (
        ("", 2, "it has none of spanspec_size, _malloc with _free, _new_span, _new_heap with _h"),
        (
            ONLY_BEGINS,
            1,
            "that it failed: there is no function spanspec_refill",
        ),
    ):
        source.write_text(f'#include "spanspec.h"\nextern int one;\n{text}')
        flags = (*shape, f"-I{PLACE.parent}", "-o", str(tmp_path / "one"))
        run(tool("cc"), *flags, str(source), folder=tmp_path)
        assert app.run(["smoke", f"--{door}", str(tmp_path / "one"), "--seconds", "0.5"]) == status
        told = capsys.readouterr()
        assert says in told.out + told.err


ONLY_MALLOC = """
#include "spanspec.h"
#include <stdlib.h>
unsigned spanspec_lacks(void) { return SPANSPEC_NO_ALIGN; }
void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero) {
    return align > 0 ? NULL : zero ? calloc(1, bytes + 1) : malloc(bytes + 1);
}
void spanspec_free(void *object) { free(object); }
"""


@pytest.mark.parametrize(
    ("compiler", "standard"),
    [("cc", "c99"), ("cc", "c11"), ("cc", "c17"), ("c++", "c++11"), ("c++", "c++17")],
)
def test_the_header_is_c_and_cpp_of_each_standard(
    compiler: str, standard: str, tmp_path: Path
) -> None:
    """Without a warning, as a library and as a process; and what was made works."""
    source = tmp_path / ("one.cpp" if compiler == "c++" else "one.c")
    source.write_text(ONLY_MALLOC)
    pedantic = () if compiler == "c++" else ("-pedantic",)
    flags = ("-O2", f"-std={standard}", "-Wall", "-Wextra", "-Werror", *pedantic)
    for door, shape in (("exec", ("-pthread", "-DSPANSPEC_MAIN")), ("lib", ("-shared", "-fPIC"))):
        target = tmp_path / door
        whole = (*flags, *shape, f"-I{PLACE.parent}", "-o", target, source)
        run(tool(compiler), *whole, folder=tmp_path)
        options = ("--seconds", "0.5", "--of", "contract")
        assert app.run(["fuzz", f"--{door}", str(target), *options]) == 0


def test_the_bug_on_the_page_is_one_in_the_harness(tmp_path: Path) -> None:
    """The page for the first five minutes has a line of the harness deleted."""
    page = (ROOT / "docs" / "five-minutes.md").read_text(encoding="utf-8")
    assert r"sed -i '/marked\[slot\] = 0;/d' mine/harness.c" in page
    text = files_of(Language.C)["harness.c"].decode()
    changed = "".join(line for line in text.splitlines(True) if "marked[slot] = 0;" not in line)
    assert len(text.splitlines()) - len(changed.splitlines()) == 1
    source = tmp_path / "source"
    source.mkdir()
    (source / "harness.c").write_text(changed.replace("#define SPANSPEC_MAIN\n", ""))
    found_with = FoundWith(
        Scope.SPAN, door="exec", command=built(Language.C, source, tmp_path / "target"), limit=20.0
    )
    steps = (Refill(), Allocate(4), MarkEvery(2), StartCycle(), Flush(), Refill(), StartCycle())
    divergence = run_again(Program(1, (*steps, Flush())), found_with, LIMITS)
    assert divergence is not None
    assert divergence.what == "outcome of the sweep"
    assert divergence.what in page
