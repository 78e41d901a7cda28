"""What a heap consists of is changed by steps: nothing else assigns a part of it."""

import ast
import importlib
import pkgutil
from pathlib import Path
from random import Random

import pytest

import spanproof.replay
import spanspec
from spanspec.base.steps import NotAStep, Step
from spanspec.heap import Heap
from spanspec.heap.state.advancing import advance, take_tiny_block
from spanspec.heap.state.contents import (
    BESIDE,
    ENTER_CACHE,
    LEAVE_USE,
    NO_CONTENTS,
    class_is_told,
    is_told,
)
from spanspec.heap.state.state import HeapState, Mcache
from spanspec.heap.state.taking import allocate, allocate_large, drop_mcache, make_mcache, take_both
from spanspec.pages.pageheap import Actor
from spanspec.sharing.containers.sweepbuf import SweepBuffer
from spanspec.span.alloccache import NextFree

FOLDER = Path(spanspec.__file__).parent
REPLAY = Path(spanproof.replay.__file__).parent
TAKING = ("heap/state/advancing.py", "heap/state/taking.py")
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
    for part in ast.parse((FOLDER / "heap/state/state.py").read_text(encoding="utf-8")).body
    if isinstance(part, ast.ClassDef) and part.name in ("HeapState", "Mcache", "Mcentral")
    for node in ast.walk(part)
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
}
"""The fields of a heap, parts that steps change or not."""


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


@pytest.mark.parametrize(
    "folder",
    [*(FOLDER / wing for wing in ("heap", "pages", "sharing", "span")), REPLAY],
    ids=lambda folder: str(folder.name),
)
def test_only_steps_assign_a_part(folder: Path) -> None:
    told = {
        path: assigned(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.py")
        if path not in [FOLDER / name for name in TAKING]
    }
    assert told
    assert {path: them for path, them in told.items() if them} == {}


def test_nothing_else_of_a_heap_is_assigned() -> None:
    told = {
        path.relative_to(FOLDER).as_posix(): assigned(path.read_text(encoding="utf-8"), FIELDS)
        for path in (FOLDER / "heap").rglob("*.py")
    }
    for name in TAKING:
        del told[name]
    assert {name: them for name, them in told.items() if them} == {}
    planted = "def course(state):\n    state.scratch = 1\n    state.sweepers.add(3)\n"
    assert assigned(planted, FIELDS) == ["course: state.sweepers.add(3)"]
    planted = "def take(self):\n    self.bits_arenas = ()\n    state.buffers[1].pop(2)\n"
    told_of = ["take: self.bits_arenas", "take: state.buffers[1].pop(2)"]
    assert assigned(planted, FIELDS) == told_of


def test_nobody_assigns_by_a_name_that_is_computed() -> None:
    def assigns(path: Path) -> bool:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        return any(isinstance(node, ast.Name) and node.id == "setattr" for node in ast.walk(tree))

    paths = [*FOLDER.rglob("*.py"), *REPLAY.rglob("*.py")]
    assert [path for path in paths if assigns(path)] == []


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
    # `taking` and `advancing` have calls that are compiled; what is beside a step of slots is taken
    # with it.
    by_calls = {"TAKE_TINY", "REPLACE_TINY_BLOCK", "ENTER_USE", "TAKE_SLOT", "SWEEP_SLOTS"}
    taken_with = {name for name, step in STEPS.items() if step in BESIDE.values()}
    assert STEPS.keys() - named == by_calls | (taken_with - named)


def test_what_goes_with_a_step_of_slots_is_not_taken_alone() -> None:
    alone = [
        f"{path.name}: {node.args[1].id}"
        for path in (FOLDER / "heap").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "take"
        and isinstance(node.args[1], ast.Name)
        and STEPS[node.args[1].id] in BESIDE.values()
    ]
    # A span that had room when it was claimed has it after its sweep, without a look. Those in
    # `taking` are taken with what its calls do.
    assert sorted(alone) == [
        "mcentral.py: CHECK_ROOM",
        "taking.py: ALLOCATE",
        "taking.py: EXAMINE",
        "taking.py: USE",
    ]


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


def test_no_slot_changes_where_no_guard_allows_it() -> None:
    heap = Heap()
    span, large = heap.span_of(heap.malloc(16)), heap.span_of(heap.malloc(100_000))
    state = heap.state
    mcache, slot = state.mcaches[0], state.shared(span).cacher
    record, thread = state.spans[span], state.thread_of(Actor(0, 0))
    with pytest.raises(NotAStep, match="take-slot 3 is not possible"):
        allocate(state, mcache, slot, span, record, NextFree(3, record))
    with pytest.raises(NotAStep, match=r"take-large .* is not possible"):
        allocate_large(state, span, 16)
    with pytest.raises(NotAStep, match=r"take-large .* is not possible"):
        allocate_large(state, large, 8192)
    with pytest.raises(NotAStep, match="leave-use is not possible"):
        take_both(state, span, LEAVE_USE, thread)
    with pytest.raises(NotAStep, match="install is not possible"):
        take_both(state, span, ENTER_CACHE, thread)
    assert state.spans[span] is record
    with pytest.raises(NotAStep, match=r"make-mcache .* is not possible"):
        make_mcache(state, 0)
    with pytest.raises(NotAStep, match=r"drop-mcache .* is not possible"):
        drop_mcache(state, 0)
    assert state.mcaches == {0: mcache}


@pytest.mark.parametrize("seed", range(3))
def test_threads_are_told_of_each_span_what_its_record_says(seed: int) -> None:
    random, heap = Random(seed), Heap(procs=2)
    state, living = heap.state, list[int]()
    for number in range(400):
        size = random.choice((8, 100, 3000, 9000, 40_000))
        living.append(heap.malloc(size, p=random.randrange(2)))
        if number % 50 == 49:
            living = [address for address in living if random.random() < 0.4]
            heap.collect(living)
        for span in {*state.spans, *range(8)}:
            record, it = state.spans.get(span, NO_CONTENTS), state.shared(span)
            assert is_told(record, it), span
            assert class_is_told(record, it), span
