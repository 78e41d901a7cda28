"""An answer is taken over where a rule is written otherwise, and only if it is the same rule."""

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from spanproof.decide import rewritten as module
from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue, _made
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.resting import sources_of_claims, what_is_run, what_it_rests_on
from spanproof.decide.rewritten import (
    CLAIMS,
    PARTS,
    is_plain,
    remember,
    rewritten,
    texts_of_ours,
    with_definitions_of,
)
from spanproof.decide.sameness import same_form, same_in_proofs, same_when_run
from spanproof.decide.schedule import mutant_jobs
from spanproof.decide.schedule import run as decide
from spanproof.decide.verdict import Verdict
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.facts import UnitFacts
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.fingerprint.units import Unit
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.theorems import all_explorations, all_obligations

T = TypeVar("T")

PROVED = Verdict("sweepgen.relabel", "proved", 3, 0.1, 0.1)

SWEEPGEN = "spanspec.span.sweepgen"
ALLP = "spanspec.heap.state.allp"
CACHE_SPAN = "spanspec.sharing.steps.cachespan"
TINY = "spanspec.span.tiny"
LOOP = "spanspec.span.alloccache"
INTEGERS, WORDS = Integers(), Words(32)


def text_before(name: str, now: str, before: str) -> str:
    text = texts_of_ours()[name]
    assert text.count(now) == 1
    return text.replace(now, before)


class Edit(NamedTuple):
    """A piece of a rule, what stood there before, and whether that is the same rule."""

    place: str
    function: str
    now: str
    before: str
    arithmetic: Arithmetic
    in_proofs: bool
    when_run: bool


UNBOOTED = "ps.given == 0 and ps.mcache[FIRST] == NOBODY and mcache >= 0"
UNBOOTED_BACKWARDS = " and ".join(reversed(UNBOOTED.split(" and ")))
TAKES = "return state.threads[thread].task == TAKING"
TAKES_BACKWARDS = "return TAKING == state.threads[thread].task"
TAKES_OF_A_VARIABLE = "it = state.threads[thread]\n    return it.task == TAKING"
TWO_WAYS = "if block.address == 0:\n        return block.offset == 0\n    return "
ONE_WAY = "return block.offset == 0 if block.address == 0 else "
KEPT = "is_swept(sg, gen) or is_cached(sg, gen)\n\n\ndef next"
KEPT_BACKWARDS = "is_cached(sg, gen) or is_swept(sg, gen)\n\n\ndef next"
FATAL = 'assert is_cached(sg, gen), "T-51: bad sweepgen in refill"'

EDITS = (
    Edit(SWEEPGEN, "is_swept", "gen == sg\n", "sg == gen\n", WORDS, True, True),
    Edit(SWEEPGEN, "is_swept", "gen == sg\n", "sg != gen\n", WORDS, False, False),
    Edit(SWEEPGEN, "next_cycle", "(sg + 2) & M32", "(2 + sg + 7 - 7) & M32", WORDS, True, True),
    Edit(SWEEPGEN, "next_cycle", "(sg + 2) & M32", "(sg + 4) & M32", WORDS, False, False),
    # Words have an end: it is claimed that no sum goes beyond it.
    Edit(SWEEPGEN, "next_cycle", "return (sg + 2) & M32", "return sg + 2 - 2", WORDS, False, False),
    Edit(TINY, "is_sound", "block.offset == 0\n", "block.offset + 9 == 9\n", WORDS, False, True),
    # Of natural numbers only.
    Edit(ALLP, "may_resize", "count >= 1 and", "1 <= count and", INTEGERS, True, True),
    Edit(ALLP, "may_resize", "count >= 1 and", "count != 0 and", INTEGERS, False, False),
    # The table is read after other conditions, and the key may not be there.
    Edit(ALLP, "may_boot", UNBOOTED, UNBOOTED_BACKWARDS, INTEGERS, True, False),
    Edit(CACHE_SPAN, "may_move_claimed", TAKES, TAKES_BACKWARDS, INTEGERS, True, True),
    Edit(CACHE_SPAN, "may_move_claimed", TAKES, TAKES_OF_A_VARIABLE, INTEGERS, True, True),
    # Who runs a rule sees what a fatal check says.
    Edit(SWEEPGEN, "retire_full", FATAL, FATAL.replace("bad", "good"), WORDS, False, False),
    Edit(SWEEPGEN, "retire_full", FATAL, "pass", WORDS, False, False),
    # Another way through a rule is one more that has to be possible.
    Edit(TINY, "is_sound", TWO_WAYS, ONE_WAY, INTEGERS, False, True),
    # Contracts may stand for what is called; nothing that is called here raises an exception.
    Edit(SWEEPGEN, "is_legal_between_cycles", KEPT, KEPT_BACKWARDS, WORDS, False, True),
    # How a loop is read an obligation says.
    Edit(LOOP, "next_free_index", "while ", "while True and ", INTEGERS, False, False),
)


