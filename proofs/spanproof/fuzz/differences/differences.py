"""Where two sides part, and how a difference is found and shown."""

import signal
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Literal, cast

from spanproof.fuzz.differences.display import both_shown, event_shown, first_difference
from spanproof.fuzz.differences.partrules import of_event, of_part
from spanproof.fuzz.differences.plain import plain, said_by
from spanproof.fuzz.scheduler import Abandoned

Told = tuple[str, Mapping[str, object]]
"""An event: its kind, and its figures."""


SideName = Literal["model", "implementation"]

FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "runs": ("base", "npages", "state", "scavenged", "needzero"),
    "caches": ("mcache", "flush generation", "spans", "tiny block", "tiny offset"),
    "central": ("nonempty", "empty"),
    "current arena": ("base", "end"),
    "scavenger": ("parked", "wakes at", "delay", "backs off"),
}
"""The fields of what a state has as tuples, by the name of the part."""

SINGLE: Final = ("current arena", "scavenger")
"""Parts that are one such tuple; the others have one for each key."""


CACHE: Final = "allocCache"


class Difference(Exception):
    """The two sides differ.

    `side` is the one that failed on its own: it raised, or broke an invariant of its own. None
    where both have answered, and only their answers differ. `rules` fix what differs; `after` says
    that it is a state, after a step, rather than what was said or told in it.
    """

    def __init__(
        self,
        what: str,
        expected: object,
        seen: object,
        *,
        side: SideName | None = None,
        rules: tuple[str, ...] = (),
        after: bool = False,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.expected = plain(expected)
        self.seen = plain(seen)
        self.side = side
        self.rules = rules
        self.after = after


class Raised(Exception):
    """A side raised what it may not; the cause is what it raised."""

    def __init__(self, side: SideName, problem: BaseException) -> None:
        super().__init__(side)
        self.side: SideName = side
        self.says = said_by(problem)


class Refused(Exception):
    """A side refused a step, as the runtime's fatal checks do; the state must be unchanged.

    `reason` is one of `spanproof.fuzz.reasons`, which the other side's must be, too; "" gives none.
    """

    def __init__(self, text: str = "", reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class NoMemory(Exception):
    """The operating system refused, and so the side did."""


ANSWERS: Final = (Refused, NoMemory, Difference, Raised, Abandoned)
"""What a side may raise, what was told of a side already, and the end of a call in the middle."""


class CodeOf:
    """Says whose code runs in a `with` block, so that what it raises names the right side.

    Raises: Raised for whatever the block raises but an answer.
    """

    def __init__(self, side: SideName) -> None:
        self._side: SideName = side

    def __enter__(self) -> None:
        """Begin to run code of the side."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        if problem is not None:
            self.blame(problem)

    def blame(self, problem: BaseException) -> None:
        """Say that code of the side has raised something, as `with` does at the end of its block.

        For what is done for each call: a `try` that calls this costs nothing if nothing is raised.
        """
        if not isinstance(problem, ANSWERS) and not is_of_user(problem):
            raise Raised(self._side, problem) from problem


def is_of_user(problem: BaseException) -> bool:
    """Tell whether it is an interrupt by the user, rather than raised by a side.

    Where Ctrl-C interrupts nothing, as in a process that runs an implementation, none is.
    """
    by_signal = signal.getsignal(signal.SIGINT) not in (signal.SIG_DFL, signal.SIG_IGN)
    return isinstance(problem, KeyboardInterrupt) and by_signal


MODEL: Final = CodeOf("model")
IMPLEMENTATION: Final = CodeOf("implementation")


def compare_events(expected: Sequence[Told], seen: Sequence[Told]) -> None:
    """Compare what both sides have told.

    Raises: Difference at the first event that one side told otherwise, or not at all.
    """
    if expected == seen:
        return
    seen = cast("Sequence[Told]", shaped(seen, expected))
    for (kind, one), (seen_kind, other) in zip(expected, seen, strict=False):
        if kind == seen_kind and one == other:
            continue
        field = first_difference(kind, one, other) if kind == seen_kind else ""
        raise Difference(
            f"event {kind!r}{f', {field}' if field else ''}",
            event_shown(kind, one),
            event_shown(seen_kind, other),
            rules=of_event(kind, field),
        )
    if len(expected) != len(seen):
        longer = expected if len(expected) > len(seen) else seen
        kind, figures = longer[min(len(expected), len(seen))]
        texts = (f"there is {event_shown(kind, figures)}", "there is none")
        one_side, other_side = texts if longer is expected else reversed(texts)
        raise Difference(f"event {kind!r}", one_side, other_side, rules=of_event(kind, ""))


def compare_states(expected: Mapping[str, object], seen: Mapping[str, object]) -> None:
    """Compare two states part by part, and show the innermost part that differs.

    Raises: Difference at the first difference.
    """
    if expected == seen:
        return
    seen = cast("Mapping[str, object]", shaped(seen, expected))
    if expected == seen:
        return
    if shows_no_cache(seen):
        expected = {name: without_cache(part) for name, part in expected.items()}
        if expected == seen:
            return
    path, one, other = difference(expected, seen)
    if not path:
        raise Difference("the state", "has parts", "has none", after=True)
    texts = both_shown(path[-1], one, other)
    raise Difference(", ".join(path), *texts, rules=of_part(path), after=True)


def shows_no_cache(state: Mapping[str, object]) -> bool:
    """Tell whether no span of a state shows an allocCache, as where there are none."""
    return all(part == without_cache(part) for part in state.values())


def without_cache(part: object) -> object:
    """Return a part of a state; if it is a span, without its allocCache."""
    return {**part, CACHE: None} if isinstance(part, Mapping) and CACHE in part else part


def difference(
    expected: Mapping[str, object], seen: Mapping[str, object]
) -> tuple[tuple[str, ...], object, object]:
    """Return where two different states first differ, and what each has there."""
    path: tuple[str, ...] = ()
    one: object = expected
    other: object = seen
    while True:
        inner, names = parts_of(path, one), parts_of(path, other)
        if not inner or not names:
            return path, one, other
        for name in (*inner, *(name for name in names if name not in inner)):
            if inner.get(name, "absent") != names.get(name, "absent"):
                one, other = inner.get(name, "absent"), names.get(name, "absent")
                path = (*path, name)
                break
        else:
            return path, one, other


def parts_of(path: tuple[str, ...], value: object) -> Mapping[str, object]:
    """Return the parts of a value by name; none if it is shown as a whole."""
    if isinstance(value, Mapping):
        return {str(name): part for name, part in value.items()}
    names = FIELDS.get(path[0] if path else "", ())
    if isinstance(value, tuple) and names and len(path) == (1 if path[0] in SINGLE else 2):
        return dict(zip(names, value, strict=False))
    return {}


def shaped(seen: object, like: object) -> object:
    """Return what was read from JSON in the shape of what it is compared with.

    JSON has lists for tuples, and names for numbers as keys.
    """
    if isinstance(like, Mapping) and isinstance(seen, Mapping):
        names = {str(key): key for key in like}
        return {
            names.get(key, key): shaped(value, like.get(names.get(key, key)))
            for key, value in seen.items()
        }
    if isinstance(seen, list) and isinstance(like, tuple | list):
        longer = [*like, *[like[-1] if like else None] * (len(seen) - len(like))]
        parts = [shaped(one, other) for one, other in zip(seen, longer, strict=False)]
        return type(like)(parts) if type(like) in (tuple, list) else tuple(parts)
    if isinstance(seen, list):
        return tuple(shaped(one, None) for one in seen)
    return seen
