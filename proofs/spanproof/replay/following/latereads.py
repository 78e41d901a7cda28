"""What threads read of the spans that they have popped, where it is told late (SWP-14, SWP-15).

A thread that has popped a span reads its state and its sweepgen at two moments that no line of a
recording tells exactly. Reading changes nothing but the reader, so it may be moved: to before the
last change of the span, if that is what was seen, or to after a claim that is noted late. In the
latter case the thread stays where it is until then, and another identity goes on in its place: to
the protocol it is all the same who is who, and there is any number of threads.
"""

from typing import cast

from spanproof.replay.following.kinds import Kind
from spanspec.base.ids import NOBODY, SpanId, ThreadId
from spanspec.base.steps import NotAStep
from spanspec.events import span_events as ev
from spanspec.events.fields import ThreadEvent
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import look_at_popped
from spanspec.pages.pageheap import Actor
from spanspec.sharing.tables.growing import WIDTH, span_id, thread_id
from spanspec.sharing.tables.records import POPPED, SharedSpan, works_on


class LateReads:
    """For each thread that has popped a span, how that was before its last changes."""

    def __init__(self) -> None:
        self._readers: dict[int, ThreadId] = {}
        self._past: dict[ThreadId, dict[bool, SharedSpan]] = {}
        self._changing: tuple[SpanId, SharedSpan] | None = None
        self._waiting: dict[int, list[ThreadId]] = {}
        self._stand_ins: dict[ThreadId, ThreadId] = {}
        self._set_aside = 0

    def before(self, state: HeapState, event: ev.SpanEvent) -> None:
        """Remember a span as it is, for who may be reading it: an event changes its state."""
        span = event.span
        it = state.shared(span)
        if type(event) is ev.BufferPush and it.in_use:
            return
        reader = self._readers.get(span)
        if reader is not None and works_on(state.sharing, reader, POPPED, span_id(span)):
            self._past.setdefault(reader, {})[it.in_use] = it
        self._changing = span_id(span), it

    def after(self, state: HeapState, event: ThreadEvent, about: Kind) -> None:
        """Note that a change was made by now, or that a span was popped, perhaps while it changed.

        It is one or the other. A change is made once the lock under which it is made is free.
        """
        if about.change_is_made:
            self._changing = None
        elif about.is_pop and (span := cast(ev.BufferPop, event).span) != NOBODY:
            popper = state.thread_of(Actor(event.p, event.thread))
            self._readers[span] = popper
            self._past.pop(popper, None)
            if self._changing is not None and self._changing[0] == span_id(span):
                it = self._changing[1]
                self._past[popper] = {it.in_use: it}

    def past(self, thread: ThreadId, in_use: bool) -> SharedSpan | None:
        """Return the span that a thread has popped as it was when it was in use, or was not."""
        return self._past.get(thread, {}).get(in_use)

    def wait(self, thread: ThreadId, span: int) -> None:
        """Let a thread look at the span that it has popped only when its claim is told."""
        self._waiting.setdefault(span, []).append(thread)
        self._set_aside += 1
        self._stand_ins[thread] = thread_id(-self._set_aside, thread % WIDTH)

    def stand_in(self, thread: ThreadId) -> ThreadId:
        """Return who acts for a thread."""
        while thread in self._stand_ins:
            thread = self._stand_ins[thread]
        return thread

    def claimed(self, state: HeapState, span: int) -> None:
        """Let those who were waiting find that a span is claimed, as now is told.

        Raises: NotAStep if it is theirs.
        """
        for thread in self._waiting.pop(span, ()):
            if look_at_popped(state, thread, state.shared(span)):
                raise NotAStep(f"span {span} is claimed twice")
            del self._stand_ins[thread]
