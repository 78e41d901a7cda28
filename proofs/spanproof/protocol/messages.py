"""The messages of the protocol, version 1: what is asked, and what is answered.

An implementation reads one JSON object a line, and answers each with one, in order. From these
types the JSON Schema, the C header and the checks of each answer are made.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

VERSION: Final = 1

Level = Literal["sizes", "contract", "span", "heap", "schedule"]
"""What an implementation has, from little to much."""

Shows = Literal["results", "events", "state", "account"]
"""What it shows: results always; events of a heap; the state of a span or a heap; the sums of the
contract."""

LackOfContract = Literal["realloc", "align", "zero"]
"""What a contract may lack."""

LackOfHeap = Literal["cycles", "specials", "manual", "procs", "scavenger", "physical", "answers"]
"""What a heap may lack: a collector, special records, manual spans, more than one P, a scavenger,
physical pages of other sizes than 4096 bytes, an operating system that does not grant each request
where it is asked for."""

Lack = Literal[LackOfContract, LackOfHeap]
"""What an implementation may lack; in C its place here is its bit."""

Extra = Literal["find", "set_gc_percent", "finish_paced"]
"""Calls that a heap may have besides; with `set_gc_percent` it has `trigger` as well."""

Natural = Annotated[int, Meta(ge=0)]
"""A number of 64 bits without a sign."""

Word = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Slot = Annotated[int, Meta(ge=0, le=1024)]
Slots = Annotated[list[Annotated[int, Meta(ge=0, le=1023)]], Meta(max_length=1024)]
"""A bitmap: the numbers of the bits that are set, in ascending order."""

Run = tuple[Byte, Natural]
Runs = Annotated[list[Run], Meta(max_length=8)]
"""Contents of memory: so many bytes of a value, then so many of another; the first eight runs."""


Figures = dict[str, Annotated[object, Meta(extra_json_schema={"description": "any value"})]]
"""Values by their names, as events and states have them."""


class Ask(msgspec.Struct, frozen=True, tag_field="op", kw_only=True):
    """What every request has: its number, which the reply to it has, too."""

    n: Natural = 0


class Hello(Ask, frozen=True, tag="hello"):
    """Say who you are. The first request of every process."""

    protocol: Natural = VERSION


class Size(Ask, frozen=True, tag="size"):
    """Say which size class serves a request of so many bytes, and what it takes."""

    bytes: Natural


class NewContract(Ask, frozen=True, tag="new_contract"):
    """Forget all objects: a program begins."""


class Malloc(Ask, frozen=True, tag="malloc"):
    """Make object `id` of so many bytes; show it if `zero` is promised, and fill it with `byte`.

    `align` is a power of two, or 0 for what the allocator promises anyway. `thread` is the thread
    that does it, where several act at once.
    """

    id: Natural
    bytes: Natural
    align: Natural
    zero: bool
    byte: Byte
    thread: Natural = 0


class Realloc(Ask, frozen=True, tag="realloc"):
    """Give object `id` another size; show all of it, and fill it with `byte`."""

    id: Natural
    bytes: Natural
    byte: Byte
    thread: Natural = 0


class Free(Ask, frozen=True, tag="free"):
    """Show object `id`, and let it die."""

    id: Natural
    thread: Natural = 0


class Show(Ask, frozen=True, tag="show"):
    """Show object `id`."""

    id: Natural
    thread: Natural = 0


class Account(Ask, frozen=True, tag="account"):
    """Say how many objects live, and of how many bytes that were asked for."""


class NewSpan(Ask, frozen=True, tag="new_span"):
    """A span fresh from the page heap, in no cache: a program begins.

    `size_class` is 1 to 66, or 0 for one large object. It has `pages` of 8192 bytes, cut into slots
    of `elemsize` bytes; what is left over at the end is no slot.
    """

    size_class: Natural
    pages: Natural
    elemsize: Natural
    noscan: bool
    sweepgen: Word


class Allocate(Ask, frozen=True, tag="allocate"):
    """Hand out the lowest free slot of the cached span."""


class Mark(Ask, frozen=True, tag="mark"):
    """Mark an allocated slot; refuse another."""

    slot: Slot


class Refill(Ask, frozen=True, tag="refill"):
    """The span enters a cache; `sg` is the heap's sweepgen."""

    sg: Word


class Retire(Ask, frozen=True, tag="retire"):
    """The full span leaves its cache."""

    sg: Word


