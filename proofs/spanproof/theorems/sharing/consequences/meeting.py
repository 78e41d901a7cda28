"""The two records of a span agree: what is told to the steps, and what its slots are."""

from typing import Final

import z3

from spanproof.prove.assumptions import MARKER
from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.span.cache import WORDS
from spanproof.theorems.span.counting import BETWEEN, MARKS
from spanproof.theorems.span.searches import SLOW
from spanproof.theorems.span.sweeps import any_sweep
from spanspec.base.ids import ThreadId
from spanspec.base.words import U16
from spanspec.sharing.invariant.meeting import records_meet
from spanspec.sharing.steps.sweeping import examine, may_examine
from spanspec.sharing.tables.records import SWEEPING, Sharing
from spanspec.span.mspan import Mspan
from spanspec.span.sweep import frees_some, leaves_nothing
from spanspec.span.sweepgen import is_sweeping

RULES: Final = "SWP-24 SWP-26 CEN-14 CEN-16 I-19"


@obligation(
    "meeting.sweep", RULES, WORDS, contracts=SLOW, lemmas=(BETWEEN, MARKS), assumes=(MARKER,)
)
def a_sweep_keeps_the_records_of_its_span_together(p: Proof) -> None:
    """What a sweep tells its step is possible, and afterwards the span has a free slot to everybody
    iff it has one.
    """
    p.arbitrary("below", U16)
    span, swept = any_sweep(p)
    state, thread = p.fresh(Sharing, "state"), p.fresh(ThreadId, "thread")
    assert isinstance(state, Sharing)
    p.assume(p.holds(sweeps, state, thread), p.holds(its_records_meet, state, thread, span))
    p.assume(z3.UGT(span.alloc_count, 0))
    freed, dead = p.holds(frees_some, swept), p.holds(leaves_nothing, swept)
    p.show("possible", p.holds(may_examine, state, thread, freed, dead))
    after = p.call(examine, state, thread, freed, dead)
    assert isinstance(after, Sharing)
    p.show("they meet", p.holds(its_records_meet, after, thread, swept.span))
    p.possible("something dies", freed)
    p.possible("nothing dies in a full span", z3.And(~freed, span.alloc_count == span.nelems))


def sweeps(state: Sharing, thread: ThreadId) -> bool:
    """A thread owns the sweep of a span in use."""
    worker = state.threads[thread]
    it = state.spans[worker.span]
    return worker.task == SWEEPING and it.in_use and is_sweeping(state.sweepgen, it.sweepgen)


def its_records_meet(state: Sharing, thread: ThreadId, span: Mspan) -> bool:
    """What is shared of a thread's span agrees with its slots."""
    return records_meet(state.spans[state.threads[thread].span], span)
