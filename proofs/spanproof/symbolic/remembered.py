"""What rules yield at arguments at which they are called over and over, evaluated once.

The value of a rule hangs on its arguments alone; the path on which it is called says where its side
conditions are claimed. So a rule that is called again with the same arguments is evaluated on a
path of which nothing is known, a mark, and what that yields is used from then on: the claims with
the caller's path in place of the mark. They are the very terms that an evaluation would make.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import z3

from spanproof.symbolic.evaluation.interfaces import Host
from spanproof.symbolic.reading.sources import FunctionSource
from spanproof.symbolic.values.construct import TRUE, identity, same_term, substituted
from spanproof.symbolic.values.records import parts_of
from spanproof.symbolic.values.values import (
    SymbolicBitmap,
    SymbolicObject,
    SymbolicTable,
    SymbolicVector,
    SymbolicWords,
    Value,
)

Key = tuple[object, ...]

Evaluate = Callable[[FunctionSource, Sequence[Value], z3.BoolRef], Value]


class Claimed(NamedTuple):
    """A side condition of an evaluation; `assumed` counts what was assumed in it before."""

    label: str
    path: z3.BoolRef
    goal: z3.BoolRef
    at: str
    assumed: int


class Yielded(NamedTuple):
    """What an evaluation on a mark's path yielded, claimed, assumed, and what calls in it yielded.

    The arguments are kept: their numbers are used again for others when they are gone.
    """

    arguments: tuple[Value, ...]
    mark: z3.BoolRef
    value: Value
    claims: list[Claimed]
    assumed: list[z3.BoolRef]
    results: list[tuple[str, list[Value]]]


class Remembered:
    """Evaluates rules for a `Translator`, each once for arguments that it is called with often."""

    def __init__(self, host: Host, evaluate: Evaluate) -> None:
        self._host = host
        self._evaluate = evaluate
        self._called: dict[Key, tuple[Value, ...]] = {}
        self._known: dict[Key, Yielded] = {}
        self._others: set[str] = set()
        self._open: list[list[Claimed]] = []
        self._begins: list[int] = []

    @property
    def recording(self) -> bool:
        """Whether claims are those of an evaluation on a mark's path."""
        return bool(self._open)

    def claim(self, label: str, path: z3.BoolRef, goal: z3.BoolRef, at: str) -> None:
        """Note a claim of the evaluation on a mark's path."""
        assumed = len(self._host.assumptions) - self._begins[-1]
        self._open[-1].append(Claimed(label, path, goal, at, assumed))

    def value(self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef) -> Value:
        """Return what a function's body yields, and claim what it relies on."""
        if source.qualified in self._others or self._host.linear.gone or self._host.raised:
            return self._evaluate(source, arguments, path)
        # By its text, too: a mutant of a rule has the same name.
        key = source.qualified, id(source.tree), *map(identified, arguments)
        if self._host.ghosts:  # contracts may be stated of them
            key = *key, *((name, identified(one)) for name, one in self._host.ghosts.items())
        if key not in self._known:
            # Most calls are the only ones with their arguments. Those are evaluated as they are: a
            # record is made at the second call.
            if key not in self._called:
                self._called[key] = tuple(arguments)
                before = self._standing()
                value = self._evaluate(source, arguments, path)
                if self._standing() != before:
                    # It stores, raises or replaces, which has to happen again at each call.
                    self._others.add(source.qualified)
                return value
            found = self._recorded(source, arguments)
            if found is None:
                self._others.add(source.qualified)
                return self._evaluate(source, arguments, path)
            self._known[key] = found
        return self._told(self._known[key], path)

    def _recorded(self, source: FunctionSource, arguments: Sequence[Value]) -> Yielded | None:
        """Evaluate on a mark's path; None if that did more than to yield a term, and claim.

        Nothing is left of it then.
        """
        host, depth = self._host, len(self._open)
        if any(map(changes, arguments)):
            return None
        mark = z3.Bool(f"(this path {depth})")
        begin, results = len(host.assumptions), {n: len(r) for n, r in host.results.items()}
        before, memory = self._standing(), host.memory.state
        claims: list[Claimed] = []
        self._open.append(claims)
        self._begins.append(begin)
        try:
            value = self._evaluate(source, arguments, mark)
        finally:
            self._open.pop()
            self._begins.pop()
        assumed = host.assumptions[begin:]
        del host.assumptions[begin:]
        made = [(n, r[results.get(n, 0) :]) for n, r in host.results.items()]
        made = [(name, new) for name, new in made if new]
        for name, new in made:
            del host.results[name][-len(new) :]
        if self._standing() != before or not is_term(value, mark):
            host.linear.gone, host.memory.state = {}, memory
            host.raised.clear()
            return None
        return Yielded(tuple(arguments), mark, value, claims, assumed, made)

    def _standing(self) -> tuple[object, ...]:
        """Return what an evaluation may change besides what it yields and claims."""
        host = self._host
        loops = tuple(map(id, host.loop_states.values()))
        return id(host.memory.state), len(host.raised), len(host.linear.gone), host.named, loops

    def _told(self, known: Yielded, path: z3.BoolRef) -> Value:
        """Claim and assume on a path what an evaluation did, and return what it yielded."""
        host, assumed = self._host, iter(known.assumed)
        count, caller = 0, host.at
        # A claim is proved from what was assumed before it, so the two come in the order in which
        # they were made.
        for one in known.claims:
            for _ in range(one.assumed - count):
                host.assumptions.append(_on(next(assumed), known.mark, path))
            count = one.assumed
            host.at = one.at
            host.claim(one.label, _on(one.path, known.mark, path), one.goal)
        host.at = caller
        host.assumptions.extend(_on(fact, known.mark, path) for fact in assumed)
        for name, new in known.results:
            host.results.setdefault(name, []).extend(new)
        return known.value


def _on(term: z3.BoolRef, mark: z3.BoolRef, path: z3.BoolRef) -> z3.BoolRef:
    made = substituted(term, mark, path)
    assert isinstance(made, z3.BoolRef)
    return made


def identified(value: Value) -> object:
    """Return what two values have in common just if they are the same one, of the same type."""
    if isinstance(value, z3.ExprRef):
        return identity(value)
    if value is None or isinstance(value, bool | int | str):
        return type(value), value
    parts = parts_of(value)
    if parts is None:
        return type(value), id(value)
    return (type(value), *map(identified, parts))


def changes(value: Value) -> bool:
    """Tell whether a value has a part that a rule may change, or replace."""
    if isinstance(value, SymbolicObject | SymbolicVector):
        return True
    return any(map(changes, parts_of(value) or ()))


def is_term(value: Value, mark: z3.BoolRef) -> bool:
    """Tell whether a value consists of terms and constants, in which a mark does not occur."""
    if isinstance(value, z3.ExprRef):
        return same_term(substituted(value, mark, TRUE), value)
    if isinstance(value, SymbolicBitmap | SymbolicTable | SymbolicWords):
        return False
    if value is None or isinstance(value, bool | int | str):
        return True
    parts = parts_of(value)
    return parts is not None and all(is_term(part, mark) for part in parts)
