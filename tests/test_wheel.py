"""A wheel, unpacked elsewhere, does what the repository's copy does."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")
LEFT_OUT = ("__pycache__", "*.egg-info", "*.so", "compiled.json")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a wheel that was built of the sources alone, interpreted."""
    tree = tmp_path_factory.mktemp("tree")
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, tree)
    for name in ("model", "impl", "proofs", "bench", "compiling"):
        shutil.copytree(
            ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT)
        )
    built = subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel"],
        cwd=tree,
        env={**os.environ, "SPANALLOC_INTERPRETED": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = (tree / "dist").glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(site)
    shutil.rmtree(tree)
    return site


def run(site: Path, work: Path, command: str) -> str:
    """Run a command with the wheel's packages before all others; return what it prints."""
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(site), "SPANSPEC_CACHE": str(site / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_the_packages_are_those_of_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    named = "import spanspec, spanalloc, spanproof as p; print(spanspec.__file__, p.__file__)"
    script = tmp_path / "named.py"
    script.write_text(named)
    first, second = run(unpacked, tmp_path, str(script)).split()
    assert Path(first).is_relative_to(unpacked)
    assert Path(second).is_relative_to(unpacked)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("-m spanproof --version", "spanspec"),
        ("-m spanproof prove sweepgen", "obligations proved"),
        ("-m spanproof mutants --no-cache sweepgen", "killed"),
        ("-m spanproof corrupt --number 5", "noticed"),
        ("-m spanproof fuzz --of span --examples 5", "no divergence"),
        ("-m spanproof simulate --steps 300 --trace run.jsonl.gz", "steps"),
        ("-m spanproof explain SPAN-12", "SPAN-12"),
        ("-m spanproof selftest --functions 20 --jobs 1 --no-coverage", "20 functions"),
        ("-m spanproof vectors --of sizes out", "written to out"),
        ("-m spanalloc", "spanalloc runs interpreted"),
    ],
)
def test_a_command_works_outside_the_repository(
    unpacked: Path, tmp_path: Path, command: str, says: str
) -> None:
    assert says in run(unpacked, tmp_path, command)


def test_the_benchmarks_are_not_installed(unpacked: Path, tmp_path: Path) -> None:
    assert not (unpacked / "spanbench").exists()
    script = tmp_path / "called.py"
    # Where the tests run, the sources are installed as well.
    script.write_text(
        "import sys\nfrom spanproof.cli import app\n"
        "find = app.find_spec\n"
        "app.find_spec = lambda name: None if name == 'spanbench' else find(name)\n"
        "print(app.run(['bench', '--list']))\n"
        "print(app.run(['--help']))\n"
    )
    told = run(unpacked, tmp_path, str(script))
    assert told.startswith("2\n")
    assert "bench measures what is in the repository, and is not installed: clone that" in told
    assert "verify" in told
    assert "every performance" not in told


@pytest.mark.parametrize("language", ["python", "c"])
def test_a_harness_is_written_from_the_templates_of_the_wheel(
    unpacked: Path, tmp_path: Path, language: str
) -> None:
    run(unpacked, tmp_path, f"-m spanproof new {language} mine")
    assert any((tmp_path / "mine").iterdir())
