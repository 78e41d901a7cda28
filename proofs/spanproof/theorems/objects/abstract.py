"""The abstract allocator keeps its own promises: whoever simulates it, keeps them too.

The invariant is assumed at the addresses and blocks that a step looks at and at those that the
claim speaks of; it is shown of an arbitrary block and an arbitrary address.
"""

from collections.abc import Callable
from itertools import product
from typing import Final, NamedTuple, cast

import z3

from spanproof.prove.lemmas import Rule, taken
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.base.ids import Address
from spanspec.objects import invariant, steps
from spanspec.objects.records import NOTHING, Objects, is_condemned, lives, newest

INTEGERS: Final = Integers()

PROMISES: Final = "I-37 I-38 I-39 MAL-22 MAL-23"


class AbstractStep(NamedTuple):
    """A step of the abstract allocator: its guard, and what is claimed of it, in words."""

    may: Callable[..., bool]
    says: str


STEPS: Final[dict[Callable[..., Objects], AbstractStep]] = {
    steps.provide: AbstractStep(
        steps.is_vacant, "Memory in which nothing lives may become usable."
    ),
    steps.release: AbstractStep(steps.is_vacant, "What is released belongs to no block."),
    steps.malloc: AbstractStep(
        steps.may_malloc, "A new block has no address in common with another one."
    ),
    steps.place: AbstractStep(steps.may_place, "A tiny object changes nothing but its block."),
    steps.write: AbstractStep(steps.is_reachable, "Writing changes no block."),
    steps.set_finalizer: AbstractStep(steps.is_reachable, "A finalizer moves nothing."),
    steps.free: AbstractStep(
        steps.is_reachable, "The addresses of a block that is gone belong to nothing."
    ),
    steps.start_marking: AbstractStep(steps.may_start_marking, "Marking begins with no dead."),
    steps.mark: AbstractStep(steps.may_mark, "A mark moves nothing."),
    steps.end_marking: AbstractStep(steps.may_end_marking, "No block dies by the end of marking."),
    steps.resurrect: AbstractStep(steps.may_resurrect, "A block with a finalizer stays alive."),
}
"""The steps of the abstract allocator; the collector's `free` has a guard of its own."""


def block_at(heap: Objects, address: Address) -> Address:
    """The block that an address belongs to."""
    return heap.block_at[address]


def any_objects(p: Proof) -> Objects:
    """A heap of which nothing is assumed yet."""
    heap = p.fresh(Objects, "heap")
    assert isinstance(heap, Objects)
    return heap


def sound_at(
    p: Proof, heap: Objects, blocks: list[z3.ExprRef], addresses: list[z3.ExprRef]
) -> None:
    """Assume the invariant of some blocks and addresses, and of the blocks found there."""
    found = [cast(z3.ExprRef, p.call(block_at, heap, at)) for at in addresses]
    for at in addresses:
        p.assume(p.holds(invariant.address_has_its_block, heap, at))
        p.assume(p.holds(invariant.living_is_mapped, heap, at))
    for block, at in product([*blocks, *found], addresses):
        p.assume(p.holds(invariant.block_has_its_address, heap, block, at))
    p.assume(*(p.holds(invariant.block_is_sound, heap, block) for block in [*blocks, *found]))


def show_sound(p: Proof, heap: Objects, block: z3.ExprRef, address: z3.ExprRef) -> None:
    """Claim the invariant of a block and an address."""
    p.show("an address has its block", p.holds(invariant.address_has_its_block, heap, address))
    apart = p.holds(invariant.block_has_its_address, heap, block, address)
    p.show("blocks are disjoint", apart)
    p.show("what lives is mapped", p.holds(invariant.living_is_mapped, heap, address))
    p.show("a block is sound", p.holds(invariant.block_is_sound, heap, block))


