"""The sweepgen state machine of one span, on 32-bit integers that wrap (rules SWP-1 to SWP-7).

`sg` is the heap's sweep generation, always even, raised by 2 at each cycle. A span's own value
is read relative to it:

    sg - 2   needs sweeping, not cached          sg + 1   stale: was cached when the cycle
    sg - 1   being swept, by exactly one owner            began, still is, needs sweeping
    sg       swept, not cached                   sg + 3   swept, then cached

Each function below is one legal transition; its `assert` is the fatal check of the runtime.
"""

from spanspec.base.words import M32, U32


def needs_sweep(sg: U32, gen: U32) -> bool:
    """Tell whether an uncached span has still to be swept in this cycle (SWP-1)."""
    return gen == (sg - 2) & M32


def is_sweeping(sg: U32, gen: U32) -> bool:
    """Tell whether some owner is sweeping the span (SWP-1)."""
    return gen == (sg - 1) & M32


def is_swept(sg: U32, gen: U32) -> bool:
    """Tell whether the span is swept and in nobody's cache (SWP-1)."""
    return gen == sg


def is_stale(sg: U32, gen: U32) -> bool:
    """Tell whether the span was cached when the cycle began and still is (SWP-1)."""
    return gen == (sg + 1) & M32


# Why sg+3: when the next cycle adds 2 to sg, nobody touches a cached span, and it is to be stale
# (its sg+1) from then on. At sg+2 it would count as swept.
def is_cached(sg: U32, gen: U32) -> bool:
    """Tell whether the span was swept in this cycle and then cached (SWP-1)."""
    return gen == (sg + 3) & M32


def is_in_mcache(sg: U32, gen: U32) -> bool:
    """Tell whether an mcache has the span, since before this cycle or in it (SWP-1)."""
    return is_stale(sg, gen) or is_cached(sg, gen)


def is_legal(sg: U32, gen: U32) -> bool:
    """Tell whether an in-use span may have this generation.

    Rules: SWP-1 SWP-5.
    """
    return (
        needs_sweep(sg, gen) or is_sweeping(sg, gen) or is_swept(sg, gen) or is_in_mcache(sg, gen)
    )


def is_legal_between_cycles(sg: U32, gen: U32) -> bool:
    """Tell whether an in-use span may have this generation when the next cycle is to begin: it was
    swept in this one, or taken into use in it.

    Rules: SWP-1 SWP-4 SWP-5.
    """
    return is_swept(sg, gen) or is_cached(sg, gen)


def next_cycle(sg: U32) -> U32:
    """Return the heap's sweepgen after the relabel that begins a sweep phase.

    Rules: SWP-2 SWP-35.
    """
    return (sg + 2) & M32


def generation_of_new_span(sg: U32) -> U32:
    """Return the generation of a span that the page heap has just handed out: already swept.

    Rules: SWP-3 SWP-7.
    """
    return sg


def enter_cache(sg: U32, gen: U32) -> U32:
    """Return the generation once refill has installed the span in an mcache.

    Rules: SWP-3 MC-4.
    """
    assert is_swept(sg, gen), "SWP-3: only a swept, uncached span may be cached"
    return (sg + 3) & M32


def retire_full(sg: U32, gen: U32) -> U32:
    """Return the generation once refill has let go of a full span.

    Rules: SWP-3 MC-4.
    """
    assert is_cached(sg, gen), "T-51: bad sweepgen in refill"
    return sg


def leave_cache(sg: U32, gen: U32) -> U32:
    """Return the generation once a span is uncached: a stale one is now being swept.

    Rules: SWP-3 CEN-12.
    """
    assert is_in_mcache(sg, gen), "CEN-12: the span is in no cache"
    # A stale span goes straight to sg-1: had it been visible at sg-2 in between, somebody else
    # could have claimed it.
    return (sg - 1) & M32 if is_stale(sg, gen) else sg


def claim_for_sweep(sg: U32, gen: U32) -> U32:
    """Return the generation once a sweeper has won the compare-and-swap.

    Rules: SWP-3 SWP-15.
    """
    assert needs_sweep(sg, gen), "SWP-3: only a span at sg-2 can be claimed"
    return (sg - 1) & M32


def publish_swept(sg: U32, gen: U32) -> U32:
    """Return the generation that the owner of a sweep stores at its end.

    Rules: SWP-3 SWP-24.
    """
    assert is_sweeping(sg, gen), "T-60: bad span state after sweep"
    return sg


def check_unused(sg: U32, generation: U32) -> bool:
    """Require that a popped span that was not in use has been swept in this cycle.

    Since its state was read, another thread may have taken it into use and cached it.

    Rules: SWP-14 T-55.
    """
    # A span is unused because it was freed, and it was swept before that; or it is not used yet,
    # and new spans count as swept.
    assert is_swept(sg, generation) or is_cached(sg, generation), (
        "T-55: non in-use span in unswept list"
    )
    return True


# --- what any step may do to a span in use, within one cycle --------------------------------------


def is_legal_transition(sg: U32, before: U32, after: U32) -> bool:
    """Tell whether the generation of a span that stays in use may change so, in one step.

    Rules: SWP-3.
    """
    return (
        after == before
        or (needs_sweep(sg, before) and is_sweeping(sg, after))
        or (is_sweeping(sg, before) and is_swept(sg, after))
        or (is_swept(sg, before) and is_cached(sg, after))
        or (is_cached(sg, before) and is_swept(sg, after))
        or (is_stale(sg, before) and is_sweeping(sg, after))
    )


def rank(sg: U32, gen: U32) -> int:
    """Return how far a span is in this cycle: 0 unswept, 1 being swept, 2 swept.

    Rules: SWP-41.
    """
    if needs_sweep(sg, gen) or is_stale(sg, gen):
        return 0
    return 1 if is_sweeping(sg, gen) else 2
