"""Lists of spans with two ends, as mcentral keeps them (rules SPAN-28 and SPAN-29).

Which list a span is in, its shared record says, and one at most; a list has the order. What the
runtime checks where it moves a span, `spanspec.span.listing.moved` checks of the record.
"""

from collections import OrderedDict
from collections.abc import Iterator


class SpanList:
    """The spans of one list, from the front to the back."""

    def __init__(self) -> None:
        self._spans: OrderedDict[int, None] = OrderedDict()

    def insert(self, span: int) -> None:
        """Put a span at the front.

        Rules: SPAN-28.
        """
        assert span not in self._spans, "SPAN-28: the span is in the list already"
        self._spans[span] = None
        self._spans.move_to_end(span, last=False)

    def insert_back(self, span: int) -> None:
        """Put a span at the back.

        Rules: SPAN-28.
        """
        assert span not in self._spans, "SPAN-28: the span is in the list already"
        self._spans[span] = None

    def remove(self, span: int) -> None:
        """Take out a span that is in this list.

        Rules: SPAN-28.
        """
        assert span in self._spans, "SPAN-28: the span is not in the list"
        del self._spans[span]

    def take_all(self, other: "SpanList") -> None:
        """Move all spans of another list in front of this one's, in their order.

        Rules: SPAN-28.
        """
        for span in reversed(list(other)):
            other.remove(span)
            self.insert(span)

    def __iter__(self) -> Iterator[int]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __contains__(self, span: object) -> bool:
        return span in self._spans
