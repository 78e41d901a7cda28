"""The sharing protocol in Promela, written by the translator from the model's own functions.

Each step with each choice of identities is one option: its guard and its effect are C, made from
the terms that the prover has of `may_...` and of the step. The invariant is watched in every state.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import z3

from spanproof.search.spin.cterms import WORD, CTerms
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.reading.fresh import word_bits
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.records import record_fields
from spanproof.symbolic.values.values import SymbolicTable, Value
from spanspec.base.records import Record
from spanspec.base.words import M32
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.steps.steps import STEPS, Choice, Step, choices_for
from spanspec.sharing.tables.finite import Finite
from spanspec.sharing.tables.records import CacheSlot, Proc, SharedSpan, Sharing, Thread

NAME: Final = "system"

TABLES: Final[Mapping[str, type[Record]]] = {
    "spans": SharedSpan,
    "slots": CacheSlot,
    "procs": Proc,
    "threads": Thread,
}


def promela(start: Sharing, cycles: int, sources: SourceTree | None = None) -> str:
    """Return the Promela text of a system of few identities, with so many starts of a cycle.

    `sources` gives the functions of a variant instead of the installed ones.

    Raises: NotImplementedError if a rule has a term that has no C text yet.
    """
    return _Promela(start, cycles, sources).text()


class _Promela:
    """The text for one system, as far as it is written."""

    def __init__(self, start: Sharing, cycles: int, sources: SourceTree | None) -> None:
        self._start = start
        self._last = (start.sweepgen + 2 * cycles) & M32
        self._translator = Translator(Words(WORD), sources)
        self._state = self._translator.symbols.value(Sharing, NAME)
        self._terms = CTerms(
            f"{NAME}.", {f"{NAME}.{table}": len(list(getattr(start, table))) for table in TABLES}
        )

    def text(self) -> str:
        """Return the whole text: variables, one process with every option, and the monitor."""
        holds = self._c(as_bool(self._translator.call(sharing_holds, self._state)))
        options = "\n".join(
            self._option(step, chosen)
            for step in STEPS
            for chosen in choices_for(step, self._start)
        )
        return (
            f"{self._variables()}\n"
            f"active proctype threads() {{\n  do\n{options}\n  od\n}}\n\n"
            f"active proctype monitor() {{\n"
            f"  d_step {{ c_expr {{ !{holds} }} -> assert(false) }}\n}}\n"
        )

    def _variables(self) -> str:
        """Return the declarations, with the values of the first system."""
        lines = [f"int sweepgen = {_signed(self._start.sweepgen)};"]
        for table, kind in TABLES.items():
            records: Finite[int, Record] = getattr(self._start, table)
            for field, annotation in (record_fields(kind) or {}).items():
                values = [int(getattr(records[identity], field)) for identity in records]
                sort = "int" if word_bits(annotation) == WORD else "byte"
                sort = "bool" if annotation is bool else sort
                first = f"{_signed(values[0])}"
                if len(set(values)) > 1:
                    first = "{ " + ", ".join(map(str, values)) + " }"
                lines.append(f"{sort} {table}_{field}[{len(values)}] = {first};")
        return "\n".join(lines) + "\n"

    def _option(self, step: Step, chosen: tuple[Choice, ...]) -> str:
        """Return a step with its choice as one indivisible option of the process."""
        translator = self._translator
        arguments: list[Value] = [
            choice if kind is bool else z3.IntVal(int(choice))
            for kind, choice in zip(step.chosen.values(), chosen, strict=True)
        ]
        guard = as_bool(translator.call(step.may, self._state, *arguments))
        if step.name == "start-cycle":
            last = z3.BitVecVal(self._last, WORD)
            guard = z3.And(guard, _as_term(self._state, "sweepgen") != last)
        translator.sides.clear()
        after = translator.call(step.take, self._state, *arguments)
        checks = " ".join(
            f'if (!{self._c(side.goal)}) uerror("{_plain(side.label)}");'
            for side in translator.sides
        )
        computed, stored = [], []
        for number, (place, term) in enumerate(self._changes(after)):
            computed.append(f"unsigned v{number} = {self._c(term)};")
            stored.append(f"{place} = v{number};")
        effect = " ".join((checks, *computed, *stored))
        return f"  :: d_step {{ c_expr {{ {self._c(guard)} }} -> c_code {{ {effect} }} }}"

    def _changes(self, after: Value) -> Iterator[tuple[str, z3.ExprRef]]:
        """Yield each variable that a step may change, and the term of its new value."""
        assert isinstance(after, Sharing)
        before = z3.simplify(_as_term(self._state, "sweepgen"))
        sweepgen = z3.simplify(_as_term(after, "sweepgen"))
        if not sweepgen.eq(before):
            yield self._terms.place(f"{NAME}.sweepgen", None), sweepgen
        for table, kind in TABLES.items():
            old, new = getattr(self._state, table), getattr(after, table)
            assert isinstance(old, SymbolicTable)
            assert isinstance(new, SymbolicTable)
            if old is new:
                continue
            for identity in getattr(self._start, table):
                at = z3.IntVal(int(identity))
                was, is_ = old.get(at), new.get(at)
                for field in record_fields(kind) or {}:
                    term = z3.simplify(_as_term(is_, field))
                    if not _stays(term, z3.simplify(_as_term(was, field)), at):
                        yield self._terms.place(f"{NAME}.{table}.{field}", str(identity)), term

    def _c(self, term: z3.ExprRef) -> str:
        return self._terms.text(z3.simplify(term))


def _stays(term: z3.ExprRef, was: z3.ExprRef, at: z3.ExprRef) -> bool:
    """Tell whether a field of one identity keeps its value, whichever identity a step changes."""
    if term.eq(was) or not z3.is_app_of(term, z3.Z3_OP_ITE):
        return bool(term.eq(was))
    condition, changed, kept = term.children()
    if not kept.eq(was) or not z3.is_eq(condition):
        return False
    return any(
        z3.simplify(z3.substitute(changed, (other, at))).eq(was)
        for one, other in (condition.children(), reversed(condition.children()))
        if one.eq(at)
    )


def _as_term(record: Value, field: str) -> z3.ExprRef:
    value = getattr(record, field)
    if isinstance(value, bool):
        return z3.BoolVal(value)
    if isinstance(value, int):
        return z3.IntVal(value)
    assert isinstance(value, z3.ExprRef)
    return value


def _signed(word: int) -> int:
    """Return a word as a signed number of 32 bits, as Promela writes it."""
    return word - (1 << WORD) if word >> (WORD - 1) else word


def _plain(label: str) -> str:
    return "".join(letter if letter not in '"\\' else "'" for letter in label)
