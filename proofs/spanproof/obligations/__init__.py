"""All proof obligations: one module per area, each naming model functions and claims.

Importing this package registers them all.
"""

from spanproof.obligations import (
    counting,
    counts,
    freespans,
    kernel_arithmetic,
    kernel_pages,
    kernels,
    liveness,
    objects,
    protocol,
    scavenge,
    sizeclass,
    span,
    sweepgen,
    tiling,
)
from spanproof.proof import REGISTRY, Obligation

__all__ = [
    "all_obligations",
    "counting",
    "counts",
    "freespans",
    "kernel_arithmetic",
    "kernel_pages",
    "kernels",
    "liveness",
    "objects",
    "protocol",
    "scavenge",
    "sizeclass",
    "span",
    "sweepgen",
    "tiling",
]


def all_obligations() -> dict[str, Obligation]:
    """Return every obligation by id, in the order of the modules."""
    return dict(REGISTRY)
