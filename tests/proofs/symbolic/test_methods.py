"""Methods become terms: what they store, return and raise is what Python does."""

import importlib
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.base.errors import SpanError
from spanalloc.base.maxtree import MaxTree
from spanalloc.span.span import Span
from spanproof.prove.methods import Fields, words_of
from spanproof.prove.proof import Proof
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.evaluation.frames import LoopBound
from spanproof.symbolic.reading.classes import require_plain
from spanproof.symbolic.text.errors import NotTranslatable, UnsupportedConstruct
from spanproof.symbolic.values.memory import ITEMS, Content
from spanproof.symbolic.values.merge import scalar_of
from spanproof.symbolic.values.values import SymbolicObject, SymbolicVector

NATIVE: Final = Signed(64)
KERNELS: Final = {
    f"spanalloc.span.kernels.{name}": LoopBound(20) for name in ("next_free_index", "count_ones")
}
NUMBERS: Final = (
    *("base", "npages", "spanclass", "elemsize", "nelems", "magic", "sweepgen", "freeindex"),
    *("alloc_cache", "alloc_count", "needzero", "state", "limit", "listed"),
)
FLAGS: Final = ("was_empty", "scavenged", "dirty")
VECTORS: Final = ("alloc_bits", "gcmark_bits")
CALLS: Final[tuple[tuple[str, tuple[int, ...]], ...]] = (
    *((name, ()) for name in ("malloc_fast", "malloc_slow", "malloc", "malloc_large")),
    *((name, ()) for name in ("first_free", "make_manual", "end")),
    *((name, (1 << 32,)) for name in ("cache", "retire", "uncache", "claim", "sweep", "publish")),
    *((name, (1030,)) for name in ("is_free", "mark", "address", "checked")),
    ("init_slots", (134, 2)),
    ("reset", (1 << 40, 9)),
    ("index_of", (20000,)),
)


def any_span(chance: random.Random) -> Span:
    span = Span(8192 * chance.randrange(4), chance.choice([2, 5, 10, 40]), 1, 0)
    for _ in range(chance.randrange(4)):
        for _ in range(chance.choice([0, 1, 63, 64, 70])):
            span.malloc()
        for slot in range(chance.randrange(70)):
            if slot < span.nelems and chance.random() < 0.7 and not span.is_free(slot):
                span.mark(slot)
        if chance.random() < 0.6:
            span.sweepgen = 1
            span.sweep(2)
    span.sweepgen = chance.choice([0, 1, 2, 3, 5, (1 << 32) - 2])
    span.alloc_count += chance.choice([0, 0, 0, -1, 1])
    return span


def given(p: Proof, span: Span) -> Fields:
    """A span in a proof that holds what a span holds."""
    fields = Fields(p, Span, "span")
    for name in NUMBERS:
        fields.set(name, int(getattr(span, name)))
    for name in FLAGS:
        fields.set(name, bool(getattr(span, name)))
    for name in VECTORS:
        words = [int(word) for word in getattr(span, name)]
        vector = fields.value(name)
        assert isinstance(vector, SymbolicVector)
        p.translator.memory.write((i64, ITEMS), vector.identity, known(words))
    return fields


def known(words: list[int]) -> Content:
    def get(index: z3.ExprRef) -> z3.ExprRef:
        term: z3.ExprRef = z3.BitVecVal(0, 64)
        for place, word in enumerate(words):
            term = z3.If(index == place, z3.BitVecVal(word, 64), term)
        return z3.simplify(term)

    return Content(get, len(words))


def number(p: Proof, value: object) -> int:
    term = z3.simplify(p.arithmetic.lift(scalar_of(value)).term)
    assert isinstance(term, z3.BitVecNumRef)
    return int(term.as_signed_long())


def held(p: Proof, fields: Fields) -> dict[str, object]:
    found: dict[str, object] = {name: number(p, fields.value(name)) for name in NUMBERS}
    found |= {name: z3.is_true(z3.simplify(fields[name])) for name in FLAGS}
    for name in VECTORS:
        words = fields.words(name)
        length = number(p, words.length)
        found[name] = [number(p, words.get(z3.BitVecVal(i, 64))) for i in range(length)]
    return found


def shown(span: Span) -> dict[str, object]:
    found: dict[str, object] = {name: int(getattr(span, name)) for name in NUMBERS}
    found |= {name: bool(getattr(span, name)) for name in FLAGS}
    return found | {name: [int(word) for word in getattr(span, name)] for name in VECTORS}


@pytest.mark.parametrize("seed", range(4))
def test_a_method_stores_returns_and_raises_what_python_does(seed: int) -> None:
    chance = random.Random(seed)
    refused = 0
    for name, limits in CALLS:
        span = any_span(chance)
        arguments = [chance.choice([0, 1, 2, 3, 5, chance.randrange(limit)]) for limit in limits]
        p = Proof(NATIVE, loops=KERNELS)
        fields = given(p, span)
        ran = fields.run(name, *arguments)
        before = shown(span)
        method: Callable[..., object] = getattr(span, name)
        try:
            returned = method(*arguments)
        except SpanError:
            refused += 1
            assert z3.is_true(z3.simplify(ran.raises)), name
            assert shown(span) == before
            continue
        assert not z3.is_true(z3.simplify(ran.raises)), name
        assert held(p, fields) == shown(span), name
        if isinstance(returned, bool):
            assert z3.is_true(z3.simplify(z3.BoolVal(True) == ran.value)) == returned
        elif returned is not None:
            assert number(p, ran.value) == returned
    assert refused > 0


