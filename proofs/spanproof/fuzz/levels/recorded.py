"""The model's span, and what it was asked and has said, as messages."""

from typing import Final

import msgspec
from msgspec.structs import replace

from spanproof.fuzz.levels.sizes import expected_of
from spanproof.fuzz.program import Program
from spanproof.fuzz.subjects import ModelSpan, Path, Refused, State, SweepOutcome
from spanproof.protocol import messages
from spanproof.protocol.messages import Ask, Done, Reply
from spanspec.base.constants import make_span_class
from spanspec.span.mspan import elemsize_of

ENCODER: Final = msgspec.json.Encoder()

Exchange = list[tuple[Ask, Reply]]


def line_of(exchange: Exchange, **about: object) -> bytes:
    """Return an exchange as a line of JSON, with what else is told; replies begin with `n`."""
    pairs = []
    for number, (ask, reply) in enumerate(exchange, start=1):
        fields = {name: value for name, value in shown(reply).items() if name != "n"}
        pairs.append((replace(ask, n=number), {"n": number, **fields}))
    return ENCODER.encode({**about, "exchange": pairs})


def shown(reply: Reply) -> dict[str, object]:
    """Return the fields of a reply."""
    fields: dict[str, object] = msgspec.json.decode(ENCODER.encode(reply))
    if isinstance(reply, messages.Refused):
        for name in ("reason", "events"):
            if not fields[name]:
                del fields[name]
    return fields


class RecordedSpan:
    """The model's span, whose exchange is noted."""

    def __init__(self, exchange: Exchange, program: Program) -> None:
        self._span = ModelSpan(program)
        self._exchange = exchange
        spanclass = make_span_class(program.size_class, program.noscan)
        elemsize = elemsize_of(spanclass, program.pages)
        start = messages.NewSpan(
            program.size_class, program.pages, elemsize, program.noscan, program.sweepgen
        )
        self._note(start, Done(n=0))

    def _note(self, ask: Ask, reply: Reply) -> None:
        self._exchange.append((ask, reply))

    def allocate(self) -> tuple[int, Path]:
        """Hand out a slot."""
        slot, path = self._span.allocate()
        self._note(messages.Allocate(), messages.Slotted(slot, path, n=0))
        return slot, path

    def mark(self, slot: int) -> None:
        """Mark a slot."""
        reply: Reply = Done(n=0)
        try:
            self._span.mark(slot)
        except Refused as problem:
            reply = messages.Refused(str(problem), n=0)
            raise
        finally:
            self._note(messages.Mark(slot), reply)

    def claim_and_sweep(self, sg: int) -> SweepOutcome:
        """Win the span and sweep it."""
        swept = self._span.claim_and_sweep(sg)
        self._note(messages.Sweep(sg), messages.Swept(*swept, n=0))
        return swept

    def flush(self, sg: int) -> SweepOutcome | None:
        """Leave the cache; a stale span is swept."""
        swept = self._span.flush(sg)
        told = messages.Flushed(swept is not None, *(swept or (0, False)), n=0)
        self._note(messages.Flush(sg), told)
        return swept

    def retire(self, sg: int) -> None:
        """Leave the cache as a full span."""
        self._span.retire(sg)
        self._note(messages.Retire(sg), Done(n=0))

    def refill(self, sg: int) -> None:
        """Enter a cache."""
        self._span.refill(sg)
        self._note(messages.Refill(sg), Done(n=0))

    def state(self) -> State:
        """Return the whole state."""
        state = self._span.state()
        told = messages.SpanShown(
            state.nelems,
            state.freeindex,
            state.alloc_count,
            slots_of(state.alloc_bits),
            slots_of(state.mark_bits),
            state.sweepgen,
            state.needzero,
            state.alloc_cache,
            n=0,
        )
        self._note(messages.SpanState(), told)
        return state


def slots_of(bits: int) -> list[int]:
    """Return a bitmap as the slots whose bit is set."""
    return [slot for slot in range(bits.bit_length()) if bits >> slot & 1]


def sizes_asked(requests: list[int]) -> Exchange:
    """Return what the model says to requests for size classes."""
    return [(messages.Size(one), messages.Sized(*expected_of(one), n=0)) for one in requests]
