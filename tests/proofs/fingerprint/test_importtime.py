"""What a fingerprint does not understand counts for everything."""

from collections.abc import Callable

import pytest

from spanproof.decide.catalogue import NEAR
from spanproof.decide.resting import (
    BEGINNINGS,
    COMMANDS,
    DECIDING,
    PROVER,
    TELLER,
    TRIER,
    beyond,
    code_of_ours,
    sources_of_claims,
    what_it_rests_on,
)
from spanproof.fingerprint.code import Code
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.modules import is_within, module_file, modules_of
from spanproof.fingerprint.units import REST, ModuleUnits, Unit
from spanproof.prove.lemmas import Stated, rules_of
from spanproof.theorems import all_obligations

MODULE = "spanspec.base.sizeclass"


@pytest.fixture(scope="module")
def text() -> str:
    path = module_file(MODULE)
    assert path is not None
    return path.read_text(encoding="utf-8")


def changed(text: str, more: str) -> Code:
    """Return our modules, with more text at the end of the size classes."""
    return Code((*PROVER, TELLER, *BEGINNINGS), {MODULE: f"{text}\n\n{more}\n"})


PLAIN = {
    "a constant": "EXTRA = (1, 2)",
    "an annotated constant": "EXTRA: Final[int] = 3",
    "a function": "def extra(a: int) -> int:\n    return a + 1",
    "a function's own list": "def extra():\n    a = [0]\n    a[0] = 1\n    return a\nEX = extra()",
    "a record": "class Extra(NamedTuple):\n    a: int\nEXTRA = Extra(1)",
    "a loop of a comprehension": "EXTRA = tuple(a + 1 for a in range(3))",
    "types only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import spanspec.base",
    "a program": "if __name__ == '__main__':\n    raise SystemExit(0)",
}


@pytest.mark.parametrize("more", PLAIN.values(), ids=PLAIN)
def test_a_form_that_binds_names_leaves_a_module_plain(text: str, more: str) -> None:
    assert changed(text, more).is_plain(MODULE)


