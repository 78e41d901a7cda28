"""Every question of an obligation as a file of SMT-LIB 2."""

import re
from pathlib import Path

from spanproof.prove.proof import Obligation
from spanproof.prove.questions import Question, each_query
from spanproof.solvers.questions.smtlib import ScriptWriter
from spanproof.support.files.savedfile import naming


def export(claim: Obligation, folder: Path) -> list[Path]:
    """Write the questions of an obligation into a folder of its name, and return the files.

    Raises: NotPortable if it uses a symbol of Z3's own; UnsupportedConstruct if a rule leaves the
        translatable subset; OSError if a file cannot be written.
    """
    place = folder / claim.id
    place.mkdir(parents=True, exist_ok=True)
    writer, questions = ScriptWriter(), list(each_query(claim.proof()))
    written = []
    for number, question in enumerate(questions, start=1):
        path = place / file_name(number, question)
        remarks = (
            f"Obligation {claim.id}, question {number} of {len(questions)}: {question.label}.",
            f"Claim: {claim.claim}",
            f"Rules: {' '.join(claim.rules)}",
            "A claim is proved if its negation cannot be met: unsat."
            if question.expected == "unsat"
            else "A situation that must be possible: sat.",
        )
        with naming(path):
            try:
                path.write_text(writer.script(question, *remarks), encoding="utf-8")
            except OSError:
                # Half a question is none.
                path.unlink(missing_ok=True)
                raise
        written.append(path)
    return written


def file_name(number: int, question: Question) -> str:
    """Return the name of a question's file: its number, and its label in words."""
    words = re.sub(r"[^a-z0-9]+", "-", question.label.lower()).strip("-")
    return f"{number:03}-{words[:60].rstrip('-')}.smt2"