@pytest.mark.parametrize("edit", EDITS)
def test_a_rule_is_the_same_if_nobody_can_tell(edit: Edit) -> None:
    rule: Callable[..., object] = getattr(importlib.import_module(edit.place), edit.function)
    before = SourceTree({edit.place: text_before(edit.place, edit.now, edit.before)})
    assert same_in_proofs(rule, before, edit.arithmetic) == edit.in_proofs
    assert same_in_proofs(rule, before, edit.arithmetic, apart=False) == (
        edit.in_proofs or edit.before in (KEPT_BACKWARDS, ONE_WAY)
    )
    assert same_when_run(rule, before) == edit.when_run


@pytest.mark.parametrize(
    ("body", "same"),
    [
        ("c = a + b; return c", True),
        ("d = a + b; return d", True),
        ("c = a + b; return b", False),
        ("c = d = a + b; return c", False),
        ("global c; c = a + b; return c", False),
        ("f = lambda: c; c = a + b; return c", False),
        ("c += a + b; return c", False),
    ],
)
def test_what_is_returned_may_be_given_to_a_variable(body: str, same: bool) -> None:
    trees = [ast.parse(f"def one(a, b): {text}") for text in ("return a + b", body)]
    assert same_form(*trees) == same


def test_functions_are_put_back_by_themselves() -> None:
    now = "A = 2\n\n\ndef one() -> int:\n    return A + 1\n\n\ndef other() -> int:\n    return 3\n"
    put_back = "def one() -> int:\n    return (\n        1 + A  # more\n    )\n"
    before = f"A = 1\n\n\ndef gone() -> int:\n    return 4\n\n\n@cache\n{put_back}"
    text, edits = with_definitions_of(now, before)
    assert text == f"A = 2\n\n\n@cache\n{put_back}\n\ndef other() -> int:\n    return 3\n"
    assert list(edits) == ["one"]
    assert not is_plain(edits["one"].before)
    assert is_plain(edits["one"].now)
    put_back = "class One:\n    pass\n\n\ndef one() -> str:\n    return '\x0c'\n"
    assert with_definitions_of(now, put_back)[0] == now.replace(
        "int:\n    return A + 1", "str:\n    return '\x0c'"
    )
    for same in (now, now.replace("A + 1", "A + 1  # more"), "def one(:", "class One: pass\n"):
        assert with_definitions_of(now, same) == (now, {})


@pytest.mark.parametrize(
    ("now", "before", "same"),
    [
        ("a.b == c[0]", "c[0] == a.b", True),
        ("a <= b < c", "a <= b < c", True),
        ("a <= b", "b >= a", True),
        ("a <= b", "b <= a", False),
        ("a < b", "b >= a", False),
        ("a < b", "b > a + 1", False),
        ("not a != b", "not b != a", True),
        ("a() == b", "b == a()", False),
        ("a[1] == b[2]", "b[2] == a[1]", False),
        ("a in b", "b in a", False),
        ("a + b == 1", "1 == b + a", False),
        ("a and b", "b and a", False),
    ],
)
def test_the_sides_of_a_comparison_may_be_exchanged_anywhere(
    now: str, before: str, same: bool
) -> None:
    course = "class C:\n    def one(self, a, b, c):\n        while {}:\n            yield a\n"
    trees = [ast.parse(course.format(text)) for text in (now, before)]
    assert same_form(*trees) == same
    assert same_form(*reversed(trees)) == same


