"""Methods written at random: what a class of theirs stores, returns and raises is what Python does.

An object is made of two numbers, and a method is called with two more. Afterwards the term of each
field, and of what the method returned or of whether it raised, is compared with the object's.
"""

from collections.abc import Callable
from random import Random
from types import ModuleType
from typing import Final, NamedTuple, cast

import z3
from mypy_extensions import i64

from spanproof.selftest import kinds
from spanproof.selftest.inside import FunctionWriter, Variables
from spanproof.selftest.judge import (
    Numerals,
    Problem,
    SelftestOutcome,
    evaluated,
    imported_function,
    lowered,
    substitution,
)
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.reading.classes import place_of
from spanproof.symbolic.text.errors import MixedSorts, NotTranslatable, UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.memory import ITEMS, Content, MemoryState
from spanproof.symbolic.values.merge import scalar_of
from spanproof.symbolic.values.values import SymbolicObject, SymbolicVector, Value

NATIVE: Final = Signed(64)
INPUTS: Final = 4
WORDS: Final = 4
"""Items of each vector."""

FIXED: Final = {
    "self.n": "int",
    "self.flag": "bool",
    "self.words": "vec",
    "self.spare": "vec",
    "self.part.v": "int",
}
"""What a method may read and change of its object."""

INIT: Final = """\
    def __init__(self, p: i64, q: i64) -> None:
        self.n: i64 = p
        self.flag: bool = p < q
        self.words = vec[i64]([0] * 4)
        self.spare = vec[i64]([0] * 4)
        self.words[p & 3] = q
        self.part = Part(q)
"""

READ: Final = ("n", "flag", "words", "spare")
"""The fields that are compared; the part's number is one more."""


class Method(NamedTuple):
    """A class with methods: `works` takes two numbers, and calls `step`, which takes one."""

    name: str
    text: str
    others: str


