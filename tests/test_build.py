"""The build: compiled is all or nothing, and an archive of the sources has all that they need."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import spanalloc
import spanbench
import spanproof.replay
import spanspec
from spanspec.compiled import extension_modules, how

ROOT = Path(__file__).resolve().parent.parent

PACKAGES = (spanspec, spanproof.replay, spanalloc, spanbench)

pytestmark = pytest.mark.skipif(
    not all(package.RUNNING.compiled for package in PACKAGES),
    reason="this copy is not compiled, or no longer: install a C compiler, then say make compile",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources in which all but the smallest group is compiled."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "mkdocs.yml"):
        shutil.copy(ROOT / name, tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.gz")
    for name in ("model", "impl", "proofs", "bench", "compiling", "docs", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignored)
    for library in ROOT.glob("*__mypyc*.so"):
        shutil.copy(library, tmp_path)
    (tmp_path / "bench" / "spanbench" / "compiled.json").unlink()
    return tmp_path


def run(tree: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_a_compiler_that_fails_on_one_file_leaves_the_sources(tree: Path) -> None:
    compiler = tree / "cc"
    compiler.write_text('#!/bin/sh\ncase "$*" in *baseline*) exit 1;; esac\nexec cc "$@"\n')
    compiler.chmod(compiler.stat().st_mode | stat.S_IEXEC)
    built = run(tree, "setup.py", "build_ext", "--inplace", CC=str(compiler))
    assert built.returncode == 0, built.stderr
    package = tree / "bench" / "spanbench"
    assert extension_modules(package) == set()
    assert how(package).reason.startswith("compiling failed when it was installed")
    assert how(tree / "impl" / "spanalloc").compiled


@pytest.mark.parametrize(
    ("module", "together"),
    [
        ("bench/spanbench/others/baseline.py", ["bench/spanbench"]),
        (
            "proofs/spanproof/replay/following/threads.py",
            ["model/spanspec", "proofs/spanproof/replay"],
        ),
    ],
)
def test_a_build_that_is_killed_leaves_nothing_that_counts_as_compiled(
    tree: Path, module: str, together: list[str]
) -> None:
    shutil.copy(ROOT / "bench" / "spanbench" / "compiled.json", tree / "bench" / "spanbench")
    assert all(how(tree / package).compiled for package in together)
    source = tree / module
    text = source.read_text()
    source.write_text(f"{text}\nMORE = 1\n")
    compiler = tree / "cc"
    compiler.write_text("#!/bin/sh\nkill -KILL $PPID\n")
    compiler.chmod(compiler.stat().st_mode | stat.S_IEXEC)
    built = run(tree, "setup.py", "build_ext", "--inplace", CC=str(compiler))
    assert built.returncode == -signal.SIGKILL
    # The text is again what the libraries that were there say they were made of.
    source.write_text(text)
    assert not any(how(tree / package).compiled for package in together)


def test_what_is_compiled_is_of_the_sources_and_can_be_imported(tree: Path) -> None:
    # A module that was compiled once, and is not any more.
    (tree / "bench" / "spanbench" / f"figures{EXTENSION_SUFFIXES[0]}").touch()
    built = run(tree, "setup.py", "build_ext", "--inplace")
    assert built.returncode == 0, built.stderr
    assert "reading spanbench (1 files)" in built.stdout
    assert how(tree / "bench" / "spanbench") == (True, "", ())


def test_what_is_built_is_tried_with_what_the_build_has_on_its_path(tree: Path) -> None:
    needed, told = tree / "needed", tree / "told"
    needed.mkdir()
    # Where pip builds apart from all that is installed, it puts what a build needs on this path.
    starts = f"import sys\nprint(sys.orig_argv, file=open({str(told)!r}, 'a'))\n"
    (needed / "sitecustomize.py").write_text(starts)
    built = run(tree, "setup.py", "build_ext", "--inplace", PYTHONPATH=str(needed))
    assert built.returncode == 0, built.stderr
    assert "spanbench.others.baseline" in told.read_text()
    assert how(tree / "bench" / "spanbench").compiled


def test_another_flag_compiles_what_it_is_for_again(tree: Path) -> None:
    for flag, groups in (("", 1), ("", 0), ("-DANOTHER", 1)):
        text = (ROOT / "setup.py").read_text()
        with_flag = text.replace("FLAGS: Final = {", f'FLAGS: Final = {{"spanbench": ["{flag}"],')
        (tree / "setup.py").write_text(with_flag if flag else text)
        built = run(tree, "setup.py", "build_ext", "--inplace")
        assert built.returncode == 0, built.stderr
        assert built.stdout.count("compiling spanbench") == groups, built.stdout
        assert "compiling spanalloc" not in built.stdout


def test_the_archive_of_the_sources_has_docs_and_the_makefile(tree: Path) -> None:
    built = run(tree, "setup.py", "-q", "sdist", SPANALLOC_INTERPRETED="1")
    assert built.returncode == 0, built.stderr
    (archive,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    expected = {"Makefile", "docs/index.md", "tests/test_architecture.py", "setup.py"}
    assert expected <= names
    assert not [name for name in names if name.endswith((".so", "compiled.json"))]
