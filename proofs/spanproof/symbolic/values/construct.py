"""Terms made, and told from each other, by Z3's C functions directly.

Z3's Python interface coerces every argument, looks up its sort, and asks for an error after each
call, which takes ten to twenty times as long as the call itself; a run of the prover makes a few
million terms. These are the operations that make most of them. They take terms of the main context
and nothing else, and make the very terms that the usual functions make. That the sorts fit is left
to Z3, which yields no term where they do not.
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias

import z3
from z3 import z3core
from z3.z3types import Ast, FuncDecl, ProbeObj

_CONTEXT: Final = z3.main_ctx()
_REF: Final = ctypes.cast(_CONTEXT.ref(), ctypes.c_void_p)
_POINTER: Final = ctypes.c_void_p

Predicate: TypeAlias = Callable[[z3.ExprRef, z3.ExprRef], z3.BoolRef]
"""What makes a truth value of two terms."""


def _function(name: str, result: type | None, *arguments: type) -> Callable[..., Any]:
    """Return a function of Z3's library, called with the interpreter locked: it is over at once.

    The Python interface keeps the function that it wraps as the default of a parameter.
    """
    (wrapped,) = getattr(z3core, name).__defaults__
    address = ctypes.cast(wrapped.f, _POINTER).value
    assert address is not None
    return ctypes.PYFUNCTYPE(result, *arguments)(address)


_hold = _function("Z3_inc_ref", None, _POINTER, _POINTER)
_sort_of = _function("Z3_get_sort", _POINTER, _POINTER, _POINTER)
_kind_of = _function("Z3_get_ast_kind", ctypes.c_uint, _POINTER, _POINTER)
_parts_of = _function("Z3_get_app_num_args", ctypes.c_uint, _POINTER, _POINTER)
_part = _function("Z3_get_app_arg", _POINTER, _POINTER, _POINTER, ctypes.c_uint)
_body_of = _function("Z3_get_quantifier_body", _POINTER, _POINTER, _POINTER)
_symbol_of = _function("Z3_get_app_decl", FuncDecl, _POINTER, _POINTER)
_symbol_kind = _function("Z3_get_decl_kind", ctypes.c_uint, _POINTER, FuncDecl)
_simplified = _function("Z3_simplify", _POINTER, _POINTER, _POINTER)
_substitute = _function("Z3_substitute", Ast, _POINTER, _POINTER, ctypes.c_uint, _POINTER, _POINTER)
_mk_app = _function("Z3_mk_app", Ast, _POINTER, FuncDecl, ctypes.c_uint, _POINTER)
_mk_not = _function("Z3_mk_not", Ast, _POINTER, _POINTER)
_mk_ite = _function("Z3_mk_ite", Ast, _POINTER, _POINTER, _POINTER, _POINTER)
_mk_goal = _function("Z3_mk_goal", _POINTER, _POINTER, ctypes.c_bool, ctypes.c_bool, ctypes.c_bool)
_hold_goal = _function("Z3_goal_inc_ref", None, _POINTER, _POINTER)
_let_go_of_goal = _function("Z3_goal_dec_ref", None, _POINTER, _POINTER)
_assert_in_goal = _function("Z3_goal_assert", None, _POINTER, _POINTER, _POINTER)
_probe = _function("Z3_probe_apply", ctypes.c_double, _POINTER, ProbeObj, _POINTER)


def _held(kind: type, ast: Ast) -> z3.ExprRef:
    """Return a term of one of Z3's own classes, which holds it and lets go of it.

    They are no classes of ours, for then `==` would exchange its sides.
    """
    if not ast:
        context = _CONTEXT.ref()
        code = z3.Z3_get_error_code(context)
        raise z3.Z3Exception(z3.Z3_get_error_msg(context, code).decode())
    made: z3.ExprRef = object.__new__(kind)
    made.ast = ast
    made.ctx = _CONTEXT
    _hold(_REF, ast)
    return made


_CLASSES: Final[dict[type, type]] = {
    z3.QuantifierRef: z3.BoolRef,
    z3.IntNumRef: z3.ArithRef,
    z3.BitVecNumRef: z3.BitVecRef,
    **{kind: kind for kind in (z3.BoolRef, z3.ArithRef, z3.BitVecRef)},
}
"""The class of a term that is one of two terms, by the class of the first."""

TRUE: Final = z3.BoolVal(True)
FALSE: Final = z3.BoolVal(False)
INTEGERS: Final = z3.IntSort()
_TRUE: Final = TRUE.ast.value
_FALSE: Final = FALSE.ast.value


@cache
def _array(length: int) -> Callable[..., object]:
    made: Callable[..., object] = Ast * length
    return made


def _connective(name: str) -> Callable[..., z3.BoolRef]:
    make = _function(name, Ast, _POINTER, ctypes.c_uint, _POINTER)

    def connected(*terms: z3.BoolRef) -> z3.BoolRef:
        number = len(terms)
        array = _array(number)(*[term.ast for term in terms])
        return _held(z3.BoolRef, make(_REF, number, array))

    return connected


def _predicate(name: str) -> Predicate:
    make = _function(name, Ast, _POINTER, _POINTER, _POINTER)

    def applied(one: z3.ExprRef, other: z3.ExprRef) -> z3.BoolRef:
        return _held(z3.BoolRef, make(_REF, one.ast, other.ast))

    return applied


conjunction = _connective("Z3_mk_and")
disjunction = _connective("Z3_mk_or")
_distinct = _connective("Z3_mk_distinct")
implication = _predicate("Z3_mk_implies")
equality = _predicate("Z3_mk_eq")

OF_INTEGERS: Final[dict[str, Predicate]] = {
    "<": _predicate("Z3_mk_lt"),
    "<=": _predicate("Z3_mk_le"),
    ">": _predicate("Z3_mk_gt"),
    ">=": _predicate("Z3_mk_ge"),
}
"""Comparisons of integers."""

OF_NATURALS: Final[dict[str, Predicate]] = {
    "<": _predicate("Z3_mk_bvult"),
    "<=": _predicate("Z3_mk_bvule"),
    ">": _predicate("Z3_mk_bvugt"),
    ">=": _predicate("Z3_mk_bvuge"),
}
"""Comparisons of machine words as natural numbers."""

OF_SIGNED: Final[dict[str, Predicate]] = {
    "<": _predicate("Z3_mk_bvslt"),
    "<=": _predicate("Z3_mk_bvsle"),
    ">": _predicate("Z3_mk_bvsgt"),
    ">=": _predicate("Z3_mk_bvsge"),
}
"""Comparisons of machine words as numbers with a sign."""


def negation(term: z3.BoolRef) -> z3.BoolRef:
    """Return that a truth value is not so."""
    return _held(z3.BoolRef, _mk_not(_REF, term.ast))


def inequality(one: z3.ExprRef, other: z3.ExprRef) -> z3.BoolRef:
    """Return that two terms have different values."""
    return _distinct(one, other)


def choice(condition: z3.BoolRef, one: z3.ExprRef, other: z3.ExprRef) -> z3.ExprRef:
    """Return `one` where the condition holds, and `other`, of the same sort, elsewhere."""
    return _held(_CLASSES[type(one)], _mk_ite(_REF, condition.ast, one.ast, other.ast))


def applied(
    symbol: z3.FuncDeclRef, kind: type[z3.ExprRef], arguments: Sequence[z3.ExprRef]
) -> z3.ExprRef:
    """Return an unknown function's value at arguments of its sorts; `kind` is the term's class."""
    number = len(arguments)
    array = _array(number)(*[one.ast for one in arguments])
    return _held(kind, _mk_app(_REF, symbol.ast, number, array))


def measured(formula: z3.BoolRef, probes: Sequence[z3.Probe]) -> list[float]:
    """Return what probes say of a formula, in their order."""
    goal = _mk_goal(_REF, False, False, False)
    _hold_goal(_REF, goal)
    try:
        _assert_in_goal(_REF, goal, formula.ast)
        return [_probe(_REF, probe.probe, goal) for probe in probes]
    finally:
        _let_go_of_goal(_REF, goal)


def simplifies_to(term: z3.BoolRef, known: bool) -> bool:
    """Tell whether Z3 simplifies a term to a known truth value."""
    return bool(_simplified(_REF, term.ast) == (_TRUE if known else _FALSE))


def substituted(term: z3.ExprRef, old: z3.ExprRef, new: z3.ExprRef) -> z3.ExprRef:
    """Return a term with another one in place of one that stands in it."""
    if same_term(old, new):
        return term
    make = _substitute(_REF, term.ast, 1, _array(1)(old.ast), _array(1)(new.ast))
    return _held(_CLASSES[type(term)], make)


def truth(known: bool) -> z3.BoolRef:
    """Return a known truth value as a term."""
    return TRUE if known else FALSE


@lru_cache(maxsize=1 << 12)
def integer(value: int) -> z3.IntNumRef:
    """Return the numeral of an integer."""
    return z3.IntVal(value)


@lru_cache(maxsize=1 << 12)
def word(value: int, width: int) -> z3.BitVecNumRef:
    """Return the numeral of an integer modulo 2**width."""
    return z3.BitVecVal(value, width)


def is_true(term: z3.ExprRef) -> bool:
    """Tell whether a term is the truth value true."""
    return bool(term.ast.value == _TRUE)


def is_false(term: z3.ExprRef) -> bool:
    """Tell whether a term is the truth value false."""
    return bool(term.ast.value == _FALSE)


def same_term(one: z3.ExprRef, other: z3.ExprRef) -> bool:
    """Tell whether two terms are written alike: then Z3 has them once."""
    return bool(one.ast.value == other.ast.value)


def has_sort(term: z3.ExprRef, sort: z3.SortRef) -> bool:
    """Tell whether a term is of a sort."""
    return bool(_sort_of(_REF, term.ast) == sort.ast.value)


def same_sort(one: z3.ExprRef, other: z3.ExprRef) -> bool:
    """Tell whether two terms are of one sort."""
    return bool(_sort_of(_REF, one.ast) == _sort_of(_REF, other.ast))


def identity(term: z3.ExprRef) -> int:
    """Return a number that no other term has, as long as this one is there."""
    return int(term.ast.value)


def has_operation(term: z3.ExprRef, operation: int, known: dict[int, bool]) -> bool:
    """Tell whether an operation is in a term, bodies of quantifiers included.

    `known` has what was found out before, and gets the rest: the terms must be kept.
    """
    waiting = [term.ast.value]
    while waiting:
        here = waiting[-1]
        if here in known:
            waiting.pop()
            continue
        kind, parts = _kind_of(_REF, here), []
        if kind == z3.Z3_APP_AST:
            parts = [_part(_REF, here, place) for place in range(_parts_of(_REF, here))]
        elif kind == z3.Z3_QUANTIFIER_AST:
            parts = [_body_of(_REF, here)]
        unknown = [part for part in parts if part not in known]
        if unknown:
            waiting += unknown
            continue
        does = kind == z3.Z3_APP_AST and _symbol_kind(_REF, _symbol_of(_REF, here)) == operation
        known[here] = does or any(known[part] for part in parts)
    return known[term.ast.value]


def symbols_in(term: z3.ExprRef) -> frozenset[int]:
    """Return the numbers of the unknown constants and functions in a term, as long as it is there;
    bodies of quantifiers included.
    """
    return frozenset(symbol.value for _, symbol in _unknown([term], set()))


def unknown_symbols(
    terms: Iterable[z3.ExprRef], sort: z3.SortRef, seen: set[int]
) -> Iterator[z3.FuncDeclRef]:
    """Yield the unknown constants and functions of a sort in terms, bodies of quantifiers included.

    `seen` has what was walked through before, and gets the rest: the terms must be kept.
    """
    wanted = sort.ast.value
    for term, symbol in _unknown(terms, seen):
        if _sort_of(_REF, term) == wanted:
            yield z3.FuncDeclRef(symbol, _CONTEXT)


def _unknown(terms: Iterable[z3.ExprRef], seen: set[int]) -> Iterator[tuple[int, z3.FuncDecl]]:
    """Yield each application of an unknown in terms that were not seen before, and the unknown."""
    waiting = [term.ast.value for term in terms]
    while waiting:
        term = waiting.pop()
        if term in seen:
            continue
        seen.add(term)
        kind = _kind_of(_REF, term)
        if kind == z3.Z3_APP_AST:
            waiting += [_part(_REF, term, place) for place in range(_parts_of(_REF, term))]
            symbol = _symbol_of(_REF, term)
            if _symbol_kind(_REF, symbol) == z3.Z3_OP_UNINTERPRETED:
                yield term, symbol
        elif kind == z3.Z3_QUANTIFIER_AST:
            waiting.append(_body_of(_REF, term))
