"""What several threads do at once: every schedule of a few operations each."""

from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.schedules.exploring import explore
from spanproof.simulate.schedules.scenes import named

MOST_STATES: Final = 2000
"""States after which a scene is not explored further; none of those below has so many."""


def every_schedule(*scenes: str) -> Ran:
    """Explore scenes until one fails; what was met are the steps that some schedule takes."""
    states, met = 0, dict[str, int]()
    for scene in scenes:
        found = explore(named(scene), MOST_STATES)
        states += found.states
        for step, times in found.steps.items():
            met[step] = met.get(step, 0) + times
        if found.failure is not None:
            moves = " ".join(map(str, found.schedule))
            return Ran(states, met, found.failure, f"{scene}: threads take a step each: {moves}")
        if not found.complete:
            return Ran(states, met, complete=False)
    return Ran(states, met)


@explored(
    "courses.refill-and-sweep",
    "CEN-3 CEN-4 CEN-6 CEN-7 CEN-14 SWP-3 SWP-15 SWP-25 SWP-27 CONC-1 CONC-4",
    needs="pop look drop compare-and-swap claim-listed move-claimed publish push install retire",
    assumes=(SMALL_SCOPE,),
)
def a_refill_meets_a_sweeper() -> Ran:
    """In every schedule of a refill and a sweeper, each step is taken where its guard holds, every
    invariant holds between two steps, and both come to their end.
    """
    return every_schedule("a refill from the nonempty list meets a sweeper")


@explored(
    "courses.stop-the-world",
    "SWP-32 SWP-35 SWP-37 MC-7 MC-12 CONC-9 T-86",
    needs="start-cycle flush uncache allocate grow use list-grown",
    assumes=(SMALL_SCOPE,),
)
def the_world_stops_between_operations() -> Ran:
    """In every schedule of threads that allocate and one that stops the world, cycles start only
    where all is swept and flushed, and everybody comes to his end.
    """
    return every_schedule(
        "the world stops while another allocates", "a cycle starts while not all is swept"
    )


@explored(
    "courses.free-and-take",
    "SWP-28 SWP-29 HEAP-24 HEAP-26 CONC-1",
    needs="free pop examine publish-dead",
    assumes=(SMALL_SCOPE,),
)
def a_span_that_is_freed_meets_one_that_takes_pages() -> Ran:
    """In every schedule of a thread that takes pages and one whose sweep gives spans back, no page
    is had by both.
    """
    return every_schedule("a manual span meets a sweeper that frees")
