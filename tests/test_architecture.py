"""The rooms and their doors: no package imports upwards, and the model stands alone."""

import ast
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"spanspec": "model", "spanalloc": "impl", "spanproof": "proofs"}
MAY_IMPORT: dict[str, set[str]] = {
    "spanspec": set(),
    "spanalloc": set(),
    "spanproof": {"spanspec", "spanalloc"},
}


def imported_packages(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
    }
    return {name.split(".")[0] for name in names}


def sources(package: str) -> list[Path]:
    found = sorted((ROOT / ROOMS[package] / package).rglob("*.py"))
    assert found, f"no sources of {package}"
    return found


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_no_package_imports_upwards(package: str) -> None:
    forbidden = set(ROOMS) - MAY_IMPORT[package] - {package}
    offenders = {
        str(path.relative_to(ROOT)): sorted(imported_packages(path) & forbidden)
        for path in sources(package)
        if imported_packages(path) & forbidden
    }
    assert offenders == {}


def test_the_tests_of_the_implementation_do_not_use_the_model() -> None:
    for path in (ROOT / "tests" / "impl").rglob("*.py"):
        assert not imported_packages(path) & {"spanspec", "spanproof"}, path


def test_the_model_knows_no_solver() -> None:
    for path in sources("spanspec"):
        assert not imported_packages(path) & {"z3", "hypothesis"}, path


def test_a_forbidden_import_would_be_noticed(tmp_path: Path) -> None:
    offender = tmp_path / "offender.py"
    offender.write_text("def f():\n    from spanproof.prover import decide\n    return decide\n")
    assert imported_packages(offender) == {"spanproof"}


def test_no_property_depends_on_the_clock() -> None:
    assert settings().deadline is None
    assert settings().database is None