class Flush(Ask, frozen=True, tag="flush"):
    """The span leaves its cache; one of the last cycle is swept at once."""

    sg: Word


class Sweep(Ask, frozen=True, tag="sweep"):
    """The span is claimed and swept."""

    sg: Word


class SpanState(Ask, frozen=True, tag="span_state"):
    """Show the whole span."""


class NewHeap(Ask, frozen=True, tag="new_heap"):
    """A heap without objects, of so many Ps, in which no cycle was: a program begins.

    `physical` is the size of a physical page. `answers` are what the operating system says to the
    first requests for addresses; it grants all later ones where they are asked for.
    """

    procs: Natural
    sweepgen: Word
    physical: Natural
    answers: list[Literal["grant", "refuse", "elsewhere", "below"]]


Call = Literal[
    "malloc",
    "start_cycle",
    "mark",
    "finish_cycle",
    "sweep_one",
    "ensure_swept",
    "add_special",
    "remove_finalizer",
    "run_finalizers",
    "take_manual",
    "free_manual",
    "set_procs",
    "flush_caches",
    "scavenge_all",
    "free_os_memory",
    "pass_time",
    "find",
    "set_gc_percent",
    "trigger",
    "finish_paced",
]
"""What a heap does; the last four only if its hello says so."""


class HeapCall(Ask, frozen=True, tag="heap_call", omit_defaults=True):
    """Do something with the heap, on a P; only what the call is about has a field, unless it is 0.

    `kind` is that of a special record, `purpose` that of a manual span.
    """

    call: Call
    p: Natural = 0
    address: Natural = 0
    bytes: Natural = 0
    noscan: bool = False
    zero: bool = False
    npages: Natural = 0
    procs: Natural = 0
    nanoseconds: Natural = 0
    kind: str = ""
    purpose: str = ""
    percent: int = 100
    took_ns: Natural = 0
    assist_ns: Natural = 0


class HeapBegin(HeapCall, frozen=True, tag="heap_begin", omit_defaults=True):
    """Begin a call on a P, and go on until a step of it has ended.

    Other Ps may be in the middle of calls. A step ends with each section under a lock, and with
    each atomic access that others can see.
    """


class Turn(Ask, frozen=True, tag="turn"):
    """Go on with the call that a P is in, until the next step of it has ended."""

    p: Natural


class HeapState(Ask, frozen=True, tag="heap_state", omit_defaults=True):
    """Show the whole heap; with `now`, although calls may be under way."""

    now: bool = False


class Program(Ask, frozen=True, tag="program"):
    """Do all that is asked, in order, or on so many threads at once; answer once.

    On several threads, each does what has its number, in order; a request that needs an object
    waits until another thread has made it.
    """

    requests: "tuple[Request, ...]"
    threads: Natural = 1