T = "SIZE_TO_CLASS8"
ODD = {
    "an item": f"{T}[0] = 1",
    "an attribute": "MAGIC.mul = 1",
    "an attribute of another module": "import spanspec.base.words\nspanspec.base.words.M64 = 1",
    "an attribute of a module renamed": "from spanspec.base import words as w\nw.M64 = 1",
    "an attribute of this module": f"import sys\nsys.modules[__name__].{T} = (1,)",
    "a name bound twice": f"{T} = (1,)",
    "a name bound once more, annotated": f"{T}: Final = (1,)",
    "a function defined anew": "def size_class_for(size):\n    return 1",
    "a class defined anew": "class SizeClass:\n    pass",
    "an import of a name that is there": f"from spanspec.base.words import M64 as {T}",
    "a name bound twice in one statement": "EXTRA = EXTRA = 1",
    "augmented": "SMALL_SIZE_MAX += 1",
    "augmented item": f"{T}[0] += 1",
    "one part of a tuple": f"EXTRA, {T}[0] = 1, 2",
    "starred": f"[*{T}[0:1]] = [1]",
    "deleted": f"del {T}[0]",
    "a deleted name": f"del {T}",
    "setattr": f"import sys\nsetattr(sys.modules[__name__], '{T}', (1,))",
    "setattr in an assignment": f"import sys\n_ = setattr(sys.modules[__name__], '{T}', (1,))",
    "object.__setattr__": "_ = object.__setattr__(MAGIC, 'mul', 1)",
    "globals": f"globals()['{T}'] = (1,)",
    "globals updated": f"globals().update({T}=(1,))",
    "vars": f"import spanspec.base.words as w\nvars(w)['{T}'] = 1",
    "__dict__": "import spanspec.base.words as w\nw.__dict__['M64'] = 1",
    "exec": f"exec('{T} = (1,)')",
    "a call": "def extra():\n    pass\nextra()",
    "a method that changes": f"{T}.append(1)",
    "a method that changes, in an assignment": f"_ = {T}.append(1)",
    "a method of unknown kind": f"_ = {T}.improve()",
    "a comprehension that changes": f"_ = [{T}.append(a) for a in range(3)]",
    "a walrus": f"_ = (({T} := (1,)))",
    "a walrus in a comprehension": f"_ = [{T} := (a,) for a in range(3)]",
    "a function that changes": (
        "import spanspec.base.words as w\ndef extra():\n"
        "    w.M64 = 1\n    return 0\nEXTRA = extra()"
    ),
    "a function with a global": f"def extra():\n    global {T}\n    {T} = 1\nEXTRA = extra()",
    "a function that changes what it is given": (
        f"def extra(a):\n    a[0] = 1\n    return a\nEXTRA = extra({T})"
    ),
    "a function that changes by another name": (
        f"def extra():\n    a = {T}\n    a[0] = 1\n    return a\nEXTRA = extra()"
    ),
    "a function that is handed on": (
        "import spanspec.base.words as w\ndef extra(a):\n    w.M64 = 1\n    return 0\n"
        "EXTRA = sorted([1], key=extra)"
    ),
    "a lambda that is called": f"EXTRA = (lambda: {T}.append(1))()",
    "a lambda that is handed on": f"EXTRA = list(map(lambda a: {T}.append(a), [1]))",
    "a class that changes when made": (
        "import spanspec.base.words as w\nclass Extra:\n"
        "    def __init__(self):\n        w.M64 = 1\n"
        "EXTRA = Extra()"
    ),
    "a class body": "import spanspec.base.words as w\nclass Extra:\n    w.M64 = 1",
    "a call in a class body": "class Extra:\n    print()",
    "a loop in a class body": f"class Extra:\n    for {T}[0] in [1]:\n        pass",
    "a metaclass": "class Extra(metaclass=type):\n    pass",
    "subclasses": "class Extra:\n    def __init_subclass__(cls):\n        pass",
    "a decorator": (
        "def wrong(f):\n    return lambda size: 1\n@wrong\ndef extra(size):\n    return size"
    ),
    "a decorator of others": "import atexit\n@atexit.register\ndef extra():\n    pass",
    "a decorated class": "def wrong(c):\n    return int\n@wrong\nclass Extra:\n    pass",
    "a default argument": f"def extra(a={T}.append(1)):\n    pass",
    "a default argument by keyword": f"def extra(*, a={T}.append(1)):\n    pass",
    "an annotation": f"def extra(a: {T}.append(1)):\n    pass",
    "an annotation alone": f"EXTRA: {T}.append(1) = 1",
    "an annotated attribute": "MAGIC.mul: int = 1",
    "a loop": f"for _ in range(1):\n    {T} = (1,)",
    "a loop with a function": "for _ in range(1):\n    def size_class_for(size):\n        return 1",
    "a loop over an item": f"for {T}[0] in (1,):\n    pass",
    "a loop that calls": f"for _ in range(1):\n    {T}.append(1)",
    "a while loop": f"while {T}:\n    break",
    "with": f"import contextlib\nwith contextlib.nullcontext(1) as {T}:\n    pass",
    "with an item": f"import contextlib\nwith contextlib.nullcontext(1) as {T}[0]:\n    pass",
    "try": f"try:\n    {T} = (1,)\nexcept ValueError:\n    pass",
    "except": f"try:\n    raise ValueError\nexcept ValueError as {T}:\n    pass",
    "match": f"match 1:\n    case {T}:\n        pass",
    "match as": f"match 1:\n    case 1 as {T}:\n        pass",
    "if": f"if 1:\n    {T} = (1,)",
    "else of types only": (
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    {T} = (1,)"
    ),
    "types only, by a name of ours": f"TYPE_CHECKING = 1\nif TYPE_CHECKING:\n    {T} = (1,)",
    "types only, more than imports": (
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {T} = (1,)"
    ),
    "else of a program": f"if __name__ == '__main__':\n    pass\nelse:\n    {T} = (1,)",
    "all names of a module": "from spanspec.base.words import *",
    "names on request": "def __getattr__(name):\n    return 1",
    "builtins": "__builtins__ = {}",
    "an assertion that changes": f"assert {T}.append(1) is None",
    "an import of what is not known": "import sitepatches",
    "a name of an import of what is not known": "from sitepatches import this",
    "a builtin that is another function": "def tuple(a):\n    return 1\nEXTRA = print(1)",
    "an operator's function": f"import operator\n_ = operator.setitem({T}, 0, 1)",
    "a method taken from a class": f"_ = list.append({T}, 1)",
    "a function of others": "import atexit\n_ = atexit.register(print)",
}


@pytest.mark.parametrize("more", ODD.values(), ids=ODD)
def test_any_other_form_makes_a_module_a_single_unit(text: str, more: str) -> None:
    code = changed(text, more)
    assert not code.is_plain(MODULE)
    sources = Sources(code=code)
    plain = Sources(code=changed(text, ""))
    assert sources.digest(Unit(MODULE, "SizeClass")) != plain.digest(Unit(MODULE, "SizeClass"))


def test_everything_rests_on_a_module_that_is_not_plain(text: str) -> None:
    code = changed(text, ODD["an attribute of another module"])
    found = code.effects((*COMMANDS, DECIDING), (DECIDING,))
    assert Unit(MODULE, REST) in found
    assert sum(is_within(unit.module, NEAR) for unit in found) == 1


def test_everything_rests_on_a_function_that_changes_what_is_not_its_own(text: str) -> None:
    for body in ("w.M64 = 1", "global X\n    X = 1", "setattr(w, 'M64', 1)", "TABLE.append(1)"):
        more = f"import spanspec.base.words as w\n\ndef extra():\n    {body}\n"
        code = changed(text, more)
        assert code.is_plain(MODULE)
        assert code.effects((), [MODULE]) == [Unit(MODULE, "extra")], body


