"""Whether a rule that is written otherwise than before is the same rule.

All that a proof can know of a rule is what the translator makes of it: what it yields on each of
its ways, what it relies on, what the rules that it calls yield. If none of that differs, whatever
the arguments are, then it differs in no proof, for what is made of a rule at certain arguments is
an instance of that. Nothing is assumed of the arguments, not even that a word is in its range.

Who runs a rule sees more: at which keys a table is read, for one may not be there. So for what is
decided by running the two texts also have to read the same, and after the same conditions.

Where nothing but the form differs no translator is asked.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import z3

from spanproof.fingerprint.walking import written
from spanproof.solvers.engines.inprocess import check
from spanproof.symbolic.evaluation.frames import SideCondition
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.dependence import fields_named
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.construct import disjunction, inequality, same_sort, same_term
from spanproof.symbolic.values.records import parts_of
from spanproof.symbolic.values.values import SymbolicBitmap, SymbolicTable, Value

SECONDS: Final = 0.5
"""How long a solver may look for a difference; what takes longer is no small change."""

VARIABLE: Final = "(variable)"
"""Begins the name of a variable of a rule, whatever it is called."""

EXCHANGED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}
"""The comparisons that are written the other way round, and as what."""

WRITTEN_OUT: Final = (
    *(ast.While, ast.For, ast.AsyncFunctionDef, ast.Lambda, ast.comprehension),
    *(ast.Match, ast.Try, ast.With, ast.Raise),
)
"""What a rule may not have: how a loop is read each obligation says in its own way, and where the
other forms raise an exception is not followed here.
"""


class _Differs(Exception):
    """Two values are not of one shape."""


class _Meaning(NamedTuple):
    """What the translator makes of a rule at unknown arguments."""

    value: Value
    cases: list[tuple[z3.BoolRef, Value]]
    sides: list[SideCondition]
    assumed: list[z3.BoolRef]
    results: dict[str, list[Value]]
    others: tuple[object, ...]


def same_form(now: ast.AST, before: ast.AST) -> bool:
    """Tell whether two definitions differ in nothing but the sides of comparisons, and in whether
    what is returned is given to a variable first.

    Both sides are evaluated in any case. They call nothing, one at most reads an item, and they are
    compared by what means the same with its sides exchanged. So the definition may be anything, a
    course or a class as well.
    """
    one, other = (
        written(_Form().visit(copy.deepcopy(tree)), docstrings=False) for tree in (now, before)
    )
    return one == other


class _Form(ast.NodeTransformer):
    """Gives what can be written in several forms one of them."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Return at once what is given to a variable of this function's own, and returned."""
        self.generic_visit(node)
        match node.body:
            case [
                *_,
                ast.Assign(targets=[ast.Name(id=name)], value=value),
                ast.Return(value=ast.Name(id=returned)),
            ] if name == returned and not _is_shared(name, node):
                node.body[-2:] = [ast.Return(value)]
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        """Put the smaller number on the left, and of equal ones that whose text comes first."""
        self.generic_visit(node)
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]) if _in_any_order(
                left, right
            ):
                backwards = type(op) in EXCHANGED or (
                    isinstance(op, ast.Eq | ast.NotEq) and ast.dump(right) < ast.dump(left)
                )
                if backwards:
                    op = EXCHANGED.get(type(op), type(op))()
                    return ast.Compare(right, [op], [left])
        return node


def _is_shared(name: str, function: ast.FunctionDef) -> bool:
    """Tell whether a variable may be that of others, too: functions inside, or the module."""
    others = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.comprehension)
    nodes = list(ast.walk(function))[1:]
    return any(
        isinstance(node, others)
        or (isinstance(node, ast.Global | ast.Nonlocal) and name in node.names)
        for node in nodes
    )


