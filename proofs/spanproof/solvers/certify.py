"""Proofs that another program checks: cvc5 writes one, and a checker that shares no code with it
reads it.

The proofs are in CPC, cvc5's calculus, whose rules are a text (`Cpc.eo`) that comes with cvc5's
source; Ethos checks a proof by the rules of such a text.
"""

import math
import os
import re
import resource
import shutil
import subprocess
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import cvc5

from spanproof.solvers.engines.limits import CLOCK, CVC5_UNITS, milliseconds, units
from spanproof.solvers.questions.proofscript import NotOfThisQuestion, require_same_question
from spanproof.support.processes.children import end_with_parent
from spanproof.support.processes.programs import ran

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

RULES: Final = "SPANSPEC_CPC"
"""The variable that names the file with the rules of the calculus."""

HOW: Final = (
    "build github.com/cvc5/ethos (cmake, a C++ compiler, GMP), put its `ethos` on PATH, and let "
    f"{RULES} name proofs/eo/cpc/Cpc.eo of cvc5's source"
)

PROOF: Final = 3
"""How many times the timeout cvc5 may take, in processor time, to answer and to write a proof."""

OPTIONS: Final = {
    "produce-proofs": "true",
    "proof-format-mode": "cpc",
    "proof-granularity": "dsl-rewrite",
}


class CheckerMissing(Exception):
    """There is no checker, or not the rules that it checks by; the message says how to get them."""


class Checker(NamedTuple):
    """The program that checks proofs, and the rules that it checks by."""

    program: str
    rules: str


class Certificate(NamedTuple):
    """What became of a question: whether a checked proof answers it, and if not, why not.

    `wrong` tells that there is a proof, and that it is none of this question.
    """

    certified: bool
    reason: str = ""
    wrong: bool = False


def installed_checker() -> Checker:
    """Return the checker of this machine.

    Raises: CheckerMissing.
    """
    program = shutil.which("ethos")
    rules = os.environ.get(RULES, "")
    if program is None:
        raise CheckerMissing(f"there is no ethos on PATH: {HOW}")
    if not Path(rules).is_file():
        said = f"{rules} is no file" if rules else f"{RULES} is not set"
        raise CheckerMissing(f"{said}: {HOW}")
    return Checker(program, str(Path(rules).resolve()))


def certify(script: str, checker: Checker, timeout: float, *, saturate: bool) -> Certificate:
    """Have the answer `unsat` to a script proved, and the proof checked.

    `saturate` makes cvc5 try all instances of a quantifier.
    """
    question = with_binary_numerals(script)
    try:
        proof = proof_in_time(question, timeout, saturate=saturate)
        require_same_question(question, proof)
    except NotOfThisQuestion as problem:
        return Certificate(False, f"the proof is not one of this question: {problem}", wrong=True)
    except RuntimeError as problem:
        return Certificate(False, f"no proof: {' '.join(str(problem).split())}")
    return checked(proof, checker, timeout)


def with_binary_numerals(script: str) -> str:
    """Return a script with machine words written by their bits, as proofs write them."""

    def binary(numeral: re.Match[str]) -> str:
        return f"#b{int(numeral[1]):0{numeral[2]}b}"

    text = re.sub(r"\(set-info :status \w+\)|\(exit\)", "", script)
    return re.sub(r"\(_ bv(\d+) (\d+)\)", binary, text)


def proof_in_time(script: str, timeout: float, *, saturate: bool) -> str:
    """Return cvc5's proof that a script cannot be met, made by a process of its own.

    cvc5's limits are those of the search for an answer. To write the proof down may take any time
    and memory, and until it is over no thread of the process runs.

    Raises: RuntimeError if there is none, or none in `PROOF` times the timeout.
    """
    here = get_context("fork")
    receiver, sender = here.Pipe(duplex=False)
    limit = math.ceil(PROOF * timeout)
    child = here.Process(target=_send_proof, args=(sender, limit, script, timeout, saturate))
    child.start()
    sender.close()
    try:
        proof, problem = receiver.recv()
    except EOFError:
        raise RuntimeError(
            f"it takes cvc5 more than {limit} s to write one, or too much memory"
        ) from None
    finally:
        child.kill()
        child.join()
        receiver.close()
    if problem:
        raise RuntimeError(problem)
    return str(proof)


def _send_proof(
    sender: "Connection[tuple[str, str], object]",
    limit: int,
    script: str,
    timeout: float,
    saturate: bool,
) -> None:
    """Send a proof, or why there is none; the kernel ends this process at its limit."""
    end_with_parent()
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = proof_of(script, timeout, saturate=saturate), ""
    except RuntimeError as problem:
        found = "", str(problem)
    sender.send(found)


def proof_of(script: str, timeout: float, *, saturate: bool) -> str:
    """Return cvc5's proof that a script cannot be met.

    Raises: RuntimeError if there is none.
    """
    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    for name, value in OPTIONS.items():
        solver.setOption(name, value)
    solver.setOption("rlimit-per", str(units(timeout, CVC5_UNITS)))
    solver.setOption("tlimit-per", str(milliseconds(timeout, CLOCK)))
    if saturate:
        solver.setOption("enum-inst", "true")
    symbols = cvc5.SymbolManager(manager)
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, script, "question")
    said = ""
    while not (command := parser.nextCommand()).isNull():
        said += command.invoke(solver, symbols)
    if said.split() != ["unsat"]:
        raise RuntimeError(f"cvc5 says {' '.join(said.split()) or 'nothing'}")
    text = solver.proofToString(solver.getProof()[0], cvc5.ProofFormat.CPC)
    return inside(text.decode() if isinstance(text, bytes) else text)


def inside(proof: str) -> str:
    """Return the commands of a proof, which cvc5 writes in parentheses."""
    return proof.strip().removeprefix("(").removesuffix(")")


def checked(proof: str, checker: Checker, timeout: float) -> Certificate:
    """Have a proof checked."""
    with tempfile.TemporaryDirectory(prefix="spanspec-") as folder:
        file = Path(folder) / "proof.eo"
        file.write_text(f'(include "{checker.rules}")\n{proof}\n', encoding="utf-8")
        command = [checker.program, "--require-proof-of-false", str(file)]
        try:
            done = ran(command, seconds=CLOCK * timeout)
        except subprocess.TimeoutExpired:
            return Certificate(False, "the checker took too long")
        except OSError as problem:
            return Certificate(False, f"the checker did not run: {problem}")
    said = done.stdout.split()
    if done.returncode == 0 and said == ["correct"]:
        return Certificate(True)
    words = " ".join([*said, *done.stderr.split()])[:300]
    return Certificate(False, f"the checker says {words}", wrong=True)
