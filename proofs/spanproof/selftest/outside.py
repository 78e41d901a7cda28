"""Functions outside the subset: every construct of Python's grammar that the subset lacks.

`STATEMENTS` and `EXPRESSIONS` have examples for each class of `ast` node that no rule may contain.
One is put somewhere into a function of the subset, in a branch that is never taken too, and the
refusal has to name its line.
"""

import ast
from random import Random
from typing import Final, NamedTuple

from spanproof.selftest.inside import FunctionWriter, Written
from spanproof.symbolic.values.arithmetic import Arithmetic

STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    "FunctionDef": ("def inner(x): return x", "@property\ndef inner(x): return x"),
    "AsyncFunctionDef": ("async def inner(x): return x",),
    "ClassDef": ("class Inner: pass", "class Inner(Pair): pass"),
    "Delete": ("del z", "del z, y"),
    "For": ("for z in range(3): pass", "for z in ROWS:\n    pass\nelse:\n    pass"),
    "AsyncFor": ("async def f():\n    async for z in ROWS: pass",),
    "With": ("with z: pass", "with z as y: pass"),
    "AsyncWith": ("async def f():\n    async with z: pass",),
    "Match": ("match z:\n    case 1: pass\n    case _: pass",),
    "MatchValue": ("match z:\n    case 1: pass",),
    "MatchSingleton": ("match z:\n    case None: pass",),
    "MatchSequence": ("match z:\n    case [1, 2]: pass",),
    "MatchMapping": ("match z:\n    case {1: y}: pass",),
    "MatchClass": ("match z:\n    case Pair(first=1): pass",),
    "MatchStar": ("match z:\n    case [1, *y]: pass",),
    "MatchAs": ("match z:\n    case y: pass",),
    "MatchOr": ("match z:\n    case 1 | 2: pass",),
    "match_case": ("match z:\n    case 1: pass",),
    "Raise": ("raise ValueError", "raise ValueError from None"),
    "Try": ("try: pass\nfinally: pass",),
    "TryStar": ("try: pass\nexcept* ValueError: pass",),
    "ExceptHandler": ("try: pass\nexcept ValueError: pass",),
    "Import": ("import math",),
    "ImportFrom": ("from math import pi",),
    "alias": ("import math as m",),
    "Global": ("global ROWS",),
    "Nonlocal": ("def inner():\n    nonlocal z", "def inner(): pass"),
    "Expr": ("z", "ROWS[0]", "f'{z}'", "(z, y)"),
    "Break": ("while z < 3:\n    break",),
    "Continue": ("for z in ROWS:\n    continue",),
    "TypeAlias": ("type T = int",),
    "withitem": ("with z: pass",),
    "Return": ("return",),
    "Assign": ("z = y = 1", "z.first = 1", "z[0] = 1", "[z, y] = 1, 2", "z, *y = 1, 2, 3"),
    "AnnAssign": ("z: int", "z.first: int = 1"),
    "AugAssign": ("z.first += 1", "z[0] += 1", "z /= 2", "z **= 2", "z @= 2"),
}
"""Statements that a rule cannot contain, by the class of node that they are examples of."""

EXPRESSIONS: Final[dict[str, tuple[str, ...]]] = {
    "NamedExpr": ("(z := 1)",),
    "Lambda": ("lambda: 1", "(lambda z: z)(1)"),
    "Dict": ("{}", "{1: 2}", "{**z}"),
    "Set": ("{1, 2}",),
    "List": ("[]", "[1, 2]"),
    "ListComp": ("[z for z in ROWS]",),
    "SetComp": ("{z for z in ROWS}",),
    "DictComp": ("{z: z for z in ROWS}",),
    "GeneratorExp": (
        "all(z > 0 for z in ROWS if z)",
        "all(z > y for z in ROWS for y in ROWS)",
        "all(z > y for z, y in PAIRS)",
    ),
    "comprehension": ("any(z for z in ROWS if True)",),
    "Await": ("await z",),
    "Yield": ("(yield)", "(yield 1)"),
    "YieldFrom": ("(yield from ROWS)",),
    "JoinedStr": ("f'{z}'",),
    "FormattedValue": ("f'{z!r:>3}'",),
    "TemplateStr": ("t'{z}'",),
    "Interpolation": ("t'{z!r}'",),
    "Starred": ("(*ROWS, 1)", "Pair(*ROWS)"),
    "keyword": ("Pair(**z)",),
    "Slice": ("ROWS[1:2]", "ROWS[:]", "ROWS[::2]"),
    "Constant": ("1.5", "2j", "'text'", "b'bytes'", "None", "..."),
    "Div": ("4 / 2",),
    "Pow": ("2 ** 3",),
    "MatMult": ("z @ z",),
    "UAdd": ("+SMALL",),
    "In": ("1 in ROWS",),
    "NotIn": ("1 not in ROWS",),
    "Is": ("z is None", "ROWS is FLAGS"),
    "IsNot": ("z is not None",),
}
"""Expressions that a rule cannot contain, by the class of node that they are examples of."""