def test_a_new_tree_is_what_python_makes() -> None:
    for capacity in (1, 16, 17, 256, 8192):
        p, tree = Proof(NATIVE), MaxTree(capacity)
        fields = Fields(p, MaxTree, "tree")
        fields.run("__init__", capacity)
        starts, weights = fields.words("starts"), fields.words("weights")
        assert number(p, fields.value("rows")) == tree.rows
        assert number(p, starts.length) == len(tree.starts)
        assert number(p, weights.length) == len(tree.weights)
        for index, start in enumerate(tree.starts):
            assert number(p, starts.get(z3.BitVecVal(index, 64))) == start


CLASS: Final = '''
from librt.vecs import vec
from mypy_extensions import i64


class Probe:
    """A class."""

    def __init__(self, n: i64) -> None:
        self.n: i64 = n
        self.words = vec[i64]([0] * n)

    def bump(self) -> i64:
        """Count."""
        self.n += 1
        return self.n

    def works(self, n: i64) -> i64:
        """Work."""
        {body}
'''


@pytest.fixture
def probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], tuple[Proof, Fields]]]:
    """Make an object of a class whose method has some body."""
    name = f"test_probe_{abs(hash(request.node.nodeid))}"
    monkeypatch.syspath_prepend(tmp_path)

    def make(body: str) -> tuple[Proof, Fields]:
        (tmp_path / f"{name}.py").write_text(CLASS.format(body=body))
        kind = vars(importlib.import_module(name))["Probe"]
        p = Proof(NATIVE)
        return p, Fields(p, kind, "probe")

    yield make
    sys.modules.pop(name, None)


Probe = Callable[[str], tuple[Proof, Fields]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("for i in range(n):\n            n += i\n        return n", "known length"),
        ("while n > 0:\n            n -= 1\n        return n", "an invariant, or a bound"),
        ("self.absent = n\n        return n", "no field absent"),
        ("return self.absent(n)", "no method absent"),
        ("del self.n\n        return n", "cannot contain Delete"),
        ("with self.n:\n            return n", "cannot contain With"),
        ("try:\n            return n\n        finally:\n            n = 1", "cannot contain Try"),
        ("return [i for i in range(3)]", "cannot contain ListComp"),
        ("return n if (lambda: n) else n", "cannot contain Lambda"),
        ("self.n, n = n, 1\n        return n", "only names and tuples"),
        ("n = self.n = 3\n        return n", "one value to one name"),
        ("return n > 0 and self.works(n) > 0", "calls itself"),
        ("yield n", "cannot contain"),
        ("raise ValueError('a') from None", "cannot contain Raise"),
        ("raise ValueError(self.bump())", "bump may change an object"),
        ("raise ValueError(f'{n:#x} {self.bump()}')", "bump may change an object"),
        ("raise ValueError(self.words.pop())", "may change an object"),
        ("self.n = 1 << 64\n        return n", "does not fit"),
        ("self.words.append(n)\n        return n", "no method append"),
        ("return min(one=n, other=1)", "min takes no argument by name"),
        ("return int(number=n)", "int takes no argument by name"),
        ("self.__n = n\n        return n", "in a class, __n is another name"),
        ("return __limit", "in a class, __limit is another name"),
    ],
)
def test_what_a_method_may_not_contain_is_refused(body: str, says: str, probe: Probe) -> None:
    p, fields = probe(body)
    with pytest.raises(UnsupportedConstruct, match=says) as refused:
        fields.run("works", p.number(i64, "n"))
    assert refused.value.line > 0


