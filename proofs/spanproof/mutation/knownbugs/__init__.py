"""Bugs that allocators really had, switched into the model: each must be found by its judges."""

from spanproof.mutation.knownbugs.catalogue import BUGS, NOT_IN_THE_MODEL, KnownBug
from spanproof.mutation.knownbugs.switch import FoundBy, find

__all__ = ["BUGS", "NOT_IN_THE_MODEL", "FoundBy", "KnownBug", "find"]
