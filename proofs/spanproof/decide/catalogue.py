"""All obligations and mutants, with a key for what each rests on.

As long as no source changed but for its comments, the catalogue is the one of the last run, and
nothing is imported: neither the obligations nor a solver.
"""

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.jobs import Job
from spanproof.decide.resting import (
    DECIDING,
    beyond,
    code_of_ours,
    fingerprint_of_the_prover,
    fingerprint_of_the_trier,
    sources_of_claims,
    surroundings,
    values_of,
    what_is_run,
    what_it_rests_on,
)
from spanproof.decide.rewritten import rewritten
from spanproof.decide.verdict import Verdict
from spanproof.fingerprint.code import Code
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.modules import is_within, modules_of
from spanproof.fingerprint.units import PACKAGES, Unit, digest_of
from spanproof.prove.references import rests_on
from spanproof.solvers.names import installed_version
from spanspec.base.collecting import put_off

if TYPE_CHECKING:
    from spanproof.prove.exploration import Exploration
    from spanproof.prove.proof import Obligation


NEAR: Final = ("spanspec", "spanproof.theorems")
"""Where a statement that is not understood counts with all that it names, elsewhere as written."""


class ListedClaim(NamedTuple):
    """An obligation as it is listed; `rests_on` is the fingerprint of all that it rests on.

    `unknown` says what it uses that no fingerprint can speak of; then its answer is not kept.
    `uses` are the obligations whose claims it builds on. `before` is what `rests_on` was before
    something was written otherwise that is the same, if there is an answer of then; else empty.
    `module` is where it is claimed.
    """

    id: str
    rules: tuple[str, ...]
    claim: str
    assumes: tuple[str, ...]
    rests_on: str
    unknown: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    before: str = ""
    module: str = ""


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
    claims: dict[str, ListedClaim]
    mutants: dict[str, Variation]

    def used(self, obligations: Iterable[str]) -> dict[str, list[str]]:
        """Return the assumptions that some obligations use, each with those that use it."""
        users: dict[str, list[str]] = {}
        for name in obligations:
            for assumption in self.claims[name].assumes:
                users.setdefault(assumption, []).append(name)
        return users

    def rests_on(self, obligation: str) -> list[str]:
        """Return the obligations on whose claims one builds, directly or not."""
        return rests_on(obligation, self.uses)

    @property
    def uses(self) -> dict[str, tuple[str, ...]]:
        """The obligations on whose claims each one builds directly."""
        return {name: claim.uses for name, claim in self.claims.items()}

    def keeps(self, job: Job) -> bool:
        """Tell whether a job's answer follows from what its key names."""
        return not self.claims[job.obligation].unknown

    def key(self, job: Job) -> str:
        """Return the name of what a job depends on."""
        change = self.mutants[job.mutant].change if job.mutant is not None else ""
        return key_of(job, self.claims[job.obligation].rests_on, change)

    def key_before(self, job: Job) -> str | None:
        """Return the name of what a job depended on whose answer is its answer; None for none.

        A mutant has none: it is a change of a text, and the text is another one.
        """
        before = self.claims[job.obligation].before
        return key_of(job, before) if before and job.mutant is None else None


def key_of(job: Job, rests_on: str, change: str = "") -> str:
    """Return the name of what a job depends on, in the sources of which that is told."""
    version = installed_version(job.solver)
    return digest_of(rests_on, change, job.solver, version, job.obligation)


class KeptCatalogue(NamedTuple):
    """The catalogue, if the cache has it, and the fingerprint of all sources."""

    book: Catalogue | None
    world: str


def catalogue(cache: Cache, world: str = "") -> Catalogue:
    """Return the catalogue; it is made anew if a source changed.

    `world` is the fingerprint of all sources, if somebody knows it already.
    """
    world = world or fingerprint_of_everything(cache)
    stored = _stored(cache, world)
    if stored is not None:
        return stored
    with put_off():
        made = _made(world, cache)
    cache.put(digest_of("catalogue", world), made)
    cache.prune()
    return made


def kept(cache: Cache) -> KeptCatalogue:
    """Return the catalogue if the cache has it, and what is known to make it if it has not."""
    if isinstance(cache, NoCache):
        return KeptCatalogue(None, "")
    world = fingerprint_of_everything(cache)
    return KeptCatalogue(_stored(cache, world), world)


def _stored(cache: Cache, world: str) -> Catalogue | None:
    stored = cache.get(digest_of("catalogue", world), Catalogue)
    if stored is not None and stored.world == world and stored.claims and stored.mutants:
        return stored
    return None


def listed() -> Catalogue:
    """Return the catalogue without fingerprints, which take a while: of it nothing can be kept."""
    from spanproof.theorems import all_explorations, all_obligations

    unknown = ("its fingerprint was not asked for",)
    claims = {
        **{name: _listed(claim, "", unknown) for name, claim in all_obligations().items()},
        **{name: _listed(claim, "", unknown) for name, claim in all_explorations().items()},
    }
    return Catalogue("", claims, _variations())


