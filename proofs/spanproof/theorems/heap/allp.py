"""Each P has an mcache of its own, from its birth to its death, and there are no others."""

from typing import Final, cast

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.base.ids import NOBODY, PId
from spanspec.base.words import Count
from spanspec.heap.state import allp as of
from spanspec.heap.state.allp import FIRST, AllP, p_id

INTEGERS: Final = Integers()

RULES: Final = "MC-1 MC-10 MC-14 AR-1 T-94"


def number(p: Proof, name: str) -> z3.ExprRef:
    """Any number that a P may have."""
    return cast(z3.ExprRef, p.fresh(PId, name))


def any_ps(p: Proof, *told: z3.ExprRef) -> AllP:
    """Ps of which the invariant holds, at the numbers that are told and those that steps name."""
    ps = p.fresh(AllP, "ps")
    assert isinstance(ps, AllP)
    ends = (cast(z3.ExprRef, ps.given) + 1, cast(z3.ExprRef, ps.gone) + 1)
    named = [*told, *ends, z3.IntVal(p_id(0)), z3.IntVal(FIRST)]
    p.assume(p.holds(of.places_hold, ps))
    p.assume(*(p.holds(of.p_is_sound, ps, one) for one in named))
    p.assume(*(p.holds(of.are_apart, ps, one, other) for one in named for other in named))
    p.assume(p.holds(first_has_its_own, ps))
    return ps


def first_has_its_own(ps: AllP) -> bool:
    """P 0 has the mcache that the first thread had."""
    return ps.given == 0 or ps.mcache[p_id(0)] == ps.mcache[FIRST]


def show_sound(p: Proof, ps: AllP, one: z3.ExprRef, other: z3.ExprRef) -> None:
    """Claim the invariant of any two Ps."""
    p.show("how far it has come", p.holds(of.places_hold, ps))
    p.show("a P has an mcache iff it should", p.holds(of.p_is_sound, ps, one))
    p.show("no two share one", p.holds(of.are_apart, ps, one, other))
    p.show("that of P 0", p.holds(first_has_its_own, ps))


def others_stay(before: AllP, after: AllP, changed: PId, p: PId) -> bool:
    """A step gives one P an mcache, or takes it, and no other."""
    return p == changed or after.mcache[p] == before.mcache[p]


def all_stay(before: AllP, after: AllP, p: PId) -> bool:
    """No P gets an mcache, or loses it."""
    return after.mcache[p] == before.mcache[p]


def mcache_at(ps: AllP, p: PId) -> int:
    """The mcache of a P."""
    return ps.mcache[p]


@obligation("allp.boot", RULES, INTEGERS)
def the_first_thread_gets_its_mcache(p: Proof) -> None:
    """Before there is a P, the first thread has an mcache, once."""
    one, other = number(p, "any_p"), number(p, "any_other")
    ps, mcache = any_ps(p, one, other), p.number(int, "mcache")
    p.assume(p.holds(of.may_boot, ps, mcache))
    after = p.call(of.boot, ps, mcache)
    assert isinstance(after, AllP)
    show_sound(p, after, one, other)
    first = z3.IntVal(FIRST)
    p.show("it has it", p.integer(mcache_at, after, first) == mcache)
    p.show("there is one", mcache != NOBODY)
    p.show("others stay", p.holds(others_stay, ps, after, first, one))
    p.show("it had none", p.integer(mcache_at, ps, first) == NOBODY)
    p.possible("there are to be some", cast(z3.ExprRef, ps.count) > 1)


@obligation("allp.resize", RULES, INTEGERS)
def a_number_is_set(p: Proof) -> None:
    """The number of Ps is set once the one before has been come to: no P gets or loses its mcache
    by that alone, and a P that there is to be is never one that has to go.
    """
    one, other = number(p, "any_p"), number(p, "any_other")
    ps, count = any_ps(p, one, other), p.number(Count, "count")
    p.assume(p.holds(of.may_resize, ps, count))
    after = p.call(of.resize, ps, count)
    assert isinstance(after, AllP)
    show_sound(p, after, one, other)
    p.show("all stay", p.holds(all_stay, ps, after, one))
    p.show("it is set", cast(z3.ExprRef, after.count) == count)
    p.show("one at least", count >= 1)
    settled = p.integer(mcache_at, ps, one) != NOBODY
    p.show("each had its own before", z3.Implies(z3.And(one > 0, one <= ps.count), settled))
    gone = cast(z3.ExprRef, after.gone) < cast(z3.ExprRef, after.given)
    p.show("fewer", gone == (count < cast(z3.ExprRef, ps.count)))
    p.possible("more", count > cast(z3.ExprRef, ps.count))
    p.possible("less", gone)


