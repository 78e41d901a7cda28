"""What the translator must not believe: names, other functions, modules that run otherwise."""

import functools
import types
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import z3

from spanproof.prove.proof import Proof
from spanproof.symbolic.evaluation.frames import LoopInvariant
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanspec.base import words
from spanspec.span.alloccache import next_free_fast
from spanspec.span.mspan import Mspan
from tests.proofs.symbolic.refusing import WORDS, refused, row, written

# --- names ----------------------------------------------------------------------------------------

chosen = 7


def one_branch_only(flag: bool) -> int:
    if flag:
        chosen = 1
    return chosen


def only_in_the_round(n: int) -> int:
    while n > 0:
        chosen = n
        n = n - 1
    return chosen


@pytest.mark.parametrize(
    "body",
    [
        "result = chosen if flag > 0 else 0\n    chosen = 3\n    return result",
        "return chosen\n    chosen = 1",
        "chosen += 1\n    return chosen",
        "return all(chosen == i for i in range(flag))\n    chosen: int = 1",
    ],
)
def test_a_local_name_without_a_value_is_not_the_modules(tmp_path: Path, body: str) -> None:
    assert "chosen may have no value" in refused(one_branch_only, z3.Bool("flag"))
    module = written(tmp_path, f"chosen = 7\n\ndef f(flag):\n    {body}\n")
    assert "chosen may have no value" in refused(module.f, z3.BitVec("flag", 64))


def test_a_name_of_a_loops_body_is_not_the_modules() -> None:
    loops = {f"{__name__}.only_in_the_round": LoopInvariant(always, itself)}
    with pytest.raises(UnsupportedConstruct, match="chosen may have no value"):
        Translator(WORDS, loops=loops).call(only_in_the_round, z3.BitVec("n", 64))


def always(n: int) -> bool:
    return True


def itself(n: int) -> int:
    return n


def keyword_only(x: int, *, chosen: int = 1) -> int:
    return x + chosen


def positional_only(chosen: int, /, x: int) -> int:
    return x + chosen


def star_arguments(x: int, *chosen: int) -> int:
    return x


def star_keywords(x: int, **chosen: int) -> int:
    return x


@pytest.mark.parametrize("function", [keyword_only, positional_only, star_arguments, star_keywords])
def test_only_plain_parameters_are_read(function: object) -> None:
    assert "parameter" in refused(function, z3.BitVec("x", 64))


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x\n    yield x\n",
        "def f(all):\n    return all(x == 0 for x in range(3))\n",
        "def f(x):\n    return all(i == x for i in range(3))\n    range = 1\n",
    ],
)
def test_neither_a_generator_nor_a_shadowed_builtin_is_read(tmp_path: Path, text: str) -> None:
    refused(written(tmp_path, text).f, z3.BitVec("x", 64))


def test_a_module_may_give_a_builtin_another_meaning(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "def range(a, b):\n    return (a, b)\n"
        "def f(n):\n    return all(i < n for i in range(0, 5))\n",
    )
    assert "ranges over" in refused(module.f, z3.BitVec("n", 64))


def test_a_global_that_a_function_binds_anew_is_no_constant(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "COUNT = 0\n\ndef step():\n    global COUNT\n    COUNT += 1\n\n"
        "def f(x):\n    return x + COUNT\n",
    )
    assert "COUNT" in refused(module.f, z3.BitVec("x", 64))


def test_what_can_change_or_computes_by_itself_is_no_constant(tmp_path: Path) -> None:
    module = written(
        tmp_path,
        "import enum\nclass E(enum.IntEnum):\n    A = 1\n"
        "LIST = [1, 2]\nNUMBER = 1.0\nMEMBER = E.A\n"
        "def f(x):\n    return LIST[x]\ndef g(x):\n    return x < NUMBER\n"
        "def h(x):\n    return x + MEMBER\n",
    )
    for function in (module.f, module.g, module.h):
        assert "no constant" in refused(function, z3.BitVec("x", 64))


# --- the function that Python runs ----------------------------------------------------------------


def undecorated(x: int) -> int:
    return x