def _in_any_order(*expressions: ast.expr) -> bool:
    """Tell whether it does not matter in which order some expressions are evaluated."""
    kinds = [{type(node) for node in ast.walk(one)} for one in expressions]
    called = {ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr}
    reads = [one for one in kinds if ast.Subscript in one]
    return len(reads) <= 1 and all(called.isdisjoint(one) for one in kinds)


def same_in_proofs(
    rule: Callable[..., object], before: SourceTree, arithmetic: Arithmetic, *, apart: bool = True
) -> bool:
    """Tell whether proofs in an arithmetic cannot tell a rule from what it was before.

    `apart`: a proof looks at parts of a rule by themselves, so there have to be the same ones: the
    ways through it, and what the rules that it calls yield, for some of which contracts may stand.
    Of a rule that is outside of the subset it is not known.
    """
    try:
        now = SourceTree()
        trees = [sources.function(rule).tree for sources in (now, before)]
        if any(isinstance(node, WRITTEN_OUT) for tree in trees for node in ast.walk(tree)):
            return False
        if len({_interface(tree, apart) for tree in trees}) > 1:
            return False
        one, other = (_meaning(rule, sources, arithmetic, apart) for sources in (now, before))
        found = list(_between(one, other, arithmetic))
    except Exception:  # as where a proof is made: a changed rule may fail in any way
        return False
    return not found or check([disjunction(*found)], SECONDS).result == "unsat"


def same_when_run(rule: Callable[..., object], before: SourceTree) -> bool:
    """Tell whether a rule does what it did before wherever it is run."""
    if not same_in_proofs(rule, before, Integers(), apart=False):
        return False
    if all(_cannot_raise(rule, sources) for sources in (SourceTree(), before)):
        return True
    now, then = (_text(sources.function(rule).tree) for sources in (SourceTree(), before))
    return _Reads(now).found == _Reads(then).found


def _cannot_raise(rule: Callable[..., object], sources: SourceTree) -> bool:
    """Tell whether nothing in a rule, nor in what it calls, raises an exception: then it does not
    matter in which order things are asked.

    Neither is an item read, nor a method called, nor anything asserted; numbers are those of the
    translator, which divides and shifts by known ones only.
    """
    _meaning(rule, sources, Integers(), False)
    for name in sources.reached:
        module, _, function = name.rpartition(".")
        tree = sources.module(module).functions.get(function)
        for node in ast.walk(tree) if tree is not None else (None,):
            match node:
                case None | ast.Subscript() | ast.Assert() | ast.Call(func=ast.Attribute()):
                    return False
    return True


def _text(tree: ast.FunctionDef) -> ast.FunctionDef:
    """Return a function in which the names of variables say in which order they are bound."""
    text = copy.deepcopy(tree)
    names: dict[str, str] = {}
    for node in ast.walk(text):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"{VARIABLE}{len(names)}")
    for node in ast.walk(text):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return text


def _interface(tree: ast.FunctionDef, apart: bool) -> tuple[object, ...]:
    """Return what proofs take from the text itself: its parameters; and, where a contract stands in
    for a rule, or for what it calls, which fields it reads, and with what another one is called.
    """
    if not apart:
        return (ast.dump(tree.args),)
    calls = [ast.dump(node) for node in ast.walk(_text(tree)) if isinstance(node, ast.Call)]
    fields = [fields_named(tree, one.arg) for one in tree.args.args]
    return ast.dump(tree.args), *calls, *fields


