"""A second solver decides a question from its text, in a form that it can decide."""

import importlib
import time
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from spanproof.prove.questions import Question
from spanproof.prove.smallscope import in_small_scope
from spanproof.solvers.engines.finding import Decider, SolverAnswer
from spanproof.solvers.engines.inprocess import Z3
from spanproof.solvers.engines.reply import TextSolver
from spanproof.solvers.names import SolverMissing
from spanproof.solvers.questions.instances import instances
from spanproof.solvers.questions.narrow_identities import with_words_for_identities
from spanproof.solvers.questions.smtlib import ScriptWriter
from spanproof.solvers.witness import falsified

_CLASSES: Final = {"cvc5": "Cvc5", "bitwuzla": "Bitwuzla"}


def text_solver(name: str) -> TextSolver:
    """Return an installed solver that reads SMT-LIB.

    Raises: SolverMissing if it is not installed.
    """
    try:
        module = importlib.import_module(f"spanproof.solvers.engines.{name}")
    except ImportError as problem:
        raise SolverMissing(
            f"{name} cannot be loaded ({problem}): pip install 'spanspec[solvers]'"
        ) from None
    return cast(TextSolver, getattr(module, _CLASSES[name])())


def decider(name: str) -> Decider:
    """Return what decides questions under a solver's name.

    Raises: SolverMissing if it is not installed.
    """
    return Z3() if name == "z3" else SecondOpinion(text_solver(name))


SEARCH: Final = 2.0
"""Seconds for finding a model by itself; then the solver is asked to check the one of Z3."""


ROUNDS: Final = 3
"""Rounds of instances that a single query is asked with, until they refute it."""


class Form(NamedTuple):
    """A question in one of its forms.

    `exact` says that either answer is one about the question itself; otherwise only the answer
    that the proof needs is. `described` tells what is asked.
    """

    question: Question
    timeout: float
    saturate: bool = False
    exact: bool = True
    described: str = "the question itself"


def forms(question: Question, quantified: bool, timeout: float) -> Iterator[Form]:
    """Yield the forms of a question, the most faithful first."""
    if question.expected == "unsat":
        yield Form(question, timeout, saturate=quantified)
        for rounds in range(1, (1 if question.queries > 1 else ROUNDS) + 1) if quantified else ():
            ground = question._replace(formulas=instances(question.formulas, rounds))
            yield Form(ground, timeout, exact=False, described="its ground instances")
        return
    if quantified:
        few = question._replace(formulas=in_small_scope(question.formulas))
        yield Form(few, min(timeout, SEARCH), exact=False, described="few identities")
    else:
        yield Form(question, min(timeout, SEARCH))
    false = falsified(question.formulas, timeout)
    if false is not None:
        checked = question._replace(formulas=[false], expected="unsat")
        yield Form(checked, timeout, exact=False, described="the negation of Z3's model")


class SecondOpinion:
    """A solver that is asked through SMT-LIB text."""

    def __init__(self, solver: TextSolver) -> None:
        self._solver = solver
        self._writer = ScriptWriter()
        self.name = solver.name

    def ask(self, question: Question, timeout: float) -> SolverAnswer:
        """Decide a question in the first form that the solver can decide."""
        finding = SolverAnswer("unknown", 0.0, f"{self.name} has no such theory", outside=True)
        spent = 0.0
        quantified = self._writer.features(question.formulas).quantifiers
        for form in forms(question, quantified, timeout):
            text = self._text(form.question)
            if text is None:
                continue
            started = time.perf_counter()
            reply = self._solver.ask(text, form.timeout, saturate=form.saturate)
            spent += time.perf_counter() - started
            if reply.result == form.question.expected:
                return SolverAnswer(question.expected, spent)
            if form.exact and reply.result != "unknown":
                return SolverAnswer(reply.result, spent, script=text)
            reason = reply.reason or f"{reply.result}, but only of {form.described}"
            finding = SolverAnswer("unknown", spent, reason, text)
        return finding

    def _text(self, question: Question) -> str | None:
        """Return the script of a question, or None if the solver lacks its theories.

        Raises: NotPortable if it uses a symbol of Z3's own.
        """
        used = self._writer.features(question.formulas)
        if not self._solver.reads(used) and used.integers and not used.quantifiers:
            try:
                words = with_words_for_identities(question.formulas)
            except TypeError:
                return None
            question = question._replace(formulas=words)
            used = self._writer.features(words)
        return self._writer.script(question) if self._solver.reads(used) else None