def test_our_modules_are_plain_so_that_little_is_decided_again() -> None:
    """A form that fails this is listed in `understood`, or written in another way."""
    code = code_of_ours()
    assert [
        f"{unit.module}: {[one[:80] for one in code.judged(unit.module).odd]}"
        for unit in code.effects((DECIDING,), (DECIDING,))
        if is_within(unit.module, NEAR)
    ] == []


def test_what_only_a_command_imports_counts_as_it_is_written() -> None:
    path = module_file("spanproof.cli.output")
    assert path is not None
    more = "\nimport spanspec.base.words\nspanspec.base.words.M64 = 1\n"
    code = code_of_ours()
    other = Code(code.counted, {"spanproof.cli.output": path.read_text() + more})
    assert set(beyond(code)) < set(beyond(other))


def test_a_unit_rests_on_what_its_imports_mean() -> None:
    sources = sources_of_claims()
    [unit] = sources.named("spanspec.span.sweepgen", "M32")
    assert unit == Unit("spanspec.span.sweepgen", "M32")
    assert Unit("spanspec.base.words", "M32") in sources.closure([unit])
    one = ModuleUnits("a.b", "from .c import d\nfrom operator import add as f")
    two = ModuleUnits("a.b", "from .c import d\nfrom operator import sub as f")
    assert one.imported == {"d": ("a.c", "d"), "f": ("operator", "add")}
    assert one.digest("f") != two.digest("f")
    assert ModuleUnits("a", "from .c import d", package=True).imported["d"] == ("a.c", "d")


def test_an_import_inside_a_function_is_followed(text: str) -> None:
    more = "def extra():\n    from spanspec.pages.freeset import descents as t\n    return t.LEFT"
    sources = Sources(code=changed(text, more))
    assert Unit("spanspec.pages.freeset.descents", "LEFT") in sources.closure(
        [Unit(MODULE, "extra")]
    )


@pytest.mark.parametrize(
    "body",
    [
        "import os\n    return os.environ['X']",
        "return open('/etc/passwd').read()",
        "return hash('a')",
        "return extra.__doc__",
        "return eval('1')",
        "from random import random\n    return random()",
        "return list({'a', 'b'})",
        "return [one for one in {'a', 'b'}]",
        "return next(iter(set('ab')))",
        "return ' '.join(frozenset('ab') | {'c'})",
        "one = {'a', 'b'}\n    one, _ = one\n    return one",
        "found: set[str] = set()\n    for one in found:\n        return one",
        "return {'a', 'b'}.pop()",
        """return f"{set('ab')}\"""",
        "return max(dict.fromkeys('ab').keys() - {'a'}, key=len)",
        "def strings() -> frozenset[str]:\n        return frozenset('ab')\n    return [*strings()]",
    ],
)
def test_what_answers_otherwise_from_run_to_run_is_not_kept(text: str, body: str) -> None:
    code = changed(text, f"def extra():\n    {body}")
    sources = Sources(code=code)
    units = sources.closure([Unit(MODULE, "extra")])
    assert [one for one in sources.unknowns(units) if one.startswith(f"{MODULE}.extra uses ")]


@pytest.mark.parametrize(
    "body",
    [
        "return sorted({'a', 'b'})",
        "return {one for one in {'a', 'b'}}",
        "return any(one == 'a' for one in {'a', 'b'})",
        "return 'a' in {'a', 'b'} and {'a'} <= set('ab') and len(set('ab')) == 2",
        "return list(dict.fromkeys('ab'))",
    ],
)
def test_a_set_whose_order_does_not_show_may_be_kept(text: str, body: str) -> None:
    sources = Sources(code=changed(text, f"def extra():\n    {body}"))
    units = sources.closure([Unit(MODULE, "extra")])
    assert [one for one in sources.unknowns(units) if one.startswith(f"{MODULE}.extra ")] == []


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ("format.schema import spans_of", "[*spans_of(e)]"),
        ("format.inputs import MAY_BE_INPUT", "tuple(MAY_BE_INPUT)"),
    ],
)
def test_a_set_that_is_imported_is_one(text: str, known: str, shown: str) -> None:
    more = f"from spanproof.replay.{known}\ndef extra(e):\n    return {shown}"
    sources = Sources(code=changed(text, more))
    units = [Unit(MODULE, "extra")]
    assert any("the order of" in one for one in sources.unknowns(units))


def test_nothing_that_decides_lets_the_order_of_a_set_show() -> None:
    code = code_of_ours()
    for name in (one for place in (*PROVER, TRIER) for one in modules_of(place)):
        assert code.judged(name).shown == {}, name


def test_what_an_obligation_states_of_loops_and_calls_is_taken_in() -> None:
    sources = sources_of_claims()
    for name, claim in all_obligations().items():
        stated: list[Callable[..., object]] = []
        used: list[Stated] = [*claim.contracts.values(), *claim.lemmas]
        for one in used:
            stated += rules_of(one)
        stated += [one for loop in claim.loops.values() for one in loop if callable(one)]
        units = what_it_rests_on(sources, claim)
        for function in stated:
            assert Unit(function.__module__, function.__name__) in units, name
