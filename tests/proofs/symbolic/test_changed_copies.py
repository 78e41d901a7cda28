"""What a changed text makes of its own classes is known as what the installed classes make."""

from importlib import import_module

import pytest
import z3

from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.fresh import FreshSymbols, counts, word_bits
from spanproof.symbolic.reading.ranges import in_ranges
from spanproof.symbolic.reading.sources import SourceTree, original
from spanproof.symbolic.text.modules import module_path
from spanproof.symbolic.values.records import parts_of
from spanproof.symbolic.values.values import SymbolicBitmap, SymbolicTable, Value
from spanspec.base.bitmap import Bits
from spanspec.base.words import Unsigned

MORE = {
    "spanspec.base.words": (
        "class Two(NamedTuple):\n    one: U8\n    other: U16\n\nIT = tuple[U64, Two]\n"
    ),
    "spanspec.base.bitmap": "IT = tuple[Bitmap, bool]\n",
    "spanspec.base.tables": "SPAN = NewType('SPAN', int)\nIT = tuple[Table[SPAN, bool], bool]\n",
    "spanspec.sharing.tables.records": "IT = tuple[Thread, bool]\n",
}


def text_of(module: str) -> str:
    """Return the source of a module, which may be compiled."""
    return module_path(import_module(module)).read_text(encoding="utf-8")


def made(module: str) -> tuple[Value, list[z3.BoolRef]]:
    """Return a value of the type that a changed copy of a module makes, and what is assumed."""
    imports = "from typing import NamedTuple, NewType\n"
    text = f"{text_of(module)}\n{imports}{MORE[module]}"
    kind = SourceTree({module: text}).lookup(module, "IT")
    assumed: list[z3.BoolRef] = []
    return FreshSymbols(Integers(), assumed.append).value(kind, "it"), assumed


def test_a_word_of_a_changed_copy_is_a_word() -> None:
    value, assumed = made("spanspec.base.words")
    assert isinstance(value, tuple)
    assert [word.decl().name() for word in (value[0], *value[1])] == [
        "it.0",
        "it.1.one",
        "it.1.other",
    ]
    assert len(assumed) == 3
    text = text_of("spanspec.base.words")
    kind = SourceTree({"spanspec.base.words": f"{text}\n"}).lookup("spanspec.base.words", "U16")
    assert (word_bits(kind), counts(kind)) == (16, False)
    assert len(list(in_ranges(Integers(), kind, z3.Int("it")))) == 1


@pytest.mark.parametrize(
    ("module", "kind"),
    [("spanspec.base.bitmap", SymbolicBitmap), ("spanspec.base.tables", SymbolicTable)],
)
def test_what_a_changed_copy_annotates_has_its_counterpart(module: str, kind: type) -> None:
    value, _ = made(module)
    assert isinstance(value, tuple)
    assert type(value[0]) is kind


def test_a_record_of_a_changed_copy_is_of_the_installed_class() -> None:
    value, _ = made("spanspec.sharing.tables.records")
    assert isinstance(value, tuple)
    assert type(value[0]) is import_module("spanspec.sharing.tables.records").Thread
    assert parts_of(value[0])


def test_only_classes_of_changed_copies_stand_for_others() -> None:
    assert original(Unsigned) is Unsigned
    assert original(Bits) is Bits
    assert original(3) == 3

    class Local:
        pass

    Local.__module__, Local.__qualname__ = Unsigned.__module__, Unsigned.__qualname__
    assert original(Local) is Local
