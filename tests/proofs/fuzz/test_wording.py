"""Numbers in sentences: one is singular, and every place in an order has its own ending."""

import ast
import re
from pathlib import Path

import pytest

from spanproof.fuzz import program
from spanproof.fuzz.programs import heapprogram
from spanspec.base.wording import counted, ordinal

ROOT = Path(__file__).parents[3]
NOUNS = "programs|steps|events|obligations|queries|traces|corruptions|divergences|refusals|failures"


@pytest.mark.parametrize(
    ("number", "told"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th")],
)
def test_places_in_an_order(number: int, told: str) -> None:
    assert ordinal(number) == told
    assert ordinal(number + 100).endswith(told[-2:])


def test_counted_nouns() -> None:
    assert [counted(n, "page") for n in (0, 1, 2)] == ["0 pages", "1 page", "2 pages"]
    assert counted(2, "query", "queries") == "2 queries"


def test_programs_read_as_sentences() -> None:
    assert heapprogram.describe_step(heapprogram.MarkEvery(2, 1)) == (
        "mark every 2nd living object, starting with number 1"
    )
    assert program.describe_step(program.MarkEvery(3, 4)) == (
        "mark every 3rd allocated slot, starting with number 1"
    )
    assert heapprogram.describe_step(heapprogram.TakeManual(1)) == "take 1 page for other uses"
    assert heapprogram.describe_step(heapprogram.Malloc(1)) == "allocate an object of 1 byte"


def test_no_command_counts_a_noun_in_the_plural_whatever_the_number() -> None:
    """A number of something is told by `counted`: `{...} steps` would be "1 steps"."""
    wrong = re.compile(rf"^ ({NOUNS})\\b")
    for path in sorted((ROOT / "proofs" / "spanproof" / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            for value, after in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                    assert not wrong.match(str(after.value)), f"{path.name}: {after.value!r}"
