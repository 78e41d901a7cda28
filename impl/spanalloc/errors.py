"""The error that a span raises when it is asked for something its state forbids."""


class SpanError(Exception):
    """A request that the state of the span forbids, or an argument outside its range.

    The Go runtime throws, and so ends the process, in most of these cases. Here the span is left
    exactly as it was before the request, so the caller may report the error and look at the span.
    The message names the span by its base address, then the slot or the value that is wrong, and
    what was expected instead.
    """
