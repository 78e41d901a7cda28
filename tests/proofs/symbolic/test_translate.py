"""Rules become terms that say what Python says, and anything outside the subset is refused."""

from typing import Literal, NamedTuple

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from spanproof.prove.proof import Proof
from spanproof.symbolic.bitvectors import Signed, Words
from spanproof.symbolic.evaluation.frames import LoopInvariant
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.merge import merge
from spanproof.symbolic.values.records import parts_of, remade
from spanproof.symbolic.values.values import NONE, SymbolicBitmap, SymbolicObject, Value
from spanspec.base import sizeclass, words
from spanspec.base.bitmap import Bits
from spanspec.base.ids import Address, SpanId
from spanspec.base.records import Record
from spanspec.base.tables import AddressMap
from spanspec.pages.freeset.treapnode import Node
from spanspec.span import sweepgen, tiny
from spanspec.span.alloccache import NextFree, next_free_fast, next_free_index, window_at
from spanspec.span.mspan import Mspan, init_span
from spanspec.span.sweepgen import is_legal
from spanspec.span.tiny import TinyBlock

M64 = (1 << 64) - 1


def known_bitmap(bits: Bits) -> SymbolicBitmap:
    """The bitmap as the prover sees one, but with known content."""

    def observe(name: str) -> object:
        return lambda index: z3.BitVecVal(
            getattr(bits, name)(z3.simplify(index).as_long() % 4096), 64
        )

    return SymbolicBitmap(
        lambda index: z3.BoolVal(bits.bit(z3.simplify(index).as_long() % 4096)),
        observe("word"),  # type: ignore[arg-type]
        observe("count"),  # type: ignore[arg-type]
    )


def lifted(value: object, arithmetic: Arithmetic) -> Value:
    """A Python value as a symbolic one whose numbers are numerals."""
    if isinstance(value, Bits):
        return known_bitmap(value)
    if isinstance(value, bool):
        return z3.BoolVal(value)
    if isinstance(value, int):
        return arithmetic.const(value)
    return remade(value, [lifted(part, arithmetic) for part in parts_of(value) or ()])


def lowered(value: Value) -> object:
    """A symbolic value whose terms are numerals, as Python values; bitmaps are left out."""
    if isinstance(value, SymbolicBitmap | Bits):
        return None
    if isinstance(value, z3.BoolRef):
        return bool(z3.is_true(z3.simplify(value)))
    if isinstance(value, z3.ExprRef):
        simple = z3.simplify(value)
        return simple.as_signed_long() if isinstance(simple, z3.BitVecNumRef) else simple.as_long()
    parts = parts_of(value)
    if parts is not None:
        return tuple(lowered(part) for part in parts)
    return value


def plain(value: object) -> object:
    """A Python result in the form of `lowered`, in two's complement."""
    if isinstance(value, Bits):
        return None
    parts = parts_of(value)
    if parts is not None:
        return tuple(plain(part) for part in parts)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 63:
        return value - (1 << 64)
    return value


def agree(arithmetic: Arithmetic, rule: object, *arguments: object) -> None:
    """The term of a rule at known arguments is what the rule returns in Python."""
    assert callable(rule)
    translator = Translator(arithmetic)
    term = translator.call(rule, *(lifted(argument, arithmetic) for argument in arguments))
    try:
        expected = rule(*arguments)
    except AssertionError:
        assert any(z3.is_false(z3.simplify(side.goal)) for side in translator.sides)
        return
    assert all(z3.is_true(z3.simplify(side.goal)) for side in translator.sides)
    assert lowered(term) == plain(expected)


spans = st.builds(
    lambda nelems, freeindex, bits, cache: replace(
        init_span(0xC000000000, 1, 4, 0),
        nelems=nelems,
        freeindex=min(freeindex, nelems),
        alloc_bits=Bits(bits),
        alloc_cache=window_at(Bits(bits), min(freeindex, nelems)) if cache is None else cache,
    ),
    st.sampled_from([1, 63, 64, 65, 127, 128, 1024]) | st.integers(1, 1024),
    st.integers(0, 1024),
    st.integers(0, (1 << 1024) - 1) | st.sampled_from([0, M64, (1 << 1024) - 1]),
    st.none() | st.integers(0, M64),
)


