"""What an outcome rests on: a proof reads what its names say, and nothing else, and what runs."""

import ast
import importlib
from pathlib import Path

import pytest

from spanproof.decide.cache import Cache, NoCache
from spanproof.decide.catalogue import (
    Catalogue,
    book_for,
    kept,
)
from spanproof.decide.resting import (
    NAMED,
    PROVER,
    TELLER,
    TRIER,
    code_of_ours,
    sources_of_claims,
    what_it_rests_on,
)
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.facts import unknowns
from spanproof.fingerprint.modules import is_within, module_file, modules_of
from spanproof.fingerprint.units import REST, ModuleUnits, Unit
from spanproof.patch.mutant import module_and_place
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.theorems import all_obligations

SOURCES = sources_of_claims()


# --- what an obligation rests on ------------------------------------------------------------------


PREDICATES = "it is about the predicates themselves"


CONTRACT = "it is about the abstract allocator, with which a heap is compared"


ABSTRACT = [name for name in all_obligations() if name.startswith("objects.abstract.")]


READ_NOTHING_THAT_RUNS = dict.fromkeys(ABSTRACT, CONTRACT) | {
    "buffers.reserved": PREDICATES,
    "buffers.turn": PREDICATES,
    "collector.one-way": PREDICATES,
    "collector.start": PREDICATES,
    "count.full": PREDICATES,
    "count.room": PREDICATES,
    "count.taken": PREDICATES,
    "span.free-or-allocated": PREDICATES,
    "span.lowest-is-unique": PREDICATES,
    "sweepgen.states": PREDICATES,
    "treap.order": PREDICATES,
}
"""The obligations that read no function of a running heap but such as tell yes or no, and why."""


@pytest.fixture(scope="module")
def running() -> frozenset[str]:
    """What the model's heap, or the implementation, has to run."""
    wings = [name for wing in ("spanspec.heap", "spanalloc") for name in modules_of(wing)]
    units = SOURCES.closure(unit for name in wings for unit in SOURCES.whole(name))
    return frozenset(f"{unit.module}.{unit.name}" for unit in units)


@pytest.mark.sampled(15)
@pytest.mark.parametrize("name", sorted(all_obligations()))
def test_what_names_say_covers_whatever_a_proof_reads_and_it_reads_what_runs(
    name: str, running: frozenset[str]
) -> None:
    claim = all_obligations()[name]
    reached = claim.proof().reached
    units = what_it_rests_on(SOURCES, claim)
    reached = frozenset(map(definition_of, reached))
    assert reached <= {f"{unit.module}.{unit.name}" for unit in units}
    runs = [one for one in reached & running if not tells_yes_or_no(one)]
    assert bool(runs) == (name not in READ_NOTHING_THAT_RUNS)


def test_a_claim_about_a_step_rests_on_its_guard_and_its_effect() -> None:
    """The step is in a record that the claim was made with."""
    for name, module, functions in (
        ("protocol.pop", "spanspec.sharing.steps.sweeping", ("may_pop", "pop")),
        ("pages.give-back", "spanspec.pages.tables.steps", ("may_give_back", "give_back")),
        ("objects.pages.give-back", "spanspec.pages.tables.steps", ("may_give_back", "give_back")),
    ):
        units = what_it_rests_on(SOURCES, all_obligations()[name])
        assert {Unit(module, function) for function in functions} <= units, name


def test_a_claim_about_one_way_through_the_treap_does_not_rest_on_the_others() -> None:
    ways = {
        "treap.find": "first_fit",
        "treap.insert-at": "insert_below",
        "treap.remove-at": "without",
        "treap.change-at": "change",
        "treap.neighbours": "highest_below",
    }
    for name, own in ways.items():
        units = what_it_rests_on(SOURCES, all_obligations()[name])
        named = {unit.name for unit in units if unit.module.startswith("spanspec.pages.freeset.")}
        assert named & set(ways.values()) == {own}, name


def definition_of(name: str) -> str:
    """Return a function's name, and of a method that of its class."""
    module, place = module_and_place(name)
    return f"{module}.{place.partition('.')[0]}"


def tells_yes_or_no(name: str) -> bool:
    module, _, function = name.rpartition(".")
    rule = getattr(importlib.import_module(module), function)
    if isinstance(rule, type):
        return False
    returned = SourceTree().function(rule).tree.returns
    return returned is not None and ast.unparse(returned) == "bool"


