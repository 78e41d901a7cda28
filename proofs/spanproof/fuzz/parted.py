"""Where two sides part, and how a difference is found and shown."""

from collections.abc import Mapping, Sequence

Told = tuple[str, Mapping[str, object]]
"""An event: its kind, and its figures."""


class Parted(Exception):
    """The two sides differ."""

    def __init__(self, what: str, expected: object, seen: object) -> None:
        super().__init__(what)
        self.what = what
        self.expected = str(expected)
        self.seen = str(seen)


def compare_events(expected: Sequence[Told], seen: Sequence[Told]) -> None:
    """Compare what both sides have told.

    Raises: Parted at the first event that one side told otherwise, or not at all.
    """
    for one, other in zip(expected, seen, strict=False):
        if one != other:
            raise Parted(f"event {one[0]!r}", one, other)
    if len(expected) != len(seen):
        longer = expected if len(expected) > len(seen) else seen
        extra = longer[min(len(expected), len(seen))]
        shown = ("there is " + str(extra), "there is none")
        raise Parted(f"event {extra[0]!r}", *(shown if longer is expected else reversed(shown)))


def compare_states(where: str, expected: Mapping[str, object], seen: Mapping[str, object]) -> None:
    """Compare two states part by part.

    Raises: Parted at the first difference.
    """
    for name in [*expected, *(name for name in seen if name not in expected)]:
        one, other = expected.get(name, "absent"), seen.get(name, "absent")
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            compare_states(f"{where}{name}: ", one, other)
        in_hex = isinstance(name, str) and name.endswith(("Bits", "Cache", "base", "limit"))
        raise Parted(f"{where}{name}", shown(one, in_hex), shown(other, in_hex))


def shown(value: object, in_hex: bool) -> str:
    """Return a figure as it is shown."""
    return hex(value) if in_hex and isinstance(value, int) else str(value)


def shown_address(value: object) -> str:
    """Return a result as it is shown: what is too large for a number of pages, as an address."""
    return shown(value, isinstance(value, int) and value > 4096)