def wrapping(function: Callable[[int], int]) -> Callable[[int], int]:
    @functools.wraps(function)
    def undecorated(x: int) -> int:
        return 1

    return undecorated


def made_here() -> Callable[[int], int]:
    def undecorated(x: int) -> int:
        return x + 1

    return undecorated


closure = made_here()


@wrapping
def wrapped(x: int) -> int:
    return x


@functools.cache
def remembered(x: int) -> int:
    return x


def as_it_is(function: Callable[[int], int]) -> Callable[[int], int]:
    return function


@as_it_is
def registered(x: int) -> int:
    return x


anonymous = lambda x: x  # noqa: E731


@pytest.mark.parametrize(
    "function",
    [closure, wrapped, remembered, registered, anonymous, made_here(), functools.partial(row, 1)],
)
def test_what_is_not_the_function_of_its_name_is_refused(function: object) -> None:
    assert undecorated(1) == 1
    with pytest.raises(UnsupportedConstruct):
        Translator(WORDS).call(cast(Callable[..., object], function), z3.BitVec("x", 64))


def calls_closure(x: int) -> int:
    return closure(x)


def test_a_call_of_a_closure_is_refused_where_it_is() -> None:
    refused(calls_closure, z3.BitVec("x", 64))


@pytest.mark.parametrize(
    "again",
    [
        "for _ in (1,):\n    def f(x):\n        return 2\n",
        "if True:\n    def f(x):\n        return 2\n",
        "try:\n    raise ValueError\nexcept ValueError:\n    def f(x):\n        return 2\n",
        "def f(x):\n    return 2\n",
        "def g(x):\n    return 2\nf = g\n",
        "def g(x):\n    return 2\nf.__code__ = g.__code__\n",
        "def g(x):\n    return 2\nimport sys\nsetattr(sys.modules[__name__], 'f', g)\n",
    ],
)
def test_the_function_that_was_bound_last_is_read(tmp_path: Path, again: str) -> None:
    module = written(
        tmp_path, f"def f(x):\n    return 1\n\ndef calls(x):\n    return f(x)\n\n{again}"
    )
    assert module.calls(0) == 2
    assert Translator(WORDS).call(module.calls, z3.BitVec("x", 64)) == 2


def test_a_text_that_is_not_what_was_imported_is_refused(tmp_path: Path) -> None:
    module = written(tmp_path, "def f(x):\n    return 1\n")
    Path(module.__file__ or "").write_text("def f(x):\n    return 3\n", encoding="utf-8")
    assert "what runs" in refused(module.f, z3.BitVec("x", 64))


def test_a_function_with_other_globals_is_refused(tmp_path: Path) -> None:
    module = written(tmp_path, "K = 1\n\ndef f(x):\n    return K\n")
    other = types.FunctionType(module.f.__code__, {"K": 2, "__name__": module.__name__})
    assert "names" in refused(other, z3.BitVec("x", 64))


@pytest.mark.parametrize(
    "change",
    [
        "\nfor _ in (1,):\n    def trailing_zeros(word):\n        return 1\n",
        "\ndef wrap(rule):\n    return lambda word: 1\n\ntrailing_zeros = wrap(trailing_zeros)\n",
        "\nimport sys\nsys.modules[__name__].trailing_zeros = len\n",
    ],
)
def test_a_changed_module_is_read_as_it_runs(change: str) -> None:
    text = SourceTree().module("spanspec.base.words").text + change
    translator = Translator(WORDS, SourceTree({"spanspec.base.words": text}))
    try:
        value = translator.call(words.trailing_zeros, z3.BitVec("x", 64))
    except UnsupportedConstruct:
        return
    assert value == 1


def test_a_replaced_function_of_a_compiled_module_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = SourceTree().module("spanspec.base.words")
    if not source.compiled:
        pytest.skip("spanspec.base.words is not compiled: pip install . with a C compiler")
    monkeypatch.setattr(words, "trailing_zeros", words.is_trailing_zeros)
    proof = Proof(WORDS)
    span = proof.fresh(Mspan, "span")
    with pytest.raises(UnsupportedConstruct):
        proof.call(next_free_fast, span)
