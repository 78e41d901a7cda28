"""The closed lists of what is known to change nothing while a module is imported.

Whatever is not listed counts as unknown, so a name that is missing here costs time, never a proof.
"""

import re
from typing import Final


def names(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(re.findall(r"\S+", text))


HARMLESS_BUILTINS: Final = names(
    """
    abs all any bool bytes callable chr dict divmod enumerate filter float frozenset int
    isinstance issubclass iter len list max memoryview min next ord pow range repr reversed
    round set sorted str sum super tuple type zip AssertionError IndexError KeyError
    LookupError RuntimeError TypeError ValueError
    """
)
"""Builtins whose call changes nothing, and whose result depends on the arguments alone."""

UNKNOWN_BUILTINS: Final = names(
    """
    __import__ breakpoint compile delattr eval exec globals hash id input locals open
    setattr vars
    """
)
"""Builtins that change what they are told to, or answer otherwise from run to run."""

HARMLESS_OUTSIDE: Final = names(
    """
    bisect.bisect_left bisect.bisect_right collections.Counter collections.OrderedDict
    collections.deque dataclasses.dataclass dataclasses.field enum.auto functools.partial
    itertools.chain itertools.combinations itertools.product librt.vecs.vec msgspec.Meta
    msgspec.field msgspec.json.Decoder msgspec.json.Encoder msgspec.structs.replace
    pathlib.Path re.compile re.findall rich.console.Console types.MappingProxyType
    fractions.Fraction
    typer.Argument typer.Option typing.NewType typing.NewType() typing.ParamSpec typing.TypeVar
    typing.TypeVarTuple typing.cast
    typing.get_args z3.And z3.BitVec z3.BitVecSort z3.BitVecVal z3.BoolVal z3.Const
    z3.Function z3.If z3.Implies z3.Int z3.IntSort z3.IntVal z3.Not z3.Or
    """
)
"""Functions and classes of others whose call changes nothing; `NewType()` is what it makes."""

IMPORTS: Final = names(
    """
    bitwuzla cosmic_ray cvc5 hypothesis librt msgspec mypy_extensions platformdirs psutil rich
    spanalloc spanproof spanspec typer typing_extensions z3
    """
)
"""Packages besides the standard library's whose import changes nothing of ours."""

CONSTANT: Final = "a constant of ours"
"""What a name means that is bound to a value."""

DECORATORS: Final = names(
    """
    abc.abstractmethod classmethod contextlib.contextmanager dataclasses.dataclass
    enum.unique functools.cache functools.cached_property functools.lru_cache
    functools.total_ordering mypy_extensions.mypyc_attr mypy_extensions.trait property
    staticmethod typing.final typing.overload typing.override typing.runtime_checkable
    """
)
"""Decorators that leave a definition what it says it is."""

BASES: Final = names(
    """
    BaseException Exception IndexError KeyError LookupError MemoryError OSError
    RuntimeError TypeError ValueError dict int object str tuple abc.ABC enum.Enum enum.Flag
    enum.IntEnum enum.IntFlag enum.StrEnum collections.abc.Mapping collections.abc.Sequence
    importlib.abc.InspectLoader importlib.abc.MetaPathFinder msgspec.Struct typing.Generic
    typing.NamedTuple typing.Protocol
    """
)
"""Classes of others that can be a base without anything else happening."""

READS: Final = names(
    """
    bit_length bit_count count decode encode endswith format get hex index items join keys
    lower lstrip partition removeprefix removesuffix replace rpartition rsplit rstrip split
    splitlines startswith strip title to_bytes upper values union intersection difference
    _replace
    """
)
"""Methods of builtin types that change nothing."""

CHANGES: Final = names(
    """
    add append appendleft clear discard extend insert move_to_end pop popitem popleft push
    remove reverse setdefault sort update __delattr__ __delitem__ __setattr__ __setitem__
    """
)
"""Methods of builtin types that change the object."""

DUNDERS: Final = names("__all__ __slots__ __version__")
"""Names with two underscores that a module or class may bind without changing how it behaves."""

PURE: Final = names(
    """
    __future__ abc ast bisect collections contextlib copy dataclasses enum fractions
    functools heapq itertools librt math msgspec mypy_extensions numbers operator re string
    struct textwrap types typing typing_extensions z3 zlib
    """
)
"""Modules of others whose answers follow from what they are given, and from their version."""

SEEDED: Final = frozenset({("random", "Random")})
"""What others wrote whose answers follow from the seed that it is given, and from its version."""

KNOWN_ATTRIBUTES: Final = names(
    """
    __name__ __annotations__ __class__ __init__ __new__ __struct_config__
    __struct_fields__
    """
)
"""Attributes with two underscores that say nothing that a fingerprint leaves out."""
