"""What runs into the fatal checks of the runtime, by rule."""

from collections.abc import Callable
from typing import Final

PROVOKED: Final[dict[str, Callable[[], object]]] = {}
"""What runs into a fatal check, by the rule's id and a name."""


def fails(check: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Enter a function that must run into a fatal check."""

    def enter(provoke: Callable[[], object]) -> Callable[[], object]:
        PROVOKED[f"{check}-{provoke.__name__}"] = provoke
        return provoke

    return enter
