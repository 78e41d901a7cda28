"""The goroutine that scavenges in the background: when it works, sleeps and parks (SCAV-17 to -20).

Times are in nanoseconds.
"""

from typing import Final

from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.pages.courses.scavengeline import Line

FIRST_RETRY_NS: Final = 100_000
"""How long it sleeps when it finds nothing to release; twice as long each time after that."""


class Scavenger(Record, frozen=True):
    """Where the goroutine stands.

    It sleeps until `wake_at`, or is parked until somebody wakes it; `generation` is that of the
    line it last looked at. `backs_off`: it sleeps since it found nothing to release.
    """

    parked: bool = True
    wake_at: U64 = 0
    retry_delay: U64 = FIRST_RETRY_NS
    generation: int = 0
    backs_off: bool = False


def wake(scavenger: Scavenger, now: U64) -> Scavenger:
    """Let a goroutine that sleeps or is parked go on: its timer is over, or somebody wakes it.

    If it backs off and has slept to the end, it will sleep twice as long the next time; a sleep
    that is cut short leaves the delay what it was.

    Rules: SCAV-17 SCAV-18 SCAV-19 SCAV-20.
    """
    delay = scavenger.retry_delay
    # Woken early, it has not learnt that there is nothing to do.
    if scavenger.backs_off and now >= scavenger.wake_at:
        delay *= 2
    return Scavenger(False, now, delay, scavenger.generation, False)


def after_turn(
    scavenger: Scavenger, line: Line, now: U64, wanted: U64 | None, released: U64
) -> Scavenger:
    """Return where the goroutine stands after a turn in which so many bytes were released.

    Without work it parks. If nothing was released it sleeps for its delay. If more was released
    than the line asked for, it sleeps until the line has come down that far.

    Rules: SCAV-17 SCAV-18.
    """
    if wanted is None:
        return Scavenger(True, now, scavenger.retry_delay, line.generation)
    if released == 0:
        delay = scavenger.retry_delay
        return Scavenger(False, now + delay, delay, line.generation, backs_off=True)
    # More was released than was due, as runs are not cut to the byte: so the line is ahead of time.
    ahead = int(float(released - wanted) / line.rate) if released > wanted else 0
    pause = ahead if ahead > FIRST_RETRY_NS else 0
    return Scavenger(False, now + pause, FIRST_RETRY_NS, line.generation)


def may_sleep(scavenger: Scavenger, line: Line) -> bool:
    """Tell whether it sleeps at all: not if a new line was set since it looked.

    Rules: SCAV-19.
    """
    return scavenger.generation == line.generation
