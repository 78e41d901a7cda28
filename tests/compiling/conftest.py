"""A module that is compiled as the model is: each function does one thing that is remembered."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

COMPILING = Path(__file__).resolve().parent.parent.parent / "compiling"


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
from toplevels import marked
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify(["remembering.py"], opt_level="0", target_dir="build")
for module in modules:
    headers = ["-include", {reserve!r}, "-include", {slots!r}]
    module.extra_compile_args = [*module.extra_compile_args, *headers, "-DKEEP_INTEGERS"]
    module.include_dirs.append({root!r})
    for source in map(Path, module.sources):
        text = taken_directly(without_lists(with_places(marked(source.read_text()))))
        assert taken_directly(without_lists(with_places(marked(text)))) == text
        source.write_text(text)
        print(*(text.count(f" = get_{{kind}}(") for kind in ("int", "bool", "field")))
        print(text.count(" = call_with("))
        assert text.count("nargs == 2)) {{ obj_") > 9
        assert text.count(" = get_global(") > 1
        assert text.count(" = get_name(") == 2
        assert text.count(" = tuple_before(") == 1
        assert text.count("RUNS_ONCE char CPyDef_") == 1
setup(ext_modules=modules, script_args=["-q", "build_ext", "--inplace"])
"""


@pytest.fixture(scope="session")
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
