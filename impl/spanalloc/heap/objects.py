"""Giving objects special records, and taking them away."""

from mypy_extensions import i64

from spanalloc.base.errors import BadRequest
from spanalloc.central.state import PHASE_OFF, HeapState
from spanalloc.central.sweep import ensure_swept
from spanalloc.heap.cycle import in_address_space, slot_holding, span_holding
from spanalloc.heap.malloc import ZERO_BASE
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import Span
from spanalloc.span.specials import FINALIZER, Finalizer, Special
from spanalloc.span.tiny import TINY_SPAN_CLASS


def object_at(state: HeapState, address: int) -> tuple[Span, i64]:
    """Return the span and the slot of the object that holds an address.

    Raises: BadRequest if there is none, or if its slot is free.
    """
    place = in_address_space(address)
    span = span_holding(state, place)
    slot = slot_holding(span, place)
    if span.is_free(slot):
        told = f"its slot is free, slot {int(slot)} of the span at {int(span.base):#x}"
        raise BadRequest(f"{address:#x} is in no object of this heap: {told}")
    return span, slot


def place_at(state: HeapState, address: int) -> tuple[Span, i64]:
    """Return the span of an object that may have records, and how far above its base the object is.

    In a tiny block any address may be that of an object, elsewhere the first of a slot (SWP-24).

    Raises: BadRequest if there is no such object.
    """
    place = in_address_space(address)
    span = span_holding(state, place)
    offset = place - span.base
    if span.spanclass != TINY_SPAN_CLASS and offset % span.elemsize != 0:
        raise BadRequest(f"{address:#x} is not the first byte of the object that it is in")
    object_at(state, address)
    return span, offset


def add_special(
    state: HeapState, who: Mcache, address: int, kind: i64, call: Finalizer | None
) -> None:
    """Give an object a special record, once its span is swept (SWP-18, T-40, T-42).

    An object of no bytes never dies: its finalizer is forgotten.

    Raises: BadRequest if there is no such object, or it has one of that kind.
    """
    if address == ZERO_BASE and kind == FINALIZER:
        return
    span, _ = place_at(state, address)
    ensure_swept(state, who, span)
    # That sweep may have found it dead.
    span, offset = place_at(state, address)
    if not state.specials.add(span, Special(offset, kind, call)):
        what = "a finalizer" if kind == FINALIZER else "a profile record"
        raise BadRequest(f"the object at {address:#x} has {what} already")
    if kind == FINALIZER and state.phase != PHASE_OFF:
        state.pacing.looked_through(span.elemsize)


def remove_special(state: HeapState, who: Mcache, address: int, kind: i64) -> bool:
    """Take a special record from an object; return whether it had one (SWP-18, T-41).

    Raises: BadRequest if there is no such object.
    """
    if address == ZERO_BASE and kind == FINALIZER:
        return False
    span, _ = place_at(state, address)
    ensure_swept(state, who, span)
    span, offset = place_at(state, address)
    return state.specials.remove(span, offset, kind)
