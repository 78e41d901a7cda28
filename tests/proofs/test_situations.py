"""What each step must be able to meet: a guard that is too strong is noticed."""

import pytest

from spanproof.obligations import all_obligations
from spanproof.obligations.situations import SITUATIONS, in_words
from spanproof.prover import decide
from spanproof.symbolic.sources import SourceTree
from spanspec.protocol.steps import STEPS


def test_every_situation_is_one_of_a_step() -> None:
    assert SITUATIONS.keys() <= {step.name for step in STEPS}
    for name, situations in SITUATIONS.items():
        labels = {
            witness.label for witness in all_obligations()[f"protocol.{name}"].proof().witnesses
        }
        assert labels >= {in_words(situation) for situation in situations}


@pytest.mark.parametrize(
    ("obligation", "module", "old", "new", "situation"),
    [
        (
            "protocol.flush",
            "spanspec.protocol.caching",
            "state.slots[slot].proc != proc or ",
            "",
            "another proc holds a span",
        ),
        (
            "protocol.claim-listed",
            "spanspec.protocol.caching",
            "(it.place == EMPTY and on_empty(sg, it.sweepgen) == CLAIM)",
            "False",
            "it is in empty",
        ),
        (
            "pages.take-part",
            "spanspec.tiling.steps",
            "and 1 <= npages < tiling.runs[chosen].npages",
            "and 2 <= npages < tiling.runs[chosen].npages",
            "one page",
        ),
    ],
)
def test_a_guard_that_is_too_strong_is_vacuous(
    obligation: str, module: str, old: str, new: str, situation: str
) -> None:
    text = SourceTree().module(module).text
    assert old in text
    verdict = decide(all_obligations()[obligation], SourceTree({module: text.replace(old, new)}))
    assert (verdict.answer, verdict.failed) == ("vacuous", situation)
