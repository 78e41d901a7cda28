"""An edit is not to have obligations decided anew that have nothing to do with it."""

from typing import Final

import pytest

from spanproof.decide.resting import sources_of_claims, what_it_rests_on
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.units import Unit
from spanproof.theorems import all_obligations

READ_BY: Final = {
    "spanspec.span.sweepgen.is_swept": ("objects.pages.give-back", "objects.malloc", "objects.use"),
    "spanspec.sharing.steps.cycle.everything_is_swept": ("protocol.start-cycle",),
    "spanspec.pages.tables.steps.is_used": ("pages.use", "pages.use-manually", "pages.give-back"),
    "spanspec.pages.tables.coalescing.may_enter_free_set": (
        "pages.merge-upper",
        "pages.enter-free-set",
    ),
    "spanspec.base.sizeclass.round_up_size": ("sizeclass.rounding",),
}
"""Rules, and obligations that read them."""

NOT_ABOUT: Final = {
    "spanspec.span.sweepgen.is_swept": ("objects.pages.take-part", "objects.mark", "objects.place"),
    "spanspec.sharing.steps.cycle.everything_is_swept": ("protocol.pop", "protocol.uncache"),
    "spanspec.pages.tables.steps.is_used": ("pages.merge-upper", "pages.take-part"),
    "spanspec.pages.tables.coalescing.may_enter_free_set": ("pages.take-part", "pages.give-back"),
    "spanspec.base.sizeclass.round_up_size": ("objects.layout.index", "sizeclass.division"),
}
"""Rules, and obligations that a change of the rule cannot concern."""


@pytest.fixture(scope="module")
def sources() -> Sources:
    return sources_of_claims()


@pytest.mark.parametrize("rule", READ_BY)
def test_a_rule_concerns_those_that_are_about_it_and_no_others(sources: Sources, rule: str) -> None:
    unit = Unit(*rule.rsplit(".", 1))

    def rests_on_it(name: str) -> bool:
        return unit in what_it_rests_on(sources, all_obligations()[name])

    assert [name for name in READ_BY[rule] if not rests_on_it(name)] == []
    assert [name for name in NOT_ABOUT[rule] if rests_on_it(name)] == []
