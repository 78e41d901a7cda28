"""Which obligations build on the claims of which others. This module needs no solver."""

from collections.abc import Iterator, Mapping, Sequence


class Circular(ValueError):
    """Obligations rest on each other in a circle."""


def rests_on(start: str, uses: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the obligations that one rests on, those of the others included, nearest first.

    Raises: Circular, naming the circle; ValueError if one is named that does not exist.
    """
    found: dict[str, None] = {}

    def follow(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = [*path[path.index(name) :], name]
            raise Circular(f"obligations rest on each other: {' -> '.join(circle)}")
        if name not in uses:
            raise ValueError(f"{path[-1]} rests on {name}, which is no obligation")
        if name in found:
            return
        if path:
            found[name] = None
        for other in uses[name]:
            follow(other, (*path, name))

    follow(start, ())
    return list(found)


def graph(uses: Mapping[str, Sequence[str]], names: Sequence[str]) -> Iterator[str]:
    """Yield lines: each obligation that rests on others, and below it those, and so on."""

    def below(name: str, depth: int) -> Iterator[str]:
        for other in uses[name]:
            yield f"{'  ' * depth}{other}"
            yield from below(other, depth + 1)

    for name in names:
        rests_on(name, uses)
        if uses[name]:
            yield name
            yield from below(name, 1)