@obligation("allp.give", RULES, INTEGERS)
def a_p_is_born(p: Proof) -> None:
    """The lowest P that is missing gets an mcache of its own, P 0 that of the first thread."""
    one, other = number(p, "any_p"), number(p, "any_other")
    ps, mcache = any_ps(p, one, other), p.number(int, "mcache")
    p.assume(p.holds(of.may_give, ps, mcache))
    after = p.call(of.give, ps, mcache)
    assert isinstance(after, AllP)
    show_sound(p, after, one, other)
    born = cast(z3.ExprRef, ps.given) + 1
    p.show("it has it", p.integer(mcache_at, after, born) == mcache)
    p.show("it had none", p.integer(mcache_at, ps, born) == NOBODY)
    p.show("others stay", p.holds(others_stay, ps, after, born, one))
    p.show("it is one of them", born <= cast(z3.ExprRef, after.count))
    p.show("one less is missing", cast(z3.ExprRef, after.given) == born)
    p.possible("it is not the first", born > 2)


@obligation("allp.take-away", RULES, INTEGERS)
def a_p_dies(p: Proof) -> None:
    """The lowest P that is too many loses its mcache; after the last one, each P that there is has
    its own, and nobody else.
    """
    one, other = number(p, "any_p"), number(p, "any_other")
    ps = any_ps(p, one, other)
    p.assume(p.holds(of.may_take_away, ps))
    after = p.call(of.take_away, ps)
    assert isinstance(after, AllP)
    show_sound(p, after, one, other)
    dies = cast(z3.ExprRef, ps.gone) + 1
    p.show("it had one", p.integer(mcache_at, ps, dies) != NOBODY)
    p.show("it has none", p.integer(mcache_at, after, dies) == NOBODY)
    p.show("others stay", p.holds(others_stay, ps, after, dies, one))
    p.show("it is none of them", dies > cast(z3.ExprRef, after.count))
    last = z3.Not(p.holds(of.may_take_away, after))
    p.show("all is settled", z3.Implies(last, p.holds(of.may_resize, after, z3.IntVal(1))))
    p.possible("others die after it", z3.Not(last))
    p.possible("it is the last", last)


@obligation("allp.goes-on", RULES, INTEGERS)
def there_is_always_a_next_step(p: Proof) -> None:
    """However far giving and taking away have come, a P is missing, or too many, or the number may
    be set anew.
    """
    ps = any_ps(p)
    missing, too_many = p.holds(is_missing, ps), p.holds(of.may_take_away, ps)
    settled = p.holds(of.may_resize, ps, z3.IntVal(1))
    p.show("one of these", z3.Or(missing, too_many, settled))
    p.show("only one", z3.AtMost(missing, too_many, settled, 1))
    for what, now in (("missing", missing), ("too many", too_many), ("settled", settled)):
        p.possible(what, now)


def is_missing(ps: AllP) -> bool:
    """Not all Ps that there are to be have been given their mcache."""
    return ps.gone == ps.given < ps.count


@obligation("allp.start", RULES, INTEGERS)
def at_first_there_are_none(p: Proof) -> None:
    """At first there is no P, and the invariant holds."""
    one, other = number(p, "any_p"), number(p, "any_other")
    ps = p.fresh(AllP, "ps")
    assert isinstance(ps, AllP)
    p.assume(
        *(p.holds(is_first, ps, x) for x in (one, other, z3.IntVal(p_id(0)), z3.IntVal(FIRST)))
    )
    show_sound(p, ps, one, other)
    p.show("the first thread may get its own", p.holds(of.may_boot, ps, z3.IntVal(0)))
    p.possible("two", one != other)


def is_first(ps: AllP, p: PId) -> bool:
    """There is no P, and nobody has an mcache."""
    return ps.count == 0 and ps.given == 0 and ps.gone == 0 and ps.mcache[p] == NOBODY
