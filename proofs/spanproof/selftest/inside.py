"""Functions of the subset, written at random.

Everything is drawn from a `random.Random`; with Hypothesis's own behind it, what fails is shrunk.
"""

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from spanproof.selftest.kinds import has
from spanproof.selftest.preface import LOCALS, NUMBERS, ROWS
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.arithmetic import Arithmetic

KINDS: Final = ("int", "int", "int", "bool", "Pair", "Box", "Boxes", "Bitmap", "vec")
RESULTS: Final = ("int", "int", "int", "bool", "Pair", "Box", "tuple")
COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
CONSTANTS: Final = (0, 1, 2, 3, 7, 8, 64, 127, 128, 255, 256, (1 << 63) - 1, 1 << 63, 1 << 64)
UNKNOWN: Final = 0.006
"""How often a name is read that may have no value."""

BEYOND: Final = 0.01
"""How often a number, an operator or an index is one that the arithmetic or the tuple lacks."""


class Written(NamedTuple):
    """A function: its name, the kinds of its parameters by name, and its text.

    `others` has the text of the functions that it calls.
    """

    name: str
    parameters: dict[str, str]
    text: str
    others: str = ""


class Variables:
    """The variables that have values at a place, each with its kind."""

    def __init__(self, kinds: dict[str, str], deep: int) -> None:
        self.kinds = dict(kinds)
        self.deep = deep

    def inner(self) -> "Variables":
        """Return the scope of a branch."""
        return Variables(self.kinds, self.deep + 1)

    def of(self, kind: str) -> list[str]:
        """Return the names of a kind."""
        return [name for name, one in self.kinds.items() if one == kind]


