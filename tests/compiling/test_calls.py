"""A call with stars passes what it says (`starcalls.h`); what is put before others is a tuple."""

import sys
from types import ModuleType

import pytest

from tests.compiling.kinds import Three, told


class Calls:
    def __call__(self, *given: object, **named: object) -> tuple[object, ...]:
        return told(*given, **named)


def test_a_call_with_stars_passes_what_it_says(compiled: ModuleType) -> None:
    for a in (0, 5, 1 << 40, 1 << 80):
        for b in ("b", {"x": 1}, None):
            for f in (told, Calls(), Calls().__call__):
                for _ in range(3):
                    assert compiled.one_star(f, a, b) == (a, b)
                    named = ("last", a), ("first", b)
                    assert compiled.two_stars(f, a, b) == (a, b, b, a + 1, a, *named)
                    assert compiled.named_star(f, a, b) == (a, b, ("c", b))
                    assert compiled.many(f, a, b) == (*(a, b) * 9, ("z", b))
                    assert compiled.any_star(f, [a, a], b) == (a, a, b, ("c", b))
                    assert compiled.dict_star(f, a, {"y": b}) == (a, a, ("y", b))
            assert compiled.named_star(Three, a, b) == Three(a, b, b)
            assert compiled.one_star(Three, a, b) == Three(a, b)
            assert compiled.listed(a, b) == (a, a, b)


def test_one_before_others_is_a_tuple_of_all(compiled: ModuleType) -> None:
    class Pair(tuple[object, ...]):
        pass

    first, held = object(), object()
    before = sys.getrefcount(first), sys.getrefcount(held)
    for size in range(20):
        rest = (held,) * size
        assert compiled.before(first, rest) == (first, *rest)
        assert compiled.before(first, Pair(rest)) == (first, *rest)
    assert compiled.before(1 << 40, (first,)) == (1 << 40, first)
    del rest
    assert (sys.getrefcount(first), sys.getrefcount(held)) == before
    for wrong in ([first], None, 3):
        with pytest.raises(TypeError):
            compiled.before(first, wrong)


def test_a_call_with_stars_fails_as_it_says(compiled: ModuleType) -> None:
    def failing(*_: object, **__: object) -> None:
        raise ValueError("own")

    for _ in range(3):
        with pytest.raises(ValueError, match="own"):
            compiled.two_stars(failing, 1, 2)
        with pytest.raises(TypeError, match="not callable"):
            compiled.named_star(3, 1, 2)
        with pytest.raises(TypeError, match="positional"):
            compiled.two_stars(Three, 1, 2)
        with pytest.raises(TypeError, match="'z'"):
            compiled.named_z(Three, 1, 2)
        with pytest.raises(TypeError):
            compiled.named_star(lambda a, b: (a, b), 1, 2)


def test_a_call_with_stars_leaves_the_counts_of_references(compiled: ModuleType) -> None:
    held, number = object(), 1 << 40
    before = sys.getrefcount(held), sys.getrefcount(told), sys.getrefcount(None)
    for _ in range(100):
        compiled.one_star(told, number, held)
        compiled.two_stars(told, number, held)
        compiled.named_star(Three, number, held)
        with pytest.raises(TypeError):
            compiled.two_stars(Three, number, held)
    after = sys.getrefcount(held), sys.getrefcount(told), sys.getrefcount(None)
    assert after[:2] == before[:2]
    assert abs(after[2] - before[2]) < 20
