"""The swept and the unswept spans: two stacks that swap their roles each cycle (SWP-8)."""

from typing import final

from mypy_extensions import i64

from spanalloc.base.mutex import Mutex
from spanalloc.base.recorder import EXACT, Recorder, page_number
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import Span


@final
class SweepBuffer:
    """A stack of spans; `number` is 0 or 1 (SWP-10, SWP-11)."""

    def __init__(self, number: i64, trace: Recorder | None, lock: Mutex) -> None:
        self.number: i64 = number
        self.trace = trace
        self.spans: list[Span] = []
        self.lock = lock

    def push(self, who: Mcache, span: Span) -> None:
        """Push a span."""
        with self.lock:
            self.lock.expect()
            place = len(self.spans)
            self.spans.append(span)
            if self.trace is not None:
                self.trace.event(
                    "pu",
                    who.p,
                    who.thread,
                    {
                        "q": self.number,
                        "s": span.ident,
                        "b": page_number(span.base),
                        "x": place,
                        "lo": EXACT,
                    },
                )

    def pop(self, who: Mcache, by: str) -> Span | None:
        """Pop the span that was pushed last; None if there is none."""
        with self.lock:
            self.lock.expect()
            span = self.spans.pop() if self.spans else None
            if self.trace is not None:
                self.trace.event(
                    "po",
                    who.p,
                    who.thread,
                    {
                        "by": by,
                        "q": self.number,
                        "s": span.ident if span is not None else -1,
                        "b": page_number(span.base) if span is not None else -1,
                        "x": len(self.spans) if span is not None else -1,
                        "lo": EXACT,
                    },
                )
            return span
