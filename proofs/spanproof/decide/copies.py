"""Deciding by running plain copies of what is judged, changed or not, in a process of its own.

As a program, `python -m spanproof.decide.copies SECONDS NOTING ID...` runs obligations until one
does not hold, and prints the verdicts as JSON; if NOTING is 1, with the functions that ran.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

import spanalloc
from spanproof.decide.trying import MOST_SECONDS, try_out
from spanproof.decide.verdict import Verdict
from spanproof.support.plaincopy import copy_changed, copy_model, copy_package, environment
from spanproof.support.processes.programs import complaint, ran
from spanproof.theorems import all_explorations


def try_out_changed(
    claims: Sequence[str], module: str, text: str, seconds: float = MOST_SECONDS
) -> Verdict:
    """Decide obligations, until one does not hold, on a copy of a package in which a module has
    another text; return the verdict on the last.
    """
    with tempfile.TemporaryDirectory() as name:
        copy_changed(Path(name), module, text)
        return _in_copy(claims, Path(name), seconds)[-1]


def functions_run_by(claims: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the functions of the model and of spanalloc that obligations run, by plain copies.

    Those after one that does not hold are left out.
    """
    if not claims:
        return {}
    with tempfile.TemporaryDirectory() as name:
        copy_model(Path(name))
        copy_package(spanalloc, Path(name))
        noted = _in_copy(claims, Path(name), MOST_SECONDS, noting=True)
        return {one.obligation: one.reads for one in noted}


def _in_copy(
    claims: Sequence[str], folder: Path, seconds: float, *, noting: bool = False
) -> list[Verdict]:
    done = ran(
        [sys.executable, "-m", __name__, str(seconds), str(int(noting)), *claims],
        environment=environment(folder),
    )
    if done.returncode != 0:
        last = complaint(done, f"status {done.returncode}")
        return [Verdict(claims[0], "refuted", 1, 0.0, 0.0, "the model can be imported", last)]
    return msgspec.json.decode(done.stdout, type=list[Verdict])


def main() -> None:
    """Decide the obligations that are named until one does not hold, and print the verdicts."""
    seconds, noting, *claims = sys.argv[1:]
    verdicts = []
    for name in claims:
        claim = all_explorations()[name]
        verdicts.append(try_out(claim, float(seconds), noting=noting == "1"))
        if not verdicts[-1].proved:
            break
    print(msgspec.json.encode(verdicts).decode())


if __name__ == "__main__":
    main()
