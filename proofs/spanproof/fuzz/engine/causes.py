"""Why two sides part, as far as that can be told: findings of one cause are one."""

import re
from collections import Counter
from collections.abc import Container
from typing import Final

from spanproof.fuzz.engine.target import Attempt
from spanproof.fuzz.lockstep.divergence import Divergence, ProgramT, Run, StepHeard

NUMBERS: Final = re.compile(r"0x[0-9a-f]+|\d+")


def cause_of(divergence: Divergence) -> str:
    """Return the cause of a divergence: the rules, what differs, and how a side failed."""
    failed = ""
    if divergence.side is not None:
        told = divergence.seen if divergence.side == "implementation" else divergence.expected
        failed = f"; the {divergence.side} {told.splitlines()[0] if told else 'fails'}"
    rules = ", ".join(divergence.rules) or "no rule"
    return f"{NUMBERS.sub('#', divergence.what + failed)} ({rules})"


def beside(attempt: Attempt[ProgramT], known: Container[str]) -> Attempt[ProgramT]:
    """Return what runs programs, and takes divergences of known causes for none."""

    def other(program: ProgramT, on_step: StepHeard, exact: bool) -> Run:
        run = attempt(program, on_step, exact)
        if run.divergence is None or cause_of(run.divergence) not in known:
            return run
        return Run(None, Counter({"divergences of known causes": 1}))

    return other