class MethodWriter(FunctionWriter):
    """Writes a method: a rule that also stores, raises, makes objects and calls methods."""

    def __init__(self, random: Random, name: str, arithmetic: Arithmetic, *, calls: bool) -> None:
        super().__init__(random, name, arithmetic)
        self.leaf = False
        self.calls = calls
        self.lists: list[str] = []

    def method(self, name: str, parameters: tuple[str, ...], result: str, most: int) -> str:
        """Return the text of a method."""
        self.kind_of = dict.fromkeys(parameters, "int")
        scope = Variables({**FIXED, **self.kind_of}, 0)
        lines = self._block(scope, result, self.random.randint(1, most))
        head = f"    def {name}(self, {', '.join(parameters)}):"
        return "\n".join([head, *(f"        {line}" for line in lines), ""])

    def _statement(self, scope: Variables, result: str) -> list[str]:
        if self.random.random() < 0.45:
            return super()._statement(scope, result)
        choice = self.random.randrange(15)
        if choice < 3:
            vector, index = self._vector(scope), self._place(scope)
            sign = self.random.choice(("=", "=", "+=", "-=", "^=", "|="))
            return [f"{vector}[{index}] {sign} {self._told(scope)}"]
        if choice < 5:
            sign = self.random.choice(("=", "+=", "-=", "&="))
            target = self.random.choice(("self.n", "self.n", "self.part.v"))
            return [f"{target} {sign} {self._told(scope)}"]
        if choice == 5:
            return [f"self.flag = {self._bool(scope, 2)}"]
        if choice == 6:
            made = self.random.choice((f"Part({self._int(scope, 1)})", "self.part"))
            return [f"self.part = {made}"]
        if choice == 7:
            other = self.random.choice(("self.words", "self.spare"))
            copied = self.random.choice((other, f"vec[i64]({other})", "vec[i64]([0] * 4)"))
            return [f"self.spare = {copied}"]
        if choice == 8:
            return self._known_list(scope)
        if choice == 9 and scope.deep < 3:
            return self._for(scope, result)
        if choice == 10:
            return self._round()
        if choice == 11:
            said = self.random.choice(("'no'", f"f'{{{self._constant()}:#x}}'", ""))
            return [f"if {self._bool(scope, 2)}:", f"    raise Refusal({said})"]
        if choice == 12:
            return [f"self.part.add({self._int(scope, 1)})"]
        if choice == 13 and self.calls:
            return [f"self.step({self._int(scope, 1)})"]
        return [f"w = {self._vector(scope)}", f"w[{self._place(scope)}] = {self._int(scope, 2)}"]

    def _vector(self, scope: Variables) -> str:
        return self.random.choice(scope.of("vec"))

    def _place(self, scope: Variables) -> str:
        if self.calls and self.random.random() < 0.15:
            return f"self.step({self._int(scope, 0)}) & 3"
        return self._index(scope, 1, WORDS)

    def _told(self, scope: Variables) -> str:
        """Write a number, maybe one that a call yields which changes the object."""
        choice = self.random.random()
        if choice < 0.12 and self.calls:
            return f"self.step({self._int(scope, 1)})"
        if choice < 0.2:
            return f"self.part.add({self._int(scope, 1)})"
        return self._int(scope, 2)

    def _known_list(self, scope: Variables) -> list[str]:
        one, two = self._int(scope, 1), self._int(scope, 1)
        return [
            f"xs = [{one}, {two}]",
            f"xs.append({self._int(scope, 1)})",
            f"self.n = xs[{self.random.randrange(3)}] + len(xs)",
        ]

    def _for(self, scope: Variables, result: str) -> list[str]:
        """Write a loop over a range of known length; its body may return or raise."""
        low = self.random.choice(("0", "1", "2", "self.n", "a"))
        more = self.random.randrange(4)
        high = str(int(low) + more) if low.isdigit() else f"{low} + {more}"
        inside = scope.inner()
        inside.kinds["k"] = "int"
        body = self._statement(inside, result)
        return [f"for k in range({low}, {high}):", *(f"    {line}" for line in body)]

    def _round(self) -> list[str]:
        """Write a loop whose condition is known."""
        return [
            "i = 0",
            f"while i < {self.random.randrange(4)}:",
            f"    self.{self.random.choice(('n', 'part.v'))} += i",
            "    i += 1",
        ]


def method(random: Random, name: str, arithmetic: Arithmetic) -> Method:
    """Write a class with two methods."""
    step = MethodWriter(random, f"{name}_step", arithmetic, calls=False)
    works = MethodWriter(random, name, arithmetic, calls=True)
    result = random.choice(("int", "int", "bool", "Pair", "tuple"))
    text = "\n".join(
        [
            f"class {name.upper()}:",
            INIT,
            step.method("step", ("a",), "int", 2),
            works.method("works", ("a", "b"), result, 4),
        ]
    )
    return Method(name, text, "\n".join([*step.helpers.values(), *works.helpers.values()]))


class CallEnd(NamedTuple):
    """What a call came to, as terms: its value, where it raised, and what holds there."""

    value: Value
    raised: tuple[tuple[z3.BoolRef, MemoryState], ...]
    state: MemoryState
    sides: z3.BoolRef


