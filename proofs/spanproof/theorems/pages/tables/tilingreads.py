"""What claims about a page heap read of it: ends of runs, who owns an address, flags."""

from collections.abc import Callable
from typing import cast

import z3

from spanproof.prove.proof import Proof
from spanspec.base.constants import HEAP_ADDR_LIMIT
from spanspec.base.ids import Address, SpanId
from spanspec.base.words import U64
from spanspec.pages.tables.records import (
    Tiling,
    is_listed,
)
from spanspec.pages.tables.runs import PageRun, end_of
from spanspec.pages.tables.steps import is_used
from spanspec.span.mspan import MANUAL


def base_at(tiling: Tiling, span: SpanId) -> U64:
    """The first address of a span."""
    return tiling.runs[span].base


def end_at(tiling: Tiling, span: SpanId) -> U64:
    """The address just beyond a span."""
    return end_of(tiling.runs[span])


def last_at(tiling: Tiling, span: SpanId) -> U64:
    """The last address of a span."""
    return end_of(tiling.runs[span]) - 1


def is_addressable(run: PageRun) -> bool:
    """A run ends within the address space, as `arena_is_addressable` says of where it leads."""
    return end_of(run) <= HEAP_ADDR_LIMIT


def owner_at(tiling: Tiling, address: Address) -> SpanId:
    """The span that an address belongs to."""
    return tiling.owner[address]


def mapped_at(tiling: Tiling, address: Address) -> SpanId:
    """The span that an address leads to."""
    return tiling.map[address]


def term(p: Proof, rule: Callable[..., int], *arguments: object) -> z3.ExprRef:
    """Return an identity or an address as a term."""
    return cast(z3.ExprRef, p.call(rule, *arguments))


def state_at(tiling: Tiling, span: SpanId) -> int:
    """The state of a span."""
    return tiling.runs[span].state


def npages_at(tiling: Tiling, span: SpanId) -> U64:
    """The pages of a span."""
    return tiling.runs[span].npages


def mapped_bytes(tiling: Tiling) -> U64:
    """The bytes of all arenas."""
    return tiling.mapped


def arena_base_at(tiling: Tiling) -> U64:
    """The first address of the current arena that no span has had."""
    return tiling.current.base


def arena_end_at(tiling: Tiling) -> U64:
    """The address just beyond the current arena."""
    return tiling.current.end


def is_scavenged(tiling: Tiling, span: SpanId) -> bool:
    """A run is scavenged."""
    return tiling.runs[span].scavenged


def is_in_use(tiling: Tiling, span: SpanId) -> bool:
    """A span is in use or manual."""
    return is_used(tiling.runs[span])


def is_manual(tiling: Tiling, span: SpanId) -> bool:
    """A span is manual."""
    return tiling.runs[span].state == MANUAL


def is_alike(tiling: Tiling, span: SpanId, other: SpanId) -> bool:
    """A run of the free set has the flag of another run."""
    return is_listed(tiling, span) and tiling.runs[span].scavenged == tiling.runs[other].scavenged
