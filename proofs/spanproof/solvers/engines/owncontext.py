"""A context of Z3's own in this process: it decides terms themselves, and keeps its models."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import z3

from spanproof.prove.smallscope import has_quantifier
from spanproof.solvers.engines.finding import SolverAnswer
from spanproof.solvers.engines.limits import CLOCK, Z3_UNITS, exhausted, milliseconds, units
from spanproof.support import freedmemory
from spanproof.support.processes import interrupts
from spanproof.symbolic.values.construct import has_operation, identity, measured

ARITHMETIC: Final = 2
"""Z3's solver of integers, its first one, for questions in which no unknowns are multiplied.

Our claims about integers are many small steps with a case distinction each: with this one they are
decided in half the time. Products are better off with the one that Z3 takes by itself.
"""

DIVISION: Final[int] = z3.Z3_OP_BUDIV
"""A division of words.

Written out in bits it is large, and most claims about layouts need little of it: where there is one
a question is asked after those before it first, as it stands.
"""


class _Known(NamedTuple):
    """A formula as it was asked, in the context where it is decided, and what is in it.

    The original is kept, for Z3 gives the number of a term that is gone to another one.
    """

    asked: z3.BoolRef
    here: z3.BoolRef
    binds: bool
    quantified: bool
    words: bool
    products: bool


class QuestionTraits(NamedTuple):
    """What there is in a question: quantifiers at all, those over identities, machine words, and
    products of unknowns.
    """

    binds: bool
    quantified: bool
    words: bool
    products: bool

    @property
    def linear(self) -> bool:
        """Whether integers are only added, compared and multiplied by constants."""
        return not (self.words or self.products)


def _kinds(known: Sequence[_Known]) -> QuestionTraits:
    return QuestionTraits(
        any(one.binds for one in known),
        any(one.quantified for one in known),
        any(one.words for one in known),
        any(one.products for one in known),
    )


class _Series(NamedTuple):
    """Questions that are asked one after the other: about integers only or not, and among few
    identities or all.
    """

    linear: bool
    few: bool


class _Standing(NamedTuple):
    """A solver with what was asked last, but for the goal, and the numbers of that."""

    solver: z3.Solver
    names: list[int]


class OwnContext:
    """A context of Z3's own for questions that belong together, those of one proof.

    The order in which Z3 looks at terms, and so which model it finds and how soon, hangs on which
    terms its context has seen before. In one of its own that is nothing but the questions asked so
    far: an answer does not depend on what else this process has proved. Models stay there, for the
    numbers of the symbols that Z3 makes up go over from one context to another with each term.
    """

    def __init__(self) -> None:
        freedmemory.stays()
        self._context = z3.Context()
        self._known: dict[int, _Known] = {}
        self._dividing: dict[int, bool] = {}
        self._standing: dict[_Series, _Standing] = {}

    def kinds(self, formulas: Sequence[z3.BoolRef]) -> QuestionTraits:
        """Tell what there is in formulas."""
        return _kinds([self._of(formula) for formula in formulas])

    def divides_words(self, formulas: Sequence[z3.BoolRef]) -> bool:
        """Tell whether a machine word is divided in any formula."""
        return any(self._divides(self._of(formula)) for formula in formulas)

    def _divides(self, known: _Known) -> bool:
        return known.words and has_operation(known.asked, DIVISION, self._dividing)

    def check(self, formulas: Sequence[z3.BoolRef], timeout: float, seed: int = 0) -> SolverAnswer:
        """Let Z3 decide formulas as they are, with as much work as an idle machine does in a
        time.
        """
        known = [self._of(formula) for formula in formulas]
        solver = self._empty(_kinds(known).linear)
        solver.set("random_seed", seed)
        self._assert(solver, known)
        return self._decided(solver, timeout)

    def check_next(
        self, formulas: Sequence[z3.BoolRef], timeout: float, *, few: bool = False
    ) -> SolverAnswer:
        """Let Z3 decide formulas of which all but the last mostly are those of the time before.

        They stay where they are, with what Z3 has learnt of them. Questions among few identities
        have other formulas, and so a solver of their own.
        """
        known = [self._of(formula) for formula in formulas]
        names = [identity(formula) for formula in formulas[:-1]]
        series = _Series(_kinds(known).linear, few)
        standing = self._standing.get(series)
        if standing is None or names[: len(standing.names)] != standing.names:
            standing = _Standing(self._empty(series.linear), [])
        solver = standing.solver
        solver.push()  # from now on Z3 expects more questions
        solver.pop()
        self._assert(solver, known[len(standing.names) : -1])
        self._standing[series] = _Standing(solver, names)
        solver.push()
        try:
            self._assert(solver, known[-1:])
            return self._decided(solver, timeout)
        finally:
            solver.pop()

    def _empty(self, linear: bool) -> z3.Solver:
        """Return a solver that knows nothing."""
        solver = z3.Solver(ctx=self._context)
        if linear:
            solver.set("arith.solver", ARITHMETIC)
        return solver

    def _assert(self, solver: z3.Solver, known: Sequence[_Known]) -> None:
        """Add formulas, which are truth values of this context: `Solver.add` looks at each anew."""
        context = self._context.ref()
        for one in known:
            z3.Z3_solver_assert(context, solver.solver, one.here.ast)

    def _decided(self, solver: z3.Solver, timeout: float) -> SolverAnswer:
        solver.set("rlimit", units(timeout, Z3_UNITS))
        solver.set("timeout", milliseconds(timeout, CLOCK))
        started = time.perf_counter()
        with _interruptible(self._context):
            result = solver.check()
        spent = time.perf_counter() - started
        if result == z3.sat:
            return SolverAnswer("sat", spent, model=solver.model())
        if result == z3.unsat:
            return SolverAnswer("unsat", spent)
        reason = solver.reason_unknown()
        if any(word in reason for word in ("resource limit", "canceled", "timeout")):
            reason = exhausted(timeout, Z3_UNITS, 0 if "resource limit" in reason else spent)
        return SolverAnswer("unknown", spent, reason)

    def _of(self, formula: z3.BoolRef) -> _Known:
        known = self._known.get(identity(formula))
        if known is None:
            here = formula.translate(self._context)
            words, degree, binds = measured(formula, _PROBES)
            quantified = binds > 0 and has_quantifier([formula])
            known = _Known(formula, here, binds > 0, quantified, words > 0, degree > 1)
            self._known[identity(formula)] = known
        return known


_PROBES: Final = tuple(
    z3.Probe(name) for name in ("num-bv-consts", "arith-max-deg", "has-quantifiers")
)


_COMPUTING: Final[list[z3.Context]] = []
"""The contexts in which Z3 computes now."""


@contextmanager
def _interruptible(context: z3.Context) -> Iterator[None]:
    _COMPUTING.append(context)
    try:
        yield
    finally:
        _COMPUTING.remove(context)


def _interrupt() -> None:
    for context in (z3.main_ctx(), *_COMPUTING):
        context.interrupt()


if interrupts.caught():
    # Z3 would take Ctrl-C for a reason to answer `unknown`, and nobody else would hear of it.
    z3.set_param("ctrl_c", False)
    interrupts.also(_interrupt)