WRONG: Final = (
    "UNHEARD_OF",
    "LIST[0]",
    "FLOAT + 1",
    "TEXT == TEXT",
    "NOTHING == 1",
    "abs(1)",
    "float(1)",
    "len(5)",
    "len(ROWS, ROWS)",
    "sum(ROWS)",
    "isinstance(1, int)",
    "ROWS.count(5)",
    "ROWS[9]",
    "ROWS[-9]",
    "ROWS[True]",
    "ROWS[FLAGS]",
    "Pair(1)",
    "Pair(1, 2, 3)",
    "Pair(1, third=2)",
    "Pair(1, 2).third",
    "Pair(1, 2)._asdict()",
    "Pair(1, 2)._replace(1)",
    "Pair(1, 2)._replace(third=1)",
    "Box(1, True)._replace(size=1)",
    "replace(Pair(1, 2), first=1)",
    "replace(Box(1, True), third=1)",
    "replace(Box(1, True), 1)",
    "Box(1, True)[0]",
    "Pair(1, 2) == Pair(1, 2)",
    "(1, 2) == (1, 2)",
    "(1, 2) + (3, 4)",
    "True + 1",
    "True < False",
    "1 and 2",
    "not 1",
    "1 if 1 else 2",
    "1 == True",
    "all(FLAGS)",
    "all(i > 0 for i in ROWS)",
    "all(i for i in range(3))",
    "all(i > 0 for i in range(0, 3, 1))",
    "any(i > 0 for i in range(*ROWS))",
    "SpanId(True)",
    "SpanId(identity=1)",
    "1 // 0",
    "1 << -1",
    "1 << (1 << 40)",
    "ROWS()",
    "Pair + 1",
    "helper.__name__",
    "(1).real",
    "(1).bit_length(1)",
)
"""Expressions made of constructs of the subset that mean nothing in it."""

PARAMETERS: Final = ("*, z", "z, /", "*z", "**z", "z, /, *, y=1")
"""Parameters that a rule cannot have."""


class Outside(NamedTuple):
    """A function outside the subset, and the lines of its text that a refusal may name."""

    written: Written
    construct: str
    lines: range


def exists(text: str) -> bool:
    """Tell whether this Python has the construct."""
    try:
        compile(f"def f():\n{_indented(text)}", "?", "exec", flags=ast.PyCF_ONLY_AST)
    except SyntaxError:
        return False
    return True


def constructs() -> list[tuple[str, str, bool]]:
    """Return each construct's class and text, and whether it is refused wherever it stands."""
    found = [(kind, f"z = {text}", True) for kind, texts in EXPRESSIONS.items() for text in texts]
    found += [(kind, text, True) for kind, texts in STATEMENTS.items() for text in texts]
    found += [("wrong", f"z = {text}", False) for text in WRONG]
    return [one for one in found if exists(one[1])]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


def outside(random: Random, name: str, arithmetic: Arithmetic) -> Outside:
    """Write a function with one construct that a rule cannot contain."""
    written = FunctionWriter(random, name, arithmetic).function()
    if random.random() < 0.05:
        return _with_parameter(written, random.choice(PARAMETERS))
    kind, construct, anywhere = random.choice(constructs())
    lines = written.text.rstrip("\n").split("\n")
    place = 1
    if anywhere:
        ends = len(lines)
        free = [at for at in range(1, ends + 1) if at == ends or not _continues(lines[at])]
        place = random.choice(free)
    indent = _indent_of(lines[place]) if anywhere and place < len(lines) else "    "
    added = construct.split("\n")
    if anywhere and random.random() < 0.3:
        added = ["if False:", *(f"    {line}" for line in added)]
    lines[place:place] = [indent + line for line in added]
    named = range(place + 1, place + 1 + len(added))
    text = "\n".join([*lines, ""])
    return Outside(written._replace(text=text), f"{kind}: {construct}", named)


def _with_parameter(written: Written, given: str) -> Outside:
    """Put a parameter that a rule cannot have behind the others, or first if it has to be."""
    head, _, body = written.text.partition("):\n")
    name, _, before = head.partition("(")
    listed = f"{given}, {before}" if given == "z, /" else f"{before}, {given}"
    if given == "z, /, *, y=1":
        listed = f"z, /, {before}, *, y=1"
    text = f"{name}({listed}):\n{body}"
    return Outside(written._replace(text=text), f"parameters {given}", range(1, 2))


def _continues(line: str) -> bool:
    return line.lstrip().startswith(("elif", "else"))


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def compiles(text: str) -> bool:
    """Tell whether a text is Python at all: a construct may not be put everywhere."""
    try:
        compile(text, "?", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True
