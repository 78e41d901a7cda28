"""Every program of a few large requests, whatever the operating system answers to them."""

from functools import partial
from itertools import product

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.allocating import allocate, new_array
from spanproof.simulate.exhaustive.collecting import collect, free_os_memory
from spanproof.simulate.exhaustive.keeping import scavenge_all, take_manual
from spanproof.simulate.exhaustive.trying import Player, Setting, try_all
from spanproof.theorems.courses.memory.scripted import ANSWERS, answering


@explored(
    "memory.growth",
    "AR-4 AR-5 AR-6 AR-7 AR-8 HEAP-17 HEAP-18 HEAP-20 HEAP-21 OS-1 OS-3",
    needs="ArenaMapped HeapAllocates GrowAddsSpan",
    assumes=(SMALL_SCOPE,),
)
def the_heap_grows_whatever_the_system_answers() -> Ran:
    """Every program of two large requests, with each answer of the operating system to the first
    three reservations, or with each region below the one before: what is not used is given back,
    and the arenas are tiled.
    """
    operations = (allocate(40 << 20), allocate(100 << 20), take_manual(4), scavenge_all())
    settings = [
        Setting(" ".join(script), partial(answering, script), (), operations, 2)
        for script in product(ANSWERS, repeat=3)
    ]
    downwards = Setting("below", partial(answering, (), "below"), (), operations, 2)
    return try_all((*settings, downwards))


@explored(
    "memory.none-left",
    "HEAP-21 MAL-11 CEN-7 CEN-11 AR-8 T-21 T-22 T-52",
    needs="OutOfMemory CentralMisses gc",
    assumes=(SMALL_SCOPE,),
)
def a_heap_without_memory_stays_consistent() -> Ran:
    """Every program of three requests on a heap that gets one arena and no more: a request that
    fails changes nothing, and once something was freed there is room again.
    """
    one_arena = partial(answering, ("grant",), "refuse")
    operations = (allocate(60 << 20), allocate(4 << 20), allocate(8192), take_manual(4), collect())
    return try_all((Setting("one arena", one_arena, (), operations, 3),))


@explored(
    "memory.whole-cycles",
    "SWP-38 SCAV-13 MAL-20 MAL-18",
    needs="gc free-os-memory new-array",
    assumes=(SMALL_SCOPE,),
)
def what_users_call_does_all_of_it() -> Ran:
    """Every program of a few of the calls that a heap's users have: a whole cycle sweeps all, and
    FreeOSMemory releases all that is free; an array is as long as all of its elements.
    """
    operations = (allocate(8192), allocate(5 << 20), new_array(), collect(), free_os_memory())
    return try_all((Setting("calls", Player, (allocate(48),), operations, 3),))
