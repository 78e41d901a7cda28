"""Which rules a program of a whole heap can reach, and why the others are none of them.

A rule is reached when a function that stands for it runs. So a rule can be reached if some function
of the model does, that a heap on its own calls.
"""

from typing import Final, NamedTuple

from spanspec.rules.book import Definition, definitions, modules

APART: Final[dict[str, str]] = {
    "spanspec.rules": "it is about the rule book",
    "spanspec.events": "it is about the form of traces",
    "spanspec.invariants": "an invariant is checked, not reached",
    "spanspec.pages.tables.invariant": "an invariant is checked, not reached",
    "spanspec.sharing.invariant.invariant": "an invariant is checked, not reached",
    "spanspec.sharing.invariant.threadinvariant": "an invariant is checked, not reached",
    "spanspec.sharing.invariant.meeting": "an invariant is checked, not reached",
    "spanspec.objects": "it is the contract of any allocator, not this one",
    "spanspec.base.sizeclass._": "tables are made when the model is imported",
    "spanspec.base.sizeclass.generate_classes": "tables are made when the model is imported",
    "spanspec.base.sizeclass.round_up_size": "only growslice and sizes programs ask for it",
    "spanspec.span.profile": "an invariant is checked, not reached",
    "spanspec.span.mspan.bounds_hold": "an invariant is checked, not reached",
    "spanspec.span.mspan.count_is_exact": "an invariant is checked, not reached",
    "spanspec.span.mspan.is_free": "what an allocator does, apart from how",
    "spanspec.span.freeslots": "what an allocator does, apart from how",
    "spanspec.span.alloccache.cache_is_exact": "an invariant is checked, not reached",
    "spanspec.span.tiny.block_holds": "an invariant is checked, not reached",
    "spanspec.span.listing.belongs": "an invariant is checked, not reached",
    "spanspec.sharing.steps.setrecords": "other versions of Go have them",
    "spanspec.sharing.steps.setsteps": "other versions of Go have them",
    "spanspec.sharing.containers.spansets": "other versions of Go have them",
    "spanspec.pages.memory.fixalloc.FixAlloc.in_use": "only statistics that are read show it",
    "spanspec.span.sweepgen.rank": "it is for proofs",
    "spanspec.span.sweepgen.is_legal_transition": "it is for proofs",
    "spanspec.pages.freeset.treap.check_treap": "an invariant is checked, not reached",
    "spanspec.pages.freeset.descents.find_minimal": "nothing looks for the lowest run of a kind",
    "spanspec.pages.tables.statistics.balances": "an invariant is checked, not reached",
    "spanspec.pages.memory.osmemory.FollowedOs": "spanspec simulate follows it, not fuzz",
    "spanspec.pages.memory.arena.Os": "the system is one that answers by the program",
    "spanspec.pages.memory.mallocinit.linear_alloc": "only systems of 32 bits have it",
    "spanspec.sharing.containers.sweepbuf.SweepBuffer.blocks": "only snapshots show blocks",
    "spanspec.sharing.containers.sweepbuf.SweepBuffer.block": "only snapshots show blocks",
    "spanspec.heap.heap.Heap.newarray": "an array is asked for as an object",
    "spanspec.heap.courses.malloc.array_size": "an array is asked for as an object",
    "spanspec.heap.memstats.live_by_spans": "books of spanspec simulate",
    "spanspec.heap.snapshot": "a snapshot shows the state",
    "spanspec.heap.picture": "a picture shows the state",
}
"""Beginnings of the names of definitions that no program reaches, each with the reason."""

NO_FUNCTION: Final = "it is a constant, or a type: nothing runs"


class Reachable(NamedTuple):
    """The rules that programs can reach, and the reasons for the others that the model has."""

    rules: tuple[str, ...]
    others: dict[str, str]


def reachable() -> Reachable:
    """Read from the model's sources which rules programs can reach."""
    rules: dict[str, None] = {}
    reasons: dict[str, str] = {}
    for module, path in modules():
        for one in definitions(module, path):
            reason = reason_against(one)
            for rule in one.rules:
                if not reason:
                    rules[rule] = None
                else:
                    reasons.setdefault(rule, reason)
    return Reachable(
        tuple(rules), {rule: why for rule, why in reasons.items() if rule not in rules}
    )


def reason_against(one: Definition) -> str:
    """Return why no program reaches a definition, or ""."""
    for beginning, reason in APART.items():
        if one.qualified.startswith(beginning):
            return reason
    if not is_function(one):
        return NO_FUNCTION
    return ""


def is_function(one: Definition) -> bool:
    """Tell whether a definition is a function or a method."""
    first = one.text.lstrip()
    while first.startswith("@"):
        first = first.partition("\n")[2].lstrip()
    return first.startswith("def ")