class FunctionWriter:
    """Writes one function, mostly of what an arithmetic has."""

    def __init__(self, random: Random, name: str, arithmetic: Arithmetic) -> None:
        self.random = random
        self.name = name
        self.arithmetic = arithmetic
        self.exact = isinstance(arithmetic, Integers)
        self.kinds = [kind for kind in KINDS if kind != "vec" or has(arithmetic, kind)]
        self.constants = [str(one) for one in CONSTANTS if arithmetic.holds(one)]
        self.constants += [name for name, one in NUMBERS.items() if arithmetic.holds(one)]
        self.helpers: dict[str, str] = {}
        self.kind_of: dict[str, str] = {}
        self.bound = 0

    def function(self, *, leaf: bool = False) -> Written:
        """Write a function of any parameters; a `leaf` takes two numbers and calls nobody."""
        self.leaf = leaf
        if leaf:
            parameters = {"a": "int", "b": "int"}
        else:
            names = self.random.sample(LOCALS, self.random.randint(1, 4))
            parameters = {name: self.random.choice(self.kinds) for name in names}
            if "Boxes" in parameters.values():
                parameters["span"] = "SpanId"
        self.kind_of = dict(parameters)
        result = "int" if leaf else self.random.choice(RESULTS)
        lines = self._block(Variables(parameters, 0), result, self.random.randint(0, 4))
        head = f"def {self.name}({', '.join(parameters)}):"
        text = "\n".join([head, *(f"    {line}" for line in lines), ""])
        return Written(self.name, parameters, text, "\n".join(self.helpers.values()))

    # --- statements ------------------------------------------------------------------------------

    def _block(self, scope: Variables, result: str, statements: int) -> list[str]:
        """Write statements that end with a return."""
        lines: list[str] = []
        for _ in range(statements):
            lines += self._statement(scope, result)
        if self.random.random() < 0.98 or scope.deep > 0:
            lines.append(f"return {self._of(result, scope, 3)}")
            if self.random.random() < 0.02:
                lines.append(f"{self.random.choice(LOCALS)} = 1")
        return lines or ["pass"]

    def _statement(self, scope: Variables, result: str) -> list[str]:
        choice = self.random.random()
        if choice < 0.42:
            return self._assignment(scope)
        if choice < 0.52:
            names = scope.of("int")
            if names:
                name = self.random.choice(names)
                return [f"{name} {self._operator()}= {self._int(scope, 2)}"]
        if choice < 0.62:
            free = self._free("int")
            if len(free) < 2:
                return ["pass"]
            names = self.random.sample(free, 2)
            value = self._of("Pair" if self.random.random() < 0.5 else "two", scope, 2)
            scope.kinds.update(dict.fromkeys(names, "int"))
            self.kind_of.update(dict.fromkeys(names, "int"))
            return [f"{', '.join(names)} = {value}"]
        if choice < 0.68:
            return [f"assert {self._bool(scope, 2)}, 'T-0: it holds'"]
        if choice < 0.70:
            return ["'a docstring'"] if self.random.random() < 0.5 else ["pass"]
        return self._if(scope, result) if scope.deep < 3 else self._assignment(scope)

    def _free(self, kind: str) -> list[str]:
        """Return the names that may get a value of a kind: none changes its kind."""
        return [one for one in LOCALS if self.kind_of.get(one, kind) == kind]

    def _assignment(self, scope: Variables) -> list[str]:
        kind = self.random.choice(("int", "int", "int", "bool", "Pair", "Box"))
        states = scope.of("Boxes")
        if states and self.random.random() < 0.3:
            name = self.random.choice(states)
            put = f"{name}.spans.set(span, {self._of('Box', scope, 2)})"
            return [f"{name} = replace({name}, spans={put})"]
        free = self._free(kind)
        if not free or self.random.random() < BEYOND:
            free = list(LOCALS)
        name = self.random.choice(free)
        self.kind_of.setdefault(name, kind)
        value = self._of(kind, scope, 3)
        scope.kinds[name] = kind
        note = ": int" if self.random.random() < 0.1 else ""
        return [f"{name}{note} = {value}"]

    def _if(self, scope: Variables, result: str) -> list[str]:
        lines: list[str] = []
        ends: list[Variables] = []
        word = "if"
        for _ in range(self.random.randint(1, 2)):
            branch = scope.inner()
            lines.append(f"{word} {self._bool(scope, 2)}:")
            lines += self._branch(branch, result, ends)
            word = "elif"
        if self.random.random() < 0.6:
            lines.append("else:")
            lines += self._branch(scope.inner(), result, ends)
        else:
            ends.append(scope.inner())
        if ends:
            first, *rest = ends
            scope.kinds = {
                name: kind
                for name, kind in first.kinds.items()
                if all(one.kinds.get(name) == kind for one in rest)
            }
        return lines

    def _branch(self, scope: Variables, result: str, ends: list[Variables]) -> list[str]:
        if self.random.random() < 0.3:
            return [f"    {line}" for line in self._block(scope, result, self.random.randint(0, 2))]
        lines: list[str] = []
        for _ in range(self.random.randint(1, 2)):
            lines += self._statement(scope, result)
        ends.append(scope)
        return [f"    {line}" for line in lines]

    # --- expressions -----------------------------------------------------------------------------

    def _of(self, kind: str, scope: Variables, depth: int) -> str:
        writers: dict[str, Callable[[Variables, int], str]] = {
            "int": self._int,
            "bool": self._bool,
            "Pair": self._pair,
            "Box": self._box,
            "two": lambda scope, depth: f"{self._int(scope, depth)}, {self._int(scope, depth)}",
            "tuple": lambda scope, depth: (
                f"({self._int(scope, depth)}, {self._bool(scope, depth)})"
            ),
        }
        return writers[kind](scope, depth)

    def _name(self, kind: str, scope: Variables) -> str | None:
        if self.random.random() < UNKNOWN:
            return self.random.choice(LOCALS)
        names = scope.of(kind)
        return self.random.choice(names) if names else None

    def _int(self, scope: Variables, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.3:
            name = self._name("int", scope)
            if name is not None and self.random.random() < 0.75:
                return name
            return self._constant()
        inner = depth - 1
        choice = self.random.randrange(22)
        if choice < 7:
            return f"({self._int(scope, inner)} {self._operator()} {self._int(scope, inner)})"
        if choice == 7:
            return f"({self._int(scope, inner)} & {self._mask()})"
        if choice == 8:
            operator = self.random.choice(("<<", ">>"))
            return f"({self._int(scope, inner)} {operator} {self._count(scope, inner)})"
        if choice == 9:
            operator = self.random.choice(("//", "%"))
            return f"({self._int(scope, inner)} {operator} {self._divisor(scope, inner)})"
        if choice == 10:
            return f"({self.random.choice('-~')}{self._int(scope, inner)})"
        if choice == 11:
            return self._choice(self._int, scope, inner)
        if choice == 12:
            return f"ROWS[{self._index(scope, inner, len(ROWS))}]"
        if choice == 13:
            return f"{self._pair(scope, inner)}.{self.random.choice(('first', 'second'))}"
        if choice == 14:
            return f"{self._box(scope, inner)}.size"
        if choice == 15 and not self.exact and self.random.random() < 0.3:
            return f"({self._int(scope, inner)}).bit_length()"
        if choice == 16 and not self.leaf:
            return self._call(scope, inner)
        if choice == 17:
            least = self.random.choice(("min", "max"))
            return f"{least}({self._int(scope, inner)}, {self._int(scope, inner)})"
        if choice == 18:
            return f"int({self._int(scope, inner)})"
        return self._part(scope, inner)

    def _part(self, scope: Variables, depth: int) -> str:
        """Read a number out of something larger."""
        vectors, bitmaps, states = scope.of("vec"), scope.of("Bitmap"), scope.of("Boxes")
        if vectors and self.random.random() < 0.7:
            name = self.random.choice(vectors)
            return f"{name}[{self._index(scope, depth, 4)}]"
        if bitmaps and self.random.random() < 0.7:
            name = self.random.choice(bitmaps)
            return f"{name}.{self.random.choice(('count', 'word'))}({self._index(scope, depth, 5)})"
        if states:
            return f"{self.random.choice(states)}.spans[span].size"
        if self.random.random() < 0.3:
            return f"len({self.random.choice([*vectors, 'ROWS'])})"
        return f"({self._int(scope, depth)}, 4, SMALL)[{self._index(scope, depth, 3)}]"

    def _operator(self) -> str:
        if self.exact and self.random.random() > BEYOND:
            return self.random.choice("+-*")
        return self.random.choice("+-+-*&|^")

    def _constant(self) -> str:
        if self.random.random() < BEYOND:
            return self.random.choice((*NUMBERS, *map(str, CONSTANTS)))
        return self.random.choice(self.constants)

    def _mask(self) -> str:
        if self.random.random() < BEYOND or not self.arithmetic.holds(0xFFFF):
            return self.random.choice(("7", "127"))
        return self.random.choice(("MASK", "0xFFFF", "7", "WIDE" if self.exact else "3"))

    def _index(self, scope: Variables, depth: int, length: int) -> str:
        choice = self.random.random()
        if choice < BEYOND:
            return self._int(scope, min(depth, 1))
        if choice < 0.3:
            return str(self.random.randrange(length))
        if choice < 0.5 and scope.of("int"):
            return self.random.choice(scope.of("int"))
        return f"{self._int(scope, 0)} & {3 if length > 3 else 1}"

    def _count(self, scope: Variables, depth: int) -> str:
        if self.exact or self.random.random() < 0.5:
            return str(self.random.choice((0, 1, 3, 6, 7)))
        return f"({self._int(scope, min(depth, 1))} & {self.random.choice((7, 63, 127))})"

    def _divisor(self, scope: Variables, depth: int) -> str:
        if self.exact or self.random.random() < 0.6:
            return str(self.random.choice((1, 2, 3, 8, 10, 64)))
        return self._int(scope, min(depth, 1))

    def _call(self, scope: Variables, depth: int) -> str:
        name = f"{self.name}_helper{self.random.randrange(2)}"
        if name not in self.helpers:
            helper = FunctionWriter(self.random, name, self.arithmetic)
            self.helpers[name] = helper.function(leaf=True).text
        one, two = self._int(scope, depth), self._int(scope, depth)
        return (
            f"{name}({one}, {two})" if self.random.random() < 0.6 else f"{name}(b={one}, a={two})"
        )

    def _choice(self, write: Callable[[Variables, int], str], scope: Variables, depth: int) -> str:
        return f"({write(scope, depth)} if {self._bool(scope, depth)} else {write(scope, depth)})"

    def _bool(self, scope: Variables, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.1:
            name = self._name("bool", scope)
            if name is not None:
                return name
        if depth == 0:
            return f"({self._int(scope, 0)} < {self._int(scope, 0)})"
        inner = depth - 1
        choice = self.random.randrange(15)
        if choice < 6:
            return self._chain(scope, inner)
        if choice < 9:
            word = self.random.choice((" and ", " or "))
            many = self.random.randint(2, 3)
            return f"({word.join(self._bool(scope, inner) for _ in range(many))})"
        if choice == 9:
            return f"(not {self._bool(scope, inner)})"
        if choice == 10:
            return self._choice(self._bool, scope, inner)
        if choice == 11:
            return f"FLAGS[{self._index(scope, inner, 3)}]"
        if choice == 12:
            same = self.random.choice(("==", "!="))
            return f"({self._bool(scope, inner)} {same} {self._bool(scope, inner)})"
        if choice == 13:
            return self._quantifier(scope, inner)
        if scope.of("Bitmap"):
            return f"{self.random.choice(scope.of('Bitmap'))}.bit({self._index(scope, inner, 5)})"
        return f"{self._box(scope, inner)}.flag"

    def _chain(self, scope: Variables, depth: int) -> str:
        text = self._int(scope, depth)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            text += f" {self.random.choice(COMPARISONS)} {self._int(scope, depth)}"
        return f"({text})"

    def _quantifier(self, scope: Variables, depth: int) -> str:
        """Write a quantifier over a few numbers: known ones, or those below a small bound."""
        self.bound += 1
        name = self.random.choice((f"i{self.bound}", self.random.choice(LOCALS)))
        if self.random.random() < 0.5:
            low, high = (self.random.choice(("0", "1", "3", "NOBODY", "6")) for _ in range(2))
        else:
            low = self.random.choice(("0", "1", "2"))
            high = f"{self._int(scope, 0)} & {self.random.choice((3, 7))}"
        inside = scope.inner()
        inside.kinds[name] = "int"
        over = f"range({high})" if self.random.random() < 0.2 else f"range({low}, {high})"
        body = self._bool(inside, min(depth, 1))
        return f"{self.random.choice(('all', 'any'))}({body} for {name} in {over})"

    def _pair(self, scope: Variables, depth: int) -> str:
        name = self._name("Pair", scope)
        choice = self.random.randrange(8)
        if name is not None and (depth == 0 or choice < 3):
            return name
        inner = max(depth - 1, 0)
        if name is not None and choice == 3:
            field = self.random.choice(("first", "second"))
            return f"{name}._replace({field}={self._int(scope, inner)})"
        if choice == 4 and depth > 0:
            return self._choice(self._pair, scope, inner)
        if choice == 5:
            return f"PAIRS[{self._index(scope, inner, 3)}]"
        if choice == 6:
            return f"Pair(second={self._int(scope, inner)}, first={self._int(scope, inner)})"
        return f"Pair({self._int(scope, inner)}, {self._int(scope, inner)})"

    def _box(self, scope: Variables, depth: int) -> str:
        name = self._name("Box", scope)
        choice = self.random.randrange(8)
        if name is not None and (depth == 0 or choice < 3):
            return name
        inner = max(depth - 1, 0)
        if name is not None and choice == 3:
            return f"replace({name}, size={self._int(scope, inner)})"
        if scope.of("Boxes") and choice < 6:
            return f"{self.random.choice(scope.of('Boxes'))}.spans[span]"
        if choice == 6 and depth > 0:
            return self._choice(self._box, scope, inner)
        return f"Box({self._int(scope, inner)}, flag={self._bool(scope, inner)})"
