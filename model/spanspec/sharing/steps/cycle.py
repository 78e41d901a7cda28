"""The step that begins a sweep phase (rules SWP-2, SWP-4, SWP-35, MC-12)."""

from msgspec.structs import replace

from spanspec.sharing.tables.records import IDLE, Sharing, is_in_unswept
from spanspec.span.sweepgen import is_legal_between_cycles, next_cycle


def nothing_under_way(state: Sharing) -> bool:
    """Tell whether no thread is inside an operation: so it is while the world is stopped.

    Rules: CONC-9.
    """
    return all(state.threads[thread].task == IDLE for thread in state.threads)


def unswept_is_drained(state: Sharing) -> bool:
    """Tell whether the unswept stack is empty.

    Rules: SWP-16 SWP-33 T-88.
    """
    return all(not is_in_unswept(state.sweepgen, state.spans[span]) for span in state.spans)


def all_flushed(state: Sharing) -> bool:
    """Tell whether every P has flushed its mcache.

    Rules: MC-12 T-86.
    """
    return all(state.procs[proc].flush_gen == state.sweepgen for proc in state.procs)


def may_start_cycle(state: Sharing) -> bool:
    """Guard: the world is stopped, the unswept stack is empty, and every P has flushed.

    Rules: SWP-4 SWP-33 MC-12.
    """
    # That every P has flushed is what makes + 2 enough: a span that was still stale would look as
    # if it were being swept afterwards, with nobody who does it.
    return nothing_under_way(state) and unswept_is_drained(state) and all_flushed(state)


def everything_is_swept(state: Sharing) -> bool:
    """Tell whether every span in use is swept: what `may_start_cycle` is proved to imply.

    Rules: SWP-4 SWP-5.
    """
    return all(
        not state.spans[span].in_use
        or is_legal_between_cycles(state.sweepgen, state.spans[span].sweepgen)
        for span in state.spans
    )


def start_cycle(state: Sharing) -> Sharing:
    """Raise the heap's sweepgen with the world stopped: no span is touched.

    What was swept now needs sweeping, what was cached is now stale, and the two stacks change
    roles.

    Rules: SWP-2 SWP-8 SWP-35.
    """
    return replace(state, sweepgen=next_cycle(state.sweepgen))
