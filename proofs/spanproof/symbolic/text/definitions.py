"""The functions that a module's text defines, found by the code that Python runs.

A name proves nothing: a decorator puts another function behind it, a later statement binds it
anew, somebody replaces it from outside. So a function object is looked up by its code, and its
tree is the definition that compiles to this very code. A function compiled by mypyc has no code
to compare; it is taken by its name if the text binds that name exactly once, plainly.
"""

import ast
import builtins
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Final, NamedTuple, final

from spanproof.symbolic.text.modules import is_ours

HARMLESS: Final = (final,)
"""Decorators that return the function that they are given, and leave it as it is."""


class Mismatch(Exception):
    """A function object is not one that the text of its module defines; says why, and where."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


class Definition(NamedTuple):
    """A function as the text defines it: its tree, and the names that are local to it."""

    tree: ast.FunctionDef
    local: frozenset[str]


class ModuleSource:
    """A module's text, the functions it defines, and the objects its names are bound to."""

    def __init__(
        self,
        name: str,
        path: str,
        text: str,
        namespace: dict[str, object],
        code: CodeType,
        compiled: bool = False,
    ) -> None:
        self.name = name
        self.path = path
        self.text = text
        self.namespace = namespace
        self.compiled = compiled
        tree = ast.parse(text, filename=path)
        self._codes = functions_of(code)
        self._functions = {(node.name, first_line(node)): node for node in _definitions(tree.body)}
        self._classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
        self._constants = dict(_constants(tree.body))
        self._makers: dict[str, frozenset[str]] = {}
        self._bound = Counter(_names_bound(tree.body))
        self.rebound = frozenset(
            name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names
        )
        self.imported = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module and is_ours(node.module)
            for alias in node.names
        }

    @property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """The last definition of each function, by name."""
        return {node.name: node for node in self._functions.values()}

    def methods(self, kind: str) -> dict[str, ast.FunctionDef]:
        """Return the methods of a class at the top level of the module, by name.

        Raises: Mismatch if the module binds the name of the class in another way as well, or the
        class has one name twice.
        """
        tree = self._classes.get(kind)
        if tree is None or self._bound[kind] != 1:
            raise Mismatch(1, f"{kind} is no class that is defined once")
        found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        if len({node.name for node in found}) != len(found):
            raise Mismatch(tree.lineno, f"{kind} has two methods of one name")
        return {node.name: node for node in found}

    def method_code(self, kind: str, name: str) -> CodeType | None:
        """Return the code that the text of a method compiles to."""
        bodies = [one for (known, _), one in self._codes.items() if known == kind]
        found = (functions_of(body) for body in bodies)
        return next((one[key] for one in found for key in one if key[0] == name), None)

    def definition(self, function: object) -> Definition:
        """Return the definition of a function object of this module.

        Raises: Mismatch if Python would run anything else than what the text says.
        """
        if isinstance(function, FunctionType):
            return self._interpreted(function)
        return self._compiled(function)

    def _interpreted(self, function: FunctionType) -> Definition:
        code, name = function.__code__, function.__name__
        line = code.co_firstlineno
        if function.__globals__ is not self.namespace:
            raise Mismatch(line, f"{name} does not read the names of {self.name}")
        if function.__closure__ is not None or "<locals>" in code.co_qualname:
            raise Mismatch(line, f"{name} is not a module-level function but made by another one")
        tree, own = (known.get((code.co_name, line)) for known in (self._functions, self._codes))
        if not isinstance(tree, ast.FunctionDef) or not isinstance(own, CodeType):
            raise Mismatch(line, f"{name} is not a module-level function")
        if not same_code(own, code):
            raise Mismatch(line, f"what runs as {name} is not what the text says")
        self._decorators_are_harmless(tree)
        return Definition(tree, local_to(own))

    def _compiled(self, function: object) -> Definition:
        name = getattr(function, "__name__", "?")
        found = [key for key in self._functions if key[0] == name]
        line = found[0][1] if found else 1
        if not isinstance(function, BuiltinFunctionType) or not self.compiled:
            kind = type(function).__name__
            if found:
                self._decorators_are_harmless(self._functions[found[-1]])
            raise Mismatch(line, f"{name} is not a module-level function, but a {kind}")
        if self.namespace.get(name) is not function:
            raise Mismatch(line, f"{name} is not what the module has under that name")
        if len(found) != 1 or self._bound[name] != 1:
            raise Mismatch(line, f"{name} is not a module-level function that is defined once")
        tree = self._functions[found[0]]
        self._decorators_are_harmless(tree)
        return Definition(tree, local_to(self._codes[found[0]]))

    def _decorators_are_harmless(self, tree: ast.FunctionDef) -> None:
        for one in tree.decorator_list:
            match one:
                case ast.Name(id=name):
                    known = self.namespace.get(name, vars(builtins).get(name))
                case ast.Attribute(value=ast.Name(id=owner), attr=name):
                    module = self.namespace.get(owner)
                    known = vars(module).get(name) if isinstance(module, ModuleType) else None
                case _:
                    known = None
            if not any(known is harmless for harmless in HARMLESS):
                raise Mismatch(one.lineno, f"{tree.name} is decorated: {ast.unparse(one)}")

    def what_runs(self, name: str) -> object:
        """Return what a function of this module finds under a global name.

        Raises: KeyError if there is none; Mismatch if the name has no fixed meaning.
        """
        value = self.namespace[name]
        if name in self.rebound:
            raise Mismatch(0, f"{name} is bound anew by a function (global {name})")
        if self.compiled and self._is_replaced(name, value):
            raise Mismatch(0, f"{name} is not what the compiled module was compiled with")
        return value

    def makers(self, name: str) -> frozenset[str]:
        """Return the functions of this module by which it makes a constant as it is imported."""
        if name not in self._constants:
            return frozenset()
        if name not in self._makers:
            self._makers[name] = self._found_makers(name)
        return self._makers[name]

    def _found_makers(self, name: str) -> frozenset[str]:
        functions, found, waiting = self.functions, set[str](), [name]
        while waiting:
            one = waiting.pop()
            node = self._constants.get(one, functions.get(one))
            if node is not None and one not in found:
                found.add(one)
                waiting += [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
        return frozenset(found & functions.keys())

    def _is_replaced(self, name: str, value: object) -> bool:
        """Tell whether compiled code calls something else than the module's dictionary says.

        It refers to its own functions and classes, and to those of compiled modules that it
        imports, without looking them up.
        """
        module, original = self.imported.get(name, (self.name, name))
        if name not in self.imported:
            if not any(key[0] == name for key in self._functions):
                return False
            return (
                getattr(value, "__name__", None) != name
                or getattr(value, "__module__", None) != self.name
            )
        owner = sys.modules.get(module)
        return owner is not None and vars(owner).get(original) is not value


def _constants(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names to which a module assigns a value at its top level, with the expressions."""
    for node in body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value


def is_compiled(module: ModuleType) -> bool:
    """Tell whether a module is an extension."""
    return str(getattr(module, "__file__", "")).endswith(tuple(EXTENSION_SUFFIXES))


def first_line(node: ast.FunctionDef) -> int:
    """Return the line that the code of a function says it begins at: that of its decorators."""
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def local_to(code: CodeType) -> frozenset[str]:
    """Return the names that are local to a function."""
    return frozenset((*code.co_varnames, *code.co_cellvars))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those inside its `if`, `for`, `try`... as well."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, ast.ExceptHandler | ast.match_case):
                yield from _statements(inner.body)
        children = ast.iter_child_nodes(statement)
        yield from _statements([node for node in children if isinstance(node, ast.stmt)])


def _definitions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    return (node for node in _statements(body) if isinstance(node, ast.FunctionDef))


def _names_bound(body: list[ast.stmt]) -> Iterator[str]:
    """Yield a name each time that a statement of the module binds it."""
    for statement in _statements(body):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        for node in _own_nodes(statement):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                yield node.id


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement that belong to no statement inside it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.stmt))


def functions_of(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Return the code of each function that a module's own code makes, by name and line."""
    return {
        (one.co_name, one.co_firstlineno): one
        for one in code.co_consts
        if isinstance(one, CodeType)
    }


def code_of(name: str, path: str, text: str) -> CodeType:
    """Return the code of a module's text, as the loader that imported it compiles it.

    pytest writes the assertions of test modules anew; what they claim stays the same.
    """
    tree = ast.parse(text, filename=path)
    loader = getattr(getattr(sys.modules.get(name), "__spec__", None), "loader", None)
    rewriting = sys.modules.get("_pytest.assertion.rewrite")
    hook = getattr(rewriting, "AssertionRewritingHook", None)
    if rewriting is not None and hook is not None and type(loader) is hook:
        rewriting.rewrite_asserts(tree, text.encode(), path, getattr(loader, "config", None))
    return compile(tree, path, "exec", dont_inherit=True)


def same_code(one: CodeType, other: CodeType) -> bool:
    """Tell whether two pieces of code do the same, wherever they come from."""
    return (
        one.co_code == other.co_code
        and one.co_flags == other.co_flags
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_cellvars == other.co_cellvars
        and one.co_freevars == other.co_freevars
        and one.co_argcount == other.co_argcount
        and one.co_posonlyargcount == other.co_posonlyargcount
        and one.co_kwonlyargcount == other.co_kwonlyargcount
        and one.co_exceptiontable == other.co_exceptiontable
        and len(one.co_consts) == len(other.co_consts)
        and all(map(_same_constant, one.co_consts, other.co_consts))
    )


def _same_constant(one: object, other: object) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return same_code(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same_constant, one, other))
    return type(one) is type(other) and (one == other or repr(one) == repr(other))
