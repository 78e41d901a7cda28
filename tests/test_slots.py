"""What compiled code remembers (`compiling/`) is what there is; calls are what is said.

Fields, methods, names, integers, keys of tables, calls with stars (`starcalls.h`).
"""

import gc
import importlib.util
import operator
import random
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import cast

import msgspec
import pytest
from msgspec.structs import replace

COMPILING = Path(__file__).resolve().parent.parent / "compiling"

SOURCE = """
from typing import TYPE_CHECKING
from msgspec.structs import replace
from package import elsewhere

if TYPE_CHECKING:
    from kinds import Kind

def number(one: "Kind") -> int:
    return one.a

def added(one: "Kind", other: "Kind") -> int:
    return one.a + other.a

def flag(one: "Kind") -> bool:
    return one.f

def inner_flag(one: "Kind") -> bool:
    return one.b.f

def changed(record: object, a: int, b: object) -> object:
    return replace(record, b=b, a=a)

def misnamed(record: object) -> object:
    return replace(record, nothing=1)

def called(one: object, x: int) -> object:
    return one.f(x)

def called_by_name(one: object, x: int) -> object:
    return one.f(x=x)

def field(one: object) -> object:
    return one.a

def fields(one: object, names: object) -> list[object]:
    found: list[object] = []
    for name in names:
        found.append(getattr(one, name))
    return found

def integers(n: int) -> list[object]:
    return [n, n + 1, n * 2]

def by_word(table: dict[int, object], key: int) -> tuple[object, bool]:
    return table.get(key), key in table

def by_object(table: dict[object, object], key: object) -> tuple[object, bool]:
    return table.get(key), key in table

def item(table: object, key: object) -> object:
    return table[key]

def item_of_dict(table: dict[object, object], key: object) -> object:
    return table[key]

def set_by_word(table: dict[int, object], key: int, value: object) -> None:
    table[key] = value

def set_by_object(table: dict[object, object], key: object, value: object) -> None:
    table[key] = value

def pair(a: int, b: object) -> tuple[int, object]:
    return a, b

def before(first: object, rest: object) -> object:
    some: tuple[object, ...] = rest
    return (first,) + some

def one_star(f: object, a: int, b: object) -> object:
    return f(*pair(a, b))

def two_stars(f: object, a: int, b: object) -> object:
    return f(*pair(a, b), b, *pair(a + 1, a), last=a, first=b)

def named_star(f: object, a: int, b: object) -> object:
    return f(*pair(a, b), c=b)

def many(f: object, a: int, b: object) -> object:
    return f(*pair(a, b), *pair(a, b), *pair(a, b), *pair(a, b), a, b, a, b, a, b, a, b, a, b, z=b)

def named_z(f: object, a: int, b: object) -> object:
    return f(*pair(a, b), z=b)

def any_star(f: object, a: object, b: object) -> object:
    return f(*a, b, c=b)

def dict_star(f: object, a: int, b: object) -> object:
    return f(*pair(a, a), **b)

def made(kind: object, a: object, b: object) -> object:
    return kind(a, b=b)

def made_by_place(kind: object, a: object, b: object) -> object:
    return kind(a, b)

def made_by_name(kind: object, a: object, b: object) -> object:
    return kind(b=b, a=a)

def made_in_part(kind: object, a: object) -> object:
    return kind(a=a)

def equal(one: object, other: object) -> tuple[bool, bool]:
    return one == other, one != other

def less(one: object, other: object) -> bool:
    return one < other

answer: object = 1

def answered() -> object:
    return answer

def answered_elsewhere() -> object:
    return elsewhere.answer

def hidden_elsewhere() -> object:
    return elsewhere._answer

class Compiled:
    def f(self, x: int) -> object:
        return "compiled", x

    def again(self, other: object, x: int) -> object:
        return other.again(other, x)

def listed(a: int, b: object) -> tuple[object, ...]:
    made: list[object] = []
    made.append(a)
    made.extend(pair(a, b))
    return tuple(made)
""".replace(": object", ": Any").replace("typing import", "typing import Any,", 1)

