"""What the allocator raises: one type for each way in which a request can fail.

The Go runtime throws, and so ends the process, in most of these cases. Here the heap is left as it
was before the request, or in the state that the error's text says, and stays usable.
"""


class HeapError(Exception):
    """Any error of this package."""


class SpanError(HeapError):
    """A request that the state of the span forbids, or an argument outside its range.

    The span is left exactly as it was before the request, so the caller may report the error and
    look at the span. The message names the span by its base address, then the slot or the value
    that is wrong, and what was expected instead.
    """


class HeapClosed(HeapError):
    """The heap has been closed: it has no memory any more."""


class HeapBroken(HeapError):
    """An earlier operation ended half way, by what nobody could plan for; the message says by what.

    The heap can still be closed, and a snapshot taken. Nothing else is done with it any more.
    """


class OsFailed(HeapError):
    """The operating system's object raised an exception, or gave an answer that cannot be.

    The exception is the cause of this one. The heap is as it was before the request, or grown.
    """


class ThreadFailed(HeapError, RuntimeError):
    """A background thread could not be started; none runs."""


class LockNotHeld(HeapError):
    """Under test: something shared was used without the lock that protects it."""


class PhaseError(HeapError):
    """The request belongs to another phase of the cycle: a mark outside of marking, say."""


class ProcBusy(HeapError):
    """The P belongs to another thread, or this thread is in an operation on the heap already."""


class BadRequest(HeapError, ValueError):
    """An argument outside its range: a negative size, a P or an address that does not exist."""


class BadType(HeapError, TypeError):
    """An argument of the wrong type: a size that is not an integer, say."""


class OutOfMemory(HeapError, MemoryError):
    """The operating system has no address space for the request (T-22, T-52)."""


class MmapFailed(HeapError, OSError):
    """Reserved memory could not be made usable; `errno` says why (T-79, T-80).

    The reservation has been given back; the heap is as it was before.
    """


class MadviseFailed(HeapError, OSError):
    """Free memory could not be returned to the operating system; `errno` says why.

    The span at hand stays in the free set, not scavenged.
    """
