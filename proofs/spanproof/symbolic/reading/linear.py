"""Tables are used linearly: what was replaced is not read again.

A step that runs may update a table in place, while a term means a table by its value. Both agree as
long as no path reads a table after it has replaced it, by whatever name. So the translator follows
which tables are replaced on some path to where it is, and refuses to read one, or to return one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from spanproof.symbolic.values.records import parts_of
from spanproof.symbolic.values.values import SymbolicTable, Value, now


class Replaced(NamedTuple):
    """When a table was replaced, as `now` counts, and where: a line of a file."""

    when: int
    where: str


Gone = dict[SymbolicTable, Replaced]
"""The tables that were replaced on some path to a place."""


class Join(NamedTuple):
    """Where two paths meet: what was replaced on either, and when their values were merged."""

    start: int
    end: int
    one: Gone
    other: Gone


class Linear:
    """What was replaced on some path to where the translation is."""

    def __init__(self) -> None:
        self.gone: Gone = {}
        self._joins: list[Join] = []
        self._returned: list[list[Gone]] = []

    def replaced(self, table: SymbolicTable) -> str | None:
        """Return where a table was replaced; None if it may be read."""
        return self._dead(table, self.gone)

    def _dead(self, table: SymbolicTable, gone: Gone) -> str | None:
        if table in gone:
            return gone[table].where
        for part in descendants(table):
            # It is another name of this table on some path.
            if part in gone and gone[part].when > table.made:
                return gone[part].where
        for part, then in zip(table.parts, self._states_of(table, gone), strict=False):
            found = self._dead(part, before(then, table.made))
            if found is not None:
                return found
        return None

    def _states_of(self, table: SymbolicTable, gone: Gone) -> tuple[Gone, Gone]:
        """Return what was replaced on either path when a table was merged from both."""
        for join in reversed(self._joins):
            if join.start < table.made < join.end:
                return join.one, join.other
        return gone, gone

    def replace(self, table: SymbolicTable, where: str) -> None:
        """Note that a table is replaced, and so is whatever it may be another name of."""
        for one in (table, *descendants(table)):
            self.gone[one] = Replaced(now(), where)

    @contextmanager
    def joining(self, one: Gone, other: Gone) -> Iterator[None]:
        """Merge the values of two paths inside; afterwards both lie behind."""
        start = now()
        yield
        if one or other:
            self._joins.append(Join(start, now(), one, other))
        self.gone = {**one, **other}

    def enter(self) -> None:
        """A function begins."""
        self._returned.append([])

    def returns(self) -> None:
        """A path of the function ends."""
        self._returned[-1].append(dict(self.gone))

    def leave(self) -> list[Gone]:
        """Return what was replaced on each path of the function that ends; all lie behind now."""
        ended = self._returned.pop()
        self.gone = {table: found for gone in ended for table, found in gone.items()}
        return ended

    def begin(self) -> None:
        """Begin anew, with tables none of which was replaced."""
        self.gone, self._joins = {}, []

    def escaped(self, value: Value) -> str | None:
        """Return where a table was replaced that a rule yields, or that is lost; None for none.

        A rule that replaces a table yields another one: its caller goes on with that.
        """
        found = [self.replaced(table) for table in tables_in(value)]
        if not found and self.gone:
            return next(iter(self.gone.values())).where
        return next((where for where in found if where is not None), None)


def before(gone: Gone, when: int) -> Gone:
    """Return what had been replaced at some time."""
    return {table: found for table, found in gone.items() if found.when < when}


def descendants(table: SymbolicTable) -> Iterator[SymbolicTable]:
    """Yield what a table was merged from, and what that was merged from."""
    for part in table.parts:
        yield part
        yield from descendants(part)


def tables_in(value: Value) -> Iterator[SymbolicTable]:
    """Yield the tables of a value: itself, or those of its fields."""
    if isinstance(value, SymbolicTable):
        yield value
    parts: Sequence[Value] = parts_of(value) or ()
    for part in parts:
        yield from tables_in(part)
