"""Terms made by Z3's C functions directly: the very ones that its Python interface makes."""

import gc

import pytest
import z3

from spanproof.symbolic.values import construct

P, Q, R = z3.Bools("p q r")
X, Y = z3.Ints("x y")
V, W = z3.BitVecs("v w", 64)

SAME = {
    "and": (construct.conjunction(P, Q, R), z3.And(P, Q, R)),
    "and of one": (construct.conjunction(P), z3.And(P)),
    "and of none": (construct.conjunction(), z3.And()),
    "or": (construct.disjunction(P, Q), z3.Or(P, Q)),
    "not": (construct.negation(P), z3.Not(P)),
    "implies": (construct.implication(P, Q), z3.Implies(P, Q)),
    "equal integers": (construct.equality(X, Y), X == Y),
    "equal words": (construct.equality(V, W), V == W),
    "unequal": (construct.inequality(X, Y), X != Y),
    "truth or truth": (construct.choice(P, Q, R), z3.If(P, Q, R)),
    "integer or numeral": (construct.choice(P, X, construct.integer(3)), z3.If(P, X, 3)),
    "numeral or word": (
        construct.choice(P, construct.word(3, 64), W),
        z3.If(P, z3.BitVecVal(3, 64), W),
    ),
    "<": (construct.OF_INTEGERS["<"](X, Y), X < Y),
    "<=": (construct.OF_INTEGERS["<="](X, Y), X <= Y),
    ">": (construct.OF_INTEGERS[">"](X, Y), X > Y),
    ">=": (construct.OF_INTEGERS[">="](X, Y), X >= Y),
    "natural <": (construct.OF_NATURALS["<"](V, W), z3.ULT(V, W)),
    "natural <=": (construct.OF_NATURALS["<="](V, W), z3.ULE(V, W)),
    "natural >": (construct.OF_NATURALS[">"](V, W), z3.UGT(V, W)),
    "natural >=": (construct.OF_NATURALS[">="](V, W), z3.UGE(V, W)),
    "signed <": (construct.OF_SIGNED["<"](V, W), V < W),
    "signed <=": (construct.OF_SIGNED["<="](V, W), V <= W),
    "signed >": (construct.OF_SIGNED[">"](V, W), V > W),
    "signed >=": (construct.OF_SIGNED[">="](V, W), V >= W),
    "substituted": (
        construct.substituted(z3.And(P, Q), P, construct.TRUE),
        z3.substitute(z3.And(P, Q), (P, z3.BoolVal(True))),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_term_is_the_one_that_the_interface_makes(name: str) -> None:
    made, usual = SAME[name]
    assert made.eq(usual)
    assert type(made) is type(usual)
    assert construct.same_term(made, usual)
    assert construct.identity(made) == construct.identity(usual)


def test_terms_of_other_sorts_are_refused() -> None:
    with pytest.raises(z3.Z3Exception, match="Sort mismatch"):
        construct.conjunction(P, X)
    with pytest.raises(z3.Z3Exception, match="incompatible"):
        construct.equality(X, V)
    with pytest.raises(z3.Z3Exception):
        construct.choice(P, X, V)
    # The error is over with: what is made next is made.
    assert construct.conjunction(P, Q).eq(z3.And(P, Q))


def test_terms_are_told_from_each_other() -> None:
    assert construct.is_true(z3.BoolVal(True))
    assert not construct.is_true(P)
    assert construct.is_false(z3.BoolVal(False))
    assert not construct.is_false(construct.TRUE)
    assert not construct.same_term(X, Y)
    assert construct.has_sort(X, z3.IntSort())
    assert not construct.has_sort(V, z3.BitVecSort(8))
    assert construct.same_sort(X, Y)
    assert not construct.same_sort(X, V)
    assert construct.simplifies_to(z3.Or(P, z3.Not(P)), True)
    assert construct.simplifies_to(z3.And(P, z3.Not(P)), False)
    assert not construct.simplifies_to(P, True)
    assert not construct.simplifies_to(P, False)


def test_a_term_that_something_holds_outlives_its_object() -> None:
    kept = construct.conjunction(construct.disjunction(P, z3.Bool("only here")), Q)
    gc.collect()
    assert kept.sexpr() == "(and (or p |only here|) q)"


def test_unknown_symbols_are_found_once_and_inside_quantifiers() -> None:
    function = z3.Function("f", z3.IntSort(), z3.IntSort())
    bound = z3.Int("bound")
    inside = z3.ForAll([bound], function(bound) == z3.Int("inside"))
    seen: set[int] = set()
    found = construct.unknown_symbols([inside, X + Y == X, P], z3.IntSort(), seen)
    assert {symbol.name() for symbol in found} == {"f", "inside", "x", "y"}
    assert not list(construct.unknown_symbols([X == Y], z3.IntSort(), seen))


def test_an_unknown_function_is_applied_as_usual() -> None:
    function = z3.Function("f", z3.IntSort(), V.sort(), z3.BoolSort())
    made = construct.applied(function, z3.BoolRef, [X, V])
    assert type(made) is z3.BoolRef
    assert made.eq(function(X, V))
    assert construct.applied(X.decl(), z3.ArithRef, []).eq(X)
    with pytest.raises(z3.Z3Exception):
        construct.applied(function, z3.BoolRef, [V, X])


def test_probes_say_of_a_formula_what_they_say_of_a_goal() -> None:
    probes = [z3.Probe(name) for name in ("num-bv-consts", "arith-max-deg", "has-quantifiers")]
    quantified = z3.ForAll([X], X * Y > 0)
    for formula in (P, V == 1, X * Y == 2, z3.And(P, quantified)):
        goal = z3.Goal()
        goal.add(formula)
        assert construct.measured(formula, probes) == [probe(goal) for probe in probes]
    assert construct.measured(X * Y == 2, probes) == [0, 2, 0]
    assert construct.measured(z3.And(V == 1, quantified), probes[::2]) == [1, 1]


def test_an_operation_is_found_wherever_it_is() -> None:
    quotient = z3.UDiv(V, V + 1)
    known: dict[int, bool] = {}
    bound = z3.BitVec("bound", 64)
    kept = [
        V + 1 == V,
        z3.And(P, quotient == 3),
        quotient == V,
        z3.ForAll([bound], z3.UDiv(bound, V) == V),
        z3.URem(V, V + 1) == V,
    ]
    found = [construct.has_operation(term, z3.Z3_OP_BUDIV, known) for term in kept]
    assert found == [False, True, True, True, False]
    # What was found out before is found out from what is known, too.
    assert construct.has_operation(kept[1], z3.Z3_OP_BUDIV, known)
    assert not construct.has_operation(kept[0], z3.Z3_OP_BUDIV, known)
