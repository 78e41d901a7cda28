"""bitwuzla, in this process, through its parser of SMT-LIB."""

import bitwuzla

from spanproof.solvers.engines.limits import CLOCK_ALONE, milliseconds
from spanproof.solvers.engines.reply import SolverReply
from spanproof.solvers.questions.smtlib import Features


class Bitwuzla:
    """bitwuzla: machine words and unknown functions, no integers."""

    name = "bitwuzla"

    def reads(self, features: Features) -> bool:
        """Tell whether a question is one about words without quantifiers."""
        return not (features.integers or features.reals or features.quantifiers)

    def ask(self, script: str, timeout: float, *, saturate: bool = False) -> SolverReply:
        """Decide a script; see `TextSolver`. There is nothing to saturate."""
        options = bitwuzla.Options()
        options.set(bitwuzla.Option.TIME_LIMIT_PER, milliseconds(timeout, CLOCK_ALONE))
        parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
        try:
            parser.parse(script, True, False)
            result = parser.bitwuzla().check_sat()
        except bitwuzla.BitwuzlaException as problem:
            return SolverReply("unknown", " ".join(str(problem).split()))
        if result == bitwuzla.Result.SAT:
            return SolverReply("sat")
        if result == bitwuzla.Result.UNSAT:
            return SolverReply("unsat")
        spent = milliseconds(timeout, CLOCK_ALONE) / 1000
        return SolverReply(
            "unknown", f"gave up after {spent:g} s by the clock, for --timeout {timeout:g}"
        )