@settings(max_examples=20)
@given(spans)
def test_the_fast_path_as_a_term_is_the_fast_path(span: Mspan) -> None:
    agree(Words(64), next_free_fast, span)


@settings(max_examples=100)
@given(st.integers(0, M64) | st.integers(0, 63).map(lambda k: 1 << k), st.integers(0, 70))
def test_word_rules_agree(word: int, count: int) -> None:
    agree(Words(64), words.trailing_zeros, word)
    agree(Words(64), words.is_trailing_zeros, word, count)


@settings(max_examples=100)
@given(st.integers(0, (1 << 31) - 1).map(lambda n: 2 * n), st.integers(-4, 4), st.booleans())
def test_sweepgen_rules_agree(sg: int, offset: int, wrap: bool) -> None:
    sg = 0 if wrap else sg
    gen = (sg + offset) % (1 << 32)
    arithmetic = Words(64)
    for rule in (
        sweepgen.is_legal,
        sweepgen.enter_cache,
        sweepgen.retire_full,
        sweepgen.leave_cache,
        sweepgen.claim_for_sweep,
        sweepgen.publish_swept,
    ):
        agree(arithmetic, rule, sg, gen)


@settings(max_examples=30)
@given(st.integers(1, 32768) | st.sampled_from([1016, 1017, 1023, 1024, 1025, 32768]))
def test_size_rules_agree(size: int) -> None:
    agree(Integers(), sizeclass.size_class_for, size)
    agree(Words(64), sizeclass.size_class_for, size)
    agree(Integers(), sizeclass.round_up_size, size)


@settings(max_examples=30)
@given(st.integers(0, 16), st.integers(1, 15), st.integers(0, 1 << 40))
def test_tiny_rules_agree(offset: int, size: int, address: int) -> None:
    block = TinyBlock(address, offset)
    agree(Words(64), tiny.tiny_fits, block, size)
    agree(Words(64), tiny.replace_tiny_block, block, address + 16, size)
    agree(Words(64), tiny.take_tiny, block, size)


@settings(max_examples=8)
@given(spans)
def test_a_cut_loop_admits_what_python_computes(span: Mspan) -> None:
    """The loop's result is unknown to the translator, but Python's must be among the possible."""
    from spanproof.theorems.span.searches import SEARCH

    span = replace(span, alloc_cache=window_at(span.alloc_bits, span.freeindex))
    translator = Translator(Words(64), loops=SEARCH)
    translator.ghosts["below"] = z3.BitVecVal(0, 64)
    bits = span.alloc_bits
    word = z3.Function("word", z3.BitVecSort(64), z3.BitVecSort(64))
    symbolic = replace(
        span,
        alloc_bits=SymbolicBitmap(
            lambda i: z3.LShR(word(z3.LShR(i, 6)), i & 63) & 1 == 1, word, None
        ),
        **{
            name: z3.BitVecVal(getattr(span, name), 64)
            for name in ("freeindex", "nelems", "alloc_cache")
        },
    )
    found = translator.call(next_free_index, symbolic)
    assert isinstance(found, NextFree)
    solver = z3.Solver()
    solver.add(*(word(z3.BitVecVal(w, 64)) == bits.word(w) for w in range(17)))
    solver.add(*translator.assumptions)
    solver.add(found.slot == next_free_index(span).slot)
    assert solver.check() == z3.sat


# --- what is refused ------------------------------------------------------------------------------


class Pair(NamedTuple):
    first: int
    second: int


def with_for(n: int) -> int:
    for _ in range(n):
        n = n + 1
    return n


def with_while(n: int) -> int:
    while n > 0:
        n = n - 1
    return n


def with_try(n: int) -> int:
    try:
        return n
    finally:
        n = 1


