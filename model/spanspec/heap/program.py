"""What may be asked of a heap: the inputs of `Heap.step`.

The program, the marker and the scheduler are not part of the allocator. Each of these records is
one decision of theirs; `p` is the P on which it is taken.
"""

from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.events.heap_events import Purpose
from spanspec.heap.state.pacing import Effort
from spanspec.span.specials import SpecialKind


class Input(Record, frozen=True, tag_field="do"):
    """Any of the inputs below; encoded as JSON, `do` tells which."""

    p: int = 0


class Allocate(Input, frozen=True, tag="allocate"):
    """Allocate `size` bytes; `noscan`: without pointers; `zero`: cleared memory is wanted."""

    size: U64 = 0
    noscan: bool = False
    zero: bool = True


class StartCycle(Input, frozen=True, tag="start-cycle"):
    """Start a cycle: what is still unswept is swept, then marking begins."""


class MarkObject(Input, frozen=True, tag="mark"):
    """Mark the object that holds an address."""

    address: U64 = 0


class FinishCycle(Input, frozen=True, tag="finish-cycle"):
    """End marking: whatever has no mark is dead, and swept from now on.

    `effort` is what the cycle has taken, if it began by itself, as the heap had grown to its
    trigger; None, if somebody asked for it: then it tells nothing of the trigger.
    """

    effort: Effort | None = None


class SweepOne(Input, frozen=True, tag="sweep-one"):
    """Sweep one span in the background."""


class FinishSweeping(Input, frozen=True, tag="finish-sweeping"):
    """Sweep all that is left, and wait for those who sweep, as runtime.GC does at its end."""


class EnsureSwept(Input, frozen=True, tag="ensure-swept"):
    """Have the span that holds an address swept."""

    address: U64 = 0


class TakeManual(Input, frozen=True, tag="take-manual"):
    """Take a span that is managed by hand: a stack (`npages` a power of two), or work buffers."""

    npages: U64 = 4
    purpose: Purpose = "stack"


class FreeManual(Input, frozen=True, tag="free-manual"):
    """Give a manual span back."""

    span: int = 0


class SetProcs(Input, frozen=True, tag="set-procs"):
    """Set the number of Ps."""

    procs: int = 1


class ScavengeAll(Input, frozen=True, tag="scavenge-all"):
    """Return all free memory to the operating system, as FreeOSMemory does after its cycle."""


class ScavengeLater(Input, frozen=True, tag="scavenge-later"):
    """Let time pass, and the background scavenger do what its pacing asks for."""

    nanoseconds: U64 = 1_000_000_000


class SetGcPercent(Input, frozen=True, tag="set-gc-percent"):
    """Set GOGC: by how many percent the heap may grow before it is collected; below 0: never."""

    percent: int = 100


class AddSpecial(Input, frozen=True, tag="add-special"):
    """Give the object at an address a finalizer, or a profile record.

    It is the first byte of a slot, or any in a tiny block.
    """

    address: U64 = 0
    kind: SpecialKind = "finalizer"


class RemoveFinalizer(Input, frozen=True, tag="remove-finalizer"):
    """Take the finalizer that was set for an address away, if there is one."""

    address: U64 = 0


class RunFinalizers(Input, frozen=True, tag="run-finalizers"):
    """Let all finalizers run that are due, as the runtime's goroutine for them does."""


class FlushMcaches(Input, frozen=True, tag="flush-mcaches"):
    """Stop the world and flush the mcache of every P, as ReadMemStats does before it counts."""


AnyInput = (
    Allocate
    | StartCycle
    | MarkObject
    | FinishCycle
    | SweepOne
    | FinishSweeping
    | EnsureSwept
    | TakeManual
    | FreeManual
    | SetProcs
    | ScavengeAll
    | ScavengeLater
    | SetGcPercent
    | AddSpecial
    | RemoveFinalizer
    | RunFinalizers
    | FlushMcaches
)
"""Any input, as it is decoded."""
