"""The questions of an obligation, each with a proof that a checker has checked, or why not."""

from typing import NamedTuple

from spanproof.prove.questions import each_query
from spanproof.solvers.certify import Checker, certify
from spanproof.solvers.questions.smtlib import NotPortable, ScriptWriter
from spanproof.support.processes.sidebyside import KILLED
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.theorems import all_obligations


class Certified(NamedTuple):
    """How many questions an obligation asks, and those that have no checked proof.

    Of these each has its label, the reason, and whether there is a proof that is wrong.
    """

    obligation: str
    questions: int
    without: tuple[tuple[str, str, bool], ...]


def certified(name: str, checker: Checker, timeout: float) -> Certified:
    """Certify the answers that an obligation needs to be `unsat`; those to witnesses are models."""
    without: list[tuple[str, str, bool]] = []
    questions, writer = 0, ScriptWriter()
    try:
        for question in each_query(all_obligations()[name].proof()):
            if question.expected != "unsat":
                continue
            questions += 1
            quantified = writer.features(question.formulas).quantifiers
            script = writer.script(question)
            found = certify(script, checker, timeout, saturate=quantified)
            if not found.certified:
                without.append((question.label, found.reason, found.wrong))
    except (NotPortable, UnsupportedConstruct) as problem:
        without.append(("the obligation", str(problem), False))
    return Certified(name, questions, tuple(without))


def killed(name: str) -> Certified:
    """Return what is known of an obligation whose worker was killed: nothing."""
    return Certified(name, 1, (("the obligation", KILLED, False),))
