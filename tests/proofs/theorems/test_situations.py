"""What each step must be able to meet: a guard that is too strong is noticed."""

import pytest

from spanproof.decide.prover import decide
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.theorems import all_obligations
from spanproof.theorems.sharing.steps.situations import SITUATIONS, in_words
from spanspec.sharing.steps.steps import STEPS


def test_situations_are_of_steps() -> None:
    assert SITUATIONS.keys() <= {step.name for step in STEPS}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", sorted(SITUATIONS))
def test_every_situation_is_asked_for(name: str) -> None:
    labels = {witness.label for witness in all_obligations()[f"protocol.{name}"].proof().witnesses}
    assert labels >= {in_words(situation) for situation in SITUATIONS[name]}


@pytest.mark.parametrize(
    ("obligation", "module", "old", "new", "situation"),
    [
        (
            "protocol.flush",
            "spanspec.sharing.steps.caching",
            "state.slots[slot].proc != proc or ",
            "",
            "another proc holds a span",
        ),
        (
            "protocol.claim-listed",
            "spanspec.sharing.steps.cachespan",
            "(it.place == EMPTY and on_empty(sg, it.sweepgen) == CLAIM)",
            "False",
            "it is in empty",
        ),
        (
            "pages.take-part",
            "spanspec.pages.tables.steps",
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
