"""What a text says is found out once, and what others have a say in is looked up again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spanproof.decide.cache import Cache
from spanproof.fingerprint import code as of_code
from spanproof.fingerprint.code import Code
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.facts import facts_of
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.fingerprint.units import ModuleUnits, Unit, units_of

HERE, THERE = "spanspec.base.intervals", "spanspec.base.conversions"
TABLE = "TABLE = [0]\n"


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be known but what a store has."""
    monkeypatch.setattr(of_code, "_FOUND", {})


def told(code: Code, name: str) -> object:
    return code.facts(name), code.judged(name)


def test_what_is_kept_is_what_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = modules_of("spanspec.base")
    plain, store = Code(), Cache(tmp_path)
    found = {name: told(plain, name) for name in names}
    of_code._FOUND.clear()
    code = Code(store=store)
    assert {name: told(code, name) for name in names} == found
    of_code._FOUND.clear()

    def take_apart(*text: object) -> ModuleUnits:
        raise AssertionError("a text is taken apart that is known")

    monkeypatch.setattr(of_code, "units_of", take_apart)
    again = Code(store=store)
    assert {name: told(again, name) for name in names} == found
    changed = Code(changed={HERE: "LIMIT = 1\n"}, store=store)
    with pytest.raises(AssertionError, match="taken apart"):
        changed.facts(HERE)
    of_code._FOUND.clear()
    other = Code(store=Cache(tmp_path / "other"))
    with pytest.raises(AssertionError, match="taken apart"):
        other.facts(HERE)


def with_texts(store: Cache | None, here: str, there: str) -> Code:
    return Code(changed={HERE: here, THERE: there}, store=store)


CALLS = f"from {THERE} import make\nMADE = make()\n"

FATES = {
    "a function changes a table": (CALLS, f"{TABLE}def make():\n    return 1\n"),
    "a function stays": (CALLS, f"{TABLE}def make():\n    TABLE.append(1)\n    return 1\n"),
    "what it calls changes a table": (
        CALLS,
        f"{TABLE}def make():\n    return other()\n\ndef other():\n    return 1\n",
    ),
    "what it calls stays": (
        CALLS,
        f"{TABLE}def make():\n    return other()\n\n"
        "def other():\n    TABLE.append(1)\n    return 1\n",
    ),
    "it is gone": (CALLS, TABLE),
    "it is imported from elsewhere": (CALLS, "from spanspec.base.words import mask as make\n"),
    "its order shows": (
        f"from {THERE} import make\ndef f():\n    return [*make()]\n",
        "def make() -> set[int]:\n    return {1}\n",
    ),
    "it has none": (
        f"from {THERE} import make\ndef f():\n    return [*make()]\n",
        "def make() -> list[int]:\n    return [1]\n",
    ),
}


def test_what_another_module_has_a_say_in_is_looked_up_again(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    expected = {name: told(with_texts(None, *texts), HERE) for name, texts in FATES.items()}
    assert len({str(one) for one in expected.values()}) > 4
    for _ in range(2):  # whatever was judged before
        for name, texts in FATES.items():
            of_code._FOUND.clear()
            assert told(with_texts(store, *texts), HERE) == expected[name], name


def test_a_unit_of_a_module_that_is_known_has_the_key_of_one_that_is_not(tmp_path: Path) -> None:
    store = Cache(tmp_path)
    roots = [Unit(name, unit) for name in modules_of("spanspec.span") for unit in units(name)]
    for changed in ({}, {HERE: "def meets(a):\n    return a\n"}, {HERE: "import os\nos.x = 1\n"}):
        of_code._FOUND.clear()
        kept = Sources(code=Code(changed=changed, store=store))
        plain = Sources(code=Code(changed=changed))
        units_kept, units_plain = kept.closure(roots), plain.closure(roots)
        assert units_kept == units_plain
        assert kept.fingerprint(units_kept) == plain.fingerprint(units_plain)
        assert list(kept.unknowns(units_kept)) == list(plain.unknowns(units_plain))


def units(name: str) -> Iterator[str]:
    path = module_file(name)
    assert path is not None
    yield from facts_of(units_of(name, path.read_text(), path.name == "__init__.py")).units


def test_who_calls_what_changes_something_is_harmless_by_no_order_of_looking(
    tmp_path: Path,
) -> None:
    """`one` and `two` call each other: neither is known while the other is looked at."""
    there = (
        f"{TABLE}def one():\n    two()\n    TABLE.append(1)\n    return 1\n"
        "def two():\n    return one()\n"
    )
    for first, second in (("one", "two"), ("two", "one")):
        here = f"from {THERE} import one, two\nA = {first}()\nB = {second}()\n"
        assert len(with_texts(None, here, there).judged(HERE).odd) == 2


def rests_on_body_of(here: str, there: str, unit: str = "f") -> bool:
    """Tell whether a unit's fingerprint changes with the body of `step` in another module."""
    digests = set()
    for body in ("return 1", "return 2"):
        of_code._FOUND.clear()
        sources = Sources(code=with_texts(None, here, there.format(body)))
        digests.add(sources.fingerprint(sources.closure([Unit(HERE, unit)])))
    return len(digests) == 2


STEP = "def step():\n    {}\n"

ASKED = {
    "is it": ("def f(a):\n    return a is step\n", STEP, False),
    "is it not": ("def f(a):\n    return 1 if step is not a else 2\n", STEP, False),
    "of a module": ("def f(a):\n    return a is c.step\n", STEP, False),
    "called as well": ("def f(a):\n    return a is step and step()\n", STEP, True),
    "its result": ("def f(a):\n    return a is step()\n", STEP, True),
    "handed on": ("def f(a):\n    return g(step)\ndef g(a):\n    return a is step\n", STEP, True),
    "compared": ("def f(a):\n    return a == step\n", STEP, True),
    "one of some": ("def f(a):\n    return a in (step,)\n", STEP, True),
    "both": ("def f(a):\n    return a is step == 1\n", STEP, True),
    "made by another": (
        "def f(a):\n    return a is step\n",
        "def made():\n    {}\nstep = made()\n",
        True,
    ),
    "decorated": (
        "def f(a):\n    return a is step\n",
        "from functools import cache\n@cache\ndef step():\n    {}\n",
        True,
    ),
    "defined twice": ("def f(a):\n    return a is step\n", f"def step():\n    pass\n{STEP}", True),
}


@pytest.mark.parametrize(("here", "there", "rests"), ASKED.values(), ids=ASKED)
def test_who_asks_whether_it_is_a_function_does_not_rest_on_its_body(
    here: str, there: str, rests: bool
) -> None:
    imports = f"from {THERE} import step\nimport {THERE} as c\n"
    assert rests_on_body_of(imports + here, there) == rests


def test_who_asks_whether_it_is_a_function_rests_on_which_one_it_is() -> None:
    here = "from spanspec.base.{} import step\ndef f(a):\n    return a is step\n"
    prints = set()
    for module in ("conversions", "bitmap"):
        of_code._FOUND.clear()
        sources = Sources(code=with_texts(None, here.format(module), STEP.format("return 1")))
        prints.add(sources.fingerprint(sources.closure([Unit(HERE, "f")])))
    assert len(prints) == 2
