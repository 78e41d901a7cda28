"""Records are made, changed, compared and freed as by the interpreter (`records.h`)."""

import operator
import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import cast

import msgspec
import pytest
from msgspec.structs import replace

from tests.compiling.kinds import Collected, Inner, Plain, ReadIn, Three


class Referred(msgspec.Struct, weakref=True):
    a: int
    b: object = None


class Open(msgspec.Struct, dict=True):
    a: int
    b: object = None


class Hashed(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    a: int
    b: int = 0


class Checked(msgspec.Struct, gc=False):
    a: int
    b: object = None

    def __post_init__(self) -> None:
        made.append(self.a)


made: list[int] = []


RECORDS = (Plain, Collected, Referred, Open, Hashed, Checked)


def test_a_change_of_a_record_is_that_of_the_interpreter(compiled: ModuleType) -> None:
    for kind in RECORDS:
        for value in (0, -1, 256, 257, 1 << 40, 1 << 62, -(1 << 62), 1 << 100):
            record = kind(1, 2)
            hash_before = hash(record) if kind is Hashed else 0
            for _ in range(3):
                made.clear()
                told = replace(record, b=5, a=value)
                checked = tuple(made)
                made.clear()
                assert compiled.changed(record, value, 5) == told
                assert tuple(made) == checked
                assert type(compiled.changed(record, value, 5)) is kind
            assert record == kind(1, 2)
            if kind is Hashed:
                assert hash(compiled.changed(record, value, 5)) == hash(told)
                assert hash(record) == hash_before
        for _ in range(2):
            with pytest.raises(TypeError, match="nothing"):
                compiled.misnamed(kind(1))
    for other in (object(), 3, None):
        with pytest.raises(TypeError):
            compiled.changed(other, 1, 2)


def test_a_record_holds_what_it_was_made_of(compiled: ModuleType) -> None:
    held, before = object(), 0
    record = Plain(1, held)
    before, of_class = sys.getrefcount(held), sys.getrefcount(Plain)
    many = [compiled.changed(record, number, held) for number in range(100)]
    assert sys.getrefcount(held) == before + 100
    assert sys.getrefcount(Plain) == of_class + 100
    del many
    assert sys.getrefcount(held) == before
    assert sys.getrefcount(Plain) == of_class


class Defaults(msgspec.Struct, frozen=True, gc=False):
    b: object = 7
    a: object = 8


class Named(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    a: object
    b: object


class Derived(Named, frozen=True, gc=False):
    b: object
    c: object = 3


class Unequal(msgspec.Struct, gc=False, eq=False):
    a: object
    b: object = None


class Own(msgspec.Struct, gc=False):
    a: object
    b: object = None

    def __eq__(self, other: object) -> bool:
        return True


class Ordered(msgspec.Struct, gc=False, order=True):
    a: object
    b: object = None


MADE: list[type[msgspec.Struct]] = [*RECORDS, Defaults, Named, Derived, Three]


MADE += [Unequal, Own, Ordered, ReadIn, Inner]


def outcome(call: Callable[..., object], *given: object, **named: object) -> object:
    """What a call returns, as text, or which exception it raises."""
    try:
        return repr(call(*given, **named))
    except Exception as problem:
        return type(problem), str(problem)


def test_a_record_is_made_as_by_the_interpreter(compiled: ModuleType) -> None:
    for kind in MADE:
        for a, b in ((1, 2), (1 << 40, "b"), (None, [])):
            for _ in range(2):
                assert outcome(compiled.made, kind, a, b) == outcome(kind, a, b=b)
                assert outcome(compiled.made_by_place, kind, a, b) == outcome(kind, a, b)
                assert outcome(compiled.made_by_name, kind, a, b) == outcome(kind, b=b, a=a)
                assert outcome(compiled.made_in_part, kind, a) == outcome(kind, a=a)
    held = object()
    before = sys.getrefcount(held), sys.getrefcount(Three), sys.getrefcount(Named)
    for _ in range(100):
        compiled.made_by_name(Named, held, held)
        compiled.one_star(Three, 5, held)
        compiled.named_star(Three, 5, held)
    after = sys.getrefcount(held), sys.getrefcount(Three), sys.getrefcount(Named)
    assert after == before


class Held:
    pass


def test_a_record_is_freed_with_what_it_holds(compiled: ModuleType) -> None:
    finalized: list[object] = []

    class Mourned(msgspec.Struct, gc=False):
        a: object
        b: object = None

        def __del__(self) -> None:
            finalized.append(self.a)

    mourned: type[msgspec.Struct] = Mourned
    for kind in [*MADE, mourned]:
        fields: list[tuple[str, type, object]] = [(f"g{at}", object, None) for at in range(5)]
        # Derived before the fields of the class are known, and afterwards.
        kinds = [kind, msgspec.defstruct("Before", fields, bases=(kind,), kw_only=True)]
        for _ in range(3):
            held = Held()
            dying, before = weakref.ref(held), sys.getrefcount(held)
            of_kinds = [sys.getrefcount(each) for each in kinds]
            for each in kinds:
                for made_by in (compiled.made, compiled.made_by_place, compiled.made_by_name):
                    outcome(made_by, each, held, held)
                given = dict.fromkeys(("a", "b") if kind is not Inner else ("f",), held)
                if each is not kind:
                    given["g4"] = held
                one = cast("Callable[..., object]", each)(**given)
                assert compiled.equal(one, one)[0] == (one == one)
                del one, given, each
            finalized.clear()
            made.clear()
            assert sys.getrefcount(held) == before
            del held
            assert dying() is None
            assert [sys.getrefcount(each) for each in kinds] == of_kinds
            if len(kinds) == 2:
                kinds.append(msgspec.defstruct("After", fields, bases=(kind,), kw_only=True))
    last = Mourned(7)
    del last
    assert finalized == [7]


def test_records_are_compared_as_by_the_interpreter(compiled: ModuleType) -> None:
    odd = float("nan")
    values: list[object] = [
        0,
        1,
        1 << 40,
        1 << 100,
        -1,
        True,
        1.0,
        "a",
        odd,
        float("nan"),
        None,
        [],
    ]
    for kind in MADE:
        make = cast("Callable[..., object]", kind)
        some = [make(a=a) for a in values if kind not in (Named, Derived, Three, Inner)]
        if kind in (Named, Derived, Three):
            some = [make(a=a, b=b) for a in values[:6] for b in values[5:8]]
        for one in some:
            for other in (*some, *(replace(cast("msgspec.Struct", each)) for each in some), 3):
                assert compiled.equal(one, other) == (one == other, one != other)
                assert outcome(compiled.less, one, other) == outcome(operator.lt, one, other)
    emptied, same = ReadIn(5), ReadIn(5)
    del emptied.a, same.a
    for one in (emptied, same, ReadIn(5)):
        for other in (emptied, same, ReadIn(5)):
            assert outcome(compiled.equal, one, other) == outcome(
                lambda x, y: (x == y, x != y), one, other
            )

    class Failing:
        def __eq__(self, other: object) -> bool:
            raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        compiled.equal(ReadIn(1, b=Failing()), ReadIn(1, b=Failing()))
