"""Whether a proof is one of the question that was asked: its assumptions are the assertions.

A checker says that the last step of a proof follows from its assumptions. That they are those of
the script is read here, from both texts: each term is a node of one graph, so that `let` in the
script and `define` in the proof, which both name shared terms, come to the same. Anything else that
could give a proof more to build on (a rule or symbol of its own, another file) is refused.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

TOKEN: Final = re.compile(r"\(|\)|\|[^|]*\||\"[^\"]*\"|[^\s()|\"]+")
COMMENT: Final = re.compile(r";[^\n]*")
NAMED: Final = re.compile(r"@t\d+")
COMMANDS: Final = ("declare-const", "declare-sort", "define", "step", "assume-push", "step-pop")
"""What a proof may consist of besides its assumptions."""
INDEXED: Final = ("zero_extend", "sign_extend", "extract", "repeat", "rotate_left", "rotate_right")

Expression: TypeAlias = "str | tuple[Expression, ...]"


class NotOfThisQuestion(Exception):
    """A proof assumes what the script does not assert, or brings something of its own."""


def expressions(text: str) -> Iterator[Expression]:
    """Yield the expressions of a text: symbols, and tuples of expressions.

    Raises: NotOfThisQuestion if its parentheses do not match.
    """
    open_: list[list[Expression]] = []
    for token in TOKEN.findall(COMMENT.sub("", text)):
        if token == "(":
            open_.append([])
            continue
        if token == ")":
            if not open_:
                raise NotOfThisQuestion("a parenthesis is closed that was not opened")
            done: Expression = tuple(open_.pop())
        else:
            done = token[1:-1] if token.startswith("|") else token
        if open_:
            open_[-1].append(done)
        else:
            yield done
    if open_:
        raise NotOfThisQuestion("a parenthesis is not closed")


class Terms:
    """The terms of both texts, each once: equal terms have one number."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}

    def number(self, term: Expression, names: Mapping[str, int]) -> int:
        """Return the number of a term, in which some names stand for terms."""
        if isinstance(term, str):
            return names[term] if term in names else self._of(term)
        match term:
            case ("let", tuple() as bindings, body):
                known = dict(names)
                for one in bindings:
                    known[str(one[0])] = self.number(one[1], names)
                return self.number(body, known)
            case ("forall" | "exists" as kind, tuple() as bound, body) if all(
                isinstance(one, tuple) and len(one) == 2 for one in bound
            ):
                variables = {str(n): self._of("@var", f'"{n}"', str(s)) for n, s in bound}
                listed = self._of(self._of("@list"), *variables.values())
                inside = self.number(body, {**names, **variables})
                return self._of(self._of(kind), listed, inside)
            case ("@var", str(name), sort):
                return self._of("@var", name, str(sort))
            case (("_", str(operator), *indices), *arguments) if operator in INDEXED:
                return self.number((operator, *indices, *arguments), names)
        return self._of(*(self.number(part, names) for part in term))

    def _of(self, *parts: object) -> int:
        return self._numbers.setdefault(parts, len(self._numbers))


def require_same_question(script: str, proof: str) -> None:
    """Require that a proof assumes nothing but what a script asserts.

    Raises: NotOfThisQuestion, saying what is wrong.
    """
    terms, names = Terms(), dict[str, int]()
    asserted = {
        terms.number(command[1], {})
        for command in expressions(script)
        if isinstance(command, tuple) and command[0] == "assert"
    }
    last: Expression = ()
    for command in expressions(proof):
        match command:
            case ("assume", str(), formula):
                if terms.number(formula, names) not in asserted:
                    raise NotOfThisQuestion("it assumes what the question does not assert")
            case ("define", str(name), (), term) if NAMED.fullmatch(name):
                names[name] = terms.number(term, names)
            case ("declare-const", str(name), _) if not name.startswith(("@", "eo::")):
                pass
            case (str(kind), *_) if kind in COMMANDS and kind not in ("define", "declare-const"):
                last = command
            case _:
                raise NotOfThisQuestion(f"it has a command of its own: {str(command)[:60]}")
    if not (isinstance(last, tuple) and last[:1] == ("step",) and last[2:3] == ("false",)):
        raise NotOfThisQuestion("its last step does not show false")
