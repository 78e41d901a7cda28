"""Where arenas are reserved: every answer of the operating system, whatever hints there are."""

from collections import Counter
from itertools import product

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case, refuses
from spanproof.theorems.courses.memory.scripted import ANSWERS, Answer, ScriptedOs
from spanspec.base.constants import HEAP_ARENA_BYTES
from spanspec.heap.heap import Heap
from spanspec.heap.operations.refusals import OutOfMemory
from spanspec.pages.courses.growth import check_mapped
from spanspec.pages.memory.arena import Hint, Region, reservable, reserve_arenas
from spanspec.pages.tables.pagemap import MAX_ARENAS, arena_base


@explored(
    "memory.arenas",
    "AR-1 AR-4 AR-6 AR-8 T-8 T-9",
    needs="hint aligned none zero",
    assumes=(SMALL_SCOPE,),
)
def arenas_are_reserved_by_the_hints() -> Ran:
    """For every answer of the operating system to four reservations, with hints upwards, downwards
    or none: what is reserved is whole arenas, at the first hint that is granted, and the rest is
    given back. A hint down to address 0 asks for any place, and takes none.
    """
    arena = HEAP_ARENA_BYTES
    up, down = Hint(8 * arena, False), Hint(64 * arena, True)
    last = arena_base(MAX_ARENAS - 1)
    promise(reservable(last, arena), "AR-4: the last arena of the map")
    promise(not reservable(last, arena + 1), "AR-4: a byte beyond the last arena of the map")

    def case(met: Counter[str], hints: tuple[Hint, ...], script: tuple[Answer, ...]) -> None:
        for ask in (1, arena, arena + 1):
            size = -(-ask // arena) * arena
            os = ScriptedOs(script)
            region = reserve_arenas(os, hints, ask)
            used = [hint for hint, answer in zip(hints, script, strict=False) if answer == "grant"]
            if region is None:
                met["none"] += 1
                promise(not used and not os.held_regions(), "AR-4: something is kept")
                continue
            kept = os.held_regions()
            promise(kept == {region.base: region.size}, f"AR-4: {kept} are kept, not {region}")
            promise(region.base % arena == 0 and region.size % arena == 0, "T-9: no whole arenas")
            promise(region.size >= size, "AR-4: too little")
            if used:
                hint = used[0]
                base = hint.address - size if hint.down else hint.address
                after = Hint(base if hint.down else base + size, hint.down)
                left = (after, *hints[hints.index(hint) + 1 :])
                promise(region == (type(region))(base, size, left), f"AR-4: {region}")
                met["hint"] += 1
            else:
                end = region.base + region.size
                left = (Hint(end, False), Hint(region.base, True))
                promise(region.hints == left, f"AR-8: {region.hints}")
                met["aligned"] += 1

    cases = [
        (
            f"{len(hints)} hints, {' '.join(script)}",
            lambda met, hints=hints, script=script: case(met, hints, script),
        )
        for hints in ((), (up,), (down,), (up, down), (down, up))
        for script in product(ANSWERS, repeat=3)
    ]
    lowest = Hint(arena, True)

    def down_to_zero(met: Counter[str]) -> None:
        for answer in ANSWERS[:2]:
            os = ScriptedOs((answer, "grant"))
            region = reserve_arenas(os, (lowest, up), 1)
            promise(region is not None and region.base == up.address, f"AR-4: {region}")
            promise(os.held_regions() == {up.address: arena}, "AR-4: something is kept")
            promise(os.asked == 2, "AR-4: address 0 is not asked for")
        region = reserve_arenas(ScriptedOs(("refuse",)), (lowest, up), 1)
        promise(region == Region(0, arena, (Hint(0, True), up)), f"AR-4: {region}")
        refuses("T-79", lambda: check_mapped(0, 0))
        met["zero"] += 1

    def beyond_the_map(met: Counter[str]) -> None:
        # The map covers the lowest addresses and the highest, and none in between.
        high = (1 << 64) - (1 << 47)
        outside = Hint(high - arena, False)
        scripts: dict[int, tuple[Answer, ...]] = {1: ("grant",), arena + 1: ("refuse", "grant")}
        for ask, script in scripts.items():
            os = ScriptedOs(script)
            region = reserve_arenas(os, (outside, up), ask)
            promise(os.asked == len(script), f"AR-4: {os.asked} times for {ask} bytes")
            promise(region is not None and region.base == up.address, f"AR-4: {region}")
        refuses("T-8", lambda: reserve_arenas(ScriptedOs(()), (outside, up), arena + 1))
        met["zero"] += 1

    def no_hint_left(met: Counter[str]) -> None:
        heap = Heap(os=ScriptedOs((), "refuse"))
        try:
            heap.malloc(8)
        except OutOfMemory:
            left = heap.state.pages.hints
            promise(left == (), f"AR-4: {len(left)} hints are left, and each has failed")
            met["none"] += 1

    others = (
        ("a hint down to address 0", down_to_zero),
        ("a hint beyond the map", beyond_the_map),
        ("no hint is left", no_hint_left),
    )
    return every_case([*cases, *others])