def judge_method(case: Method, module: ModuleType, random: Random) -> SelftestOutcome:
    """Compare what a method's term stores, returns and raises with what Python does."""
    kind = cast(type, imported_function(module, case.name.upper()))
    told = Problem(case.name, case.others + case.text, NATIVE.name, "", "", "")
    translator = Translator(NATIVE)
    target = translator.made(kind, "self")
    symbols = [cast(int, z3.Const(name, NATIVE.sort)) for name in ("p", "q", "a", "b")]
    try:
        translator.call_method(target, "__init__", *symbols[:2])
        value = translator.call_method(target, "works", *symbols[2:])
        raised = tuple((one.path, one.state) for one in translator.raised)
        sides = z3.And(*(side.goal for side in translator.sides), z3.BoolVal(True))
        ended = CallEnd(value, raised, translator.memory.state, sides)
        agreed = claimed = 0
        for _ in range(INPUTS):
            known: kinds.Known = {}
            given = [kinds.drawn("int", name, NATIVE, random) for name in ("p", "q", "a", "b")]
            for _, one in given:
                known |= one
            numbers = [cast(int, number) for number, _ in given]
            outcome = _compared(translator, target, ended, known, kind, numbers)
            if isinstance(outcome, tuple):
                inputs = ", ".join(f"{name} = {number}" for name, number in known.items())
                says = told._replace(inputs=inputs, python=outcome[0], translator=outcome[1])
                return SelftestOutcome(None, agreed, claimed, says)
            agreed += outcome
            claimed += not outcome
    except UnsupportedConstruct as refusal:
        return SelftestOutcome(refusal.what, 0, 0, None)
    except (NotTranslatable, MixedSorts) as refusal:
        # A field that holds a truth value on one way and a number on another is refused once it
        # is read, which here is after the method has ended.
        return SelftestOutcome(str(refusal), 0, 0, None)
    return SelftestOutcome(None, agreed, claimed, None)


def _compared(
    translator: Translator,
    target: SymbolicObject,
    ended: CallEnd,
    known: kinds.Known,
    kind: Callable[[int, int], object],
    numbers: list[int],
) -> bool | tuple[str, str]:
    """Return whether a method did as its term says; False if a condition of it fails.

    If the two differ, return what each says.
    """
    numerals = substitution(known, NATIVE)
    holds = z3.is_true(evaluated(ended.sides, numerals))
    try:
        made = kind(*numbers[:2])
        try:
            value: object = list(kinds.parts(cast(_Works, made).works(*numbers[2:])))
        except Exception as problem:
            if type(problem).__name__ != "Refusal":
                raise
            value = "raised"
    except Exception as problem:
        return (f"{type(problem).__name__}: {problem}", "all conditions hold") if holds else False
    if not holds:
        return False
    expected = [value, *_held(made)]
    states = [state for path, state in ended.raised if z3.is_true(evaluated(path, numerals))]
    said: object = "raised"
    if not states:
        said = [lowered(part, numerals, NATIVE) for part in kinds.parts(ended.value)]
    translator.memory.state = states[0] if states else ended.state
    found = [said, *_terms(translator, target, numerals)]
    same = len(states) <= 1 and repr(found) == repr(expected)
    return True if same else (repr(expected), repr(found))


class _Works:
    """What a written class has."""

    def works(self, a: int, b: int) -> object:
        """Do something."""
        raise NotImplementedError(a, b)


def _held(made: object) -> list[object]:
    """Return what the fields of an object hold."""
    held: list[object] = []
    for name in READ:
        value = getattr(made, name)
        held.append(value if isinstance(value, int) else [int(one) for one in value])
    part: object = getattr(made, "part")  # noqa: B009
    return [*held, getattr(part, "v")]  # noqa: B009


def _terms(translator: Translator, target: SymbolicObject, numerals: Numerals) -> list[object]:
    """Return what the fields of an object hold by their terms."""
    memory, found = translator.memory, list[object]()
    for name in READ:
        value = memory.read(place_of(target.kind, name), target.identity)
        if isinstance(value, SymbolicVector):
            vector = z3.simplify(z3.substitute(value.identity, *numerals))
            items = memory.read((i64, ITEMS), vector)
            assert isinstance(items, Content)
            found.append(
                [
                    _number(items.get(z3.BitVecVal(index, 64)), numerals)
                    for index in range(cast(int, _number(items.length, numerals)))
                ]
            )
        else:
            found.append(lowered(value, numerals, NATIVE))
    part = memory.read(place_of(target.kind, "part"), target.identity)
    assert isinstance(part, SymbolicObject)
    identity = z3.simplify(z3.substitute(part.identity, *numerals))
    return [*found, _number(memory.read(place_of(part.kind, "v"), identity), numerals)]


def _number(value: Value, numerals: Numerals) -> object:
    return lowered(NATIVE.lift(scalar_of(value)).term, numerals, NATIVE)
