"""Many written functions, judged in batches; each is determined by a seed and its number."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Final, NamedTuple

from spanproof.selftest import preface
from spanproof.selftest.inside import FunctionWriter, Written
from spanproof.selftest.judge import (
    ARITHMETICS,
    Problem,
    SelftestOutcome,
    imported,
    judge,
    judge_outside,
)
from spanproof.selftest.looping import Looping, judge_looping, looping
from spanproof.selftest.methods import NATIVE, Method, judge_method, method
from spanproof.selftest.outside import Outside, compiles, outside

TOGETHER: Final = 50
"""Functions in one module."""

Case = Written | Outside | Looping | Method


class FunctionTally(NamedTuple):
    """What became of written functions.

    `inside`, `looping`, `outside` and `methods` count functions by kind; of all but those outside,
    `refused` were refused. `agreed` counts inputs where term and Python have the same value,
    `claimed` those where a side condition fails.
    """

    inside: int = 0
    looping: int = 0
    outside: int = 0
    refused: int = 0
    agreed: int = 0
    claimed: int = 0
    problems: tuple[Problem, ...] = ()
    methods: int = 0

    def plus(self, other: "FunctionTally") -> "FunctionTally":
        """Return the sum of two tallies."""
        return FunctionTally(
            self.inside + other.inside,
            self.looping + other.looping,
            self.outside + other.outside,
            self.refused + other.refused,
            self.agreed + other.agreed,
            self.claimed + other.claimed,
            self.problems + other.problems,
            self.methods + other.methods,
        )

    @property
    def functions(self) -> int:
        """How many functions were judged."""
        return self.inside + self.looping + self.outside + self.methods


def case_of(seed: int, number: int) -> Case:
    """Return one function; the same for the same seed and number."""
    random = Random(f"{seed}:{number}")
    arithmetic, name = ARITHMETICS[number % len(ARITHMETICS)], f"f{number}"
    if number % 8 == 5:
        while True:
            case = outside(random, name, arithmetic)
            if compiles(text_of(case)):
                return case
    if number % 10 == 2:
        return method(random, name, NATIVE)
    if number % 40 == 7:
        return looping(random, name, arithmetic)
    return FunctionWriter(random, name, arithmetic).function()


def text_of(case: Case) -> str:
    """Return the text of a case, with the functions that it calls."""
    written = case.written if isinstance(case, Outside) else case
    others = written.others if isinstance(written, Written | Method) else ""
    return f"{others}\n{written.text}"


def judged(seed: int, first: int, last: int, inside: str | None = None) -> FunctionTally:
    """Write, import and judge the functions of some numbers, `last` left out.

    They are written into a folder of their own, `inside` another if it is given: who may be killed
    leaves it to whoever made that to remove it.
    """
    total = FunctionTally()
    with tempfile.TemporaryDirectory(prefix="spanspec-selftest-", dir=inside) as folder:
        for start in range(first, last, TOGETHER):
            numbers = range(start, min(start + TOGETHER, last))
            for tally in _batch(seed, numbers, Path(folder)):
                total = total.plus(tally)
    return total


def _batch(seed: int, numbers: range, folder: Path) -> Iterator[FunctionTally]:
    cases = [case_of(seed, number) for number in numbers]
    text = preface.TEXT + "\n".join(map(text_of, cases))
    with imported(f"written_{seed}_{numbers.start}", folder, text) as module:
        for number, case in zip(numbers, cases, strict=True):
            yield _judged(seed, number, case, module)


def _judged(seed: int, number: int, case: Case, module: ModuleType) -> FunctionTally:
    arithmetic = ARITHMETICS[number % len(ARITHMETICS)]
    random = Random(f"{seed}:{number}:inputs")
    match case:
        case Outside():
            problem = judge_outside(case, module, arithmetic)
            return FunctionTally(outside=1, problems=(problem,) if problem else ())
        case Looping():
            return _counted(judge_looping(case, module, arithmetic, random), looping=1)
        case Written():
            return _counted(judge(case, module, arithmetic, random), inside=1)
        case Method():
            return _counted(judge_method(case, module, random), methods=1)


def _counted(
    outcome: SelftestOutcome, inside: int = 0, looping: int = 0, methods: int = 0
) -> FunctionTally:
    return FunctionTally(
        inside,
        looping,
        0,
        int(outcome.refused is not None),
        outcome.agreed,
        outcome.claimed,
        (outcome.problem,) if outcome.problem else (),
        methods,
    )
