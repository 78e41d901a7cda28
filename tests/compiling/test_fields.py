"""A field, or a method, is that of the class as it is now (`fields.h`, `methods.h`)."""

import gc
import sys
from collections.abc import Callable
from types import ModuleType
from typing import cast

import msgspec
import pytest
from msgspec.structs import replace

from tests.compiling.kinds import Collected, Inner, Plain, ReadIn


def test_a_comparison_of_a_field_may_compare_records_of_many_classes(compiled: ModuleType) -> None:
    # As many that another one comes to lie where the layout of the first was noted. Slots are in
    # the order of their names, so in each the second field lies before the first.
    many = [
        msgspec.defstruct(f"Kind{n}", [("z", int), ("a", int)], gc=False)(n, n) for n in range(4096)
    ]

    class Compares:
        def __eq__(self, other: object) -> bool:
            return all(compiled.equal(one, one) == (True, False) for one in many)

    pair = msgspec.defstruct("Pair", ["a", "b"], gc=False)
    one, other = (compiled.made_by_place(pair, Compares(), number) for number in (1, 2))
    assert compiled.equal(one, other) == (False, True)


class Free:
    def f(self, x: int) -> object:
        return "class", x


class Closed:
    __slots__ = ("a",)

    def __init__(self, a: int) -> None:
        self.a = a

    def f(self, x: int) -> object:
        return "class", x


def test_a_method_is_that_of_the_class_as_it_is_now(compiled: ModuleType) -> None:
    free, closed = Free(), Closed(7)
    for call in (compiled.called, compiled.called_by_name):
        for _ in range(3):
            assert call(free, 1) == call(closed, 1) == ("class", 1)
            assert call(Plain(4), 300) == (4, 300)
    free.f = lambda x: ("own", x)  # type: ignore[method-assign]
    assert [compiled.called(free, 1) for _ in range(3)] == [("own", 1)] * 3
    for new in (lambda _, x: ("new", x), staticmethod(lambda x: ("new", x))):
        Closed.f = new  # type: ignore[method-assign, assignment]
        assert [compiled.called(closed, 1) for _ in range(3)] == [("new", 1)] * 3
    del Closed.f
    for _ in range(2):
        with pytest.raises(AttributeError):
            compiled.called(closed, 1)


def test_classes_come_and_go(compiled: ModuleType) -> None:
    def method(number: int) -> Callable[[object, int], object]:
        return lambda _, x: (number, x)

    for number in range(3000):
        kind = type(f"T{number % 7}", (), {"__slots__": ("a",), "f": method(number)})
        one = kind()
        one.a = number
        assert compiled.called(one, 1) == (number, 1)
        assert compiled.field(one) == number
    for number in range(40):
        gc.collect()  # the class before, so that the next one comes to lie where it was
        # Where the same fields are in the record depends on those before them.
        fields: list[tuple[str, type, object]] = [(f"f{at}", int, at) for at in range(number % 5)]
        fields += [("a", int, 0), ("b", object, None)]
        struct = msgspec.defstruct("Made", fields, gc=False, frozen=True)
        assert compiled.changed(struct(), number, "b") == replace(struct(), a=number, b="b")


class Computed:
    f = True
    b = Inner(False)

    @property
    def a(self) -> int:
        return 11


def test_a_field_is_read_where_it_lies(compiled: ModuleType) -> None:
    numbers = [
        sign * (1 << size) + near
        for size in (0, 8, 30, 60, 61, 62, 63, 100)
        for sign in (-1, 1)
        for near in (-1, 0, 1)
    ]
    for _ in range(2):
        for number in numbers:
            # The second and third have no slot where the first has, or none at all.
            for one in (ReadIn(number), Plain(number), Free(), Computed()):
                if isinstance(one, Free):
                    vars(one)["a"] = number
                expected = cast("int", getattr(one, "a", None))
                assert compiled.number(one) == expected
                assert compiled.added(one, Plain(number)) == expected + number
    assert compiled.number(ReadIn(True)) == 1
    for truth in (True, False):
        assert compiled.flag(ReadIn(1, truth)) is truth
        assert compiled.inner_flag(ReadIn(1, b=Inner(truth))) is truth
    assert compiled.flag(Computed()) is True
    assert compiled.inner_flag(Computed()) is False


def test_a_field_that_is_not_what_it_seems(compiled: ModuleType) -> None:
    for _ in range(2):
        assert compiled.number(ReadIn(5)) == 5
        assert compiled.flag(ReadIn(5)) is False
        with pytest.raises(TypeError, match="int object expected; got str"):
            compiled.number(ReadIn(cast("int", "5")))
        with pytest.raises(TypeError, match="bool object expected; got int"):
            compiled.flag(ReadIn(5, cast("bool", 1)))
        with pytest.raises(AttributeError, match="no attribute 'a'"):
            compiled.number(object())
        with pytest.raises(AttributeError, match="no attribute 'f'"):
            compiled.flag(Collected(5))
        emptied = ReadIn(5, True)
        del emptied.a, emptied.f
        with pytest.raises(AttributeError, match="a"):
            compiled.number(emptied)
        with pytest.raises(AttributeError, match="f"):
            compiled.flag(emptied)


def test_a_field_is_that_of_the_class_as_it_is_now(compiled: ModuleType) -> None:
    for number in range(4):
        kind = type("Slotted", (), {"__slots__": ("f", "a")})
        one = kind()
        one.a, one.f = number, True
        assert (compiled.number(one), compiled.flag(one)) == (number, True)
        kind.a = property(lambda _: 7)  # type: ignore[attr-defined]
        kind.f = property(lambda _: False)  # type: ignore[attr-defined]
        assert (compiled.number(one), compiled.flag(one)) == (7, False)


def test_reading_leaves_the_counts_of_references(compiled: ModuleType) -> None:
    held, number = Inner(), 1 << 40
    record = ReadIn(number, b=held)
    before = sys.getrefcount(held), sys.getrefcount(number), sys.getrefcount(record)
    for _ in range(100):
        compiled.inner_flag(record)
        compiled.added(record, record)
    assert (sys.getrefcount(held), sys.getrefcount(number), sys.getrefcount(record)) == before


def test_a_compiled_method_is_called_as_it_says(compiled: ModuleType) -> None:
    one = compiled.Compiled()
    for _ in range(3):
        assert compiled.called(one, 5) == compiled.called_by_name(one, 5) == ("compiled", 5)
        with pytest.raises(TypeError):
            compiled.called(one, "5")

    class Foreign:
        f = compiled.Compiled.f

    for _ in range(3):
        with pytest.raises(TypeError):
            compiled.called(Foreign(), 5)
    with pytest.raises(RecursionError):
        one.again(one, 5)
