"""What a heap that lacks something is not asked for."""

from collections.abc import Collection
from typing import Final

from spanproof.protocol.messages import Ask, Call, HeapCall, Lack, LackOfHeap, NewHeap

CALLS: Final[dict[LackOfHeap, tuple[Call, ...]]] = {
    "cycles": (
        "start_cycle",
        "mark",
        "find",
        "finish_cycle",
        "finish_paced",
        "sweep_one",
        "ensure_swept",
        "set_gc_percent",
        "trigger",
        "free_os_memory",
    ),
    "specials": ("add_special", "remove_finalizer", "run_finalizers"),
    "manual": ("take_manual", "free_manual"),
    "procs": ("set_procs",),
    "scavenger": ("scavenge_all", "pass_time", "free_os_memory"),
}
"""The calls that a heap does not have then."""

ONE_SIZE: Final = 4096
"""Bytes of a physical page, for a heap that knows no other."""


def can_be_asked(request: Ask, lacks: Collection[Lack]) -> bool:
    """Tell whether a request asks for nothing that a heap lacks."""
    match request:
        case HeapCall(call=call, p=p):
            unknown = any(lack in lacks and call in calls for lack, calls in CALLS.items())
            return not unknown and not ("procs" in lacks and p)
        case NewHeap(procs=procs, physical=physical, answers=answers):
            return not (
                ("procs" in lacks and procs != 1)
                or ("physical" in lacks and physical != ONE_SIZE)
                or ("answers" in lacks and answers)
            )
        case _:
            return True
