"""Z3 in this process: it decides the terms themselves, and its models can be read."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import z3

from spanproof.prove.questions import Question
from spanproof.prove.smallscope import SmallScope
from spanproof.solvers.engines.finding import SolverAnswer
from spanproof.solvers.engines.owncontext import OwnContext, QuestionTraits
from spanproof.solvers.questions.connections import Connections

ATTEMPTS: Final = (0.5, 0.25, 0.25)
"""Shares of the time limit, each with a random seed of its own.

Whether Z3 decides a question about remainders can hang on the order in which it looks at terms.
"""


NEXT: Final = 0.1
"""Share of the time limit for a question that is asked after those before it.

For integers that is several times quicker than to ask each anew, and with quantifiers over
identities ten times.
"""

NEXT_NUMBERS: Final = 0.05
"""The same without quantifiers; what takes longer is mostly decided soon when it is asked anew."""

AT_HAND: Final = 0.01
"""Seconds of work for a question about machine words that is asked after those before it.

What follows from what Z3 has written out in bits already takes a tenth of the time then; what does
not takes longer than in a solver of its own, which simplifies the question as a whole before.
"""

IN_VAIN: Final = 3
"""How many questions about machine words may come out so less often than not, until a proof asks
none so any more.
"""

AT_ONCE: Final = 0.3
"""Seconds of work in which Z3 proves a goal of identities, if it is true, but for a few.

Before more is spent, it is asked whether the goal is false among few identities: that is decided in
less, and mostly it is why Z3 hesitates.
"""

BRIEFLY: Final = 2.0
"""Seconds of work at most for one attempt where a question is asked briefly, and no obligation
takes half of it; with quantifiers over identities a quarter is enough.
"""

SITUATION: Final = 0.2
"""Seconds of work in which Z3 finds a model of a situation of identities, if at all.

Where there are machine words as well it hardly ever does.
"""

Attempt: TypeAlias = Callable[[Sequence[z3.BoolRef], float], SolverAnswer]
"""A way to ask whether formulas can be met, within a time."""


def check(formulas: Sequence[z3.BoolRef], timeout: float) -> SolverAnswer:
    """Let Z3 decide formulas by themselves, in a context of their own."""
    return OwnContext().check(formulas, timeout)


class Z3:
    """Z3, which decides first."""

    name = "z3"

    def __init__(self, *, briefly: bool = False) -> None:
        """`briefly`: what is not decided soon stays unknown, for the moment."""
        self._briefly = briefly
        self._own = OwnContext()
        self._few = SmallScope()
        self._connections = Connections()
        self._outgrown = False
        self._vague = False
        self._in_vain = 0

    def ask(self, question: Question, timeout: float) -> SolverAnswer:
        """Decide a question.

        Where quantifiers may make Z3 give up, a model of few identities is looked for, which is
        found in a moment if there is one: soon if a model is what the proof needs, unless this
        proof has asked for one before that is not so small; else as soon as Z3 hesitates.
        """
        kinds = self._own.kinds(question.formulas)
        if not kinds.quantified:
            return self._tried(question, timeout, kinds)
        spent = 0.0
        for attempt in self._attempts(question, kinds.words):
            finding = attempt(question.formulas, timeout)
            spent += finding.seconds
            if attempt == self._among_few and finding.result == "unsat":
                self._outgrown = self._outgrown or question.expected == "sat"
            elif finding.result != "unknown":
                break
        return finding._replace(seconds=spent)

    def _attempts(self, question: Question, words: bool) -> Sequence[Attempt]:
        """Return in which ways a question with quantifiers is asked; the last has to decide it.

        Several queries at once are not asked to the last: each is asked by itself then.
        """
        last = () if self._briefly or question.queries > 1 else (self._own.check,)
        if question.expected == "unsat" or self._outgrown:
            return self._at_once, self._among_few, self._next, *last
        soon = () if words or self._vague else (self._soon,)
        return *soon, self._among_few, self._next, *last

    def _at_once(self, formulas: Sequence[z3.BoolRef], timeout: float) -> SolverAnswer:
        return self._own.check_next(formulas, min(timeout * NEXT, AT_ONCE))

    def _soon(self, formulas: Sequence[z3.BoolRef], timeout: float) -> SolverAnswer:
        """Look for a model in a moment, until once there is none in one."""
        finding = self._own.check_next(formulas, min(timeout, SITUATION))
        self._vague = finding.result == "unknown"
        return finding

    def _among_few(self, formulas: Sequence[z3.BoolRef], timeout: float) -> SolverAnswer:
        few = self._few.formulas(formulas)
        finding = self._own.check_next(few, self._at_most(timeout * NEXT, BRIEFLY / 4), few=True)
        if finding.result != "unknown" or self._briefly:
            return finding
        again = self._own.check(few, timeout)
        return again._replace(seconds=finding.seconds + again.seconds)

    def _next(self, formulas: Sequence[z3.BoolRef], timeout: float) -> SolverAnswer:
        return self._own.check_next(formulas, self._at_most(timeout * NEXT, BRIEFLY / 4))

    def _at_most(self, limit: float, briefly: float = BRIEFLY) -> float:
        """Return a limit, or less where questions are asked briefly."""
        return min(limit, briefly) if self._briefly else limit

    def _at_hand(self, formulas: Sequence[z3.BoolRef], timeout: float) -> SolverAnswer:
        """Ask a question about machine words after those before it, if that has been of use."""
        if self._in_vain == IN_VAIN:
            return SolverAnswer("unknown", 0.0)
        finding = self._own.check_next(formulas, min(timeout, AT_HAND))
        if finding.result == "unknown":
            self._in_vain += 1
        else:
            self._in_vain = max(0, self._in_vain - 1)
        return finding

    def _tried(self, question: Question, timeout: float, kinds: QuestionTraits) -> SolverAnswer:
        formulas, words = question.formulas, kinds.words
        alike = not words or self._own.divides_words(formulas)
        if alike:
            share = NEXT if kinds.binds else NEXT_NUMBERS
            finding = self._own.check_next(formulas, timeout * share)
        else:
            finding = self._at_hand(formulas, timeout)
        if finding.result != "unknown":
            return finding
        spent = finding.seconds
        if words and question.expected == "unsat":
            near = self._connections.with_last(formulas)
            if len(near) < len(formulas):
                finding = check(near, self._at_most(timeout * ATTEMPTS[0]))
                spent += finding.seconds
                if finding.result == "unsat":
                    return finding._replace(seconds=spent)
        for seed, share in enumerate(ATTEMPTS[:1] if self._briefly else ATTEMPTS):
            # Among terms that were there before it takes Z3 up to ten times as long to decide a
            # hard question about machine words.
            context = OwnContext() if words else self._own
            finding = context.check(formulas, self._at_most(timeout * share), seed)
            spent += finding.seconds
            if finding.result != "unknown":
                break
        return finding._replace(seconds=spent)


class FewFirst(Z3):
    """Z3 where an objection is likely: it looks among few identities first."""

    def ask(self, question: Question, timeout: float) -> SolverAnswer:
        """Decide a question; a model of few identities is a model."""
        if self._own.kinds(question.formulas).quantified:
            few = self._among_few(question.formulas, timeout)
            if few.result == "sat":
                return few
        return super().ask(question, timeout)