Request = (
    Hello
    | Size
    | NewContract
    | Malloc
    | Realloc
    | Free
    | Show
    | Account
    | NewSpan
    | Allocate
    | Mark
    | Refill
    | Retire
    | Flush
    | Sweep
    | SpanState
    | NewHeap
    | HeapCall
    | HeapBegin
    | Turn
    | HeapState
    | Program
)


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every reply has: the number of the request."""

    n: Natural


LARGEST: Final = (1 << 64) - 1
"""Bytes of the largest object, and of all, of an allocator that does not say so: all that a word
can say."""


class Greeting(Reply, frozen=True):
    """Who answers, the levels that it has, and what it shows.

    `alignment` is what every object of at least so many bytes is aligned to, and smaller ones to
    the largest power of two that they hold; `largest` is the most bytes that are asked for in one,
    and `memory` in all that live: each counts 64 at least, and its alignment if that is asked for.
    With `programs` it takes many requests in one message, on which `threads` may act at once. What
    it lacks it is not asked for: of the contract, resizing, alignment by wish or zeroed memory; of
    a heap, a collector, special records, manual spans, more than one P, a scavenger, physical pages
    of other sizes than 4096 bytes, answers of the operating system other than to grant. A heap may
    have some `calls` besides.
    """

    protocol: Natural
    name: Annotated[str, Meta(max_length=200)]
    levels: Annotated[list[Level], Meta(min_length=1)]
    shows: list[Shows] = msgspec.field(default_factory=list)
    alignment: Annotated[int, Meta(ge=1, le=4096)] = 8
    largest: Annotated[int, Meta(ge=1)] = LARGEST
    memory: Annotated[int, Meta(ge=1)] = LARGEST
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    programs: bool = False
    lacks: list[Lack] = msgspec.field(default_factory=list)
    calls: list[Extra] = msgspec.field(default_factory=list)


class Done(Reply, frozen=True):
    """It is done."""


class Sized(Reply, frozen=True):
    """The size class, 0 for a large object; the bytes that are taken; the pages of its span."""

    size_class: Annotated[int, Meta(ge=0, le=66)]
    bytes: Natural
    pages: Natural


class Made(Reply, frozen=True):
    """Where an object is, null if there is no memory; and its contents, if they are asked for.

    `began` and `ended` are the numbers at which the call began and ended, from one counter of all
    threads; 0 where one thread acts.
    """

    address: Natural | None
    runs: Runs = msgspec.field(default_factory=list)
    began: Natural = 0
    ended: Natural = 0


class Shown(Reply, frozen=True):
    """The contents of an object."""

    runs: Runs
    began: Natural = 0
    ended: Natural = 0


class Accounted(Reply, frozen=True):
    """The living objects, and their bytes."""

    objects: Natural
    bytes: Natural


class Slotted(Reply, frozen=True):
    """The slot, or the number of slots if none is free; and the path that found it, if it tells."""

    slot: Slot
    path: Literal["fast", "slow", "full"] | None = None


class Swept(Reply, frozen=True):
    """The slots freed, and whether none was free before."""

    nfreed: Slot
    was_empty: bool


class Flushed(Reply, frozen=True):
    """Whether the span was swept; and if so, what a sweep says."""

    swept: bool
    nfreed: Slot = 0
    was_empty: bool = False


class SpanShown(Reply, frozen=True):
    """The whole state of a span; `alloc_cache` is null where there is none, or it means nothing."""

    nelems: Slot
    freeindex: Slot
    alloc_count: Slot
    alloc_bits: Slots
    mark_bits: Slots
    sweepgen: Word
    needzero: Annotated[int, Meta(ge=0, le=1)]
    alloc_cache: Natural | None = None


class Returned(Reply, frozen=True):
    """What a call has come to: an address, or a number of pages, or 0; or that there is no memory.

    With `events`, what a recorder would have written of it: kinds, and figures by their names.
    """

    result: int = 0
    no_memory: bool = False
    events: list[tuple[str, Figures]] = msgspec.field(default_factory=list)


class Stopped(Returned, frozen=True, kw_only=True):
    """Where a call has stopped: after a step, because it waits for another P, or at its end.

    `published`: the sweepgen of `span` was stored, which no event tells. `left`: since it stopped
    last, the call has left those that sweep. The result is that of the call, at its end; events are
    those since it stopped last.
    """

    stop: Literal["step", "published", "waits", "ended"]
    span: Natural = 0
    left: bool = False


class HeapShown(Reply, frozen=True):
    """The whole state of a heap: its parts by their names."""

    state: Figures


class Programmed(Reply, frozen=True):
    """The replies to a program's requests, in their order."""

    replies: list[msgspec.Raw]


class Refused(Reply, frozen=True):
    """The rules forbid what was asked; nothing has changed. In place of any other reply.

    A heap may give one of the reasons of `spanproof.fuzz.reasons`, which then is compared; and it
    may have swept a span before it could tell, of which the `events` are.
    """

    refused: str
    reason: str = ""
    events: list[tuple[str, Figures]] = msgspec.field(default_factory=list)


class Failed(Reply, frozen=True):
    """It cannot do what was asked, for a reason of its own. In place of any other reply."""

    error: str


REPLIES: Final[dict[type[Ask], type[Reply]]] = {
    Hello: Greeting,
    Size: Sized,
    NewContract: Done,
    Malloc: Made,
    Realloc: Made,
    Free: Shown,
    Show: Shown,
    Account: Accounted,
    NewSpan: Done,
    Allocate: Slotted,
    Mark: Done,
    Refill: Done,
    Retire: Done,
    Flush: Flushed,
    Sweep: Swept,
    SpanState: SpanShown,
    NewHeap: Done,
    HeapCall: Returned,
    HeapBegin: Stopped,
    Turn: Stopped,
    HeapState: HeapShown,
    Program: Programmed,
}
"""The reply to each request."""


def op_of(request: Ask | type[Ask]) -> str:
    """Return the name of a request, as the field `op` has it."""
    tag = request.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
