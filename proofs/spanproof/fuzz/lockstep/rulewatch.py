"""Which rules programs reach: `python -m spanproof.fuzz.lockstep.rulewatch`.

It runs programs on the model's heap alone, where the model is plain Python, so that every call of
one of its functions can be seen. A rule is reached when a function that stands for it is called, or
a constant that does is read by one. Programs come in as JSON, one a line; for each, the rules that
none before it has reached go out, in the same form.
"""

import sys
from functools import partial
from types import CodeType, FrameType
from typing import Final

import msgspec

from spanproof.fuzz.differences.differences import MODEL
from spanproof.fuzz.lockstep.heapcalls import Holdings, make_each, outcome_of
from spanproof.fuzz.programs.heapprogram import HeapProgram, Together
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.support.ruleplaces import rules_by_place


class ReachedRules:
    """The rules that programs have reached so far."""

    def __init__(self) -> None:
        self.rules: set[str] = set()
        self._known: Final = rules_by_place()
        self._codes: set[CodeType] = set()

    def run(self, program: HeapProgram) -> list[str]:
        """Run a program; return the rules that it is the first to reach, in order."""
        sys.setprofile(self._profile)
        try:
            model = ModelHeap(program)
            holdings = Holdings(model, model)
            for step in program.steps:
                for task in step.tasks if isinstance(step, Together) else (step,):
                    make_each(holdings.calls(task), partial(outcome_of, model, MODEL))
        finally:
            sys.setprofile(None)
        return self._new()

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self._codes.add(frame.f_code)

    def _new(self) -> list[str]:
        places = {(code.co_filename, code.co_qualname) for code in self._codes}
        now = frozenset[str]().union(*(self._known.get(one, frozenset()) for one in places))
        new = sorted(now - self.rules)
        self.rules |= now
        return new


def main() -> None:
    """Run the programs that come in, until there are no more."""
    reached = ReachedRules()
    for line in sys.stdin.buffer:
        program = msgspec.json.decode(line, type=HeapProgram)
        sys.stdout.buffer.write(msgspec.json.encode(reached.run(program)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