TEXT = '''"""A module."""
import spanspec.base.words
from spanspec.span import sweepgen
from spanspec.base.words import M32, U32 as Word

LIMIT = 3
LIMIT, OTHER = 4, 5


def rule(word: Word) -> int:
    """Says something."""
    return helper(word & M32) + sweepgen.next_cycle(word)  # a comment


def helper(word: int) -> int:
    return word + LIMIT


def named() -> str:
    return "spanspec.base.words.trailing_zeros"


for _ in range(OTHER):
    pass
'''


@pytest.mark.parametrize(
    ("use", "known"),
    [("Random(1)", True), ("Random()", False), ("map(Random, (1,))", False), ("3", False)],
)
def test_chance_with_a_seed_is_none(use: str, known: bool) -> None:
    module = ModuleUnits("test", f"from random import Random\n\n\ndef rule():\n    return {use}\n")
    assert (not list(unknowns(module, "Random"))) == known


def test_chance_that_is_given_is_none() -> None:
    text = "from random import Random\n\n\ndef rule(rng: Random) -> int:\n    return rng.random()\n"
    assert not list(unknowns(ModuleUnits("test", text), "Random"))


def test_a_module_is_cut_into_units_that_know_what_they_mention() -> None:
    module = ModuleUnits("test", TEXT)
    imported = {"spanspec", "sweepgen", "M32", "Word"}
    defined = {"LIMIT", "OTHER", "rule", "helper", "named"}
    assert set(module.statements) == {REST, *imported, *defined}
    assert len(module.statements["LIMIT"]) == 2
    mentioned = {(one.name, one.attribute) for one in module.mentions("rule")}
    assert {("helper", None), ("sweepgen", "next_cycle"), ("Word", None)} <= mentioned
    assert ("sweepgen", None) not in mentioned
    assert module.imported["Word"] == ("spanspec.base.words", "U32")


def test_comments_docstrings_and_layout_are_not_part_of_a_fingerprint() -> None:
    module = ModuleUnits("test", TEXT)
    other = TEXT.replace("  # a comment", "").replace("Says something.", "Says nothing.")
    other = other.replace("return word + LIMIT", "return (word +\n        LIMIT)")
    assert {unit: module.digest(unit) for unit in module.statements} == {
        unit: ModuleUnits("test", other).digest(unit) for unit in module.statements
    }
    changed = ModuleUnits("test", TEXT.replace("word + LIMIT", "word - LIMIT"))
    assert changed.digest("helper") != module.digest("helper")
    assert changed.digest("rule") == module.digest("rule")


def test_a_closure_follows_names_attributes_and_strings() -> None:
    sources = Sources()
    assert Unit("spanspec.base.words", REST) in sources.closure(
        [Unit("spanspec.base.words", "M32")]
    )
    span = sources.closure(sources.named("spanproof.theorems.span.searches", "SLOW"))
    assert Unit("spanspec.span.alloccache", "next_free_index") in span
    assert sources.named("spanspec.base.words", "no_such_name") == []
    assert sources.whole("spanspec.no_such_module") == []
    assert Sources(outside=["spanspec.base.words"]).facts("spanspec.base.words") is None
    assert not is_within("spanspec.wordsmith", ["spanspec.base.words"])
    assert module_file("json") is None
    assert "spanspec.pages" in modules_of("spanspec")
    assert modules_of("spanspec.base.words") == ["spanspec.base.words"]


def test_what_decides_imports_nothing_of_what_it_knows_by_name() -> None:
    """So an edit of the allocator, or the treap, concerns those obligations that rest on it."""
    code, seen = code_of_ours(), set[str]()
    waiting = [module for place in (*PROVER, TRIER) for module in modules_of(place)]
    while waiting:
        name = waiting.pop()
        facts = code.facts(name)
        if facts is not None and name not in seen and not is_within(name, (TELLER,)):
            seen.add(name)
            waiting += facts.modules()
    assert "spanproof.symbolic.translate" in seen
    assert not [name for name in seen if is_within(name, NAMED)]


def test_sources_parse_as_the_interpreter_parses_them() -> None:
    for name in modules_of("spanspec"):
        path = module_file(name)
        assert path is not None
        tree = ast.parse(path.read_text())
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert defined <= set(ModuleUnits(name, path.read_text()).statements)


def test_the_sources_are_gone_through_once(
    tmp_path: Path, book: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, asked = Cache(tmp_path), 0

    def fingerprint(cache: Cache) -> str:
        nonlocal asked
        asked += 1
        return "the world"

    monkeypatch.setattr("spanproof.decide.catalogue.fingerprint_of_everything", fingerprint)
    monkeypatch.setattr("spanproof.decide.catalogue._made", lambda world, cache: book)
    known = kept(cache)
    assert known.book is None
    assert book_for(cache, known.world) == book
    assert asked == 1
    assert kept(NoCache()) == (None, "")
