"""Mutants of the steps by which Ps get their mcaches and lose them."""

from spanproof.patch.mutant import Variant, variants_of

PS_MUTANTS = (
    *variants_of(
        "spanspec.heap.state.allp.places_hold",
        Variant(
            "stuck-after-the-last",
            "ps.gone < ps.given",
            "ps.gone <= ps.given",
            "allp.goes-on",
            "once all Ps that were too many are gone, the rest need not be those that there are",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.allp.may_boot",
        Variant(
            "no-first-mcache",
            "ps.given == 0",
            "ps.given == 1",
            "allp.start",
            "the first thread gets no mcache before there is a P",
        ),
        Variant(
            "booted-twice",
            " and ps.mcache[FIRST] == NOBODY",
            "",
            "allp.boot",
            "the first thread gets an mcache although it has one, which is lost",
        ),
        Variant(
            "booted-with-nobody",
            "mcache >= 0",
            "mcache >= -1",
            "allp.boot",
            "what the first thread gets is no mcache",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.allp.resize",
        Variant(
            "nobody-has-to-go",
            "gone=min(count, ps.given)",
            "gone=ps.given",
            "allp.resize",
            "the Ps that are too many stay",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.allp.may_give",
        Variant(
            "mcache-of-two",
            "missing and all(ps.mcache[p] != mcache for p in ps.mcache)",
            "missing",
            "allp.give",
            "a new P gets the mcache of another",
        ),
        Variant(
            "boot-mcache-lost",
            "missing and ps.mcache[FIRST] == mcache",
            "missing",
            "allp.give",
            "P 0 does not go on with the mcache of the first thread",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.allp.take_away",
        Variant(
            "dead-p-keeps-its-mcache",
            "mcache=ps.mcache.set(p_id(ps.gone), NOBODY)",
            "mcache=ps.mcache",
            "allp.take-away",
            "a P that is gone keeps its mcache",
        ),
    ),
)