def prove_step(step: Callable[..., Objects], claim: AbstractStep) -> None:
    """Register the obligation that a step keeps the invariant."""

    def build(p: Proof) -> None:
        heap = any_objects(p)
        block = cast(z3.ExprRef, p.fresh(Address, "any_block"))
        address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
        chosen = p.parameters(step)
        own = [cast(z3.ExprRef, chosen[name]) for name in ("at", "block") if name in chosen]
        sound_at(p, heap, [block, *own], [address, *own])
        p.assume(p.holds(claim.may, *taken(claim.may, [heap, *chosen.values()])))
        after = p.call(step, heap, *chosen.values())
        assert isinstance(after, Objects)
        show_sound(p, after, block, address)
        p.show("no mark is lost", p.holds(keeps_longer, heap, after, block))
        mine = own[0] if step is steps.write else z3.IntVal(NOTHING)
        p.show("contents stay", p.holds(keeps_contents, heap, after, address, mine))
        if step is steps.start_marking:
            p.show("none is dead", z3.Not(p.holds(is_condemned, after, block)))
        p.possible("another block", p.holds(lives, heap, block))

    build.__doc__ = claim.says
    name = step.__name__.replace("_", "-")
    obligation(f"objects.abstract.{name}", PROMISES, INTEGERS)(build)


def keeps_longer(before: Objects, after: Objects, block: Address) -> bool:
    """A block that goes on living is kept at least as long as before."""
    return (
        not (lives(before, block) and lives(after, block))
        or after.blocks[block].kept >= before.blocks[block].kept
    )


def keeps_contents(before: Objects, after: Objects, address: Address, mine: Address) -> bool:
    """What lives, and is not one's own, holds what it held."""
    block = before.block_at[address]
    others = block != NOTHING and block != mine
    return not others or after.written[address] == before.written[address]


for _step, _claim in STEPS.items():
    prove_step(_step, _claim)


@obligation("objects.abstract.start", PROMISES, INTEGERS)
def nothing_lives_at_first(p: Proof) -> None:
    """Where nothing lives, the invariant holds, whatever memory is usable."""
    heap = any_objects(p)
    block = cast(z3.ExprRef, p.fresh(Address, "any_block"))
    address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
    p.assume(p.holds(is_empty, heap, block, address))
    show_sound(p, heap, block, address)
    p.possible("some memory is usable", p.holds(is_usable, heap, address))


def is_empty(heap: Objects, block: Address, address: Address) -> bool:
    """No block begins at one address, and the other belongs to nothing."""
    it = heap.blocks[block]
    return it.size == 0 and it.used == 0 and it.kept == 0 and heap.block_at[address] == NOTHING


def is_usable(heap: Objects, address: Address) -> bool:
    """An address is usable."""
    return heap.mapped[address]


INVARIANT: Final[tuple[Rule, ...]] = (
    invariant.address_has_its_block,
    invariant.block_has_its_address,
    invariant.living_is_mapped,
    invariant.block_is_sound,
)


@obligation("objects.abstract.dies-unmarked", "SWP-28 MAL-14 I-27", INTEGERS)
def a_marked_block_does_not_die(p: Proof) -> None:
    """A block that was marked, or was new, when a marking ended cannot die before the next one
    ends, nor can one with a finalizer; and no next one begins before what is condemned is gone.
    """
    heap = any_objects(p)
    block = cast(z3.ExprRef, p.fresh(Address, "block"))
    kept = p.holds(is_kept, heap, block)
    p.assume(p.holds(steps.may_end_marking, heap), p.holds(lives, heap, block))
    after = p.call(steps.end_marking, heap)
    assert isinstance(after, Objects)
    p.show(
        "marked: it is not condemned",
        z3.Implies(kept, z3.Not(p.holds(steps.may_die, after, block))),
    )
    p.show("unmarked: it is", z3.Implies(z3.Not(kept), p.holds(is_condemned, after, block)))
    finalizer = p.holds(steps.may_resurrect, after, block)
    p.show(
        "not with a finalizer", z3.Implies(finalizer, z3.Not(p.holds(steps.may_die, after, block)))
    )
    saved = p.call(steps.resurrect, after, block)
    p.show("it is saved", z3.Implies(finalizer, p.holds(steps.is_reachable, saved, block)))
    due = p.holds(is_condemned, after, block)
    p.show("the dead go first", z3.Implies(due, z3.Not(p.holds(steps.may_start_marking, after))))
    p.possible("a marked block", kept)
    p.possible("an unmarked one", z3.Not(kept))


def is_kept(heap: Objects, block: Address) -> bool:
    """A block is new, or was marked."""
    return heap.blocks[block].kept >= newest(heap)
