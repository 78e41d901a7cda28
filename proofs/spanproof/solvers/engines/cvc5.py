"""cvc5, in this process, through its parser of SMT-LIB."""

import re
import time

import cvc5

from spanproof.solvers.engines.limits import CLOCK, CVC5_UNITS, exhausted, milliseconds, units
from spanproof.solvers.engines.reply import SolverReply
from spanproof.solvers.questions.smtlib import Features


class Cvc5:
    """cvc5: every theory that an obligation uses, quantifiers included."""

    name = "cvc5"

    def reads(self, features: Features) -> bool:
        """Tell that cvc5 reads everything."""
        return True

    def ask(self, script: str, timeout: float, *, saturate: bool = False) -> SolverReply:
        """Decide a script; see `TextSolver`."""
        manager = cvc5.TermManager()
        solver = cvc5.Solver(manager)
        solver.setOption("rlimit-per", str(units(timeout, CVC5_UNITS)))
        solver.setOption("tlimit-per", str(milliseconds(timeout, CLOCK)))
        if saturate:
            solver.setOption("enum-inst", "true")
        if re.search(r"\(set-logic QF_(UF)?BV\)", script):
            solver.setOption("bool-to-bv", "all")
        symbols = cvc5.SymbolManager(manager)
        parser = cvc5.InputParser(solver, symbols)
        # cvc5 would take any other answer than the stated one for an error of its own.
        text = re.sub(r"\(set-info :status \w+\)", "", script)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "question")
        said = ""
        started = time.perf_counter()
        try:
            while not (command := parser.nextCommand()).isNull():
                said += command.invoke(solver, symbols)
        except RuntimeError as problem:
            return SolverReply("unknown", " ".join(str(problem).split()))
        first = said.split()[0] if said.split() else ""
        if first == "sat":
            return SolverReply("sat")
        if first == "unsat":
            return SolverReply("unsat")
        reason = " ".join(said.split()) or "no answer"
        if first == "unknown":
            limit = exhausted(timeout, CVC5_UNITS, time.perf_counter() - started)
            reason = f"cannot tell, or {limit}"
        return SolverReply("unknown", reason)
