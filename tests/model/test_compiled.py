"""What was compiled runs only as long as it is of the present source."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import cast

import pytest

import spanspec
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.steps import Step
from spanspec.compiled import (
    INTERPRET,
    MANIFEST,
    Manifest,
    Running,
    SourceFinder,
    digest,
    extension_modules,
    how,
    prepare,
    write_manifest,
)
from spanspec.heap.state.advancing import after
from spanspec.span import mspan
from spanspec.span.mspan import init_span, with_small_limit

ADDS = '''\
def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b
'''
CONSTANTS = """\
A = 3


class C:
    def __init__(self) -> None:
        self.x = 1

    def f(self) -> int:
        return 1
"""

LIBRARY = f"package__mypyc{EXTENSION_SUFFIXES[0]}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of which one module is compiled and one was read."""
    monkeypatch.delenv(INTERPRET, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / LIBRARY).write_bytes(b"not really one")
    package = tmp_path / "package"
    package.mkdir()
    (package / "adds.py").write_text(ADDS)
    (package / "constants.py").write_text(CONSTANTS)
    (package / f"adds{EXTENSION_SUFFIXES[0]}").write_bytes(b"not really one")
    compiled = {"adds.py": digest(package / "adds.py", bodies=True)}
    read = {"constants.py": digest(package / "constants.py", bodies=False)}
    write_manifest(package, Manifest(compiled, read, ""))
    return package


def test_what_cannot_be_imported_for_want_of_its_library_is_not_used(folder: Path) -> None:
    (folder.parent / LIBRARY).unlink()
    running = how(folder)
    assert not running.compiled
    assert "library" in running.reason


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_what_is_unchanged_runs_compiled(folder: Path) -> None:
    assert how(folder) == (True, "", ())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("adds.py", "a + b", "a - b"),
        ("adds.py", "b: int", "b: float"),
        ("adds.py", "def add", "def plus"),
        ("constants.py", "A = 3", "A = 4"),
        ("constants.py", "self.x = 1", "self.x = 1.0"),
        ("constants.py", "f(self) -> int", "f(self) -> float"),
        ("constants.py", "class C", "class C(tuple)"),
    ],
)
def test_an_edit_that_compiled_code_may_hold_is_noticed(
    folder: Path, name: str, old: str, new: str
) -> None:
    edit(folder / name, old, new)
    running = how(folder)
    assert not running.compiled
    assert running.stale == (name,)
    assert name in running.reason


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("adds.py", "Return the sum", "Give the sum"),
        ("adds.py", "    return", "    # Why not?\n    return"),
        ("constants.py", "return 1", "return 2"),
    ],
)
def test_an_edit_that_compiled_code_does_not_hold_is_none(
    folder: Path, name: str, old: str, new: str
) -> None:
    edit(folder / name, old, new)
    assert how(folder).compiled


def test_a_source_that_is_missing_or_no_python_is_noticed(folder: Path) -> None:
    edit(folder / "adds.py", "return a + b", "return (")
    assert how(folder).stale == ("adds.py",)
    (folder / "adds.py").unlink()
    assert how(folder).stale == ("adds.py",)


def test_an_extension_module_that_no_build_noted_is_noticed(folder: Path) -> None:
    (folder / f"constants{EXTENSION_SUFFIXES[0]}").write_bytes(b"from another time")
    assert how(folder).stale == ("constants.py",)


