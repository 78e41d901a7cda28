"""`spanspec replay` of a counterexample: run its obligation on its values again, in Python."""

from pathlib import Path

from spanproof.cli.output import FAILS, HOLDS, UNUSABLE, Unusable, out, print_json
from spanproof.counterexamples.saved import NoCounterexample, load
from spanproof.patch.patches import DoesNotApply


def replay_counterexample(file: Path, json: bool) -> int:
    """Run a saved counterexample; 1 if the claim is false of its values, 0 if it holds.

    Raises: Unusable if the file cannot be used.
    """
    from spanproof.counterexamples.description import described
    from spanproof.counterexamples.from_model import run_again  # these load a solver
    from spanproof.counterexamples.reach import bounded_search
    from spanproof.theorems import all_obligations
    from spanproof.theorems.mutants import MUTANTS

    try:
        saved = load(file)
    except NoCounterexample as problem:
        raise Unusable(str(problem)) from None
    claim = all_obligations().get(saved.obligation)
    if claim is None:
        raise Unusable(f"{file}: there is no obligation {saved.obligation!r}")
    if saved.mutant is not None and saved.mutant not in MUTANTS:
        raise Unusable(f"{file}: there is no mutant {saved.mutant!r}")
    try:
        sources = MUTANTS[saved.mutant].sources() if saved.mutant is not None else None
    except DoesNotApply as problem:
        raise Unusable(f"mutant {saved.mutant} does not apply: {problem}") from None
    reran = run_again(claim, saved, sources)
    reach = bounded_search(saved.obligation, sources) if reran.reproduced else None
    unusable = not reran.reproduced and not reran.calls
    if json:
        print_json(
            {
                "obligation": saved.obligation,
                "mutant": saved.mutant,
                "failed": saved.failed,
                "reproduced": reran.reproduced,
                "violated": reran.violated,
                "why_not": reran.why_not,
                "reachable": reach,
            }
        )
    else:
        of = f" (mutant {saved.mutant})" if saved.mutant is not None else ""
        out.print(f"{saved.obligation}{of}: {saved.failed}", markup=False)
        out.print(described(reran, saved.matters, saved.at), markup=False)
        if reach is not None:
            out.print(reach, markup=False)
    if unusable:
        return UNUSABLE
    return FAILS if reran.reproduced else HOLDS
