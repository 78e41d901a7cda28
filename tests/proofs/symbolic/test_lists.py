"""Lists of numbers in methods: what is put between two indices is where Python puts it."""

from itertools import product

import pytest
import z3

from spanproof.prove.methods import Fields
from spanproof.prove.proof import Proof
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.text.errors import UnsupportedConstruct


class Row:
    """A list whose middle gives way to another one."""

    def __init__(self) -> None:
        self.row: list[int] = [1, 2, 3]

    def put(self, start: int, end: int, some: bool) -> None:
        """Put other numbers, or none, between two indices."""
        more: list[int] = []
        if some:
            more.append(8)
            more.append(9)
        row = self.row
        row[start:end] = more

    def put_itself(self) -> None:
        """Put the list into itself."""
        self.row[1:2] = self.row

    def put_one(self) -> None:
        """Put what is no list."""
        self.row[1:2] = 7  # type: ignore[call-overload]

    def insert(self, index: int, value: int) -> None:
        """Insert a number."""
        self.row.insert(index, value)

    def at(self, index: int) -> int:
        """Return a number."""
        return self.row[index]


CASES = [(i, j, some) for i, j in product(range(4), repeat=2) if i <= j for some in (True, False)]


@pytest.mark.parametrize(("start", "end", "some"), CASES)
def test_a_list_is_put_where_python_puts_it(start: int, end: int, some: bool) -> None:
    p = Proof(Integers())
    fields, ran = Fields(p, Row, "row"), Row()
    fields.run("__init__")
    at = [p.number(int, name) for name in ("start", "end")]
    p.assume(at[0] == start, at[1] == end)
    fields.run("put", *at, some)
    ran.put(start, end, some)
    solver = z3.Solver()
    solver.add(*p.assumptions)
    for index, value in enumerate(ran.row):
        found = fields.run("at", index).value
        assert isinstance(found, z3.ExprRef | int)
        assert solver.check(found != value) == z3.unsat
    # What is read is in the list, and nothing behind it: the last of the claims is false.
    beyond = len(p.queries)
    fields.run("at", len(ran.row))
    claims = p.queries
    assert all(solver.check(z3.Not(one.goal)) == z3.unsat for one in claims[:beyond])
    assert any(solver.check(z3.Not(one.goal)) == z3.sat for one in claims[beyond:])


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (1, 4)])
def test_indices_that_python_would_cut_are_claimed_not_to_be(start: int, end: int) -> None:
    p = Proof(Integers())
    fields = Fields(p, Row, "row")
    fields.run("__init__")
    at = [p.number(int, name) for name in ("start", "end")]
    p.assume(at[0] == start, at[1] == end)
    fields.run("put", *at, True)
    solver = z3.Solver()
    solver.add(*p.assumptions)
    (claim,) = [one for one in p.queries if "between two indices" in one.label]
    assert solver.check(z3.Not(claim.goal)) == z3.sat


@pytest.mark.parametrize("index", range(4))
def test_a_number_is_inserted_where_python_inserts_it(index: int) -> None:
    p = Proof(Integers())
    fields, ran = Fields(p, Row, "row"), Row()
    fields.run("__init__")
    fields.run("insert", index, 7)
    ran.insert(index, 7)
    found = [z3.simplify(z3.IntVal(0) + fields.run("at", n).value) for n in range(len(ran.row))]
    assert [one.as_long() for one in found] == ran.row


def test_a_list_that_is_put_into_itself_is_copied_first() -> None:
    p = Proof(Integers())
    fields, ran = Fields(p, Row, "row"), Row()
    fields.run("__init__")
    fields.run("put_itself")
    ran.put_itself()
    found = [z3.simplify(z3.IntVal(0) + fields.run("at", n).value) for n in range(len(ran.row))]
    assert [one.as_long() for one in found] == ran.row


def test_only_a_list_is_put_and_only_over_integers() -> None:
    for method, arithmetic in (("put_one", Integers()), ("put_itself", Words(32))):
        p = Proof(arithmetic)
        fields = Fields(p, Row, "row")
        fields.run("__init__")
        with pytest.raises(UnsupportedConstruct, match=r"only lists|any integer"):
            fields.run(method)
