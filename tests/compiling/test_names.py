"""A name that compiled code remembers is looked up as the interpreter would (`attributes.h`)."""

import operator
import sys
from types import ModuleType

import msgspec
import pytest

from tests.compiling.kinds import Plain


def test_a_name_that_is_computed_is_looked_up_each_time(compiled: ModuleType) -> None:
    for one, names in ((Plain(1, 2), ("a", "b", "c")), (operator, ("add", "sub", "mul"))):
        for _ in range(3):
            expected = [getattr(one, name) for name in names]
            assert compiled.fields(one, names) == expected
            assert compiled.fields(one, names[::-1]) == expected[::-1]
        with pytest.raises(AttributeError):
            compiled.fields(one, ("nothing",))


def test_a_name_of_a_module_is_what_it_is_now(compiled: ModuleType) -> None:
    names = vars(compiled)
    first = names["answer"]
    for number in range(3):
        value = object()
        before = sys.getrefcount(value)
        names["answer"] = value
        assert [compiled.answered() for _ in range(3)] == [value] * 3
        names["another"] = number
        assert compiled.answered() is value
        names["answer"] = first
        assert sys.getrefcount(value) == before
    del names["answer"]
    with pytest.raises((NameError, KeyError)):
        compiled.answered()
    names["answer"] = first


def test_a_name_of_another_module_is_what_it_is_now(compiled: ModuleType) -> None:
    elsewhere = compiled.elsewhere
    with pytest.raises(AttributeError, match="answer"):
        compiled.answered_elsewhere()
    for number in range(3):
        value = object()
        before = sys.getrefcount(value)
        elsewhere.answer = value
        assert [compiled.answered_elsewhere() for _ in range(3)] == [value] * 3
        elsewhere.another = number
        assert compiled.answered_elsewhere() is value
        assert sys.getrefcount(value) == before + 1
        elsewhere.answer = None
        assert sys.getrefcount(value) == before
    del elsewhere.answer
    with pytest.raises(AttributeError, match="answer"):
        compiled.answered_elsewhere()
    for number in range(3):
        elsewhere._answer = number
        assert [compiled.hidden_elsewhere() for _ in range(3)] == [number] * 3


def test_a_name_of_what_is_no_module_is_its_attribute(compiled: ModuleType) -> None:
    names, asked = vars(compiled), ModuleType("asked")
    vars(asked)["__getattr__"] = lambda name: f"asked for {name}"
    cases = [
        (Answer(1), 1),
        (Answer(2), 2),
        (NamedModule("own"), "own"),
        (asked, "asked for answer"),
    ]
    module = names["elsewhere"]
    for owner, answer in cases:
        names["elsewhere"] = owner
        assert [compiled.answered_elsewhere() for _ in range(3)] == [answer] * 3
    names["elsewhere"] = module


class Answer(msgspec.Struct):
    answer: object


class NamedModule(ModuleType):
    @property
    def answer(self) -> object:
        return self.__name__