def test_one_that_is_gone_is_noticed_and_all_of_them_are_another_python(folder: Path) -> None:
    (folder / f"constants{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    (folder / f"adds{EXTENSION_SUFFIXES[0]}").unlink()
    assert how(folder).stale == ("adds.py", "constants.py")
    (folder / f"constants{EXTENSION_SUFFIXES[0]}").unlink()
    assert how(folder) == (False, "it was compiled for another Python", ())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"compiled": 3}', '{"compiled": {"adds.py": [1]}}', "\0"]
)
def test_a_manifest_that_cannot_be_read_vouches_for_nothing(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    assert not how(folder).compiled
    assert how(folder).stale


def test_the_reason_of_the_build_is_told(folder: Path) -> None:
    for path in folder.glob(f"*{EXTENSION_SUFFIXES[0]}"):
        path.unlink()
    write_manifest(folder, Manifest({}, {}, "there is no cc"))
    assert how(folder) == (False, "there is no cc", ())
    (folder / MANIFEST).unlink()
    assert how(folder) == (False, "it was not compiled", ())


def test_the_environment_can_ask_for_the_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(INTERPRET, "1")
    assert how(folder) == (False, f"{INTERPRET}=1 is set", ())


def test_the_finder_knows_the_sources_of_its_folder_only(folder: Path) -> None:
    finder = SourceFinder(folder)
    found = finder.find_spec("p.adds", [str(folder)])
    assert found is not None
    assert found.origin == str(folder / "adds.py")
    assert finder.find_spec("p.other", [str(folder)]) is None
    assert finder.find_spec("p.adds", [str(folder.parent)]) is None
    assert finder.find_spec("adds", None) is None


@pytest.mark.parametrize(
    ("beside", "compiled"), [(None, True), (Running(True), True), (Running(False, "why"), False)]
)
def test_what_is_compiled_with_sources_that_run_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, beside: Running | None, compiled: bool
) -> None:
    monkeypatch.setattr(sys, "meta_path", before := [*sys.meta_path])
    running = prepare(folder, beside)
    assert running.compiled is compiled
    assert running.reason == ("" if compiled else "what it is compiled with runs interpreted: why")
    assert running.stale == ()
    assert isinstance(sys.meta_path[0], SourceFinder) is not compiled
    assert sys.meta_path is before


@pytest.mark.skipif(
    not spanspec.RUNNING.compiled,
    reason="the model is not compiled here: install a C compiler, then say make",
)
def test_an_edited_rule_runs_although_it_was_compiled(tmp_path: Path) -> None:
    package = Path(spanspec.__file__).parent
    copy = tmp_path / "spanspec"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert "span/alloccache.py" in extension_modules(copy)
    edit(copy / "span" / "alloccache.py", "if ahead < WORD_BITS:", "if True:")
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "import spanspec, spanspec.span.alloccache, spanspec.span.mspan\n"
        "print(json.dumps([spanspec.RUNNING.stale, spanspec.span.alloccache.__file__,"
        " spanspec.span.mspan.__file__]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    shown = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert shown == [
        ["span/alloccache.py"],
        str(copy / "span" / "alloccache.py"),
        str(copy / "span" / "mspan.py"),
    ]


SUBINTERPRETER = """
import _xxsubinterpreters as interpreters
other = interpreters.create()
interpreters.run_string(other, "import spanspec, spanspec.heap; print(spanspec.RUNNING.reason)")
interpreters.destroy(other)
import spanspec, spanspec.heap
print(spanspec.RUNNING.compiled, hex(spanspec.heap.Heap().malloc(8)))
"""


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="_xxsubinterpreters has another name")
@pytest.mark.skipif(not spanspec.RUNNING.compiled, reason="this copy is not compiled: make compile")
def test_a_subinterpreter_runs_the_source_and_leaves_the_compiled_modules_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True 0xc000000000"
    assert "in the main interpreter only" in done.stdout


class Change:
    """What looks like a step."""

    __slots__ = ("may", "name", "take")

    def __init__(self, take: Callable[[int], int]) -> None:
        self.name, self.may, self.take = "change", lambda _: True, take


def test_a_field_that_was_read_before_is_read_as_its_class_says_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = cast("Step[int]", Change(lambda it: it + 1))
    for _ in range(3):
        assert after(1, step) == 2
    with monkeypatch.context() as patched:
        patched.setattr(Change, "take", property(lambda _: lambda it: 0))
        assert after(1, step) == 0
    assert after(1, step) == 2
    other = Change(lambda it: it + 2)
    assert after(1, cast("Step[int]", other)) == 3
    del other.take
    with pytest.raises(AttributeError, match="take"):
        after(1, cast("Step[int]", other))


def test_a_name_that_was_read_before_is_what_its_module_has_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    span = init_span(PAGE_SIZE, 1, 5, 0)
    for _ in range(3):
        assert with_small_limit(span).limit == 2 * PAGE_SIZE
    with monkeypatch.context() as patched:
        patched.setattr(mspan, "replace", lambda it, **_: it)
        assert with_small_limit(span).limit == 0
    assert with_small_limit(span).limit == 2 * PAGE_SIZE
