"""Giving objects special records, and taking them away."""

from mypy_extensions import i64

from spanalloc.cycle import in_address_space, slot_holding, span_holding
from spanalloc.errors import BadRequest
from spanalloc.mcache import Mcache
from spanalloc.span import Span
from spanalloc.specials import FINALIZER, Finalizer, Special
from spanalloc.state import HeapState
from spanalloc.sweep import ensure_swept


def object_at(state: HeapState, address: int) -> tuple[Span, i64]:
    """Return the span and the slot of the object that holds an address.

    Raises: BadRequest if there is none, or if its slot is free.
    """
    place = in_address_space(address)
    span = span_holding(state, place)
    slot = slot_holding(span, place)
    if span.is_free(slot):
        raise BadRequest(f"{address:#x} is in no object of this heap: its slot is free")
    return span, slot


def add_special(
    state: HeapState, who: Mcache, address: int, kind: i64, call: Finalizer | None
) -> None:
    """Give an object a special record, once its span is swept (SWP-18, T-40, T-42).

    Raises: BadRequest if there is no such object, or it has one of that kind.
    """
    span, _ = object_at(state, address)
    ensure_swept(state, who, span)
    # That sweep may have found it dead.
    span, slot = object_at(state, address)
    if not state.specials.add(span, Special(slot, kind, call)):
        what = "a finalizer" if kind == FINALIZER else "a profile record"
        raise BadRequest(f"the object at {address:#x} has {what} already")


def remove_special(state: HeapState, who: Mcache, address: int, kind: i64) -> bool:
    """Take a special record from an object; return whether it had one (SWP-18, T-41).

    Raises: BadRequest if there is no such object.
    """
    span, _ = object_at(state, address)
    ensure_swept(state, who, span)
    span, slot = object_at(state, address)
    return state.specials.remove(span, slot, kind)
