"""Which forms of code are understood: those that bind names of their own module and do no more.

A fingerprint follows names. That is right as long as a name means what its one statement says. So
the forms for which this is known are a closed list, here; a module with any other statement at its
top level is not *plain*, and counts as a whole for everything. A function or class that may change
what is not its own counts for everything, too.
"""

import ast
import builtins
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from spanproof.fingerprint.localnames import Local
from spanproof.fingerprint.reaching import root_of
from spanproof.fingerprint.understood import (
    BASES,
    CHANGES,
    CONSTANT,
    DECORATORS,
    DUNDERS,
    HARMLESS_BUILTINS,
    HARMLESS_OUTSIDE,
    IMPORTS,
    READS,
    UNKNOWN_BUILTINS,
)
from spanproof.fingerprint.walking import nodes_below

Pieces = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Defined(NamedTuple):
    """A definition of ours: its module, its name, and its statement."""

    module: str
    name: str
    statement: Pieces


Resolve = Callable[[str, str], "Defined | str | None"]
"""What a name in a module means: a definition of ours, a dotted name of others, or not known."""


class Understanding:
    """Tells which statements are understood.

    `resolve` says what names mean; what is defined in the modules `counted` counts for everything
    anyway, so it may be called.
    """

    def __init__(self, resolve: Resolve, counted: Callable[[str], bool]) -> None:
        self._resolve = resolve
        self._counted = counted
        self._harmless: dict[tuple[str, str], bool] = {}

    # --- at the top level ---------------------------------------------------------------------

    def understands(self, module: str, statement: ast.stmt) -> bool:
        """Tell whether a statement at the top level of a module only binds names of the module."""
        match statement:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.Import(names=names):
                return all(is_known_import(alias.name) for alias in names)
            case ast.ImportFrom(module=owner, names=names, level=level):
                known = level > 0 or is_known_import(owner or "")
                return known and all(alias.name != "*" for alias in names)
            case ast.FunctionDef(name=name):
                return not is_dunder(name) and self._definition(module, statement)
            case ast.ClassDef(name=name):
                return not is_dunder(name) and self._class(module, statement)
            case ast.Assign() | ast.AnnAssign():
                return self._assignment(module, statement)
            case ast.If(test=test, body=body, orelse=[]):
                return self._known_test(module, test, body)
            case ast.For(target=target, iter=over, body=body, orelse=[]):
                known = None not in plain_targets(target) and self.expression(module, over)
                return known and all(
                    isinstance(part, ast.Expr) and self.expression(module, part.value)
                    for part in body
                )
        return False

    def _known_test(self, module: str, test: ast.expr, body: list[ast.stmt]) -> bool:
        if is_main_test(test):
            return self._resolve(module, "__name__") is None
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            known = self._resolve(module, "TYPE_CHECKING") == "typing.TYPE_CHECKING"
            return known and all(isinstance(part, ast.Import | ast.ImportFrom) for part in body)
        return False

    def _assignment(self, module: str, statement: ast.Assign | ast.AnnAssign) -> bool:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = [name for target in targets for name in plain_targets(target)]
        if None in names or any(is_dunder(name) and name not in DUNDERS for name in names if name):
            return False
        parts = [statement.value] if statement.value is not None else []
        if isinstance(statement, ast.AnnAssign):
            parts.append(statement.annotation)
        return all(self.expression(module, part) for part in parts)

    def _definition(self, module: str, function: ast.FunctionDef) -> bool:
        """Tell whether the definition of a function does no more; its body is not run by it."""
        arguments = function.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        notes = [one.annotation for one in [*every, arguments.vararg, arguments.kwarg] if one]
        parts = [*arguments.defaults, *arguments.kw_defaults, *notes, function.returns]
        return all(self._decorator(module, one) for one in function.decorator_list) and all(
            self.expression(module, part) for part in parts if part is not None
        )

    def _class(self, module: str, made: ast.ClassDef) -> bool:
        if not all(self._decorator(module, one) for one in made.decorator_list):
            return False
        if any(key.arg in (None, "metaclass") for key in made.keywords):
            return False
        if not all(self.expression(module, key.value) for key in made.keywords):
            return False
        if not all(self._base(module, base) for base in made.bases):
            return False
        for part in made.body:
            match part:
                case ast.FunctionDef(decorator_list=decorators):
                    setter = [
                        isinstance(d, ast.Attribute) and d.attr == "setter" for d in decorators
                    ]
                    own = [d for d, known in zip(decorators, setter, strict=True) if not known]
                    bare = ast.FunctionDef(part.name, part.args, part.body, own, part.returns)
                    if part.name in ("__init_subclass__", "__class_getitem__", "__set_name__"):
                        return False
                    if not self._definition(module, bare):
                        return False
                case ast.Assign() | ast.AnnAssign():
                    if not self._assignment(module, part):
                        return False
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    pass
                case _:
                    return False
        return True

    def _base(self, module: str, base: ast.expr) -> bool:
        bare = base.value if isinstance(base, ast.Subscript) else base
        meant = self._meaning(module, bare)
        if isinstance(meant, Defined):
            return isinstance(meant.statement, ast.ClassDef)
        return meant in BASES and self.expression(module, base)

    def _decorator(self, module: str, decorator: ast.expr) -> bool:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(decorator, ast.Call):
            values = [*decorator.args, *(key.value for key in decorator.keywords)]
            if not all(self.expression(module, value) for value in values):
                return False
        meant = self._meaning(module, called)
        if isinstance(meant, Defined):
            return self._counted(meant.module)
        return meant in DECORATORS

    # --- expressions --------------------------------------------------------------------------

    def expression(self, module: str, expression: ast.expr, local: "Local | None" = None) -> bool:
        """Tell whether evaluating an expression changes nothing."""
        bound = {
            node.id
            for node in nodes_below(expression)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        } | {node.arg for node in nodes_below(expression) if isinstance(node, ast.arg)}
        scope = Local(frozenset(bound), frozenset()) if local is None else local.with_names(bound)
        for node in nodes_below(expression):
            match node:
                case ast.keyword(arg="key", value=value) if not isinstance(
                    value, ast.Name | ast.Lambda
                ):
                    return False
                case ast.Call(func=ast.Name(id="filter"), args=[chosen, *_]) if not isinstance(
                    chosen, ast.Name | ast.Lambda
                ):
                    return False
                case ast.NamedExpr() | ast.Await() | ast.Yield() | ast.YieldFrom():
                    return False
                case ast.Attribute(attr=name) if is_dunder(name) and name not in (
                    "__name__",
                    "__file__",
                    "__annotations__",
                    "__doc__",
                    "__path__",
                    "__struct_fields__",
                ):
                    return False
                case ast.Name(id=name) if name in UNKNOWN_BUILTINS and name not in scope.names:
                    if self._resolve(module, name) is None:
                        return False
                case ast.Call():
                    if not self._call(module, node, scope):
                        return False
        return True

    def _call(self, module: str, call: ast.Call, scope: "Local") -> bool:
        """Tell whether a call changes nothing, nor a function that it hands on."""
        handed = [*call.args, *(key.value for key in call.keywords)]
        return self._called(module, call.func, scope) and all(
            self.harmless(meant)
            for given in handed
            if isinstance(given, ast.Name) and given.id not in scope.names
            if isinstance(meant := self._meaning(module, given), Defined)
            if not self._keeps(module, call.func)
        )

    def _keeps(self, module: str, called: ast.expr) -> bool:
        """Tell whether what is called is a class or function of ours: its own body is looked at."""
        return isinstance(self._meaning(module, called), Defined)

    def _called(self, module: str, called: ast.expr, scope: "Local") -> bool:
        while isinstance(called, ast.Subscript):
            called = called.value
        if isinstance(called, ast.Call):
            meant = self._meaning(module, called.func)
            return isinstance(meant, Defined) and self._counted(meant.module)
        if ast.unparse(called) in ("super().__init__", "super().__new__"):
            return True  # the bases of a harmless class are harmless
        if isinstance(called, ast.Attribute) and root_of(called) in scope.names:
            meant = None
        elif isinstance(called, ast.Name) and called.id in scope.names:
            return False
        else:
            meant = self._meaning(module, called)
        if isinstance(meant, Defined):
            return self.harmless(meant)
        if meant is not None:
            return meant in HARMLESS_OUTSIDE or meant in HARMLESS_BUILTINS
        if not isinstance(called, ast.Attribute):
            return False
        if called.attr in CHANGES:
            return isinstance(called.value, ast.Name) and called.value.id in scope.fresh
        return called.attr in READS

    def _meaning(self, module: str, called: ast.expr) -> "Defined | str | None":
        """Return what a name, or an attribute of an imported module, means."""
        match called:
            case ast.Name(id=name):
                meant = self._resolve(module, name)
                return name if meant is None and hasattr(builtins, name) else meant
            case ast.Attribute(value=base, attr=attribute):
                owner = self._meaning(module, base)
                if isinstance(owner, str) and owner != CONSTANT and not hasattr(builtins, owner):
                    if is_dunder(attribute):
                        return None
                    return self._resolve(owner, attribute) or f"{owner}.{attribute}"
        return None

    # --- what is called while a module is imported --------------------------------------------

    def harmless(self, defined: Defined) -> bool:
        """Tell whether a call of a function or class of ours changes nothing but what it makes."""
        if self._counted(defined.module):
            return True
        key = defined.module, defined.name
        if key not in self._harmless:
            before = len(self._harmless)
            self._harmless[key] = True  # a function that calls itself adds nothing
            statement = defined.statement
            if isinstance(statement, ast.ClassDef):
                known = self._harmless_class(defined.module, statement)
            else:
                known = self._harmless_function(defined.module, statement, method=False)
            if not known:  # what it calls, and what calls it again, was taken to be harmless
                for since in list(self._harmless)[before:]:
                    del self._harmless[since]
            self._harmless[key] = known
        return self._harmless[key]

    def _harmless_class(self, module: str, made: ast.ClassDef) -> bool:
        if not self._class(module, made):
            return False
        for base in made.bases:
            meant = self._meaning(module, base.value if isinstance(base, ast.Subscript) else base)
            if isinstance(meant, Defined) and not self.harmless(meant):
                return False
        return all(
            self._harmless_function(module, part, method=True)
            for part in made.body
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_dunder(part.name) or _is_property(part) or part.name in READS | CHANGES
        )

    def _harmless_function(
        self, module: str, function: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool
    ) -> bool:
        local = Local.of(function, lambda name: self._is_class(module, name))
        own = function.args.args[0].arg if method and function.args.args else None
        for node in nodes_of(function):
            match node:
                case (
                    ast.Global()
                    | ast.Nonlocal()
                    | ast.Import()
                    | ast.ImportFrom()
                    | ast.With()
                    | ast.Delete()
                    | ast.AsyncFunctionDef()
                    | ast.ClassDef()
                ):
                    return False
                case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store()) if name == own:
                    pass
                case (
                    ast.Attribute(value=base, ctx=ast.Store() | ast.Del())
                    | ast.Subscript(value=base, ctx=ast.Store() | ast.Del())
                ):
                    if not (isinstance(base, ast.Name) and base.id in local.fresh):
                        return False
                case ast.expr():
                    shallow = isinstance(node, ast.Call | ast.NamedExpr | ast.Await | ast.Name)
                    if shallow and not self._harmless_node(module, node, local):
                        return False
        return True

    def _is_class(self, module: str, name: str) -> bool:
        meant = self._resolve(module, name)
        return isinstance(meant, Defined) and isinstance(meant.statement, ast.ClassDef)

    def _harmless_node(self, module: str, node: ast.expr, local: "Local") -> bool:
        if isinstance(node, ast.Call):
            return self._call(module, node, local)
        if isinstance(node, ast.Name):
            unknown = node.id in UNKNOWN_BUILTINS and node.id not in local.names
            return not (unknown and self._resolve(module, node.id) is None)
        return False


def _is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        not (isinstance(one, ast.Name) and one.id in ("classmethod", "staticmethod"))
        for one in function.decorator_list
    )


def nodes_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body without the bodies of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef):
            waiting += node.decorator_list
        else:
            waiting += ast.iter_child_nodes(node)


def plain_targets(target: ast.expr) -> Iterator[str | None]:
    """Yield the names that a target binds, and None for whatever is no name."""
    match target:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from plain_targets(part)
        case ast.Starred(value=inner):
            yield from plain_targets(inner)
        case _:
            yield None


def is_dunder(name: str) -> bool:
    """Tell whether a name begins and ends with two underscores."""
    return name.startswith("__") and name.endswith("__")


def is_known_import(name: str) -> bool:
    """Tell whether importing a module is known to change nothing: ours are looked at."""
    return name.partition(".")[0] in IMPORTS | sys.stdlib_module_names


def is_main_test(test: ast.expr) -> bool:
    """Tell whether a test asks whether the module is run as a program."""
    return ast.unparse(test) == "__name__ == '__main__'"
