"""What a sweep does with special records, and when a tiny block is given up."""

from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanspec.base.words import U8, U32
from spanspec.span.specials import FINALIZER, FREED, KEPT, PROFILE, QUEUED, fate_of, survives
from spanspec.span.tiny import TinyBlock, drop_tiny_block, tiny_fits

INTEGERS: Final = Integers()
WORDS: Final = Words(64)


@obligation("specials.fate", "SWP-24 I-27", INTEGERS)
def no_finalizer_is_lost(p: Proof) -> None:
    """A record is freed exactly if its object dies. A finalizer stays as long as its object is
    marked; then it is queued, once, and its object lives through this sweep. Profile records stay
    with their objects.
    """
    kind, marked, finalized = p.number(U8, "kind"), p.fresh(bool, "marked"), p.fresh(bool, "any")
    assert isinstance(marked, z3.BoolRef)
    assert isinstance(finalized, z3.BoolRef)
    is_finalizer = kind == FINALIZER
    p.assume(z3.Or(is_finalizer, kind == PROFILE))
    p.assume(z3.Implies(z3.And(is_finalizer, z3.Not(marked)), finalized))
    lives = p.holds(survives, marked, finalized)
    fate = p.integer(fate_of, kind, marked, finalized)
    p.show("freed with its object", (fate == FREED) == z3.Not(lives))
    p.show("no finalizer is freed", z3.Implies(is_finalizer, fate != FREED))
    p.show("queued just if it is due", (fate == QUEUED) == z3.And(is_finalizer, z3.Not(marked)))
    p.show("what is queued lives on", z3.Implies(fate == QUEUED, lives))
    p.show("what is marked keeps all", z3.Implies(marked, fate == KEPT))
    p.show("a mark is enough", z3.Implies(marked, lives))
    p.possible("a profile record of an object that is saved", z3.And(fate == KEPT, z3.Not(marked)))
    p.possible("a dead object without finalizer", fate == FREED)
    p.possible("a finalizer that is due", fate == QUEUED)


@obligation("tiny.dropped", "MAL-6 MC-6 MC-9", WORDS)
def nothing_goes_into_a_block_that_was_dropped(p: Proof) -> None:
    """Once an mcache is flushed no tiny object fits its block, as its span may be swept."""
    block, size = p.fresh(TinyBlock, "block"), p.number(U8, "size")
    span = p.number(U32, "span")
    p.assume(size != 0, z3.ULT(size, 16))
    dropped = p.call(drop_tiny_block, block, span)
    p.show("nothing fits", z3.Not(p.holds(tiny_fits, dropped, size)))
    p.possible("something fitted", p.holds(tiny_fits, block, size))
