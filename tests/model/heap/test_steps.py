"""What a heap consists of is changed by steps: nothing else assigns a part of it."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import spanspec
from spanspec.base.steps import NotAStep, Step
from spanspec.heap import Heap
from spanspec.heap.state import HeapState, Mcache
from spanspec.heap.taking import advance, take_tiny_block
from spanspec.sharing.sweepbuf import SweepBuffer

FOLDER = Path(spanspec.__file__).parent
TAKING = "heap/taking.py"
CHANGES = [
    "add",
    "append",
    "clear",
    "discard",
    "insert",
    "pop",
    "popitem",
    "remove",
    "setdefault",
    "update",
]


def all_steps() -> dict[str, Step[object]]:
    """Return each step by the name of the constant that it is."""
    found: dict[str, Step[object]] = {}
    for module in pkgutil.walk_packages(spanspec.__path__, "spanspec."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Step):
                found[name] = value
    return found


STEPS = all_steps()
PARTS = {step.part for step in STEPS.values()}

FIELDS = {
    node.attr
    for part in ast.parse((FOLDER / "heap/state.py").read_text(encoding="utf-8")).body
    if isinstance(part, ast.ClassDef) and part.name in ("HeapState", "Mcache", "Mcentral")
    for node in ast.walk(part)
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
}
"""The fields of a heap, parts that steps change or not."""

RECORD = "what a rule of one record yields, which `objects.*` and `span.*` prove"
BESIDE_STEPS = {
    "heap/malloc.py": {
        "take_slot: state.spans[span]": RECORD,
        "take_large_object: state.spans[span]": RECORD,
    },
    "heap/mcache.py": {
        "new_mcache: state.mcaches[identity]": "FLUSH makes what threads share of it",
        "free_mcache: state.mcaches.pop(identity)": "as above; KEEP_TINY_ALLOCS keeps its count",
        "let_go: state.spans[span]": RECORD,
        "install: state.spans[span]": RECORD,
    },
    "heap/mcentral.py": {"check_room: state.spans[span]": RECORD},
    "heap/newspan.py": {"take_span: state.spans[span]": RECORD},
    "heap/sweeping.py": {
        "sweep_span: state.spans[span]": RECORD,
        "return_span: state.spans.pop(span)": "FREE and the page heap's steps take it out of use",
    },
}
"""What functions beside `taking` change of a heap, and why that is no step of its own."""


def assigned(source: str, parts: set[str] = PARTS) -> list[str]:
    """Return the parts of a heap that the functions of a module change."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef) or function.name == "__init__":
            continue
        for node in ast.walk(function):
            changed = what_it_changes(node)
            while isinstance(changed, ast.Subscript):
                changed = changed.value
            # What an object calls so of its own is no part of a heap, but for a heap's state.
            if (
                isinstance(changed, ast.Attribute)
                and changed.attr in parts
                and (ast.unparse(changed.value) != "self" or parts is FIELDS)
            ):
                found.append(f"{function.name}: {ast.unparse(node)}")
    return found


def what_it_changes(node: ast.AST) -> ast.expr | None:
    """Return what a node assigns, or of what it changes an entry."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value if node.func.attr in CHANGES else None
    return None


def test_each_part_is_one_of_a_heap() -> None:
    assert len(STEPS) > 45
    assert {"sharing", "collector", "allp", "accounts", "counts", "progress", "tiny"} <= PARTS
    assert {"bits_arenas", "bits_epoch"} <= PARTS


@pytest.mark.parametrize("wing", ["heap", "pages", "sharing", "span", "trace"])
def test_only_steps_assign_a_part(wing: str) -> None:
    places = {path.relative_to(FOLDER).as_posix(): path for path in (FOLDER / wing).rglob("*.py")}
    told = {
        name: assigned(path.read_text(encoding="utf-8"))
        for name, path in places.items()
        if name != TAKING
    }
    assert {name: them for name, them in told.items() if them} == {}


def test_nothing_else_of_a_heap_is_assigned_but_for_a_reason() -> None:
    told = {
        path.relative_to(FOLDER).as_posix(): assigned(path.read_text(encoding="utf-8"), FIELDS)
        for path in (FOLDER / "heap").rglob("*.py")
    }
    del told[TAKING]
    assert {name: set(them) for name, them in told.items() if them} == {
        name: set(reasons) for name, reasons in BESIDE_STEPS.items()
    }
    planted = "def course(state):\n    state.scratch = 1\n    state.sweepers.add(3)\n"
    assert assigned(planted, FIELDS) == ["course: state.sweepers.add(3)"]
    planted = "def take(self):\n    self.bits_arenas = ()\n    state.buffers[1].pop(2)\n"
    told_of = ["take: self.bits_arenas", "take: state.buffers[1].pop(2)"]
    assert assigned(planted, FIELDS) == told_of


def test_an_assignment_would_be_noticed() -> None:
    source = "def course(state):\n    state.accounts = count(state.accounts)\n"
    assert assigned(source) == ["course: state.accounts"]
    assert assigned("def course(state):\n    mcache.refilled += 1\n") == ["course: mcache.refilled"]
    source = "def course(state):\n    state.specials.pop(3)\n    del state.specials[4]\n"
    assert assigned(source) == ["course: state.specials.pop(3)", "course: state.specials[4]"]
    assert assigned("def __init__(self):\n    self.accounts = Accounts()\n") == []


def test_each_step_is_applied_by_a_course() -> None:
    named = {
        node.id
        for path in (FOLDER / "heap").rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Name)
    }
    by_calls = {"TAKE_TINY", "REPLACE_TINY_BLOCK"}  # `taking` has calls that are compiled
    assert STEPS.keys() - named == by_calls


def test_what_no_guard_allows_is_no_step() -> None:
    state = Heap().state
    mcache = state.mcaches[0]
    refused: tuple[tuple[HeapState | Mcache | SweepBuffer, Step[object], tuple[int, ...]], ...] = (
        (state, STEPS["END_MARKING"], ()),
        (state, STEPS["GIVE_CREDIT"], (1,)),
        (state, STEPS["TAKE_CHUNK"], (0,)),
        (mcache, STEPS["NOTE_REFILL"], (5, -1)),
        (mcache, STEPS["USE_REFILL"], (5,)),
        (mcache, STEPS["DROP_TINY_BLOCK"], (3,)),
        (state.buffers[0], STEPS["FIND_DRAINED"], (0,)),
        (state, STEPS["TAKE_BITS"], (64, 1)),
    )
    for owner, step, chosen in refused:
        with pytest.raises(NotAStep, match=f"{step.name} .* is not possible"):
            advance(owner, step, *chosen)
    with pytest.raises(NotAStep, match="end-marking is none of Mcache: it has no collector"):
        advance(mcache, STEPS["END_MARKING"])
    with pytest.raises(NotAStep, match="replace-tiny-block 0x8 8 is not possible"):
        take_tiny_block(mcache, 8, 8)
