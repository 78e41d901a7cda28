"""Special records of objects as steps, and the flush that ReadMemStats needs."""

from spanspec import cycle
from spanspec.heapstate import OFF, HeapState
from spanspec.mcache import release_all
from spanspec.mspan import find_object, is_allocated
from spanspec.pagemap import NOBODY
from spanspec.procs import procresize
from spanspec.program import AddSpecial, Input, RemoveFinalizer
from spanspec.specials import FINALIZER, KINDS, add_special, has_special, remove_special
from spanspec.steps.machine import Machine, actor_of, require
from spanspec.sweeping import ensure_swept
from spanspec.words import U64


def object_at(state: HeapState, address: U64, otherwise: str) -> tuple[int, U64]:
    """Return the span of an allocated object, and how far above its base the object is.

    Raises: Refused if the address lies in no such object.
    """
    span = cycle.span_at(state, address)
    require(span != NOBODY, f"{otherwise}: {address:#x}")
    record = state.spans[span]
    found = find_object(record, address)
    held = found.base != 0 and is_allocated(record, found.slot)
    require(held, f"{otherwise}: {address:#x}")
    return span, found.base - record.base


def add(machine: Machine, request: Input) -> None:
    """Give an object a special record; its span is swept first, if that is still to be done.

    Raises: Refused if it has one of that kind (T-42 for a profile record), or is no object (T-40).

    Rules: SWP-18 SWP-24 T-40 T-42.
    """
    assert isinstance(request, AddSpecial)
    state, actor, kind = machine.state, actor_of(request), KINDS[request.kind]
    refused = "T-40: addspecial on invalid pointer"
    span, offset = object_at(state, request.address, refused)
    machine.drive(actor, ensure_swept(state, actor, span))
    # What was found dead by that sweep has no object any more.
    span, offset = object_at(state, request.address, refused)
    there = has_special(state.specials.get(span, ()), offset, kind)
    already = "SetFinalizer: finalizer already set"
    if kind != FINALIZER:
        already = "T-42: setprofilebucket: profile already set"
    require(not there, f"{already} for {request.address:#x}")
    state.specials[span] = add_special(state.specials.get(span, ()), offset, kind)


def remove_finalizer(machine: Machine, request: Input) -> None:
    """Take away the finalizer of an object, if it has one.

    Raises: Refused if there is no such object (T-41).

    Rules: SWP-18 T-41.
    """
    assert isinstance(request, RemoveFinalizer)
    state, actor = machine.state, actor_of(request)
    refused = "T-41: removespecial on invalid pointer"
    span, _ = object_at(state, request.address, refused)
    machine.drive(actor, ensure_swept(state, actor, span))
    span, offset = object_at(state, request.address, refused)
    left = remove_special(state.specials.pop(span, ()), offset, FINALIZER)
    if left:
        state.specials[span] = left


def run_finalizers(machine: Machine, request: Input) -> None:
    """Run the finalizers that are due: their objects are roots no longer.

    Rules: SWP-24.
    """
    machine.state.finalizers.clear()


def flush_mcaches(machine: Machine, request: Input) -> None:
    """Stop the world and flush every mcache; what it had counts as allocated no longer.

    Rules: MC-9 HEAP-38.
    """
    require(machine.state.phase == OFF, "statistics are not read during a cycle")
    state, actor = machine.state, actor_of(request)
    for number in range(state.procs):
        machine.drive(actor, release_all(state, actor, state.mcache_of[number]))
    machine.drive(actor, procresize(state, actor, state.procs))
