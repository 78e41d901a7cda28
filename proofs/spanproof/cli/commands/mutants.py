"""`spanspec mutants`: every named wrong variant, what must object to it, and what did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from spanproof.cli.cluster import Scheduler, on_cluster
from spanproof.cli.options import Jobs, Json, QueryTime
from spanproof.cli.output import Unusable
from spanproof.cli.showing.generated import campaign
from spanproof.cli.showing.named import named_mutants
from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.catalogue import book_for
from spanproof.decide.verdict import DEFAULT_TIMEOUT
from spanproof.support.files import savedfile

if TYPE_CHECKING:
    from spanproof.mutation.drawing.fates import Judges

MANY: Final = 100
"""Mutants of spanalloc that are drawn unless a number is given."""


def mutants(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...",
            help="Parts of mutants' names or obligations' ids, or * patterns.",
        ),
    ] = None,
    known: Annotated[
        bool, typer.Option(help="Also the known bugs, found by traces and random programs.")
    ] = True,
    generated: Annotated[
        bool, typer.Option("--generated", help="Judge mutants that nobody chose; takes hours.")
    ] = False,
    random: Annotated[
        int, typer.Option(metavar="N", min=0, help="Draw N mutants of all that cites a rule.")
    ] = 0,
    of: Annotated[
        str,
        typer.Option(metavar="WHAT", help="Draw them of the model, spanalloc, or its structures."),
    ] = "model",
    judge: Annotated[
        str, typer.Option(metavar="WHO", help="Judges of drawn ones: proofs, or all.")
    ] = "proofs",
    sample: Annotated[
        int, typer.Option(min=0, help="How many of the generated ones; 0 for all.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Determines which, and their order.")] = 0,
    save_to: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Save each counterexample there.")
    ] = None,
    jobs: Jobs = 0,
    timeout: QueryTime = DEFAULT_TIMEOUT,
    cache: Annotated[bool, typer.Option(help="Take over answers of earlier runs.")] = True,
    scheduler: Scheduler = "",
    json: Json = False,
) -> int:
    """Show for each mutant which obligation kills it, and by which counterexample."""
    savedfile.check_folder(save_to)
    store = Cache() if cache else NoCache()
    chosen = tuple(patterns or ("*",))
    if judge not in ("proofs", "all"):
        raise Unusable(f"no judge {judge!r}; there are proofs, and all")
    if of not in ("model", "spanalloc", "structures"):
        raise Unusable(f"no mutants of {of!r}; there are those of model, spanalloc and structures")
    if judge != "proofs" and not random:
        raise Unusable("--judge says who judges what --random draws; there is no --random N")
    if sample and not (generated or of != "model"):
        raise Unusable("--sample says how many of --generated, or of --of spanalloc, to judge")
    # These are judged in this process, one after another.
    if (jobs or scheduler) and (of == "structures" or (of == "model" and random)):
        raise Unusable(
            "--jobs and --scheduler are not for what --random draws of the model or structures"
        )
    many = random or sample or MANY
    with on_cluster(scheduler):
        if of == "spanalloc":
            from spanproof.cli.showing.implmutants import mutants_of_spanalloc

            return mutants_of_spanalloc(chosen, many, seed, jobs, store, json)
        book = book_for(store)
        if of == "structures":
            from spanproof.cli.showing.drawn import mutants_of_structures

            return mutants_of_structures(chosen, many, seed, store, book, json)
        if random:
            from spanproof.cli.showing.drawn import random_mutants

            judges: Judges = "all" if judge == "all" else "proofs"
            return random_mutants(chosen, random, seed, judges, store, book, json)
        if generated:
            return campaign(chosen, sample, seed, jobs, store, book, json)
        return named_mutants(chosen, known, timeout, save_to, jobs, store, book, json)
