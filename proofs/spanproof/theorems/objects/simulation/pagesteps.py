"""Steps of the page heap: a program sees none of them, but for memory that comes and goes."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, cast

import z3

from spanproof.prove.assumptions import (
    DISJOINT_REGIONS,
    LOCK_SECTIONS,
    PHYSICAL_PAGES,
    ZERO_PAGES,
    Assumption,
)
from spanproof.prove.lemmas import Reached
from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.objects.simulation.heaps import (
    Whole,
    contents_fit,
    free_slot_is_clean,
    is_in_use,
    memory_is_clean,
    with_memory,
    with_pages,
)
from spanproof.theorems.objects.simulation.layout import LAYOUT
from spanproof.theorems.objects.simulation.simulation import INTEGERS, ClaimedHeap, table_of
from spanproof.theorems.objects.simulation.slots import EMPTY
from spanproof.theorems.objects.simulation.told import show_told_by_its_thread
from spanproof.theorems.pages.tables.tiling import CHOSEN, StepClaim, is_merge, seams_of, span_of
from spanproof.theorems.pages.tables.tiling import STEPS as PAGE_STEPS
from spanproof.theorems.pages.tables.tilingaround import sound_around
from spanproof.theorems.pages.tables.tilingreads import (
    base_at,
    end_at,
    is_scavenged,
    owner_at,
    term,
)
from spanproof.theorems.sharing.steps.order import FREES
from spanspec.base.ids import Address
from spanspec.objects import steps as abstract_steps
from spanspec.objects.records import Objects
from spanspec.objects.steps import provide as abstract_provide
from spanspec.pages.tables import coalescing, steps
from spanspec.pages.tables.records import Tiling
from spanspec.pages.tables.runs import AMD64
from spanspec.span.mspan import Mspan

Step = Callable[..., Tiling]


class Leaves(NamedTuple):
    """How a span leaves the heap: what is known of it before, and is claimed of it afterwards.

    `lemmas` is what that builds on; no other step rests on it.
    """

    lemmas: tuple[Reached, ...]
    assume: Callable[[Proof, ClaimedHeap, z3.ExprRef, z3.ExprRef], None]
    show: Callable[[ClaimedHeap, Whole, z3.ExprRef], None]


class Moves(NamedTuple):
    """What a step of the page heap is to a program: in words, and which memory comes or goes.

    `leaves` is for the one after which a span is no longer in use.
    """

    says: str
    abstract: Callable[..., Objects] | None = None
    leaves: Leaves | None = None


def goes_back_empty(
    p: Proof, scene: ClaimedHeap, span: z3.ExprRef, alloc_count: z3.ExprRef
) -> None:
    """Assume what is known of a span that goes back: its count is of its slots, and there are none.

    A span that is manual has no slots.
    """
    record = cast(Mspan, table_of(scene.heap.contents).get(span))
    used = p.holds(is_in_use, scene.heap.tiling, span)
    p.assume(z3.Implies(used, record.alloc_count == alloc_count))
    p.rely(EMPTY, record, scene.index(record, scene.address))


def show_freed(scene: ClaimedHeap, after: Whole, span: z3.ExprRef) -> None:
    """Claim that threads are told of a span that has gone back, if it was one that they share."""
    show_told_by_its_thread(scene, FREES, after, span)


STEPS: Final[dict[Step, Moves]] = {
    steps.add_arenas: Moves("New arenas hold no object, and are not usable yet."),
    steps.enter_arenas: Moves("Where the heap grows next, no object is."),
    steps.take_from_arena: Moves("A new free run holds no object, and is not usable yet."),
    steps.take_whole: Moves(
        "What a run that is taken has released before becomes usable, and no object is in it.",
        abstract_steps.provide,
    ),
    steps.take_part: Moves(
        "The part of a run that is taken becomes usable, and no object is in it.",
        abstract_steps.provide,
    ),
    steps.use_manually: Moves("A manual span holds no object."),
    steps.give_back: Moves(
        "A span that goes back holds no object any more.",
        leaves=Leaves((EMPTY, FREES), goes_back_empty, show_freed),
    ),
    steps.scavenge: Moves("What is scavenged belongs to no object.", abstract_steps.release),
    steps.scavenge_part: Moves(
        "The part of a run that is scavenged belongs to no object.", abstract_steps.release
    ),
    coalescing.merge_lower: Moves("Coalescing moves no object, nor memory."),
    coalescing.merge_upper: Moves("Coalescing upwards moves no object, nor memory."),
    coalescing.enter_free_set: Moves("A free run holds no object."),
}
"""The steps of the page heap but `use`, by which a span begins to hold objects."""


def prove_step(step: Step, pages: StepClaim, moves: Moves) -> None:
    """Register the obligation that a step of the page heap is one of the abstract allocator."""

    def build(p: Proof) -> None:
        scene = ClaimedHeap(p, AMD64)
        heap, tiling = scene.heap, scene.heap.tiling
        chosen = p.parameters(step)
        known = [span_of(chosen, name) for name in chosen if name in CHOSEN]
        other = scene.span("any_span")
        seams = seams_of(p, step, tiling, chosen)
        found = [term(p, owner_at, tiling, at) for at in seams if is_merge(step)]
        here = scene.leads_to(scene.address)
        sound_around(p, tiling, [other, here, *known, *found], [scene.address, *seams])
        p.assume(p.holds(pages.may, tiling, *chosen.values()))
        p.assume(p.holds(contents_fit, heap, here), p.holds(contents_fit, heap, other))
        p.assume(p.holds(memory_is_clean, heap, scene.address))
        p.assume(p.holds(free_slot_is_clean, heap, scene.address))
        if moves.leaves is not None:
            moves.leaves.assume(p, scene, chosen["span"], chosen["alloc_count"])
        after_pages = p.call(step, tiling, *chosen.values())
        assert isinstance(after_pages, Tiling)
        before = scene.seen(heap)
        seen, after = outcome(p, step, moves, scene, before, chosen, after_pages)
        scene.show_same(seen, after)
        p.show("slots are laid out", p.holds(contents_fit, after, other))
        if moves.leaves is not None:
            moves.leaves.show(scene, after, chosen["span"])
        else:
            stays = p.holds(is_in_use, after.tiling, other) == p.holds(is_in_use, tiling, other)
            p.show("no span comes or goes", stays)
        p.show("memory is clean", p.holds(memory_is_clean, after, scene.address))
        p.show("free slots are clean", p.holds(free_slot_is_clean, after, scene.address))
        alive = table_of(before.block_at).get(scene.address) != -1
        p.possible("an object elsewhere", alive)
        for label, situation in situations(p, step, tiling, chosen):
            p.possible(label, situation)

    build.__doc__ = moves.says
    assumes: tuple[Assumption, ...] = (LOCK_SECTIONS, PHYSICAL_PAGES)
    if step is steps.add_arenas:
        assumes = (*assumes, DISJOINT_REGIONS)
    elif moves.abstract is abstract_steps.provide:
        assumes = (*assumes, ZERO_PAGES)
    lemmas = moves.leaves.lemmas if moves.leaves is not None else ()
    name = step.__name__.replace("_", "-")
    rules = f"{pages.rules} I-37"
    obligation(
        f"objects.pages.{name}", rules, INTEGERS, contracts=LAYOUT, assumes=assumes, lemmas=lemmas
    )(build)


def outcome(
    p: Proof,
    step: Step,
    moves: Moves,
    scene: ClaimedHeap,
    before: Objects,
    chosen: dict[str, z3.ExprRef],
    pages: Tiling,
) -> tuple[Objects, Whole]:
    """Return what the abstract allocator has become, and the heap."""
    moved = moves.abstract
    if moved is None:
        after = p.call(with_pages, scene.heap, pages)
        assert isinstance(after, Whole)
        return before, after
    target = chosen["part" if step is steps.scavenge_part else "span"]
    start, end = (term(p, rule, pages, target) for rule in (base_at, end_at))
    p.show("nothing lives there", p.holds(abstract_steps.is_vacant, before, start, end))
    if moved is abstract_steps.release:
        after = p.call(with_pages, scene.heap, pages)
        seen = p.call(moved, before, start, end)
    else:
        source = chosen["chosen" if step is steps.take_part else "span"]
        released = p.holds(is_scavenged, scene.heap.tiling, source)
        after = p.call(one_heap, released, scene.heap, pages, start, end)
        seen = p.call(provided, released, before, start, end)
    assert isinstance(after, Whole)
    assert isinstance(seen, Objects)
    return seen, after


def one_heap(released: bool, heap: Whole, pages: Tiling, start: Address, end: Address) -> Whole:
    """The heap after pages were taken, with memory from the operating system or without."""
    return with_memory(heap, pages, start, end) if released else with_pages(heap, pages)


def provided(released: bool, heap: Objects, start: Address, end: Address) -> Objects:
    """The abstract allocator after memory has come, or has been there."""
    return abstract_provide(heap, start, end) if released else heap


def situations(
    p: Proof, step: Step, tiling: Tiling, chosen: dict[str, z3.ExprRef]
) -> Iterator[tuple[str, z3.BoolRef]]:
    """Yield what a step must be able to meet."""
    if step is steps.take_whole or step is steps.take_part:
        source = chosen["chosen" if step is steps.take_part else "span"]
        released = p.holds(is_scavenged, tiling, source)
        yield "memory comes back", released
        yield "memory is there", z3.Not(released)
    if step is steps.give_back:
        yield "a span with slots", p.holds(is_in_use, tiling, chosen["span"])


for _step, _moves in STEPS.items():
    prove_step(_step, PAGE_STEPS[_step], _moves)
