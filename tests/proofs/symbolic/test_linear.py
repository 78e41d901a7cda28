"""A rule that reads a table after it has replaced it is refused, whatever it calls it."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from spanproof.symbolic.evaluation.frames import LoopInvariant
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.fresh import FreshSymbols
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanspec.base.ids import Address, SpanId
from spanspec.base.records import Record
from spanspec.base.tables import AddressMap, Table

INTEGERS = Integers()


class Counted(Record, frozen=True):
    count: int


class Spans(Record, frozen=True):
    spans: Table[SpanId, Counted]
    map: AddressMap[SpanId]
    total: int


ONE = Counted(1)


def put(state: Spans, span: SpanId) -> Spans:
    return replace(state, spans=state.spans.set(span, ONE))


# --- what is refused ------------------------------------------------------------------------------


def by_the_old_name(state: Spans, span: SpanId) -> Spans:
    after = replace(state, spans=state.spans.set(span, ONE))
    return replace(after, total=state.spans[span].count)


def by_a_second_name(state: Spans, span: SpanId) -> Spans:
    old = state.spans
    new = state.spans.set(span, ONE)
    return replace(state, spans=new, total=old[span].count)


def in_a_tuple(state: Spans, span: SpanId) -> Spans:
    pair = (state.spans, state.total)
    after = put(state, span)
    return replace(after, total=pair[0][span].count)


def in_a_callee(state: Spans, span: SpanId) -> Spans:
    after = put(state, span)
    return replace(after, total=count_of(state, span))


def count_of(state: Spans, span: SpanId) -> int:
    return state.spans[span].count


def after_a_callee_of_a_callee(state: Spans, span: SpanId) -> Spans:
    return replace(put(put(state, span), span), total=state.spans[span].count)


def in_the_same_call(state: Spans, span: SpanId) -> Spans:
    return replace(state, spans=state.spans.set(span, ONE), total=state.spans[span].count)


def in_its_own_arguments(state: Spans, span: SpanId) -> Spans:
    return replace(state, spans=state.spans.set(span, state.spans.set(span, ONE)[span]))


def replaced_twice(state: Spans, span: SpanId) -> Spans:
    first = state.spans.set(span, ONE)
    second = state.spans.set(span, Counted(2))
    return replace(state, spans=first, total=second[span].count)


def in_a_quantifier(state: Spans, span: SpanId) -> Spans:
    after = put(state, span)
    return replace(after, total=1 if all(state.spans[one].count > 0 for one in after.spans) else 0)


def as_a_quantifiers_range(state: Spans, span: SpanId) -> Spans:
    after = put(state, span)
    return replace(after, total=1 if all(one != span for one in state.spans) else 0)


def replaced_in_a_quantifier(state: Spans, span: SpanId) -> Spans:
    fits = all(state.spans.set(span, Counted(i))[span].count == i for i in range(3))
    return replace(state, total=1 if fits else 0)


def replaced_in_an_endless_quantifier(state: Spans, span: SpanId) -> Spans:
    fits = any(state.spans.set(one, ONE)[span].count == 1 for one in state.spans)
    return replace(state, total=1 if fits else 0)


def in_one_branch(state: Spans, span: SpanId) -> Spans:
    after = state
    if state.total > 0:
        after = put(state, span)
    return replace(after, total=state.spans[span].count)


def in_the_other_branch(state: Spans, span: SpanId) -> Spans:
    if state.total > 0:
        after, total = state, 0
    else:
        after, total = put(state, span), 1
    return replace(after, total=total + state.spans[span].count)


def in_a_choice(state: Spans, span: SpanId) -> Spans:
    after = put(state, span) if state.total > 0 else state
    return replace(after, total=state.spans[span].count)


def behind_a_callee_that_may_replace(state: Spans, span: SpanId) -> Spans:
    after = put_if(state, span)
    return replace(after, total=state.spans[span].count)


def put_if(state: Spans, span: SpanId) -> Spans:
    if state.total > 0:
        return put(state, span)
    return state


def by_a_name_of_both(state: Spans, span: SpanId) -> Spans:
    other = put(state, span) if state.total > 0 else state
    after = put(other, span)
    return replace(after, total=other.spans[span].count)


def by_the_name_of_a_part(state: Spans, other: Spans, span: SpanId) -> Spans:
    either = state.spans if state.total > 0 else other.spans
    new = either.set(span, ONE)
    return replace(state, spans=new, total=other.spans[span].count)


def by_the_name_of_a_whole(state: Spans, other: Spans, span: SpanId) -> Spans:
    either = state.spans if state.total > 0 else other.spans
    return replace(put(other, span), total=either[span].count)


def dead_in_one_branch(state: Spans, span: SpanId) -> Spans:
    old, after = state, state
    if state.total > 0:
        after = put(state, span)
    else:
        old, after = after, put(after, span)
    return replace(after, total=old.spans[span].count)


def returned_as_it_was(state: Spans, span: SpanId) -> Spans:
    after = put(state, span)
    return replace(state, total=after.spans[span].count)


def returned_in_one_branch(state: Spans, span: SpanId) -> Spans:
    after = put(state, span)
    return after if after.total > 0 else state


def lost(state: Spans, span: SpanId) -> bool:
    return put(state, span).spans[span].count == 1


def by_its_range(state: Spans, span: SpanId) -> Spans:
    after = replace(state, map=state.map.set_range(Address(0), Address(8), span))
    leads = state.map.all_are(Address(0), Address(8), span)
    return replace(after, total=1 if leads else 0)


def by_its_address(state: Spans, span: SpanId) -> Spans:
    after = replace(state, map=state.map.set_range(Address(0), Address(8), span))
    return replace(after, total=1 if state.map[Address(0)] == span else 0)


REFUSED: list[Callable[..., object]] = [
    by_the_old_name,
    by_a_second_name,
    in_a_tuple,
    in_a_callee,
    after_a_callee_of_a_callee,
    in_the_same_call,
    in_its_own_arguments,
    replaced_twice,
    in_a_quantifier,
    as_a_quantifiers_range,
    replaced_in_a_quantifier,
    replaced_in_an_endless_quantifier,
    in_one_branch,
    in_the_other_branch,
    in_a_choice,
    behind_a_callee_that_may_replace,
    by_a_name_of_both,
    dead_in_one_branch,
    returned_as_it_was,
    returned_in_one_branch,
    lost,
    by_its_range,
    by_its_address,
]


def translated(rule: Callable[..., object], systems: int = 1) -> object:
    """Return what a rule yields of fresh systems and an identity."""
    symbols = FreshSymbols(INTEGERS, lambda fact: None)
    states = [symbols.value(Spans, f"state{number}") for number in range(systems)]
    return Translator(INTEGERS).call(rule, *states, symbols.value(SpanId, "span"))


def refusal(rule: Callable[..., object], systems: int = 1) -> UnsupportedConstruct:
    """Return how a rule is refused; the refusal names this file and a line of it."""
    with pytest.raises(UnsupportedConstruct) as caught:
        translated(rule, systems)
    assert caught.value.path == __file__
    return caught.value


@pytest.mark.parametrize("rule", REFUSED)
def test_a_table_that_was_replaced_is_not_read(rule: Callable[..., object]) -> None:
    problem = refusal(rule)
    first = rule.__code__.co_firstlineno
    callee = count_of.__code__.co_firstlineno
    assert first <= problem.line < first + 9 or callee <= problem.line <= callee + 1
    assert "replace" in problem.what or "does not yield" in problem.what


@pytest.mark.parametrize("rule", [by_the_name_of_a_part, by_the_name_of_a_whole])
def test_a_table_that_may_be_another_one_is_not_read_either(rule: Callable[..., object]) -> None:
    assert "a table is read that was replaced before" in refusal(rule, 2).what


def test_the_refusal_says_where_the_table_was_replaced() -> None:
    line = by_a_second_name.__code__.co_firstlineno + 2
    assert f"({__file__}:{line})" in refusal(by_a_second_name).what


# --- loops ----------------------------------------------------------------------------------------


def replaced_in_a_loop(state: Spans, span: SpanId) -> Spans:
    n = 3
    while n > 0:
        n = n - state.spans.set(span, ONE)[span].count
    return state


def always(n: int) -> bool:
    return True


def itself(n: int) -> int:
    return n


def test_a_loop_replaces_no_table() -> None:
    symbols = FreshSymbols(INTEGERS, lambda fact: None)
    loops = {f"{__name__}.replaced_in_a_loop": LoopInvariant(always, itself)}
    translator = Translator(INTEGERS, loops=loops)
    with pytest.raises(UnsupportedConstruct, match="a loop replaces a table"):
        translator.call(
            replaced_in_a_loop, symbols.value(Spans, "state"), symbols.value(SpanId, "span")
        )


# --- what is not refused --------------------------------------------------------------------------


def read_before(state: Spans, span: SpanId) -> Spans:
    count = state.spans[span].count
    return replace(put(state, span), total=count)


def read_in_the_arguments(state: Spans, span: SpanId) -> Spans:
    more = replace(state.spans[span], count=state.spans[span].count + 1)
    return replace(state, spans=state.spans.set(span, more))


def one_after_the_other(state: Spans, span: SpanId) -> Spans:
    first = put(state, span)
    second = put(first, span)
    return replace(second, total=second.spans[span].count)


def the_other_table(state: Spans, span: SpanId) -> Spans:
    after = put(state, span)
    return replace(after, map=state.map.set_range(Address(0), Address(8), span), total=state.total)


def on_the_other_path(state: Spans, span: SpanId) -> Spans:
    if state.total > 0:
        return put(state, span)
    return replace(state, total=state.spans[span].count)


def what_came_of_it(state: Spans, span: SpanId) -> Spans:
    after = put_if(state, span)
    return replace(after, total=after.spans[span].count)


def what_came_of_either(state: Spans, span: SpanId) -> Spans:
    after = put(state, span) if state.total > 0 else state
    if after.total > 1:
        after = put(after, span)
    return replace(after, total=after.spans[span].count)


NOT_REFUSED: list[Callable[..., object]] = [
    read_before,
    read_in_the_arguments,
    one_after_the_other,
    the_other_table,
    on_the_other_path,
    what_came_of_it,
    what_came_of_either,
    put_if,
]


@pytest.mark.parametrize("rule", NOT_REFUSED)
def test_what_reads_the_latest_table_only_is_read(rule: Callable[..., object]) -> None:
    assert isinstance(translated(rule), Spans)


def test_a_proof_may_look_at_a_table_before_and_after_a_step() -> None:
    symbols = FreshSymbols(INTEGERS, lambda fact: None)
    state, span = symbols.value(Spans, "state"), symbols.value(SpanId, "span")
    translator = Translator(INTEGERS)
    after = translator.call(put, state, span)
    assert isinstance(after, Spans)
    assert translator.call(count_of, after, span) == 1
    assert translator.call(count_of, state, span) is not None
    assert [len(translator.cases(put_if, state, span)) for _ in range(2)] == [2, 2]
