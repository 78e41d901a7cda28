"""States and requests that no course of ours makes, each of which a fatal check has to refuse."""

from collections.abc import Callable

from spanproof.theorems.courses.limits.fatal import (
    allocation,
    containers,
    freeruns,
    machine,
    pages,
    rules,
    sharing,
    sweeping,
)


def provoked() -> dict[str, Callable[[], object]]:
    """Return what runs into a fatal check, by the rule's id and a name."""
    every = (
        *containers.CHECKS,
        *freeruns.CHECKS,
        *machine.CHECKS,
        *pages.CHECKS,
        *rules.CHECKS,
        *sharing.CHECKS,
        *sweeping.CHECKS,
        *allocation.CHECKS,
    )
    return {f"{check}-{act.__name__}": act for check, act in every}
