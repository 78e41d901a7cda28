"""A table has for a key what the interpreter would find (`tables.h`), and an integer is itself."""

import gc
import random
import sys
from types import ModuleType
from typing import cast

import pytest


def test_an_integer_is_itself(compiled: ModuleType) -> None:
    rng = random.Random(1)
    for _ in range(50_000):
        number = rng.choice(
            (
                rng.randrange(-300, 600),
                rng.randrange(-(1 << 62), 1 << 62),
                rng.randrange(1 << 40) << 13,
                rng.randrange(3000),
            )
        )
        assert cast("list[int]", compiled.integers(number)) == [number, number + 1, number * 2]


class Filling(dict[object, object]):
    """A table that makes what is missing, and one that answers itself."""

    def __missing__(self, key: object) -> object:
        return "missing", key


class Answering(dict[object, object]):
    def __getitem__(self, key: object) -> object:
        return "answered", key


class Alike(int):
    """Equal to every integer that has its hash."""

    def __eq__(self, other: object) -> bool:
        return hash(other) == hash(self)

    __hash__ = int.__hash__


# An integer beyond 2**61 - 2 has the hash of a smaller one, and -1 that of -2.
KEYS: list[object] = [
    sign * ((1 << size) + near)
    for size in (0, 3, 8, 29, 30, 31, 59, 60, 61, 62, 63, 100)
    for sign in (1, -1)
    for near in (-2, -1, 0, 1)
]


KEYS += [True, False, 7.0, 2.5, "7", "", None, (1, 2), Alike(5), Alike(1 << 40), float(1 << 40)]


def test_a_table_has_what_the_interpreter_finds(compiled: ModuleType) -> None:
    rng = random.Random(1)
    for size in (0, 1, 3, 8, 100, 300, 70_000):
        # All multiples of the last one have the same hash.
        for step in (1, 8, 1 << 20, (1 << 61) - 1)[: 3 if size > 1000 else 4]:
            table: dict[object, object] = {number * step: number for number in range(size)}
            for removed in rng.sample(range(size), size // 3):
                del table[removed * step]
            if rng.random() < 0.7:
                # Of the same hash, some of them equal.
                table |= {key: key for key in rng.sample(KEYS, 9)}
            near = [rng.randrange(size + 9) * step + rng.randrange(2) for _ in range(60)]
            for key in [*KEYS, *near, *rng.sample(list(table), min(60, len(table)))]:
                expected = table.get(key), key in table
                assert compiled.by_object(table, key) == expected
                if type(key) is int:
                    assert compiled.by_word(table, key) == expected
                for look in (compiled.item, compiled.item_of_dict):
                    if key in table:
                        assert look(table, key) is table[key]
                    else:
                        with pytest.raises(KeyError):
                            look(table, key)
                assert compiled.item(Filling(table), key) == Filling(table)[key]
                assert compiled.item(Answering(table), key) == ("answered", key)


def test_a_table_changes_as_by_the_interpreter(compiled: ModuleType) -> None:
    rng = random.Random(2)
    for step in (1, 1 << 20, (1 << 61) - 1):
        ours: dict[object, object] = {}
        theirs: dict[object, object] = {}
        for _ in range(1000):
            key: object = rng.randrange(100) * step if rng.random() < 0.7 else rng.choice(KEYS)
            if rng.random() < 0.3:
                assert ours.pop(key, None) is theirs.pop(key, None)
                continue
            theirs[key] = rng.choice((rng.random(), [rng.random()]))
            compiled.set_by_object(ours, key, theirs[key])
            if type(key) is int:
                theirs[key + 1] = 0.5
                compiled.set_by_word(ours, key + 1, 0.5)
        assert list(map(repr, ours.items())) == list(map(repr, theirs.items()))


def test_a_table_is_shown_to_the_collector_with_what_it_has_to_see(compiled: ModuleType) -> None:
    table: dict[object, object] = {1: 2, 1 << 40: "three"}
    assert not gc.is_tracked(table)
    compiled.set_by_word(table, 1, 3)
    assert not gc.is_tracked(table)
    compiled.set_by_word(table, 1 << 40, [table])
    assert gc.is_tracked(table)


def test_what_a_table_had_is_let_go_of(compiled: ModuleType) -> None:
    class Last:
        def __del__(self) -> None:
            seen.append(table[1])

    seen: list[object] = []
    table: dict[object, object] = {1: Last()}
    for value in ("first", "second"):
        compiled.set_by_word(table, 1, value)
    assert (seen, table) == (["first"], {1: "second"})


def test_a_key_that_cannot_be_one_is_refused(compiled: ModuleType) -> None:
    for table in ({}, {1: 2}, {"a": 1}):
        for look in (compiled.by_object, compiled.item, compiled.item_of_dict):
            with pytest.raises(TypeError, match="unhashable"):
                look(table, [])


def test_a_table_leaves_the_counts_of_references(compiled: ModuleType) -> None:
    held, key = object(), 1 << 40
    table: dict[int, object] = {key: held}
    before = sys.getrefcount(held), sys.getrefcount(key)
    for _ in range(100):
        compiled.set_by_word(table, key, held)
        compiled.by_object(table, key)
        compiled.by_word(table, 1 << 39)
        compiled.item(table, key)
        compiled.item_of_dict(table, key)
    assert (sys.getrefcount(held), sys.getrefcount(key)) == before


def test_a_string_is_found_in_what_its_table_is_now(compiled: ModuleType) -> None:
    for key in ("known", "-".join(("not", "interned")), "-".join(("not", "interned"))):
        for table in ({key: 1}, {key: 2, "other": 3}):
            assert [compiled.by_object(table, key) for _ in range(3)] == [(table[key], True)] * 3
            table[key] = 4
            assert compiled.by_object(table, key) == (4, True)
            del table[key]
            assert compiled.by_object(table, key) == (None, False)
            table["-".join(("not", "interned"))] = 5
            assert compiled.by_object(table, key) == (table.get(key), key in table)
