"""Mutants of how much the scavenger is to release, and when it wakes.

Names that begin with an issue or a commit of Go reintroduce that bug.
"""

from spanproof.patch.mutant import Variant, variants_of

SCAVENGE_LINE_MUTANTS = (
    *variants_of(
        "spanspec.pages.courses.scavengeline.growth_work",
        Variant(
            "growth-asks-for-all",
            "above if above < size else size",
            "above",
            "scavenge.growth",
            "growth asks back more than it takes",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.scavengeline.total_time_ns",
        Variant(
            "08a72c851c-no-time",
            "regular // phys.size",
            "regular // (2 * phys.size)",
            "scavenge.duration",
            "less than two physical pages take no time at all",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.scavengeline.wanted",
        Variant(
            "line-rises",
            "(basis - distance) & M64",
            "(basis + distance) & M64",
            "scavenge.line",
            "the line rises with time",
        ),
        Variant(
            "line-starts-low",
            "(basis - distance) & M64",
            "(basis - 2 * distance) & M64",
            "scavenge.clamped",
            "the line falls twice as fast",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.bgscavenge.wake",
        Variant(
            "34575-waking-resets-the-delay",
            "delay = scavenger.retry_delay",
            "delay = FIRST_RETRY_NS",
            "scavenge.wake",
            "whoever wakes the scavenger resets how long it waits when it has found nothing",
        ),
        Variant(
            "34575-any-waking-doubles-the-delay",
            "scavenger.backs_off and now >= scavenger.wake_at",
            "scavenger.backs_off",
            "scavenge.wake",
            "a sleep that is cut short counts as one without success",
        ),
    ),
)
