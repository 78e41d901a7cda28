"""Deciding what is decided by running, with the model and the implementation of this process."""

import cProfile
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import CodeType
from typing import Final

from spanproof.decide.verdict import Verdict
from spanproof.prove.exploration import Exploration
from spanproof.support.processes.timelimit import PROCESSOR, limited

MOST_SECONDS: Final = 120.0
"""Seconds of the processor after which an obligation counts as one that does not end."""

BRIEF_SECONDS: Final = 4.0
"""The same where it is asked briefly; no obligation takes a second."""

JUDGED: Final = ("spanspec", "spanalloc")
"""The packages whose functions are run, and noted."""


class DoesNotEnd(BaseException):
    """What is being run takes far longer than it ever should.

    What is run tells the exceptions of a broken rule as findings, and goes on: this is none.
    """


def try_out(claim: Exploration, seconds: float = MOST_SECONDS, *, noting: bool = False) -> Verdict:
    """Decide an obligation by running everything that it names, with what this process has loaded.

    `noting`: the functions that ran are told, if nothing is compiled. Who notes them takes
    three times as long.
    """
    started = time.process_time()
    ran_code: set[CodeType] = set()
    try:
        with (
            limited(seconds, PROCESSOR, DoesNotEnd),
            _noting(ran_code) if noting else nullcontext(),
        ):
            ran = claim.run()
    except DoesNotEnd:
        spent = time.process_time() - started
        detail = f"it has not ended after {seconds:.0f} s of the processor"
        return Verdict(claim.id, "unknown", 0, spent, 0.0, "it ends", detail)
    except Exception as problem:
        spent = time.process_time() - started
        detail = f"{type(problem).__name__}: {problem}"
        return Verdict(claim.id, "refuted", 1, spent, 0.0, "it can be run", detail)
    spent = time.process_time() - started
    reads = tuple(sorted(set(_functions(ran_code))))
    verdict = Verdict(claim.id, "proved", ran.states, spent, 0.0, reads=reads)
    if ran.wrong:
        return verdict._replace(answer="refuted", failed=ran.wrong, detail=ran.how)
    if not ran.complete:
        detail = f"{ran.states} states were looked at, and there are more"
        return verdict._replace(answer="unknown", failed="it is tried to the end", detail=detail)
    for name in claim.needs:
        if not ran.met.get(name):
            detail = "it never happens"
            return verdict._replace(answer="vacuous", failed=name, detail=detail)
    return verdict


@contextmanager
def _noting(ran: set[CodeType]) -> Iterator[None]:
    """Note the code of each function that is called, unless some are compiled and not seen."""
    if not is_plain() or sys.getprofile() is not None:
        yield
        return
    profile = cProfile.Profile(subcalls=False, builtins=False)
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        ran.update(one.code for one in profile.getstats() if isinstance(one.code, CodeType))


def is_plain() -> bool:
    """Tell whether every module of ours that is judged and loaded runs from its source."""
    inner = tuple(f"{package}." for package in JUDGED)
    files = (
        getattr(module, "__file__", None) or ""
        for name, module in list(sys.modules.items())
        if name.startswith(inner)
    )
    return all(file.endswith(".py") for file in files)


def _functions(ran: set[CodeType]) -> Iterator[str]:
    """Yield the dotted names of functions that are judged, of a method with its class."""
    folders = [
        (package, str(Path(entry)))
        for package in JUDGED
        if package in sys.modules
        for entry in sys.modules[package].__path__
    ]
    for code in sorted(ran, key=lambda one: (one.co_filename, one.co_qualname)):
        name = code.co_qualname.partition(".<locals>")[0]
        for package, folder in folders:
            if code.co_filename.startswith(f"{folder}/") and "<" not in name:
                inner = Path(code.co_filename).relative_to(folder).with_suffix("").parts
                yield ".".join([package, *(part for part in inner if part != "__init__"), name])
