"""Which functions differ from the last commit, and which obligations read them."""

import json
import subprocess
from pathlib import Path

import pytest

from spanproof.cli.app import run
from spanproof.cli.commands import prove as command
from spanproof.decide import changes as module
from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.catalogue import current
from spanproof.decide.changes import (
    COMMIT,
    PROVED,
    Change,
    changes,
    differing,
    judges_of,
    keep,
    pieces,
)
from spanproof.report import deciding

TEXT = '''"""A module."""

LIMIT = 3


def rule(a: int) -> int:
    """Says something."""
    return a + LIMIT


class Table:
    """A table."""

    size: int

    def put(self, a: int) -> None:
        """Put."""
        self.size = a
'''


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the packages that proofs read be one small package in a folder."""
    folder = tmp_path / "spanspec"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "rules.py").write_text(TEXT)

    def file(name: str) -> Path | None:
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path = path if path.is_file() else tmp_path / name.replace(".", "/") / "__init__.py"
        return path if path.is_file() else None

    def names(name: str) -> list[str]:
        return ["spanspec", *sorted(f"spanspec.{path.stem}" for path in folder.glob("[a-z]*.py"))]

    monkeypatch.setattr(module, "READ", ("spanspec",))
    monkeypatch.setattr(module, "module_file", file)
    monkeypatch.setattr(module, "modules_of", names)
    return folder


def test_definitions_are_told_apart_by_their_code() -> None:
    before = pieces("m", TEXT)
    assert {name for name, piece in before.items() if piece.function} == {"m.rule", "m.Table.put"}
    assert before.keys() == {"m.rule", "m.Table.put", "m.Table", "m.LIMIT"}
    assert pieces("m", TEXT.replace("Says something.", "Says.") + "# more\n") == before
    assert pieces("m", "def (") == {}

    def differ(old: str, new: str) -> set[str]:
        after = pieces("m", TEXT.replace(old, new))
        return {name for name in after if after[name] != before.get(name)}

    assert differ("a + LIMIT", "a - LIMIT") == {"m.rule"}
    assert differ("self.size = a", "self.size = 0") == {"m.Table.put"}
    assert differ("size: int", "size: str") == {"m.Table"}
    assert differ("LIMIT = 3", "LIMIT = 4") == {"m.LIMIT"}


def test_what_differs_from_the_last_commit_is_told_with_its_readers(package: Path) -> None:
    git(package.parent, "init", "-q")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-q", "-m", "one")
    assert changes(NoCache(), {}, []) is None
    path = package / "rules.py"
    path.write_text(TEXT.replace("a + LIMIT", "a").replace("= a", "= 0").replace("= 3", "= 4"))
    (package / "fresh.py").write_text("def new() -> int:\n    return 1\n")
    found = changes(NoCache(), {"o": ["spanspec.rules.rule"]}, ["o", "p"])
    assert found is not None
    assert found.since == COMMIT
    assert found.read == [Change("spanspec.rules.rule", ("o",), ())]
    assert [change.function for change in found.unread] == [
        "spanspec.fresh.new",
        "spanspec.rules.Table.put",
    ]
    assert all(change.judged_by for change in found.unread)
    assert found.others == ("spanspec.rules.LIMIT",)
    assert (found.asked, found.unasked) == (1, 1)


def test_without_a_repository_it_is_what_was_proved_before(package: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert changes(cache, {}, []) is None
    keep(cache)
    assert changes(cache, {}, []) is None
    (package / "rules.py").write_text(TEXT.replace("a + LIMIT", "a"))
    found = changes(cache, {}, [])
    assert found is not None
    assert (found.since, [one.function for one in found.functions]) == (
        PROVED,
        ["spanspec.rules.rule"],
    )


def test_every_function_has_a_judge() -> None:
    for package in module.READ:
        assert judges_of(f"{package}.module.function")


def test_prove_tells_what_no_obligation_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = module.Piece("", function=True)
    edited = {
        "spanspec.span.sweepgen.next_cycle": piece,
        "spanspec.heap.courses.mcentral.walk_empty": piece,
    }
    monkeypatch.setattr(module, "differing", lambda cache: (COMMIT, edited))
    assert run(["prove", "sweepgen.relabel", "--jobs", "1"]) == 0
    text = capsys.readouterr().out
    assert "spanspec.span.sweepgen.next_cycle: read by sweepgen.relabel" in text
    assert "spanspec.heap.courses.mcentral.walk_empty\n    judged by spanspec simulate" in text
    assert run(["prove", "sweepgen.relabel", "--jobs", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["changes"]
    told = {one["function"]: one["read_by"] for one in document["functions"]}
    assert told["spanspec.heap.courses.mcentral.walk_empty"] == []
    assert "sweepgen.relabel" in told["spanspec.span.sweepgen.next_cycle"]
    assert run(["prove", "sweepgen.relabel", "--jobs", "1"]) == 0
    assert "(all decided before, with this text" in capsys.readouterr().out


def test_prove_prints_who_reads_what(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = {"sweepgen.relabel": ("spanspec.span.sweepgen.next_cycle",)}
    runs = {"courses.allocate": ("spanspec.heap.courses.mcentral.walk_empty",)}
    monkeypatch.setattr(command, "known_reads", lambda *rest: reads)
    monkeypatch.setattr(command, "known_runs", lambda *rest: runs)
    monkeypatch.setattr(command, "decide_all", lambda *rest: ([], False))
    monkeypatch.setattr(deciding, "UNREAD", {"spanspec.span.sweepgen.*": "it is said why"})
    asked = ("spanspec.span.sweepgen", "spanspec.heap.courses.mcentral")
    assert run(["prove", "--reads", *asked]) == 1
    text = capsys.readouterr().out
    assert "next_cycle: sweepgen.relabel" in text
    assert "walk_empty: run by courses.allocate" in text
    assert "leave_cache: by none: it is said why" in text
    assert "walk_nonempty: READ BY NONE" in text
    assert "spanalloc, lines of code in functions that are read" in text
    assert "lines are read (0 %)" in text
    assert run(["prove", "--reads", "spanspec.span.sweepgen", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    told = document["modules"]["spanspec.span.sweepgen"]["spanspec.span.sweepgen.next_cycle"]
    assert told == {"read_by": ["sweepgen.relabel"], "run_by": [], "reason": ""}
    assert document["unexplained"] == []
    assert run(["prove", "--reads", "spanspec.sweepgem"]) == 2
    assert "did you mean spanspec.span.sweepgen" in capsys.readouterr().err


def test_a_reason_for_what_is_read_is_out_of_date(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "spanspec.span.sweepgen.next_cycle"
    monkeypatch.setattr(deciding, "UNREAD", {name: "it is said why"})
    assert deciding.outdated_reasons(deciding.readings({}, {})) == []
    assert deciding.outdated_reasons(deciding.readings({name: ["o"]}, {})) == [name]
    assert deciding.outdated_reasons(deciding.readings({}, {"o": (name,)})) == [name]


def test_the_last_commit_is_found_where_there_is_one() -> None:
    found = differing(NoCache())
    assert found is None or found[0] in (COMMIT, PROVED)
    assert current().claims
