"""Random mutants of spanalloc: what is changed, who notices, and what is told of the survivors."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from spanproof.cli.app import run
from spanproof.cli.showing import implmutants as command
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.mutation.drawing import ofspanalloc
from spanproof.mutation.drawing.ofspanalloc import (
    Efforts,
    ImplFate,
    candidates,
    drawn,
    found_by_tests,
    in_module,
    mutant_of,
    noticed,
    reason_for,
)
from spanproof.mutation.drawing.reasons_spanalloc import REASONS
from spanproof.mutation.planted import DEPENDED_ON

TEXT = '''"""A module."""

LIMIT: Final = 8
TABLE: Final = (1, 2, 3)


def helper(a: int) -> bool:
    return a < 3


class Table:
    """A table."""

    def put(self, key: int) -> None:
        """Put something in."""
        if self.open:
            self.size += 1
        raise Full(f"{key + 1} is too many")
'''


def test_each_kind_of_change_is_made_with_or_without_a_rule_that_is_cited() -> None:
    changes = {(one.function, one.change[0], one.before, one.after) for one in in_module("m", TEXT)}
    assert changes == {
        ("LIMIT", "constant", "8", "9"),
        ("helper", "compare", "a < 3", "(a <= 3)"),
        ("helper", "compare", "a < 3", "(a >= 3)"),
        ("helper", "constant", "3", "4"),
        ("Table.put", "condition", "self.open", "(not (self.open))"),
        ("Table.put", "arithmetic", "self.size += 1", "self.size -= 1"),
        ("Table.put", "constant", "1", "2"),
        ("Table.put", "deleted", "self.size += 1", "pass"),
        ("Table.put", "deleted", "raise Full(f'{key + 1} is too many')", "pass"),
    }


def test_programs_that_use_the_allocator_are_left_out() -> None:
    modules = {one.module for one in candidates()}
    assert {"span.kernels", "central.sweep", "pages.pageheap", "pages.osmem"} <= modules
    assert not modules & {"programs.stress", "programs.hostile", "__main__", "compiled"}
    assert not [one for one in modules if one.startswith("programs.attacks")]


def test_the_seed_determines_which_are_drawn() -> None:
    assert drawn(5, 1) == drawn(5, 1) != drawn(5, 2)
    assert {one.module for one in drawn(5, 1, ["span.kernels.*"])} == {"span.kernels"}


def mutant(function: str, before: str, after: str) -> ofspanalloc.ImplMutant:
    found = [
        one
        for one in candidates()
        if f"{one.module}.{one.function}" == function and (one.before, one.after) == (before, after)
    ]
    return mutant_of(found[0])


def test_fuzzing_notices_a_wrong_kernel() -> None:
    changed = mutant("span.kernels.next_free_fast", "following != nelems", "(following == nelems)")
    by, says = noticed(changed, Efforts(calls=4000, tests=False))
    assert by == "fuzzing"
    assert says


def test_one_that_does_not_end_when_it_is_imported_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ofspanalloc, "LONGEST_IMPORT", 0.5)
    changed = mutant("base.sizeclass.classes_by_unit", "sizeclass += 1", "pass")
    assert noticed(changed, Efforts(calls=40)) == ("import", "it has not ended after 0.5 s")
    unharmed = mutant("heap.background.SWEEPER_THREAD", "16", "17")
    assert noticed(unharmed, Efforts(calls=40, tests=False)) == ("", "")


def test_what_no_program_reaches_is_noticed_by_nobody() -> None:
    changed = mutant("heap.background.SWEEPER_THREAD", "16", "17")
    assert noticed(changed, Efforts(calls=40, tests=False)) == ("", "")


def test_the_tests_judge_what_fuzzing_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "impl").mkdir()
    test = tmp_path / "impl" / "test_drop.py"
    drop = "from spanalloc.programs.stream import DROP\n\n\n"
    test.write_text(f"{drop}def test_drop() -> None:\n    assert DROP == -1\n")
    monkeypatch.setattr(ofspanalloc, "folder_of_tests", lambda: tmp_path)
    changed = mutant("programs.stream.DROP", "1", "2")
    assert found_by_tests(changed) == f"{tmp_path.name}/impl/test_drop.py::test_drop"
    test.write_text("def test_drop() -> None:\n    assert True\n")
    assert found_by_tests(changed) == ""


FATE = ImplFate(
    "span", "Span.x", "compare", 7, "if a < b:", "a < b", "(a <= b)", "fuzzing", "differs"
)


@pytest.mark.parametrize(
    ("by", "reason", "status"),
    [("fuzzing", "", 0), ("", "it costs only time", 0), ("", "", 1)],
    ids=["noticed", "nobody can", "survives"],
)
def test_the_command_tells_of_the_survivors(
    by: str,
    reason: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def judged(*rest: object) -> Iterator[ImplFate]:
        yield msgspec.structs.replace(FATE, by=by, reason=reason)

    monkeypatch.setattr(command, "judge_all", judged)
    arguments = ["mutants", "--of", "spanalloc", "--random", "1", "--no-cache"]
    assert run(arguments) == status
    shown = capsys.readouterr().out
    assert ("span.py:7 Span.x survives: " in shown) == (not by)
    assert ("a < b -> (a <= b)" in shown) == (not by)
    assert run([*arguments, "--json"]) == status
    assert json.loads(capsys.readouterr().out)["fates"][0]["reason"] == reason


def test_a_call_that_names_nothing_is_unusable() -> None:
    assert run(["mutants", "no-such-function", "--of", "spanalloc"]) == 2
    assert run(["mutants", "--of", "malloc"]) == 2


def imported_wings(package: str) -> set[str]:
    """Return the wings of the evidence that the modules of a package import."""
    found = set[str]()
    for name in modules_of(package):
        path = module_file(name)
        assert path is not None
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spanproof."):
                found.add(".".join((node.module or "").split(".")[:2]))
    return found


def test_what_is_kept_of_a_campaign_depends_on_what_the_fuzzer_compares_by() -> None:
    imported = imported_wings("spanproof.fuzz") | imported_wings("spanproof.replay")
    # What runs a campaign and ends it in time has no part in what it finds.
    assert imported - {"spanproof.support"} <= {one.__name__ for one in DEPENDED_ON}


def test_a_reason_is_of_mutants_that_there_are() -> None:
    told = {reason_for(one) for one in candidates()} - {""}
    assert told == {one.why for one in REASONS}