KINDS = """
import msgspec

class Kind(msgspec.Struct, gc=False, kw_only=True):
    a: int = 0
    f: bool = False
    b: "Kind"
"""

BUILD = """
import sys
from pathlib import Path

sys.path.insert(0, {root!r})
from fieldreads import with_places
from starcalls import taken_directly, without_lists
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify(["remembering.py"], opt_level="0", target_dir="build")
for module in modules:
    headers = ["-include", {reserve!r}, "-include", {slots!r}]
    module.extra_compile_args = [*module.extra_compile_args, *headers, "-DKEEP_INTEGERS"]
    module.include_dirs.append({root!r})
    for source in map(Path, module.sources):
        text = taken_directly(without_lists(with_places(source.read_text())))
        assert taken_directly(without_lists(with_places(text))) == text
        source.write_text(text)
        print(*(text.count(f" = get_{{kind}}(") for kind in ("int", "bool", "field")))
        print(text.count(" = call_with("))
        assert text.count("nargs == 2)) {{ obj_") > 9
        assert text.count(" = get_global(") > 1
        assert text.count(" = get_name(") == 2
        assert text.count(" = tuple_before(") == 1
setup(ext_modules=modules, script_args=["-q", "build_ext", "--inplace"])
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A module that was compiled as the model is."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler: apt-get install gcc")
    pytest.importorskip("mypyc", reason="needs mypyc: pip install 'mypy[mypyc]'")
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "remembering.py").write_text(SOURCE)
    (folder / "build.py").write_text(
        BUILD.format(
            reserve=str(COMPILING / "reserve.h"),
            slots=str(COMPILING / "slots.h"),
            root=str(COMPILING),
        )
    )
    (folder / "kinds.py").write_text(KINDS)
    for name, text in (("__init__", ""), ("elsewhere", "answer: object\n_answer: object\n")):
        (folder / "package").mkdir(exist_ok=True)
        (folder / "package" / f"{name}.py").write_text(text)
    built = subprocess.run(
        [sys.executable, "build.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    # Each function above reads so, and no read is left that takes longer.
    # As does each call with stars, and something else, that are of tuples of known length.
    assert built.stdout.split()[-4:] == ["3", "2", "2", "4"], built.stdout
    monkeypatch = pytest.MonkeyPatch()
    package = ModuleType("package")
    vars(package)["elsewhere"] = ModuleType("elsewhere")
    monkeypatch.setitem(sys.modules, "package", package)
    (place,) = folder.glob("remembering*.so")
    spec = importlib.util.spec_from_file_location("remembering", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.undo()
    return module


class Plain(msgspec.Struct, frozen=True, gc=False):
    a: int
    b: object = None
    c: int = 3

    def f(self, x: int) -> object:
        return self.a, x


class Collected(msgspec.Struct, frozen=True):
    a: int
    b: object = None


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


def test_a_name_that_is_computed_is_looked_up_each_time(compiled: ModuleType) -> None:
    for one, names in ((Plain(1, 2), ("a", "b", "c")), (operator, ("add", "sub", "mul"))):
        for _ in range(3):
            expected = [getattr(one, name) for name in names]
            assert compiled.fields(one, names) == expected
            assert compiled.fields(one, names[::-1]) == expected[::-1]
        with pytest.raises(AttributeError):
            compiled.fields(one, ("nothing",))


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


class Inner(msgspec.Struct, gc=False):
    f: bool = True


class ReadIn(msgspec.Struct, gc=False):
    a: int
    f: bool = False
    b: object = None


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


def told(*given: object, **named: object) -> tuple[object, ...]:
    return *given, *named.items()


class Calls:
    def __call__(self, *given: object, **named: object) -> tuple[object, ...]:
        return told(*given, **named)


class Three(msgspec.Struct, frozen=True, gc=False):
    a: int
    b: object
    c: object = None


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
