"""What of ours an obligation rests on, and what decides it: the parts of its fingerprint."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Final, NewType

from msgspec import Struct

from spanproof.fingerprint.code import Code
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.facts import Store
from spanproof.fingerprint.modules import modules_of
from spanproof.fingerprint.units import Unit, digest_of

if TYPE_CHECKING:
    from spanproof.prove.exploration import Exploration
    from spanproof.prove.lemmas import Stated
    from spanproof.prove.proof import Obligation


PROVER: Final = tuple(
    f"spanproof.{name}"
    for name in (
        "decide.prover",
        "decide.sameness",
        "decide.verdict",
        "prove.claims",
        "prove.composition",
        "prove.exploration",
        "prove.generality",
        "prove.lemmas",
        "prove.proof",
        "prove.questions",
        "prove.smallscope",
        "solvers",
        "symbolic",
    )
)
"""The modules that decide: a change in one of them concerns every obligation."""


TELLER: Final = "spanproof.counterexamples"
"""The package that tells counterexamples."""


TRIER: Final = "spanproof.decide.trying"
"""The module that decides by running."""


NAMED: Final = ("spanalloc", "spanspec.pages.freeset.treapnode")
"""The package and the module of which what decides knows names, and imports nothing."""


BEGINNINGS: Final = (
    "spanspec.compiled",
    "spanalloc.compiled",
    "spanspec.invariants.registry",
    "spanproof.support.processes.interrupts",
    "spanproof.support.processes.children",
    "spanproof.support.files.streams",
)
"""Modules that are known to do more than bind names: they choose between compiled modules and their
sources, enter what they decorate into a table, or catch signals. They count for everything, as they
are written.
"""


COMMANDS: Final = (
    "spanproof.cli.app",
    *(f"spanproof.cli.commands.{name}" for name in ("prove", "mutants", "verify")),
)
"""The modules that are imported in the process that decides."""


DECIDING: Final = "spanproof.decide.suite"
"""The module whose functions run while something is decided."""


DISTRIBUTIONS: Final = ("z3-solver", "msgspec", "mypy_extensions", "librt")
"""What others wrote and an obligation's outcome may hang on; the version counts."""


VARIABLES: Final = ("Z3_LIBRARY_PATH", "Z3_LIBRARY_DIRS", "LD_LIBRARY_PATH", "LD_PRELOAD")
"""Variables of the environment that say which solver is loaded."""


KNOWN: Final = (tuple, list, dict, Struct, FunctionType, BuiltinFunctionType, type, NewType)
"""Kinds of values that an obligation may be made with: their parts count, or what their name says.
"""


def surroundings() -> str:
    """Return the fingerprint of what no source says: versions, and which solver is loaded."""
    versions = []
    for name in DISTRIBUTIONS:
        try:
            versions.append(f"{name}={version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name}=")
    variables = (f"{name}={os.environ.get(name, '')}" for name in VARIABLES)
    python = platform.python_implementation(), platform.python_version(), platform.machine()
    return digest_of(*python, *versions, *variables)


def beyond(code: Code) -> list[str]:
    """Return the statements that are not understood in modules that only the commands import.

    They are in the process that decides if there is a single one. Nothing that is proved names
    them, so they count as they are written.
    """
    deciding = set(code.reached((DECIDING,)))
    return [
        f"{name}: {statement}"
        for name in code.reached(COMMANDS)
        if name not in deciding
        for statement in code.judged(name).odd
    ]


def code_of_ours(
    store: Store | None = None,
    changed: Mapping[str, str] | None = None,
    like: Code | None = None,
) -> Code:
    """Return our modules, some with other texts; what decides counts for everything anyway."""
    return Code((*PROVER, TELLER, *BEGINNINGS), changed, store, like)


def sources_of_claims(code: Code | None = None) -> Sources:
    """Return the sources that obligations rest on; what decides them is left out."""
    return Sources(outside=(*PROVER, TELLER, *BEGINNINGS), code=code or code_of_ours())


def what_it_rests_on(sources: Sources, claim: "Obligation") -> frozenset[Unit]:
    """Return everything of ours that an obligation rests on.

    A function inside another one also rests on the functions that it was made with.
    """
    from spanproof.prove.lemmas import rules_of

    build = claim.build
    module, outer = build.__module__, build.__qualname__.partition(".")[0]
    roots = sources.named(module, outer) or sources.whole(module)
    stated: list[object] = []
    used: list[Stated] = [*claim.contracts.values(), *claim.lemmas]
    for one in used:
        stated += rules_of(one)
    for loop in claim.loops.values():
        stated += loop
    for value in (*made_with(build), *stated):
        if isinstance(value, FunctionType | BuiltinFunctionType | type | NewType):
            roots += sources.named(value.__module__, value.__name__)
    return sources.closure(roots)


def what_is_run(sources: Sources, claim: "Exploration") -> frozenset[Unit]:
    """Return everything of ours that an obligation rests on which is decided by running."""
    run = claim.run
    outer = run.__qualname__.partition(".")[0]
    roots = sources.named(run.__module__, outer) or sources.whole(run.__module__)
    return sources.closure(roots)


def made_with(build: Callable[..., object]) -> Iterator[object]:
    """Yield the values that a function inside another one was made with, their parts as well."""
    waiting: list[object] = [cell.cell_contents for cell in getattr(build, "__closure__", ()) or ()]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, tuple | list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, Struct):
            waiting.extend(getattr(value, name) for name in value.__struct_fields__)


def values_of(build: Callable[..., object]) -> tuple[list[str], list[str]]:
    """Return the plain values that a function was made with, and of which kinds others are."""
    values, others = [], []
    for value in made_with(build):
        if value is None or isinstance(value, str | int):
            values.append(repr(value))
        elif not isinstance(value, KNOWN):
            others.append(f"{build.__module__} makes a claim with a {type(value).__name__}")
    return sorted(values), others


def fingerprint_of_the_prover(code: Code) -> str:
    """Return the fingerprint of the modules that decide, and of what they read of the model.

    What tells counterexamples counts as it is written, not with the protocols that it runs; so do
    the beginnings. What is only named counts for those obligations that read it.
    """
    sources = Sources(code=code)
    written = [
        unit
        for place in (TELLER, *BEGINNINGS)
        for module in modules_of(place)
        for unit in sources.whole(module)
    ]
    deciding = Sources(outside=(TELLER, *NAMED), code=code)
    roots = [
        unit for place in PROVER for module in modules_of(place) for unit in deciding.whole(module)
    ]
    return digest_of(
        surroundings(),
        deciding.fingerprint(deciding.closure(roots)),
        sources.fingerprint(written),
    )


def fingerprint_of_the_trier(code: Code) -> str:
    """Return the fingerprint of the module that decides by running."""
    outside = (*PROVER, TELLER, *BEGINNINGS, *NAMED)
    sources = Sources(outside=outside, code=code)
    return sources.fingerprint(sources.closure(sources.whole(TRIER)))
