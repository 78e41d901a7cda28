"""Why nothing in the model stands for some rules.

The model takes the program, the scheduler, the marker and the clock as inputs, and each of its
steps is atomic. What a rule says of these from inside is not modelled.
"""

from typing import Final

REASONS: Final[dict[str, str]] = {
    "assist credit is the pacer's: the model has no goroutines": "MAL-2 MAL-17",
    "memory profiling": "MAL-16",
    "bytes of mark bits: the model's bitmaps are indexed by slot": "T-84",
    "inside of manual spans: how stacks and work buffers share one is not modelled": (
        "MC-15 T-100 T-101 T-102 T-103"
    ),
    "the scheduler's: which P and which thread acts, and when, is an input": (
        "T-95 T-96 T-97 T-98 T-99 T-107"
    ),
    "signals and preemption: nothing interrupts a thread of the model": "T-19 T-20 T-56 T-57",
    "race builds": "T-7",
    "Windows only": "T-14",
    "debug mode": "T-64 T-65 T-92 T-93",
    "links between records: the model's records are values, and do not come apart": (
        "T-71 T-72 T-74 T-77"
    ),
    "lock order: the model has no locks; the replay checks who holds the heap's": "CONC-2",
    "memory ordering: each step of the model is atomic": "CONC-3 CONC-7",
    "each step of the model is atomic: a trace gives the order of these points": "CONC-6",
    "a sweep of the model has no way to allocate": "CONC-10",
    "other Go versions": "VER-1 VER-2 VER-3 VER-5",
}
"""The ids of the rules that the model does not cover, by the reason why."""

UNCOVERED: Final = {rule: reason for reason, ids in REASONS.items() for rule in ids.split()}
"""The reason why the model does not cover a rule, by its id."""