# --- keys -----------------------------------------------------------------------------------------


class AllDecided(Cache):
    """A cache in which everything was proved when the rules had some texts."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return an entry."""
        known: object = PROVED if kind is Verdict else self._texts
        if kind is Verdict or key == module._key("texts"):
            return known  # type: ignore[return-value]
        return super().get(key, kind)


def book_with(before: str) -> Catalogue:
    """Return the catalogue as it is made when `next_cycle` was another text before."""
    changed = text_before(SWEEPGEN, "(sg + 2) & M32", before)
    return _made("world", AllDecided(texts_of_ours() | {SWEEPGEN: changed}))


@pytest.fixture(scope="module")
def book() -> Catalogue:
    return book_with("(2 + sg) & M32")


def test_what_rests_on_a_rule_that_is_the_same_has_the_key_of_before(book: Catalogue) -> None:
    sources, rule = sources_of_claims(), Unit(SWEEPGEN, "next_cycle")
    for name, claim in all_obligations().items():
        if rule in what_it_rests_on(sources, claim):
            assert book.claims[name].before not in ("", book.claims[name].rests_on), name
    for name, tried in all_explorations().items():
        assert bool(book.claims[name].before) == (rule in what_is_run(sources, tried)), name
    assert book.claims["tiny.inside"].before == ""
    assert all(book.key_before(job) is None for job in mutant_jobs(book, "sweepgen.relabel"))


def test_it_is_known_who_asks_for_a_part_of_a_rule() -> None:
    sources = sources_of_claims()
    for name in modules_of(CLAIMS):
        path = module_file(name)
        assert path is not None
        asks = [
            unit.name
            for unit in sources.whole(name)
            if any(one.attribute in PARTS for one in known_facts(sources, unit).mentions)
        ]
        text = path.read_text()
        assert bool(asks) == any(f".{part}(" in text for part in PARTS), name


def known_facts(sources: Sources, unit: Unit) -> UnitFacts:
    facts = sources.facts(unit.module)
    assert facts is not None
    return facts.units[unit.name]


def test_of_a_rule_that_is_another_one_nothing_is_taken_over() -> None:
    changed = book_with("(sg + 4) & M32")
    assert {claim.before for claim in changed.claims.values()} == {""}


def test_an_answer_of_before_is_kept_as_one_of_now(tmp_path: Path, book: Catalogue) -> None:
    cache, job = Cache(tmp_path), Job("sweepgen.relabel")
    key = book.key_before(job)
    assert key is not None
    cache.put(key, PROVED._replace(obligation="another"))
    (outcome,) = decide([job], book, cache, workers=1)
    assert outcome.good
    assert not outcome.cached
    cache = Cache(tmp_path / "other")
    cache.put(key, PROVED)
    assert list(decide([job], book, cache, workers=1)) == [Outcome(job, PROVED, cached=True)]
    assert cache.get(book.key(job), Verdict) == PROVED


def test_nothing_is_rewritten_where_nothing_or_everything_differs(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert rewritten(cache) is None
    remember(cache, "world")
    assert rewritten(cache) is None
    cache.put(module._key("texts"), {SWEEPGEN: "def is_swept(:"})
    assert rewritten(cache) is None
    text = texts_of_ours()[SWEEPGEN]
    one, many = (
        text.replace("(sg + 2) & M32", "M32"),
        text.replace("    return ", "    return 1 + "),
    )
    cache.put(module._key("texts"), {SWEEPGEN: one})
    assert rewritten(cache) is not None
    cache.put(module._key("texts"), {SWEEPGEN: many})
    assert rewritten(cache) is None
