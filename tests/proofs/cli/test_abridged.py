"""A long program is shown by its beginning and its end; what it comes to stays whole."""

import pytest

from spanproof.cli.showing.abridged import FIRST, LAST, LONGEST, abridged
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.programs.contractprogram import drawn


def divergence_of(steps: int) -> Divergence:
    return Divergence(drawn("0", steps), steps, "contents", "1 byte", "none", None, ("I-37",))


@pytest.mark.parametrize("steps", [1, LONGEST])
def test_a_program_of_so_many_steps_is_whole(steps: int) -> None:
    text = divergence_of(steps).render()
    assert abridged(text) == text


@pytest.mark.parametrize("steps", [LONGEST + 1, 2000])
def test_of_a_longer_one_the_middle_is_left_out(steps: int) -> None:
    whole = divergence_of(steps).render().splitlines()
    shown = abridged("\n".join(whole)).splitlines()
    told = len(whole) - 1 - steps
    assert shown[: 1 + FIRST] == whole[: 1 + FIRST]
    assert shown[1 + FIRST] == f"     ... {steps - FIRST - LAST} steps; what --save writes has them"
    assert shown[2 + FIRST :] == whole[-told - LAST :]


def test_what_is_said_of_a_step_is_no_step() -> None:
    text = "\n".join(["a span", "  1. mark", "in step 1: outcome", *["  9. of it"] * 99])
    assert abridged(text) == text
