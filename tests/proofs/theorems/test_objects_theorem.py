"""The theorem of objects: every step takes part in it, and what it builds on cannot be left out."""

import ast
from types import ModuleType

import pytest
import z3

from spanproof.decide.prover import decide
from spanproof.prove.lemmas import Inductive, ShownOfSteps
from spanproof.prove.proof import Obligation, Proof
from spanproof.prove.references import rests_on
from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.dependence import fields_named
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.theorems import all_obligations
from spanproof.theorems.objects.safety import ABSTRACT, STEPS
from spanproof.theorems.sharing.steps import order
from spanspec.base.words import U16, U64
from spanspec.objects import steps as abstract
from spanspec.pages.tables import coalescing
from spanspec.pages.tables import steps as pages
from spanspec.sharing.steps.steps import STEPS as SHARING_STEPS
from spanspec.span.mspan import Mspan, slot_address

_SOURCES = SourceTree()

OBLIGATIONS = all_obligations()
USES = {name: claim.uses for name, claim in OBLIGATIONS.items()}


def functions_of(module: ModuleType) -> set[str]:
    # The source, not `__file__`: the module may be compiled.
    tree = ast.parse(_SOURCES.module(module.__name__).text)
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_step_takes_part_in_the_theorem() -> None:
    below = set(rests_on("objects.safe", USES))
    functions = functions_of(pages) | functions_of(coalescing)
    guarded = {name.removeprefix("may_") for name in functions if name[:4] == "may_"}
    assert {f"pages.{name.replace('_', '-')}" for name in guarded} <= below
    assert {f"objects.pages.{name.replace('_', '-')}" for name in guarded - {"use"}} <= set(STEPS)
    special = {
        name
        for one in (order.SWEEPS_ONCE, order.USES, order.FREES, order.BEGINS)
        for name in one.shown_by
    }
    assert special <= below
    assert {name.rpartition(".")[2] for name in ABSTRACT} >= {
        name.replace("_", "-") for name in ("malloc", "place", "free", "mark", "provide", "release")
    }
    assert functions_of(abstract) >= {"malloc", "place", "free", "mark", "provide", "release"}
    assert special | set(order.ALONE.shown_by) == {
        f"protocol.{step.name}" for step in SHARING_STEPS
    }
    with pytest.raises(ValueError, match="none of the steps of which leaves_slots_alone is shown"):
        order.order_of("a-new-step")


def test_each_node_of_the_graph_is_an_obligation() -> None:
    below = rests_on("objects.safe", USES)
    assert len(below) > 60
    assert set(below) <= set(OBLIGATIONS)


def is_positive(number: U64) -> bool:
    return number > 0


POSITIVE = ShownOfSteps(is_positive, ("span.once",))


def test_what_is_built_on_has_to_be_declared() -> None:
    p = Proof(Integers(), lemmas=())
    with pytest.raises(ValueError, match="is_positive is built on"):
        p.rely(POSITIVE, p.number(U64, "number"))
    assert Inductive(is_positive, "a", ("b", "c")).shown_by == ("a", "b", "c")


def anywhere(span: Mspan, slot: U16, start: U64) -> bool:
    return start >= 0


def test_a_contract_yields_the_same_where_what_is_read_is_the_same() -> None:
    def build(p: Proof) -> None:
        one, other = p.fresh(Mspan, "one"), p.fresh(Mspan, "other")
        assert isinstance(one, Mspan)
        assert isinstance(other, Mspan)
        slot = p.number(U16, "slot")
        starts = [p.integer(slot_address, span, slot) for span in (one, other)]
        alike = z3.And(one.base == other.base, one.elemsize == other.elemsize)
        p.show("alike", z3.Implies(alike, starts[0] == starts[1]))
        p.possible("spans that differ", z3.And(alike, one.freeindex != other.freeindex))
        p.possible("other bases", starts[0] != starts[1])

    place = {"spanspec.span.mspan.slot_address": Contract(anywhere, proved_by="span.once")}
    claim = Obligation("test", ("I-37",), "a claim", Integers(), build, {}, place)
    assert decide(claim).proved


def test_the_fields_that_a_rule_names_are_those_that_it_reads() -> None:
    tree = ast.parse("def f(span, slot):\n    return span.base + slot * span.elemsize").body[0]
    assert isinstance(tree, ast.FunctionDef)
    assert fields_named(tree, "span") == frozenset({"base", "elemsize"})
    assert fields_named(tree, "slot") is None
    whole = ast.parse("def f(span):\n    return g(span) + span.base").body[0]
    assert isinstance(whole, ast.FunctionDef)
    assert fields_named(whole, "span") is None