def with_division(n: int) -> float:
    return n / 2


def with_list(n: int) -> list[int]:
    return [n]


def with_attribute(pair: Pair) -> int:
    pair.third = 1  # type: ignore[attr-defined]
    return pair.first


def with_unknown_method(pair: Pair) -> int:
    return pair.count(1)


def with_builtin(n: int) -> int:
    return abs(n)


def calls_itself(n: int) -> int:
    return n if n == 0 else calls_itself(n - 1)


def forgets_to_return(n: int) -> int:  # type: ignore[return]
    if n == 0:
        return 1


def compares_membership(n: int) -> bool:
    return n in (1, 2)


def branches_disagree(n: int) -> int:
    value: object = 1
    if n == 0:
        value = Pair(1, 2)
    return value  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (with_for, "For"),
        (with_while, "invariant"),
        (with_try, "Try"),
        (with_division, "Div"),
        (with_list, "List"),
        (with_builtin, "abs may have no value"),
        (calls_itself, "calls itself"),
        (compares_membership, "In"),
    ],
)
def test_a_construct_outside_the_subset_is_refused_with_file_and_line(
    rule: object, says: str
) -> None:
    assert callable(rule)
    with pytest.raises(UnsupportedConstruct, match=says) as caught:
        Translator(Words(64)).call(rule, z3.BitVec("n", 64))
    assert caught.value.path.endswith("test_translate.py")
    assert caught.value.line >= 1


@pytest.mark.parametrize("rule", [with_attribute, with_unknown_method])
def test_records_have_their_fields_only(rule: object) -> None:
    assert callable(rule)
    pair = Pair(z3.BitVec("a", 64), z3.BitVec("b", 64))
    with pytest.raises(UnsupportedConstruct):
        Translator(Words(64)).call(rule, pair)


def test_branches_must_agree_in_shape() -> None:
    with pytest.raises(UnsupportedConstruct, match="branches do not agree"):
        Translator(Words(64)).call(branches_disagree, z3.BitVec("n", 64))


def test_a_path_without_return_is_an_obligation_that_fails() -> None:
    translator = Translator(Words(64))
    translator.call(forgets_to_return, z3.BitVec("n", 64))
    assert [side.label for side in translator.sides] == ["forgets_to_return returns on every path"]


# --- the traps of loop cutting and assertions -----------------------------------------------------


def counts_down(n: int) -> int:
    while n > 3:
        n = n - 1
    return n


def anything(n: int) -> bool:
    return True


def stays_put(n: int) -> int:
    return 7


def itself(n: int) -> int:
    return n


def sides_hold(translator: Translator) -> dict[str, bool]:
    verdicts: dict[str, bool] = {}
    for side in translator.sides:
        solver = z3.Solver()
        solver.add(*translator.assumptions[: side.given], z3.Not(side.goal))
        good = solver.check() == z3.unsat
        verdicts[side.label] = verdicts.get(side.label, True) and good
    return verdicts


def test_a_loop_that_ends_is_shown_to_end_and_one_that_may_not_is_not() -> None:
    name = f"{counts_down.__module__}.counts_down"
    good = Translator(Words(64), loops={name: LoopInvariant(anything, itself)})
    good.call(counts_down, z3.BitVec("n", 64))
    assert all(sides_hold(good).values())
    bad = Translator(Words(64), loops={name: LoopInvariant(anything, stays_put)})
    bad.call(counts_down, z3.BitVec("n", 64))
    assert sides_hold(bad)["loop of counts_down: ends"] is False


def too_strong(n: int) -> bool:
    return n == 100


def test_an_invariant_that_is_not_kept_is_noticed_although_it_helps_afterwards() -> None:
    name = f"{counts_down.__module__}.counts_down"
    translator = Translator(Words(64), loops={name: LoopInvariant(too_strong, itself)})
    translator.call(counts_down, z3.BitVecVal(100, 64))
    verdicts = sides_hold(translator)
    assert verdicts["loop of counts_down: is kept by a round"] is False


