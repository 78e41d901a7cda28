"""The option by which a command's work is done on a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from spanproof.cli.output import Unusable
from spanproof.support.processes.clusters import pools_at
from spanproof.support.tools import Missing

Scheduler = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS", help="Work on a Dask cluster, tcp://host:8786; --jobs are those at once."
    ),
]


@contextmanager
def on_cluster(scheduler: str) -> Iterator[None]:
    """Have the pools that are opened meanwhile made of a cluster's workers, if one is named.

    Raises: Unusable without the package that clusters need.
    """
    try:
        with pools_at(scheduler):
            yield
    except Missing as problem:
        raise Unusable(str(problem)) from None
