"""Classes whose objects methods change: their fields, and the text of their methods.

A class says what its fields are where `__init__` assigns them: by an annotation, by the parameter
that is assigned, or by the vector or object that is made there. What cannot be told is a field
that proofs cannot read.
"""

import ast
import builtins
from collections.abc import Iterator, MutableMapping
from functools import cache
from inspect import getattr_static
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    NoneType,
    UnionType,
    WrapperDescriptorType,
)
from typing import Final, Generic, NamedTuple, get_args, get_origin

import msgspec
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.reading.fresh import FreshSymbols
from spanproof.symbolic.reading.sources import SourceTree, installed
from spanproof.symbolic.text.definitions import (
    Definition,
    Mismatch,
    ModuleSource,
    local_to,
    same_code,
)
from spanproof.symbolic.text.errors import NotTranslatable
from spanproof.symbolic.text.modules import IMPLEMENTATION
from spanproof.symbolic.values.memory import ITEMS, LIST, Content, ObjectMemory, Place
from spanproof.symbolic.values.values import SymbolicObject, SymbolicVector, Value

UNKNOWN: Final = object()
"""The kind of a field that cannot be told."""


CONTAINERS: Final = frozenset(
    {
        "spanspec.base.intervals.Intervals",
        "spanspec.pages.tables.pagemap.PageMap",
        "spanspec.pages.tables.pagemap.PageTable",
        "spanspec.pages.freeset.treapnode.Node",
    }
)
"""The classes of the model whose objects methods change: nodes of the treap, and the page map."""

REDEFINED: Final = frozenset(
    f"__{name}__"
    for name in ("new", "getattr", "getattribute", "setattr", "delattr", "init_subclass", "del")
)
"""What a class leaves to Python, or its fields are not what they seem."""

FIELDS: Final = (MemberDescriptorType, GetSetDescriptorType)
"""What reads a field of an object: of one with `__slots__`, and of a compiled one."""

COMPILED: Final = (MethodDescriptorType, WrapperDescriptorType)
"""What a compiled method is."""


class VectorOf(NamedTuple):
    """The kind of a field that holds a vector, and that of its items."""

    item: object


def object_kind(kind: object) -> tuple[type, bool] | None:
    """Return the class of a kind whose values are objects, and whether None is one of them."""
    parts = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    # What a generic class is of is a matter for those who check types.
    rest = [get_origin(one) or one for one in parts if one is not NoneType]
    if len(rest) == 1 and is_changeable(rest[0]):
        return rest[0], len(rest) < len(parts)
    return None


def is_changeable(kind: object) -> bool:
    """Tell whether objects of a type are changed by methods: an ordinary class of spanalloc, of a
    test, or one that a selftest has written, or a container of the model's.
    """
    return (
        isinstance(kind, type)
        and (
            kind.__module__.split(".")[0] == IMPLEMENTATION
            or f"{kind.__module__}.{kind.__qualname__}" in CONTAINERS
            or kind.__module__.startswith(("test", "spanproof.selftest.written"))
        )
        and not issubclass(kind, tuple | msgspec.Struct | BaseException)
    )


def own_classes(kind: type) -> Iterator[type]:
    """Yield a class and the classes of ours that it is derived from, itself first."""
    return (one for one in kind.__mro__ if is_changeable(one))


@cache
def field_kinds(kind: type) -> dict[str, object]:
    """Return the fields of a class, each with its kind.

    Raises: NotTranslatable if they are not what the text of the class says.
    """
    return {name: what for name, (_, what) in _fields(kind).items()}


def place_of(kind: type, name: str) -> Place:
    """Return where a field of a class is: it is the same one in all classes derived from it.

    Raises: NotTranslatable if the fields are not what the text of the class says.
    """
    return _fields(kind)[name][0], name


@cache
def _fields(kind: type) -> dict[str, tuple[type, object]]:
    """Return each field with the first class that gives it a value, and its kind."""
    require_plain(kind)
    found: dict[str, tuple[type, object]] = {}
    for one in own_classes(kind):
        source = installed(one.__module__)
        init = source.methods(one.__name__).get("__init__")
        if init is None:
            continue
        for name, what in _assigned(init, source).items():
            found[name] = one, found.get(name, (one, what))[1]
        if not _calls_base(init):
            break
    for name in found:
        reads = getattr_static(kind, name, None)
        if hasattr(type(reads), "__get__") and not isinstance(reads, FIELDS):
            raise NotTranslatable(f"{kind.__name__}.{name} is no field, but computes")
    return found


def _calls_base(init: ast.FunctionDef) -> bool:
    """Tell whether a constructor calls that of the class it is derived from."""
    return any(
        isinstance(node, ast.Attribute) and node.attr == "__init__" for node in ast.walk(init)
    )


@cache
def require_plain(kind: type) -> None:
    """Refuse a class whose objects are not made, read and changed as Python's usual ones are.

    Raises: NotTranslatable if it is none.
    """
    if type(kind) is not type:
        raise NotTranslatable(f"{kind.__name__} has a metaclass of its own")
    bases: tuple[type, ...] = tuple(one for one in kind.__mro__[:-1] if one is not Generic)
    foreign = [base.__name__ for base in bases if not is_changeable(base)]
    if foreign:
        raise NotTranslatable(f"{kind.__name__} is derived from {foreign[0]}, not ours")
    for base in bases:
        defined = {
            name
            for name, what in vars(base).items()
            if isinstance(what, FunctionType | staticmethod | classmethod)
        }
        odd = sorted(REDEFINED & (defined | _text_defines(base)))
        if odd:
            raise NotTranslatable(f"{base.__name__} defines {', '.join(odd)}")


