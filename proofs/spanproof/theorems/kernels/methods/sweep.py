"""The methods of the implementation's span for its generation and its sweep, against the model."""

from typing import cast

import z3

from spanalloc.span.kernels import count_ones
from spanproof.prove.methods import equal
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.theorems.kernels.arithmetic import COUNT
from spanproof.theorems.kernels.methods.spanimage import (
    CHANGED,
    NATIVE,
    VECTORS,
    any_generation,
    any_span,
    bits_of,
    bits_stay,
    ghost,
    image,
    keeps,
    numbers_are_right,
    refuses,
    searched,
    searched_slot,
)
from spanproof.theorems.kernels.spans import (
    SEARCHES,
    WINDOWS,
    cache_bit_is_exact,
)
from spanspec.span.mspan import is_allocated
from spanspec.span.sweepgen import (
    claim_for_sweep,
    enter_cache,
    is_cached,
    is_stale,
    is_sweeping,
    is_swept,
    leave_cache,
    needs_sweep,
    retire_full,
)


@obligation("methods.cache", "CEN-8 CEN-9 MC-4 SWP-3 T-46", NATIVE, contracts=WINDOWS)
def caching_reloads_the_window(p: Proof) -> None:
    """Cache takes a swept span with room, its cache exact from then on, its generation that of the
    model's rule; any other is refused and stays as it was.
    """
    span, sg = any_span(p, exact=False), any_generation(p)
    before, held, bits = image(p, span), span.held(*CHANGED), bits_of(p, span)
    gen, ahead = span["sweepgen"], ghost(p, "ahead")
    ran = span.run("cache", sg)
    full = z3.Or(before.alloc_count == before.nelems, before.freeindex == before.nelems)
    refuses(p, span, ran, held, z3.Or(z3.Not(p.holds(is_swept, sg, gen)), full))
    done = z3.Not(ran.raises)
    p.show("generation", span["sweepgen"] == p.integer_given(done, enter_cache, sg, gen), done)
    inside = z3.And(done, ahead < 64)
    p.show("exact", p.implied(inside, cache_bit_is_exact, *searched(span), ahead))
    p.show("the invariant is kept", numbers_are_right(p, span), done)
    keeps(p, span, held, "alloc_cache", "sweepgen")
    bits_stay(p, span, bits)


@obligation("methods.sweepgen", "SWP-1 SWP-3 MC-4 CEN-12 T-47 T-51", NATIVE)
def generations_change_as_in_the_model(p: Proof) -> None:
    """Claim, retire, uncache and publish change the generation as the model's rules do, and nothing
    else; who calls one in another state is refused, or, by claim, told so.
    """
    span, sg = any_span(p, exact=False), any_generation(p)
    held, bits = span.held(*CHANGED), bits_of(p, span)
    before, gen = image(p, span), span["sweepgen"]

    def again() -> None:
        for name, value in held.items():
            span.set(name, value)

    won = as_bool(span.run("claim", sg).value)
    needs = p.holds(needs_sweep, sg, gen)
    p.show("claim: exactly if it needs a sweep", won == needs)
    claimed = p.integer_given(needs, claim_for_sweep, sg, gen)
    p.show("claim", span["sweepgen"] == z3.If(needs, claimed, gen))
    keeps(p, span, held, "sweepgen")
    again()
    full, cached = as_bool(before.alloc_count == before.nelems), p.holds(is_cached, sg, gen)
    ran = span.run("retire", sg)
    refuses(p, span, ran, held, z3.Not(z3.And(full, cached)))
    retired = p.integer_given(cached, retire_full, sg, gen)
    p.show("retire", span["sweepgen"] == retired, z3.Not(ran.raises))
    keeps(p, span, held, "sweepgen")
    again()
    stale = p.holds(is_stale, sg, gen)
    ran = span.run("uncache", sg)
    refused = z3.Or(before.alloc_count == 0, z3.Not(z3.Or(stale, cached)))
    refuses(p, span, ran, held, refused)
    left = z3.Not(ran.raises)
    p.show("uncache: it says whether it is stale", as_bool(ran.value) == stale, left)
    released = p.integer_given(left, leave_cache, sg, gen)
    p.show("uncache", span["sweepgen"] == released, left)
    keeps(p, span, held, "sweepgen")
    again()
    span.run("publish", sg)
    p.show("publish", p.holds(is_swept, sg, span["sweepgen"]))
    keeps(p, span, held, "sweepgen")
    bits_stay(p, span, bits)


@obligation(
    "methods.sweep",
    "SWP-24 SWP-27 SWP-28 SWP-30 I-27 T-59",
    NATIVE,
    contracts={**SEARCHES, "spanalloc.span.kernels.count_ones": COUNT},
)
def a_sweep_keeps_marked_and_frees_unmarked_slots(p: Proof) -> None:
    """After a sweep a slot is allocated iff it was marked; the marks are clear, the cache exact,
    the count that of the marks, needzero and was_empty as the model has them. A span in another
    state, or with more marks than objects, is refused and stays as it was.
    """
    span, sg = any_span(p), any_generation(p)
    before, held, gen = image(p, span), span.held(*CHANGED), span["sweepgen"]
    below, ahead = ghost(p, "below"), ghost(p, "ahead")
    ran = span.run("sweep", sg)
    live = cast(z3.ExprRef, p.results_of(count_ones)[0])
    freed = before.alloc_count - live
    owned = p.holds(is_sweeping, sg, gen)
    refuses(p, span, ran, held, z3.Or(z3.Not(owned), freed < 0))
    done, after = z3.Not(ran.raises), image(p, span)
    slot = z3.And(done, below < before.nelems)
    marked = before.gcmark_bits.bit(below)
    kept = p.implied(slot, is_allocated, after, below)
    p.show("marked stay, others go", kept == marked, slot)
    p.show("marks are clear", z3.Not(after.gcmark_bits.bit(below)), slot)
    p.show("search restarts", span["freeindex"] == 0, done)
    p.show("count is the marks", span["alloc_count"] == live, done)
    p.show("freed", p.arithmetic.lift(scalar_of(ran.value)).term == freed, done)
    p.show("published", p.holds(is_swept, sg, span["sweepgen"]), done)
    exact = p.implied(z3.And(done, ahead < 64), cache_bit_is_exact, *searched(span), ahead)
    p.show("cache is exact", exact)
    some = z3.Or(freed > 0, z3.And(before.spanclass <= 1, live == 0))
    zeroing = z3.If(some, z3.BitVecVal(1, 64), before.needzero)
    p.show("needzero", span["needzero"] == zeroing, done)
    p.show("dirty", span["dirty"] == z3.Or(some, as_bool(held["dirty"])), done)
    none = searched_slot(p) == before.nelems
    p.show("was_empty: no slot was free", span["was_empty"] == none, done)
    vectors = [span.value(name) for name in VECTORS]
    p.show("two bitmaps of its own", z3.Not(equal(p, *vectors)))
    p.show("the invariant is kept", numbers_are_right(p, span), z3.And(done, live <= before.nelems))
    unswept = ("freeindex", "alloc_count", "alloc_cache", "needzero", "sweepgen", *VECTORS)
    keeps(p, span, held, "dirty", "was_empty", *unswept)
    p.possible("something dies", z3.And(done, freed > 0, live > 0))
