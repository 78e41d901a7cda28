"""All figures: one module for each area. Importing this module registers them."""

from spanproof.bench import checking, protocol
from spanproof.bench.figure import REGISTRY, Figure

__all__ = ["all_figures", "checking", "protocol"]


def all_figures() -> list[Figure]:
    """Return every figure, in the order of the modules."""
    return list(REGISTRY.values())