def test_two_names_for_one_vector_are_one_vector(probe: Probe) -> None:
    p, fields = probe(
        "words = self.words\n        words[2] = n\n        self.words[2] += 1\n"
        "        return words[2]"
    )
    fields.run("__init__", 5)
    assert number(p, fields.run("works", 7).value) == 8
    assert number(p, fields.words("words").get(z3.BitVecVal(2, 64))) == 8
    assert number(p, fields.words("words").get(z3.BitVecVal(3, 64))) == 0


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("self.words[self.bump() & 3] += 5\n        return self.n", 9),
        ("self.words[self.n & 3] += self.bump()\n        return self.words[0]", 9),
        ("self.words[self.bump() & 3] = self.bump()\n        return self.words[2]", 9),
        ("self.n += self.bump()\n        return self.n", 17),
    ],
)
def test_the_place_that_a_statement_changes_is_found_once(
    body: str, value: int, probe: Probe
) -> None:
    p, fields = probe(body)
    made = fields.target.kind(8)
    assert made.works(0) == value
    fields.run("__init__", 8)
    assert number(p, fields.run("works", 0).value) == value


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize(
    "body",
    [
        "if n > 2:\n            self.words = vec[i64]([0] * 3)\n"
        "        self.words[0] += n\n        return self.words[0] + len(self.words)",
        "w = self.words if n > 2 else vec[i64]([0] * 3)\n        w[1] = n\n"
        "        return self.words[1]",
        "if n > 2:\n            p = Probe(n)\n        else:\n            p = Probe(5)\n"
        "        p.n += 10\n        return p.n",
    ],
)
def test_what_was_made_on_one_way_only_is_read_where_the_ways_meet(
    body: str, n: int, probe: Probe
) -> None:
    p, fields = probe(body)
    fields.run("__init__", 8)
    argument = p.number(i64, "n")
    value = fields.run("works", argument).value
    term = z3.substitute(p.arithmetic.lift(scalar_of(value)).term, (argument, z3.BitVecVal(n, 64)))
    assert number(p, z3.simplify(term)) == fields.target.kind(8).works(n)


ODD: Final = """
import functools
from mypy_extensions import i64


class Inner:
    def __init__(self, v: i64) -> None:
        self.v: i64 = v


class Probe(Inner):
    {extra}

    def __init__(self, n: i64) -> None:
        self.n: i64 = n
        self.inner = Inner(n)

    def helper(self) -> i64:
        return self.n

    def works(self, n: i64) -> i64:
        self.n = n
        return self.helper()


{after}
"""


@pytest.mark.parametrize(
    ("extra", "after", "says"),
    [
        ("def __setattr__(self, n: str, v: object) -> None: pass", "", "defines __setattr__"),
        ("def __getattribute__(self, n: str) -> object: return 1", "", "defines __getattrib"),
        ("def __new__(cls, n: i64) -> object: return 1", "", "defines __new__"),
        ("n = property(lambda self: 5, lambda self, v: None)", "", "Probe.n is no field"),
        ("", "Probe.__getattr__ = lambda self, name: 1", "defines __getattr__"),
        ("", "Probe.helper = functools.lru_cache(Probe.helper)", "is not what the text says"),
        ("", "Probe.helper = property(lambda self: lambda: 5)", "is not what the text says"),
        ("", "class Other(Probe):\n    def helper(self) -> i64:\n        return 9", "of its own"),
        ("", "", "no field v"),
    ],
)
def test_a_class_that_does_more_than_it_seems_is_refused(
    extra: str,
    after: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    name = f"test_odd_{abs(hash(request.node.nodeid))}"
    text = ODD.format(extra=extra or "pass", after=after)
    if says == "no field v":
        # The constructor of the class it is derived from is never called.
        text = text.replace("return self.helper()", "return self.v")
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    kind = vars(importlib.import_module(name))["Probe"]
    fields = Fields(Proof(NATIVE), kind, "probe")
    with pytest.raises(UnsupportedConstruct, match=says):
        fields.run("works", 4)


def test_a_metaclass_or_a_foreign_base_is_refused() -> None:
    class Meta(type):
        pass

    class Made(metaclass=Meta):
        pass

    class Foreign(random.Random):
        pass

    with pytest.raises(NotTranslatable, match="metaclass"):
        require_plain(Made)
    with pytest.raises(NotTranslatable, match="derived from Random, not ours"):
        require_plain(Foreign)


class Base:
    """A number."""

    def __init__(self, v: i64) -> None:
        self.v: i64 = v


class Derived(Base):
    """The same number, under another class."""


class Holder:
    """One object under two names, maybe."""

    def __init__(self, one: Base, other: Derived) -> None:
        self.one: Base = one
        self.other: Derived = other

    def works(self, n: i64) -> i64:
        """Store under both names."""
        self.one.v = 1
        self.other.v = n
        return self.one.v


def test_an_object_may_be_known_under_two_classes() -> None:
    p = Proof(NATIVE)
    fields = Fields(p, Holder, "holder")
    value = fields.run("works", 5).value
    one, other = fields.value("one"), fields.value("other")
    assert isinstance(one, SymbolicObject)
    assert isinstance(other, SymbolicObject)
    assert z3.is_true(z3.simplify(z3.substitute(value == 5, (one.identity, other.identity))))
    both = Derived(0)
    assert Holder(both, both).works(5) == 5


def test_what_is_beyond_a_vector_is_a_claim(probe: Probe) -> None:
    p, fields = probe("return self.words[n]")
    fields.run("__init__", 5)
    fields.run("works", p.number(i64, "n"))
    assert [query.label for query in p.queries] == [
        "Probe.works: self.words[n] is in the vector",
    ]


def test_a_vector_of_a_proof_can_be_given_to_rules(probe: Probe) -> None:
    p, fields = probe("return n")
    fields.run("__init__", 3)
    vector = fields.value("words")
    assert isinstance(vector, SymbolicVector)
    assert number(p, words_of(p, vector).length) == 3
    assert len(vec[i64]([0] * 3)) == 3