def asserts_then_uses(n: int) -> int:
    assert n > 5, "n is above five"
    return n - 5


def test_an_assertion_is_proved_before_it_is_used() -> None:
    translator = Translator(Words(64))
    translator.call(asserts_then_uses, z3.BitVec("n", 64))
    verdicts = sides_hold(translator)
    assert verdicts["asserts_then_uses asserts 'n is above five'"] is False
    assert verdicts["asserts_then_uses computes n - 5 exactly"] is True


def test_native_integers_must_not_overflow() -> None:
    translator = Translator(Signed(64))
    translator.call(asserts_then_uses, z3.BitVec("n", 64))
    assert sides_hold(translator)["asserts_then_uses computes n - 5 exactly"] is True


def quantified(n: int) -> bool:
    return all(is_legal(n, other) for other in range(n))


def test_quantifiers_over_unknown_ranges_stay_quantifiers() -> None:
    term = Translator(Words(64)).call(quantified, z3.BitVec("n", 64))
    assert isinstance(term, z3.QuantifierRef)
    assert term.is_forall()


# --- maps of addresses, literals, and conditions of nested calls ----------------------------------


class Mapped(Record, frozen=True):
    """A record with a state of few values, and a map from addresses to identities."""

    state: Literal[1, 3]
    map: AddressMap[SpanId]


def put(it: Mapped, start: Address, end: Address, span: SpanId) -> Mapped:
    return replace(it, map=it.map.set_range(start, end, span))


def led_to(it: Mapped, at: Address) -> SpanId:
    return it.map[at]


def test_a_range_of_an_address_map_is_set_and_nothing_else() -> None:
    proof = Proof(Integers())
    it = proof.fresh(Mapped, "it")
    start, end, at = (proof.fresh(Address, name) for name in ("start", "end", "at"))
    span = proof.fresh(SpanId, "span")
    after = proof.call(put, it, start, end, span)
    old, new = proof.call(led_to, it, at), proof.call(led_to, after, at)
    assert isinstance(start, z3.ArithRef)
    assert isinstance(end, z3.ArithRef)
    assert isinstance(at, z3.ArithRef)
    inside = z3.And(start <= at, at < end)
    solver = z3.Solver()
    solver.add(z3.Not(new == z3.If(inside, span, old)))
    assert solver.check() == z3.unsat


@pytest.mark.parametrize("arithmetic", [Integers(), Words(32)])
def test_a_literal_is_one_of_its_values(arithmetic: Arithmetic) -> None:
    proof = Proof(arithmetic)
    it = proof.fresh(Mapped, "it")
    assert isinstance(it, Mapped)
    solver = z3.Solver()
    solver.add(*proof.assumptions)
    state: object = it.state
    assert isinstance(state, z3.ExprRef)
    assert solver.check(state == 3) == z3.sat
    assert solver.check(state == 2) == z3.unsat


def early(flag: bool) -> int:
    if flag:
        return 1
    return 0


def guarded(first: bool, second: bool) -> bool:
    return first and early(second) == 1


def test_a_value_does_not_repeat_the_condition_under_which_it_counts() -> None:
    first, second = z3.Bools("first second")
    value = Translator(Integers()).call(guarded, first, second)
    assert isinstance(value, z3.BoolRef)
    solver = z3.Solver()
    solver.add(value != z3.And(first, second))
    assert solver.check() == z3.unsat
    assert str(value).count("first") == 1


def test_none_is_an_object_where_it_meets_one() -> None:
    there, node = z3.Bool("there"), SymbolicObject(Node, z3.IntVal(3))
    for either in (
        merge(Words(64), there, node, None),
        merge(Words(64), z3.Not(there), None, node),
    ):
        assert isinstance(either, SymbolicObject)
        assert either.kind is Node
        solver = z3.Solver()
        solver.add(either.identity != z3.If(there, z3.IntVal(3), NONE))
        assert solver.check() == z3.unsat
