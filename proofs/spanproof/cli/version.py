"""`spanspec --version`: what a report has to say about what was run."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import spanalloc
import spanspec
from spanproof.replay.check import RUNTIME
from spanproof.solvers.names import DISTRIBUTIONS


def version_lines() -> Iterator[str]:
    """Yield this version, the runtime that is modelled, and what answers depend on."""
    try:
        yield f"spanspec {version('spanspec')}"
    except PackageNotFoundError:
        yield "spanspec, not installed: run from a folder of sources"
    yield f"models {RUNTIME} linux/amd64"
    yield f"python {platform.python_version()} ({platform.python_implementation()})"
    for solver, distribution in DISTRIBUTIONS.items():
        try:
            yield f"{solver} {version(distribution)}"
        except PackageNotFoundError:
            yield f"{solver} is not installed"
    for name, running in (("spanalloc", spanalloc.RUNNING), ("the model", spanspec.RUNNING)):
        yield f"{name} runs {in_words(running.compiled, running.reason)}"


def in_words(compiled: bool, reason: str) -> str:
    """Return how a package runs, with the reason if it is not compiled."""
    return "compiled by mypyc" if compiled else f"from source: {reason}"
