"""The rooms and their doors: no package imports upwards, and the model stands alone."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"spanspec": "model", "spanalloc": "impl", "spanproof": "proofs", "spanbench": "bench"}
WINGS = {
    "spanspec": [
        "compiled",
        "base",
        "objects",
        "events",
        "span",
        "pages",
        "sharing",
        "heap",
        "invariants",
        "rules",
    ],
    "spanalloc": [
        "compiled",
        "base",
        "span",
        "pages",
        "central",
        "heap",
        "programs",
        "__main__",
    ],
    "spanproof": [
        "support",
        "replay",
        "symbolic",
        "fingerprint",
        "patch",
        "prove",
        "solvers",
        "search",
        "counterexamples",
        "protocol",
        "fuzz",
        "doors",
        "simulate",
        "theorems",
        "decide",
        "report",
        "selftest",
        "mutation",
        "witness",
        "cli",
        "__main__",
    ],
    "spanbench": ["measuring", "others", "areas", "figures", "command"],
}
"""The wings of each package, each built on those before it alone."""

PARTS = {
    "spanspec.pages": ["freeset", "tables", "memory", "pageheap", "courses"],
    "spanspec.sharing": ["tables", "containers", "steps", "invariant"],
    "spanspec.heap": [
        "state",
        "lines",
        "decisions",
        "courses",
        "program",
        "operations",
        "machine",
        "memstats",
        "parts",
        "changes",
        "picture",
        "snapshot",
        "heap",
    ],
    "spanproof.replay": ["format", "telling", "following", "watched", "watch", "check"],
    "spanproof.symbolic": [
        "text",
        "values",
        "bitvectors",
        "integers",
        "reading",
        "evaluation",
        "aliasing",
        "remembered",
        "standins",
        "translate",
    ],
    "spanproof.solvers": [
        "names",
        "questions",
        "engines",
        "witness",
        "certify",
        "secondopinion",
    ],
    "spanproof.fuzz": [
        "program",
        "reasons",
        "scheduler",
        "differences",
        "programs",
        "addressspace",
        "subjects",
        "heapsides",
        "sides",
        "lockstep",
        "levels",
        "engine",
        "isolation",
        "strategies",
        "statemachine",
        "campaigns",
        "planted",
    ],
    "spanproof.theorems.kernels": [
        "structures",
        "structures_mutants",
        "trees",
        "trees_mutants",
        "spans",
        "spans_mutants",
        "pages",
        "pages_mutants",
        "arithmetic",
        "methods",
    ],
    "spanproof.theorems.sharing": ["containers", "steps", "consequences"],
    "spanproof.theorems.objects": [
        "promises",
        "abstract",
        "abstract_mutants",
        "simulation",
        "safety",
        "safety_mutants",
    ],
    "spanproof.theorems.pages": ["freeset", "tables", "courses"],
    "spanproof.simulate": [
        "program",
        "agreement",
        "judging",
        "programs",
        "schedules",
        "exhaustive",
        "saved_runs",
    ],
    "spanproof.mutation": ["corruption", "planted", "knownbugs", "vectors", "diagnosis", "drawing"],
    "spanproof.support": [
        "tools",
        "freedmemory",
        "plaincopy",
        "ruleplaces",
        "stale",
        "files",
        "processes",
    ],
    "spanproof.cli": [
        "output",
        "options",
        "unexpected",
        "version",
        "files",
        "cluster",
        "deciding",
        "showing",
        "campaigning",
        "commands",
        "app",
        "entry",
    ],
    "spanproof.witness": [
        "errors",
        "program",
        "reading",
        "judging",
        "snapshots",
        "report",
        "recording",
        "acceptance",
    ],
}
"""The parts of a wing that has wings itself, each built on those before it alone."""

MAY_IMPORT: dict[str, set[str]] = {
    "spanspec": set(),
    "spanalloc": set(),
    "spanproof": {"spanspec", "spanalloc"},
    "spanbench": {"spanspec", "spanalloc", "spanproof"},
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


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the dotted names that are imported, those from inside a package in full."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def upward_imports(package: str, wing: str, tree: ast.AST) -> list[str]:
    """Return what a module of a wing imports from wings that are listed after its own."""
    wings = WINGS[package]
    later = set(wings[wings.index(wing) + 1 :])
    parts = (name.split(".") for name in imported_modules(tree))
    return sorted(".".join(one) for one in parts if one[0] == package and set(one[1:2]) & later)


@pytest.mark.parametrize("package", sorted(WINGS))
def test_a_wing_is_built_on_those_before_it(package: str) -> None:
    root = ROOT / ROOMS[package] / package
    offenders = {}
    for path in sources(package):
        if path == root / "__init__.py":
            continue
        wing = path.relative_to(root).with_suffix("").parts[0]
        upwards = upward_imports(package, wing, ast.parse(path.read_text(encoding="utf-8")))
        if upwards:
            offenders[str(path.relative_to(ROOT))] = upwards
    assert offenders == {}


@pytest.mark.parametrize("wing", sorted(PARTS))
def test_a_part_of_a_wing_is_built_on_those_before_it(wing: str) -> None:
    package, _, inner = wing.partition(".")
    parts, root = PARTS[wing], ROOT / ROOMS[package] / package / inner.replace(".", "/")
    depth, offenders = len(wing.split(".")), {}
    for path in root.rglob("*.py"):
        part = path.relative_to(root).with_suffix("").parts[0]
        if part == "__init__":
            continue
        later = {f"{wing}.{one}" for one in parts[parts.index(part) + 1 :]}
        names = imported_modules(ast.parse(path.read_text(encoding="utf-8")))
        upwards = [name for name in names if ".".join(name.split(".")[: depth + 1]) in later]
        if upwards:
            offenders[str(path.relative_to(root))] = sorted(upwards)
    assert offenders == {}


@pytest.mark.parametrize("package", sorted(WINGS))
def test_the_tests_stand_in_the_wings_that_they_are_about(package: str) -> None:
    folder = ROOT / "tests" / ROOMS[package]
    rooms = {path.parent.relative_to(folder).parts[0] for path in folder.glob("*/test_*.py")}
    assert rooms
    assert rooms <= set(WINGS[package])


@pytest.mark.parametrize("package", sorted(WINGS))
def test_the_design_tells_of_each_wing_in_this_order(package: str) -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition(f"| wing of `{package}` |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(\w+)/?` \|", table, re.MULTILINE)
    assert told == [wing for wing in WINGS[package] if wing != "__main__"]


def test_an_import_of_a_later_wing_would_be_noticed() -> None:
    tree = ast.parse("from spanspec.base.words import U64\nfrom spanspec.heap import state\n")
    assert upward_imports("spanspec", "pages", tree) == ["spanspec.heap.state"]
    assert upward_imports("spanspec", "invariants", tree) == []


ONE_IDEA = {
    *(
        "Allocate",
        "Flush",
        "Free",
        "Malloc",
        "MarkEvery",
        "Program",
        "Realloc",
        "Refill",
        "Refused",
    ),
    *("Retire", "Show", "Sized", "StartCycle", "Sweep"),
}
"""Classes of one name that are one idea: what is asked of a heap or a span, and what is answered,
as a message, as a step of programs, and as an exception.
"""


def classes_by_name(trees: Iterable[tuple[Path, ast.AST]]) -> dict[str, list[Path]]:
    """Return in which files a class of a name is defined, nested ones and private ones apart."""
    found: dict[str, list[Path]] = {}
    for path, tree in trees:
        for node in ast.iter_child_nodes(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path)
    return found


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_a_name_stands_for_one_class_of_a_package(package: str) -> None:
    trees = ((path, ast.parse(path.read_text(encoding="utf-8"))) for path in sources(package))
    found = classes_by_name(trees)
    assert {
        name: files for name, files in found.items() if len(files) > 1 and name not in ONE_IDEA
    } == {}


def test_a_second_class_of_a_name_would_be_noticed() -> None:
    one, other = Path("one.py"), Path("other.py")
    trees = [(one, ast.parse("class Found: ...")), (other, ast.parse("class Found: ..."))]
    assert classes_by_name(trees) == {"Found": [one, other]}


def test_the_tests_of_the_implementation_do_not_use_the_model() -> None:
    for path in (ROOT / "tests" / "impl").rglob("*.py"):
        assert not imported_packages(path) & {"spanspec", "spanproof"}, path


def started_programs(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = ast.unparse(node.func.value), node.func.attr
            if owner == "subprocess" and name in ("run", "Popen", "call", "check_output"):
                yield node


def outlives_us(call: ast.Call) -> bool:
    return "with_parent()" not in [
        ast.unparse(one.value) for one in call.keywords if one.arg == "preexec_fn"
    ]


def test_no_program_that_a_command_starts_outlives_it() -> None:
    for path in sources("spanproof"):
        for call in started_programs(ast.parse(path.read_text(encoding="utf-8"))):
            assert not outlives_us(call), f"{path}:{call.lineno}"
    careless = ast.parse("subprocess.run(['sleep', '9'])\n")
    assert all(map(outlives_us, started_programs(careless)))


def yields_while_handling(tree: ast.AST) -> list[int]:
    """Return the lines in which a generator yields while it handles an exception, or may do so."""
    handling = [
        statement
        for node in ast.walk(tree)
        if isinstance(node, ast.Try | ast.TryStar)
        for statement in (*node.finalbody, *(one for each in node.handlers for one in each.body))
    ]
    yields = ast.Yield | ast.YieldFrom
    return [part.lineno for one in handling for part in ast.walk(one) if isinstance(part, yields)]


REPLAY = ROOT / "proofs" / "spanproof" / "replay"
"""What of the evidence is compiled: into one library with the model."""


@pytest.mark.parametrize("folder", [ROOT / "model", ROOT / "impl", REPLAY], ids=lambda it: it.name)
def test_no_generator_that_may_be_compiled_yields_while_it_handles_an_exception(
    folder: Path,
) -> None:
    # One that mypyc compiles, and that is closed there, puts back the exception that was handled
    # when it began; its caller, which handles another one by now, writes to what is none.
    paths = sorted(folder.rglob("*.py"))
    assert paths
    for path in paths:
        assert yields_while_handling(ast.parse(path.read_text(encoding="utf-8"))) == [], path
    careless = "try:\n f()\nexcept E:\n yield 1\nfinally:\n if x:\n  yield from y\n"
    assert yields_while_handling(ast.parse(careless)) == [7, 4]


def of_the_other_evidence(tree: ast.AST) -> list[str]:
    """Return what is imported of the evidence, but for the judge of traces."""
    names = (name.split(".") for name in imported_modules(tree))
    return sorted(".".join(one) for one in names if one[0] == "spanproof" and one[1] != "replay")


def test_the_judge_of_traces_reads_nothing_that_its_build_does_not_note() -> None:
    # Compiled code holds constants and signatures of what it has imported; the build notes those of
    # the model and of the judge itself.
    for path in sorted(REPLAY.rglob("*.py")):
        assert of_the_other_evidence(ast.parse(path.read_text(encoding="utf-8"))) == [], path
    careless = (
        "from spanproof.support.files.traces import FOLDER\nfrom spanproof.replay import watch\n"
    )
    assert of_the_other_evidence(ast.parse(careless)) == ["spanproof.support.files.traces.FOLDER"]


def test_the_model_knows_no_solver() -> None:
    for path in sources("spanspec"):
        assert not imported_packages(path) & {"z3", "hypothesis"}, path


def test_a_forbidden_import_would_be_noticed(tmp_path: Path) -> None:
    offender = tmp_path / "offender.py"
    offender.write_text(
        "def f():\n    from spanproof.decide.prover import decide\n    return decide\n"
    )
    assert imported_packages(offender) == {"spanproof"}


def test_no_property_depends_on_the_clock() -> None:
    assert settings().deadline is None
    assert settings().database is None
    assert HealthCheck.too_slow in settings().suppress_health_check
