"""Contracts that stand in for functions: what is claimed where one is used, and what is assumed."""

from collections.abc import Sequence

import z3

from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.evaluation.interfaces import Host
from spanproof.symbolic.reading.dependence import fields_named, identity_of, parts_read
from spanproof.symbolic.reading.ranges import in_ranges
from spanproof.symbolic.reading.sources import FunctionSource
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.text.syntax import parameters_refused
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.construct import conjunction, implication
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.records import part_at, same, with_part
from spanproof.symbolic.values.values import SymbolicObject, SymbolicVector, Value


class StandIns:
    """Yields the results of functions for which a contract stands."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._yielded: dict[tuple[object, ...], tuple[Value, list[Value]]] = {}
        self._symbols_taken: dict[str, str] = {}
        self._by_arguments: dict[str, list[tuple[tuple[Value, ...], Value]]] = {}

    def result(self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef) -> Value:
        """Return an unknown value of which what the function's contract ensures is assumed.

        What the contract needs is claimed.
        """
        stated = self._host.contracts[source.qualified]
        contract = self._host.sources.function(stated.ensures)
        for line, what in parameters_refused(source.tree):
            raise UnsupportedConstruct(source.path, line, what)
        self._host.parameters(source, arguments)
        self._require(source, stated, arguments, path)
        value = self._result_of(source, stated, arguments)
        ghosts = [argument.arg for argument in contract.tree.args.args][len(arguments) + 1 :]
        for name in ghosts:
            if name not in self._host.ghosts:
                self._host.unsupported(contract, contract.tree, f"the proof names no value {name}")
        extra = [self._host.ghosts[name] for name in ghosts]
        fact = self._host.apply(contract, [*arguments, value, *extra], path)
        # On this path alone: only there what the contract needs was claimed.
        self._host.assumptions.append(implication(self._host.reached(path), as_bool(fact)))
        self._host.results.setdefault(source.qualified, []).append(value)
        return value

    def _result_of(
        self, source: FunctionSource, stated: Contract, arguments: Sequence[Value]
    ) -> Value:
        """Return an unknown result of a rule, the same one for the same arguments."""
        # The same object may hold something else by now.
        changing = any(isinstance(one, SymbolicObject | SymbolicVector) for one in arguments)
        for known, result in () if changing else self._by_arguments.get(source.qualified, ()):
            if all(map(same, known, arguments)):
                return result
        kind = self._host.result_kind(source)
        parts = parts_read(source, arguments)
        terms = [self._term(part) for part in parts]
        try:
            if arguments and all(term is not None for term in terms):
                value = self._host.symbols.result(kind, self._symbol_of(source), terms)
            else:
                value = self._same_for_same(source, kind, parts)
        except TypeError as problem:
            self._host.unsupported(source, source.tree, str(problem))
        entry = dict(zip(self._host.parameters(source, arguments), arguments, strict=True))
        for place, origin in stated.keeps:
            name, _, inside = origin.partition(".")
            value = with_part(value, place, part_at(entry[name], inside))
        self._by_arguments.setdefault(source.qualified, []).append((tuple(arguments), value))
        return value

    def _same_for_same(self, source: FunctionSource, kind: object, parts: list[Value]) -> Value:
        """Return what a function with a contract yields: the same for the very same arguments."""
        key = (source.qualified, *(identity_of(part) for part in parts))
        if key not in self._yielded:
            value = self._host.symbols.value(kind, self._host.fresh_name(source.name))
            self._yielded[key] = value, parts  # keeps the arguments alive: ids are reused
        return self._yielded[key][0]

    def _require(
        self,
        source: FunctionSource,
        stated: Contract,
        arguments: Sequence[Value],
        path: z3.BoolRef,
    ) -> None:
        """Claim what a contract needs of the arguments, and that they fit their annotations.

        Of a record, what the function does not look at may be anything.
        """
        for parameter, value in zip(source.tree.args.args, arguments, strict=True):
            if parameter.annotation is None:
                continue
            kind = self._host.static(source, parameter.annotation)
            named = fields_named(source.tree, parameter.arg)
            known = self._host.symbols.in_range
            fits = conjunction(*in_ranges(self._host.arithmetic, kind, value, known, named))
            self._host.side(f"{source.name} needs {parameter.arg} in its range", path, fits)
        if stated.requires is not None:
            requires = self._host.sources.function(stated.requires)
            needed = as_bool(self._host.apply(requires, arguments, path))
            self._host.side(f"{source.name} needs {stated.requires.__name__}", path, needed)

    def _symbol_of(self, source: FunctionSource) -> str:
        """Return the name of the function that stands for a rule with a contract.

        It is the rule's own, unless a rule of another module has taken it.
        """
        owner = self._symbols_taken.setdefault(source.name, source.module)
        return source.name if owner == source.module else source.qualified

    def _term(self, value: Value) -> z3.ExprRef | None:
        """Return a scalar as a term, or None for a value of another shape."""
        if type(value) is int:
            return self._host.arithmetic.exact(Scalar(value))
        return value if isinstance(value, z3.ExprRef) else None
