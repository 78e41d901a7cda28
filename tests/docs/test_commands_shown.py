"""What the documentation shows is so: commands can be called like that, and examples run."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from spanproof.cli.app import COMMANDS, application
from spanproof.prove.proof import REGISTRY
from spanproof.report.gonames import go_names, places, with_table
from spanproof.report.statements import statements
from spanspec.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> Iterator[tuple[str, str, bool]]:
    """Yield each command line of ours in the docs: its page, itself, and whether it is whole.

    One inside a sentence may leave out what it is about.
    """
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in re.findall(r"^(?:    |\t)\$? ?(spanspec .*)$", text, re.MULTILINE):
            for part in re.split(r" && | \| | > | #", line):
                if part.startswith("spanspec "):
                    yield page.name, part.strip().replace("COMMAND", "explain"), True
        for span in re.findall(r"`(spanspec [^`]*)`", text):
            yield page.name, " ".join(re.split(r" \| | > ", span)[0].split()), False


SHOWN = sorted(set(commands()))


def test_the_docs_show_commands() -> None:
    assert {line.split()[1] for _, line, _ in SHOWN} >= set(COMMANDS)


@pytest.mark.parametrize(("page", "line", "whole"), SHOWN)
def test_a_command_in_the_docs_can_be_called_like_that(page: str, line: str, whole: bool) -> None:
    """Each is parsed by the very application, up to where the command would run."""
    words = shlex.split(line)[1:]
    name, *arguments = words
    if name.startswith("-"):
        assert name in ("--help", "--version")
        return
    group = typer.main.get_command(application(words))
    assert isinstance(group, typer.core.TyperGroup)
    missing = ""
    try:
        group.commands[name].make_context(name, arguments)
    except typer.Exit:
        assert "--help" in words
    except typer.exceptions.TyperException as problem:
        missing = problem.format_message()
    assert missing.startswith("Missing ") if missing and not whole else not missing, page


def test_the_examples_of_a_proof_run() -> None:
    before = dict(REGISTRY)
    text = (ROOT / "docs" / "proof-api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    try:
        exec(compile("\n".join(blocks), "proof-api.md", "exec"), {"__name__": "proof_api"})
    finally:
        made = set(REGISTRY) - set(before)
        REGISTRY.clear()
        REGISTRY.update(before)
    assert len(made) == len(re.findall(r"^@obligation", text, re.MULTILINE))


def test_the_page_of_rules_has_what_each_says() -> None:
    text = statements()
    unmarked = re.sub(r"\\(.)", r"\1", text).replace("&lt;", "<").replace("&gt;", ">")
    for rule in RULES:
        assert f"| {rule.id} | {rule.says}" in unmarked
        assert rule.where in unmarked
    assert all(line.count(" | ") == 2 for line in text.splitlines() if line.startswith("| "))


# --- the table of Go's names ----------------------------------------------------------------------


def test_the_table_of_go_names_is_of_these_sources() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    assert with_table(page) == page, "python -m spanproof.report.gonames docs/design.md"


def test_a_name_of_go_leads_to_the_function_of_that_name() -> None:
    rows = {(one.file, one.name): one for one in go_names()}
    assert rows["mcentral.go", "cacheSpan"].ours[0] == "heap.courses.mcentral.cache_span"
    assert rows["mgcsweep.go", "sweepone"].ours[0] == "heap.courses.sweeping.sweepone"
    assert {"CEN-3", "CEN-4"} <= set(rows["mcentral.go", "cacheSpan"].rules)
    assert list(places("mcentral.go: refill, grow; Go 1.14; mheap.go: init")) == [
        ("mcentral.go", "refill"),
        ("mcentral.go", "grow"),
        ("mheap.go", "init"),
    ]


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        with_table("# Design")
