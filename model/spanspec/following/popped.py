"""Popped spans, and what was seen of them without a lock (SWP-14, SWP-15, CONC-4).

A thread that has popped a span reads its state and its sweepgen at two moments that no line of a
recording tells exactly. Reading changes nothing but the reader, so it may be moved: to before the
last change of the span, if that is what was seen, or to after a claim that is noted late.
"""

from msgspec.structs import replace

from spanspec.base.ids import SpanId, ThreadId
from spanspec.following.run import NotAStep, Run
from spanspec.following.system import thread_id
from spanspec.sharing.records import IDLE, NO_SPAN, POPPED, SharedSpan
from spanspec.span.sweepgen import needs_sweep


class Popped:
    """The threads of a run that have popped a span.

    Records that are set here are set in the run's own tables, which change in place.

    `owed` has the spans that somebody saw claimed before the claim was told, each with the
    threads that are waiting to lose it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._past: dict[ThreadId, dict[bool, SharedSpan]] = {}
        self._changing: tuple[SpanId, SharedSpan] | None = None
        self._set_aside = 0
        self.owed: dict[SpanId, list[ThreadId]] = {}

    def pop(self, thread: ThreadId, span: SpanId) -> None:
        """Let a thread pop a span, which may be changing at that moment."""
        self._run.take("pop", thread, span)
        if self._changing is not None and self._changing[0] == span:
            self._remember(thread, self._changing[1])

    def changes(self, span: SpanId) -> None:
        """Remember a span as it is, for who may be reading it: its state is going to change."""
        it = self._run.state.spans[span]
        reader = self._run.state.threads[it.popper]
        if reader.span == span and reader.task == POPPED:
            self._remember(it.popper, it)
        self._changing = span, it

    def changed(self) -> None:
        """Note that the last change was made by now: the lock under which it was made is free."""
        self._changing = None

    def _remember(self, thread: ThreadId, it: SharedSpan) -> None:
        self._past.setdefault(thread, {})[it.in_use] = it

    def lose(self, thread: ThreadId, span: SpanId, in_use: bool) -> None:
        """Let a thread leave its popped span alone, which it saw in use or not.

        Rules: SWP-14 SWP-15.

        Raises: NotAStep if it cannot have seen that, or had to claim the span.
        """
        run = self._run
        now, past = run.state.spans[span], self._past.pop(thread, {})
        if now.in_use == in_use:
            if in_use and needs_sweep(run.state.sweepgen, now.sweepgen):
                self.owed.setdefault(span, []).append(self._aside(thread, span))
                return
            self._let_go(thread, in_use)
        elif in_use in past:
            run.state.spans.set(span, past[in_use])
            self._let_go(thread, in_use)
            run.state.spans.set(span, now)
        else:
            raise NotAStep(f"span {span - 1} was never as it was seen: {now}")

    def win(self, thread: ThreadId) -> None:
        """Let a thread claim its popped span.

        Rules: SWP-15.
        """
        self._past.pop(thread, None)
        self._run.take("look", thread)
        self._run.take("compare-and-swap", thread)

    def claimed(self, span: SpanId) -> None:
        """Let those who were waiting lose a span that now was claimed."""
        for thread in self.owed.pop(span, ()):
            self._let_go(thread, in_use=True)

    def owe(self, span: SpanId) -> None:
        """Note that somebody saw a span claimed."""
        self.owed.setdefault(span, [])

    def _let_go(self, thread: ThreadId, in_use: bool) -> None:
        self._run.take("look", thread)
        self._run.take("compare-and-swap" if in_use else "drop", thread)
        task = self._run.state.threads[thread].task
        self._run.expect("task of who leaves a popped span alone", IDLE, task)

    def _aside(self, thread: ThreadId, span: SpanId) -> ThreadId:
        """Let a thread of its own go on with a popped span; return it.

        The protocol does not care who is who, and has any number of threads.
        """
        state = self._run.state
        self._set_aside += 1
        worker = state.threads[thread]
        other = thread_id(-self._set_aside, worker.proc)
        state.threads.set(other, worker)
        state.threads.set(thread, replace(worker, task=IDLE, span=NO_SPAN))
        state.spans.set(span, replace(state.spans[span], popper=other))
        return other