class _Reads:
    """Where a text may raise an exception that no formula speaks of, for want of a key.

    That is where it reads an item, and where it calls what may read one: each with the conditions
    that were asked before, and with what the variables in it were given.
    """

    def __init__(self, text: ast.FunctionDef) -> None:
        self.found: list[tuple[str, ...]] = []
        self._asked: list[str] = []
        self._given: list[str] = []
        for statement in text.body:
            self._visit(statement)
        if not self._asked:  # then all of it is done, and in which order does not matter
            self.found.sort()

    def _visit(self, node: ast.AST) -> None:
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    self._visit(value)
                    self._asked.append(ast.dump(value))
                return
            case ast.If(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
                self._visit(test)
                self._asked.append(ast.dump(test))
                for part in ast.iter_child_nodes(node):
                    if part is not test:
                        self._visit(part)
                return
        for part in ast.iter_child_nodes(node):
            self._visit(part)
        match node:
            case ast.Compare(ops=[_, _, *_]):
                self._asked.append(ast.dump(node))
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.NamedExpr():
                self._given.append(ast.dump(node))
            case ast.Subscript() | ast.Call():
                text = ast.dump(node)
                given = self._given if VARIABLE in text else []
                self.found.append((text, *self._asked, *given))


def _meaning(
    rule: Callable[..., object], sources: SourceTree, arithmetic: Arithmetic, apart: bool
) -> _Meaning:
    translator = Translator(arithmetic, sources)
    kinds = translator.kinds_of(rule)
    arguments = [translator.symbols.value(kind, name) for name, kind in kinds.items()]
    made = len(translator.assumptions)
    value = translator.call(rule, *arguments)
    cases = translator.cases(rule, *arguments) if apart else []
    others = (
        translator.kind_of_result(rule),
        translator.named,
        translator.asserted,
        translator.loop_states,
        translator.raised,
        translator.objects,
        sources.reached if apart else None,
    )
    return _Meaning(
        value,
        cases,
        translator.sides,
        translator.assumptions[made:],
        translator.results if apart else {},
        others,
    )


def _between(one: _Meaning, other: _Meaning, arithmetic: Arithmetic) -> Iterator[z3.BoolRef]:
    """Yield in what two meanings may differ.

    Raises: _Differs if they surely do.
    """
    sides = [[(side.label, side.given) for side in its.sides] for its in (one, other)]
    names = [[(name, len(its)) for name, its in its.results.items()] for its in (one, other)]
    if sides[0] != sides[1] or names[0] != names[1] or one.others != other.others:
        raise _Differs
    pairs = (
        (one.value, other.value),
        (tuple(one.cases), tuple(other.cases)),
        (tuple(side.goal for side in one.sides), tuple(side.goal for side in other.sides)),
        (tuple(one.assumed), tuple(other.assumed)),
        *((tuple(one.results[name]), tuple(other.results[name])) for name in one.results),
    )
    for mine, others in pairs:
        yield from differences(mine, others, arithmetic)


def differences(one: Value, other: Value, arithmetic: Arithmetic) -> Iterator[z3.BoolRef]:
    """Yield that a part of one value is not that of another: they are equal where none holds.

    Raises: _Differs if they are not of one shape.
    """
    if isinstance(one, z3.ExprRef) and isinstance(other, z3.ExprRef):
        if not same_sort(one, other):
            raise _Differs
        if not same_term(one, other):
            yield inequality(one, other)
        return
    if type(one) is not type(other):
        raise _Differs
    if isinstance(one, SymbolicBitmap) and isinstance(other, SymbolicBitmap):
        at = z3.Const("any index", arithmetic.sort)
        readers = ((one.bit, other.bit), (one._word, other._word), (one._count, other._count))
        for mine, others in readers:
            if mine is None or others is None:
                if mine is not others:
                    raise _Differs
            else:
                yield from differences(mine(at), others(at), arithmetic)
    elif isinstance(one, SymbolicTable) and isinstance(other, SymbolicTable):
        if one.key_sort != other.key_sort or one.stands_for_all is not other.stands_for_all:
            raise _Differs
        at = z3.Const("any key", one.key_sort)
        yield from differences(one.get(at), other.get(at), arithmetic)
    else:
        parts, others_parts = parts_of(one), parts_of(other)
        if parts is None or others_parts is None:
            if not isinstance(one, bool | int | str | None) or one != other:
                raise _Differs
        elif len(parts) != len(others_parts):
            raise _Differs
        else:
            for part, its in zip(parts, others_parts, strict=True):
                yield from differences(part, its, arithmetic)
