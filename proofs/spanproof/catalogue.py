"""All obligations and mutants, with a key for what each rests on.

As long as no source changed but for its comments, the catalogue is the one of the last run, and
nothing is imported: neither the obligations nor a solver.
"""

import functools
import hashlib
import platform
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Final, NamedTuple

from spanproof.cache import Cache
from spanproof.dependencies import (
    PACKAGES,
    ModuleUnits,
    Sources,
    Unit,
    digest_of,
    module_file,
    modules_of,
)
from spanproof.jobs import Job
from spanproof.solvers.names import installed_version

PROVER: Final = tuple(
    f"spanproof.{name}"
    for name in (
        "proof",
        "prover",
        "questions",
        "smallscope",
        "solvers",
        "symbolic",
        "verdict",
    )
)
"""The modules that decide: a change in one of them concerns every obligation."""

TELLER: Final = "spanproof.counterexamples"
"""The package that tells counterexamples."""


class Claim(NamedTuple):
    """An obligation as it is listed; `rests_on` is the fingerprint of all that it rests on."""

    id: str
    rules: tuple[str, ...]
    claim: str
    assumes: tuple[str, ...]
    rests_on: str


class Variation(NamedTuple):
    """A mutant as it is listed; `change` is the fingerprint of what it changes."""

    name: str
    function: str
    killed_by: str
    story: str
    change: str


class Catalogue(NamedTuple):
    """Every obligation and every mutant; `world` is the fingerprint of all sources."""

    world: str
    claims: dict[str, Claim]
    mutants: dict[str, Variation]

    def used(self, obligations: Iterable[str]) -> dict[str, list[str]]:
        """Return the assumptions that some obligations use, each with those that use it."""
        users: dict[str, list[str]] = {}
        for name in obligations:
            for assumption in self.claims[name].assumes:
                users.setdefault(assumption, []).append(name)
        return users

    def key(self, job: Job) -> str:
        """Return the name of what a job depends on."""
        change = self.mutants[job.mutant].change if job.mutant is not None else ""
        version = installed_version(job.solver)
        return digest_of(
            self.claims[job.obligation].rests_on, change, job.solver, version, job.obligation
        )


def catalogue(cache: Cache) -> Catalogue:
    """Return the catalogue; it is made anew if a source changed."""
    world = fingerprint_of_everything(cache)
    stored = cache.get(digest_of("catalogue", world), Catalogue)
    if stored is not None and stored.world == world:
        return stored
    made = _made(world)
    cache.put(digest_of("catalogue", world), made)
    cache.prune()
    return made


@functools.cache
def current() -> Catalogue:
    """Return the catalogue of the sources as this process found them."""
    return catalogue(Cache())


def fingerprint_of_everything(cache: Cache) -> str:
    """Return the fingerprint of all sources of ours, comments and docstrings left out.

    A file is only parsed if the cache does not know its very bytes.
    """
    names = [name for package in PACKAGES for name in modules_of(package)]
    bare = {name: _bare_fingerprint(cache, name, module_file(name)) for name in names}
    return digest_of(platform.python_version(), *(f"{n}={d}" for n, d in sorted(bare.items())))


def _bare_fingerprint(cache: Cache, name: str, path: Path | None) -> str:
    content = path.read_bytes() if path is not None else b""
    key = digest_of("module", name, hashlib.sha256(content).hexdigest())
    known = cache.get(key, str)
    if known is None:
        module = ModuleUnits(name, content.decode())
        known = digest_of(*(f"{unit}={module.digest(unit)}" for unit in module.statements))
        cache.put(key, known)
    return known


def _made(world: str) -> Catalogue:
    from spanproof.mutants import MUTANTS  # these load a solver
    from spanproof.obligations import all_obligations

    sources = sources_of_claims()
    tools = _fingerprint_of_the_prover()
    claims = {
        claim.id: Claim(
            claim.id,
            claim.rules,
            claim.claim,
            tuple(assumption.id for assumption in claim.assumes),
            digest_of(
                tools,
                sources.fingerprint(what_it_rests_on(sources, claim.build)),
                *sorted(repr(v) for v in made_with(claim.build) if isinstance(v, str | int)),
            ),
        )
        for claim in all_obligations().values()
    }
    mutants = {
        mutant.name: Variation(
            mutant.name,
            mutant.function,
            mutant.killed_by,
            mutant.story,
            digest_of(mutant.function, mutant.old, mutant.new),
        )
        for mutant in MUTANTS.values()
    }
    return Catalogue(world, claims, mutants)


def sources_of_claims() -> Sources:
    """Return the sources that obligations rest on; what decides them is left out."""
    return Sources(outside=(*PROVER, TELLER), registering=("spanproof.obligations",))


def what_it_rests_on(sources: Sources, build: Callable[..., object]) -> frozenset[Unit]:
    """Return everything of ours that an obligation's function rests on.

    A function inside another one also rests on the functions that it was made with.
    """
    module, outer = build.__module__, build.__qualname__.partition(".")[0]
    roots = sources.named(module, outer) or sources.whole(module)
    for value in made_with(build):
        if isinstance(value, FunctionType | BuiltinFunctionType | type):
            roots += sources.named(value.__module__, value.__name__)
    return sources.closure(roots)


def made_with(build: Callable[..., object]) -> Iterator[object]:
    """Yield the values that a function inside another one was made with, parts of tuples too."""
    waiting: list[object] = [cell.cell_contents for cell in getattr(build, "__closure__", ()) or ()]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, tuple | list):
            waiting.extend(value)


def _fingerprint_of_the_prover() -> str:
    """Return the fingerprint of the modules that decide, and of what they read of the model.

    What tells counterexamples counts as it is written, not with the protocols that it runs.
    """
    sources = Sources()
    telling = [unit for module in modules_of(TELLER) for unit in sources.whole(module)]
    deciding = Sources(outside=(TELLER,))
    roots = [
        unit for place in PROVER for module in modules_of(place) for unit in deciding.whole(module)
    ]
    return digest_of(
        platform.python_version(),
        deciding.fingerprint(deciding.closure(roots)),
        sources.fingerprint(telling),
    )
