"""States and requests that no course of ours makes, each of which a fatal check has to refuse."""

from collections.abc import Callable

from spanproof.theorems.courses.fatal import containers, machine, pages, rules, sharing, spans


def provoked() -> dict[str, Callable[[], object]]:
    """Return what runs into a fatal check, by the rule's id and a name."""
    return {
        f"{check}-{act.__name__}": act
        for module in (containers, machine, pages, rules, sharing, spans)
        for check, act in module.CHECKS
    }