def _text_defines(kind: type) -> set[str]:
    try:
        return set(installed(kind.__module__).methods(kind.__name__))
    except Mismatch as problem:
        raise NotTranslatable(problem.what) from None


def derived(kind: type) -> Iterator[type]:
    """Yield the classes of the same package that are derived from one, at whatever remove."""
    below: list[type] = kind.__subclasses__()
    for one in below:
        related = one.__module__.partition(".")[0] == kind.__module__.partition(".")[0]
        if related and is_changeable(one):
            yield one
            yield from derived(one)


def _overriding(kind: type, name: str) -> type | None:
    """Return a class of the same package that has a method of its own in place of a class's."""
    return next((one for one in derived(kind) if name in vars(one)), None)


def _assigned(init: ast.FunctionDef, source: ModuleSource) -> dict[str, object]:
    given = {one.arg: one.annotation for one in init.args.args}
    found: dict[str, object] = {}
    for node in init.body:
        match node:
            case ast.AnnAssign(
                target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=kind
            ):
                found[name] = _meant(kind, source)
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value
            ):
                found[name] = _made(value, given, source)
    return found


def _made(value: ast.expr, given: dict[str, ast.expr | None], source: ModuleSource) -> object:
    match value:
        case ast.Call(func=ast.Subscript(value=ast.Name(id="vec"), slice=item)):
            return VectorOf(_meant(item, source))
        case ast.Call(func=ast.Name() as kind):
            made = _meant(kind, source)
            return made if is_changeable(made) else UNKNOWN
        case ast.Name(id=name) if given.get(name) is not None:
            return _meant(given[name], source)
    return UNKNOWN


def _meant(node: ast.expr | None, source: ModuleSource) -> object:
    """Return the object that an annotation denotes in its module."""
    assert node is not None
    namespace = {**vars(builtins), "vec": vec, **source.namespace}
    try:
        return eval(compile(ast.Expression(node), source.path, "eval"), namespace)
    except (NameError, TypeError):
        return UNKNOWN


def method_of(kind: type, name: str, sources: SourceTree) -> tuple[type, Definition] | None:
    """Return the class that defines a method, and the text that runs; None if none of ours does.

    Raises: Mismatch if what runs is not what the text says; NotTranslatable if it is not certain
    that a call of it runs this one.
    """
    require_plain(kind)
    if name != "__init__":
        other = _overriding(kind, name)
        if other is not None:
            raise NotTranslatable(f"{other.__name__} has a method {name} of its own")
        if name in field_kinds(kind):
            raise NotTranslatable(f"{kind.__name__}.{name} is a field, too")
    for one in own_classes(kind):
        if name in vars(one):
            return one, _definition(one, name, sources)
    return None


def _definition(kind: type, name: str, sources: SourceTree) -> Definition:
    source = sources.module(kind.__module__)
    tree = source.methods(kind.__name__).get(name)
    own = source.method_code(kind.__name__, name)
    if tree is None or own is None:
        raise Mismatch(1, f"{kind.__name__}.{name} is no method in the text of its class")
    if tree.decorator_list:
        raise Mismatch(tree.lineno, f"{kind.__name__}.{name} is decorated")
    runs = vars(kind)[name]
    changed = kind.__module__ in sources.changed
    if not changed and not _runs(runs, own, source):
        raise Mismatch(
            tree.lineno, f"what runs as {kind.__name__}.{name} is not what the text says"
        )
    return Definition(tree, local_to(own))


def _runs(method: object, own: CodeType, source: ModuleSource) -> bool:
    """Tell whether a method is what its text says, or what was compiled of it."""
    if source.compiled:
        return isinstance(method, COMPILED)
    return (
        isinstance(method, FunctionType)
        and method.__globals__ is source.namespace
        and method.__closure__ is None
        and same_code(method.__code__, own)
    )


def first_value(
    symbols: FreshSymbols,
    memory: ObjectMemory,
    names: MutableMapping[int, str],
    place: Place,
    identity: z3.ExprRef,
) -> Value:
    """Return an unknown value for a field of an object, or for the items of a vector.

    Raises: NotTranslatable if the field's kind cannot be told, or has no symbolic counterpart.
    """
    kind, field = place
    number = identity.as_long() if isinstance(identity, z3.IntNumRef) else 0
    if field == ITEMS and number in names:
        return _content(symbols, kind, names[number])
    if field == ITEMS:
        raise NotTranslatable("which vector it is cannot be told")
    assert isinstance(kind, type)
    known = field_kinds(kind).get(field, UNKNOWN)
    if number <= 0:
        raise NotTranslatable(f"{kind.__name__}.{field} has no value yet")
    name = f"{names[number]}.{field}"
    if isinstance(known, VectorOf) or get_origin(known) is list:
        made = memory.given()
        names[made.as_long()] = name
        return SymbolicVector(known.item if isinstance(known, VectorOf) else LIST, made)
    other = object_kind(known)
    if other is not None:
        made, optional = z3.Int(name), other[1]
        symbols.assume(made >= 0 if optional else made > 0)
        return SymbolicObject(other[0], made)
    try:
        return symbols.value(known, name)
    except TypeError as problem:
        raise NotTranslatable(f"{kind.__name__}.{field}: {problem}") from None


def _content(symbols: FreshSymbols, kind: object, name: str) -> Content:
    sort = symbols.arithmetic.sort
    length = z3.Const(f"{name}.len", sort)
    symbols.assume(length >= 0)
    if kind in (i64, LIST):
        items = z3.Function(f"{name}.item", sort, sort)
        return Content(lambda index: items(index), length)
    raise NotTranslatable(f"no symbolic counterpart of a vector of {kind}")