def book_for(cache: Cache, world: str = "") -> Catalogue:
    """Return the catalogue, with fingerprints if anything is kept; `world` is that of all."""
    return listed() if isinstance(cache, NoCache) else catalogue(cache, world)


@functools.cache
def current() -> Catalogue:
    """Return the catalogue of the sources as this process found them."""
    return catalogue(Cache())


def fingerprint_of_everything(cache: Cache) -> str:
    """Return the fingerprint of all sources of ours, comments and layout left out.

    A file is only parsed if the cache does not know its very bytes.
    """
    code = Code(store=cache)
    names = sorted(name for package in PACKAGES for name in modules_of(package))
    with put_off():
        facts = {name: code.facts(name) for name in names}
    told = (f"{name}={known.digest}" for name, known in facts.items() if known is not None)
    return digest_of(surroundings(), *told)


def _made(world: str, cache: Cache) -> Catalogue:
    from spanproof.prove.composition import due, said
    from spanproof.theorems import all_explorations, all_obligations

    code = code_of_ours(cache)
    sources = sources_of_claims(code)
    effects = code.effects((DECIDING,), (DECIDING,))
    near = sources.closure(unit for unit in effects if is_within(unit.module, NEAR))
    tools = digest_of(
        fingerprint_of_the_prover(code),
        sources.fingerprint(near),
        sources.fingerprint(effects),
        *beyond(code),
    )
    everywhere = tuple(sources.unknowns(near))

    obligations = all_obligations()
    argued = {claim.id: _argued_by(claim) for claim in obligations.values()}

    @functools.cache
    def rests_on_units(sources: Sources, name: str) -> frozenset[Unit]:
        """Return what an obligation rests on by itself: many count for others, too."""
        return what_it_rests_on(sources, obligations[name])

    earlier = rewritten(cache, code)

    def before(
        claim: "Obligation | Exploration",
        units: frozenset[Unit],
        resting_in: Callable[[Sources], tuple[frozenset[Unit], str]],
    ) -> str:
        """Return what a claim rested on before something was written otherwise, if that is the
        same and it was decided then.
        """
        edited = earlier.units & units if earlier is not None else frozenset()
        if earlier is None or not edited:
            return ""
        _, key = resting_in(earlier.sources)
        if cache.get(key_of(Job(claim.id), key), Verdict) is None:
            return ""
        return key if earlier.are_same(edited, earlier.reading(claim, units)) else ""

    def claimed(claim: "Obligation") -> ListedClaim:
        proves = [claim, *(obligations[name] for name in rests_on(claim.id, argued))]
        made = [values_of(one.build) for one in proves]
        values = [value for known, _ in made for value in known]
        unknown = [one for _, others in made for one in others]
        # Who begins to build on it may ask for more than it shows.
        values += sorted(said(stated) for stated in due(claim))

        def resting_in(sources: Sources) -> tuple[frozenset[Unit], str]:
            units = frozenset().union(*(rests_on_units(sources, one.id) for one in proves))
            return units, digest_of(tools, sources.fingerprint(units), *values)

        units, key = resting_in(sources)
        return _listed(claim, key, (*everywhere, *sources.unknowns(units), *unknown))._replace(
            before=before(claim, units, resting_in)
        )

    claims = {claim.id: claimed(claim) for claim in obligations.values()}
    trier = fingerprint_of_the_trier(code)
    for tried in all_explorations().values():

        def resting_in(
            sources: Sources, tried: "Exploration" = tried
        ) -> tuple[frozenset[Unit], str]:
            units = what_is_run(sources, tried)
            return units, digest_of(tools, trier, sources.fingerprint(units))

        units, key = resting_in(sources)
        claims[tried.id] = _listed(tried, key, (*everywhere, *sources.unknowns(units)))._replace(
            before=before(tried, units, resting_in)
        )
    return Catalogue(world, claims, _variations())


def _argued_by(claim: "Obligation") -> tuple[str, ...]:
    """Return the obligations that show the lemmas and contracts of one.

    What every step shows, or keeps, is not among them: of that only the statement counts here, for
    it is decided beside, and who builds on it is `unfounded` if it fails.
    """
    from spanproof.prove.lemmas import Inductive, ShownOfSteps, provers_of

    stated = [*claim.lemmas, *claim.contracts.values()]
    argued = [one for one in stated if not isinstance(one, ShownOfSteps | Inductive)]
    return tuple(dict.fromkeys(name for one in argued for name in provers_of(one)))


def _listed(
    claim: "Obligation | Exploration", fingerprint: str, unknown: tuple[str, ...]
) -> ListedClaim:
    return ListedClaim(
        claim.id,
        claim.rules,
        claim.claim,
        tuple(assumption.id for assumption in claim.assumes),
        fingerprint,
        unknown,
        claim.uses,
        module=claim.module,
    )


def _variations() -> dict[str, Variation]:
    from spanproof.theorems.mutants import MUTANTS

    return {
        mutant.name: Variation(
            mutant.name,
            mutant.function,
            mutant.killed_by,
            mutant.story,
            digest_of(mutant.function, mutant.old, mutant.new),
        )
        for mutant in MUTANTS.values()
    }
