"""What a run of a program has shown of the model that others have not: by that, programs are kept.

It is read from the model alone, so that it serves an implementation in any language: which call
came to what, by which path; what the path said of its way; in which situation; and which two calls,
or steps of two threads, met. Each is a tuple, so that a feature is the same in every process.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple, cast

from msgspec import inspect

from spanproof.replay.format.schema import KINDS
from spanspec.heap.state.state import HeapState

Feature = tuple[Hashable, ...]
"""Something that a run has shown."""

NARROW: Final = 4
"""A figure of an event that is always below this tells of a way, rather than of a quantity."""

RESERVES: Final = "os reserve"
"""The kind of event in which the system is asked for addresses."""

MOST_WAYS: Final = 10_000
"""Ways of which it is remembered what they show."""

SLOTS_ALONE: Final = frozenset({"m", "t"})
"""Kinds of events of calls that change nothing but slots, and a tiny block."""

MANY: Final = 3
"""Numbers are told apart up to this one."""


KIND: Final = cast("Callable[[Mapping[str, object]], str]", itemgetter("k"))
"""Returns the kind of an event."""


class Path:
    """What one run has shown of the calls that have told events of some kinds.

    `times` counts them; `seen` has the figures that tell of a way. With `alone` they have changed
    nothing but slots.
    """

    __slots__ = ("alone", "kinds", "seen", "times", "way")

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        self.times = 0
        self.alone = SLOTS_ALONE.issuperset(kinds)
        self.way = way_through(kinds)
        self.seen: set[tuple[tuple[object, ...], ...]] = set()


class Novelty:
    """Collects the features of one run of a program on a whole heap, and counts what it tells.

    `paths` has what is told in calls so far, by its kinds.
    """

    def __init__(self, state: HeapState) -> None:
        self.features: set[Feature] = set()
        self.paths: dict[tuple[str, ...], Path] = {}
        self._state = state
        self._end = 0
        self._last: Feature = ()
        self._in: Feature = ()
        self._again: Feature = ()
        self._situation: Feature | None = None

    def call_ends(self, step: str, outcome: str, told: Sequence[Mapping[str, object]]) -> "Path":
        """Note what a call of a step came to: a refusal's reason, or "", and what was told.

        The situation is that at the end of the call; it is not looked at again while calls change
        nothing that is part of it. Returns the path.
        """
        shown: Hashable
        again: Feature = ()
        if len(told) == 1:
            (figures,) = told
            kind = cast("str", figures["k"])
            shown = (kind, figures.get("w"), figures.get("f"))
            path = self.paths.get((kind,)) or self._path((kind,))
            path.times += 1
            if path.alone:
                again = (step, outcome, shown)
                # It comes to what the last call did, in the same situation: all of that is noted.
                if again == self._again and self._situation is not None:
                    return path
            else:
                self._situation = None
        else:
            self._situation = None
            kinds = tuple(map(KIND, told))
            path = self.paths.get(kinds) or self._path(kinds)
            path.times += 1
            way = path.way
            shown = way.kinds
            if way.looked_at:
                seen = tuple([values(told[at]) for at, _, values in way.looked_at])
                # What was seen on this path is noted.
                if seen not in path.seen:
                    path.seen.add(seen)
                    for (_, narrow_kind, _), values in zip(way.looked_at, seen, strict=True):
                        self.features.add(("way", narrow_kind, values))
            if way.asked:
                self._ask(way, told)
        self._again = again
        self._note((step, outcome, shown))
        if self._situation is None:
            self._situation = situation_of(self._state)
        situation: Feature = ("in", step, outcome, len(told) > 1, self._situation)
        if situation != self._in:
            self.features.add(situation)
            self._in = situation
        return path

    def _path(self, kinds: tuple[str, ...]) -> "Path":
        """Return what is kept of a path that is taken for the first time."""
        path = self.paths[kinds] = Path(kinds)
        if len(kinds) != 1:
            self.features |= path.way.pairs
        return path

    def _ask(self, way: "EventWay", told: Sequence[Mapping[str, object]]) -> None:
        """Note what the system has answered."""
        for at in way.asked:
            self.features.add(self._place(told[at]))
        self._end = self._state.pages.current.end

    def _note(self, signature: Feature) -> None:
        """Note what a call came to, and after which."""
        if signature != self._last:
            self.features.add(("path", *signature))
            self.features.add(("met", self._last[:2], signature))
            self._last = signature

    def _place(self, figures: Mapping[str, object]) -> Feature:
        """Return what the system has answered when it was asked for addresses.

        It matters whether it was asked for any, and on which side of the newest arena's end they
        are: the heap may grow there, or downwards.
        """
        address, found = figures["address"], figures["found"]
        assert isinstance(found, int)
        side = (found > self._end) - (found < self._end)
        return ("asked", address == 0, found == address, found == 0, self._end == 0, side)

    def look_anew(self) -> None:
        """Note that the heap has changed by calls of which no end was noted."""
        self._situation = None

    def steps_meet(self, before: Sequence[str], after: Sequence[str]) -> None:
        """Note that a step of a thread came right after one of another, by what each has told."""
        self.features.add(("threads", tuple(before), tuple(after)))


def situation_of(state: HeapState) -> Feature:
    """Return the situation in which a heap is."""
    pages, cycle = state.pages, state.cycle
    current = pages.current
    return (
        state.phase,
        state.sweepdone,
        cycle if cycle < MANY else MANY,
        state.sweepgen < NARROW * 2,
        pages.stats.heap_released > current.end - current.base,
        bool(state.finalizers),
        state.progress.reclaim_credit > 0,
    )


def lasting(feature: Feature) -> str:
    """Return a short name of a feature that is the same in every process, and on every machine."""
    name = _NAMES.get(feature)
    if name is None:
        name = _NAMES[feature] = blake2b(spelled(feature).encode(), digest_size=8).hexdigest()
    return name


def spelled(value: object) -> str:
    """Return a feature, or a part of one, as a text."""
    if isinstance(value, frozenset):
        return f"{{{','.join(sorted(map(spelled, value)))}}}"
    if isinstance(value, tuple):
        return f"({','.join(map(spelled, value))})"
    return repr(value)


_NAMES: Final[dict[Feature, str]] = {}


Values = Callable[[Mapping[str, object]], tuple[object, ...]]
"""Returns the values of some figures of an event."""


def values_of(names: tuple[str, ...]) -> Values:
    """Return what returns the values of one figure or more, which an event has to have."""
    if len(names) == 1:
        (name,) = names
        return lambda event: (event[name],)
    several: Values = itemgetter(*names)
    return several


class EventWay(NamedTuple):
    """What the kinds of a call's events show.

    `kinds` are all of them, `pairs` those that follow each other; `looked_at` are the events, by
    place, with the figures that tell of a way, and `asked` those in which the system is asked for
    addresses.
    """

    kinds: frozenset[str]
    pairs: frozenset[Feature]
    looked_at: tuple[tuple[int, str, Values], ...]
    asked: tuple[int, ...]


def way_through(kinds: tuple[str, ...]) -> EventWay:
    """Return what the kinds of the events of a call show, and which of their figures to look at."""
    known = _WAYS.get(kinds)
    if known is None:
        pairs = frozenset(one_then(first, second) for first, second in pairwise(kinds))
        looked_at = tuple(
            [(at, kind, values_of(narrow(kind))) for at, kind in enumerate(kinds) if narrow(kind)]
        )
        asked = tuple([at for at, kind in enumerate(kinds) if kind == RESERVES])
        known = EventWay(frozenset(kinds), pairs, looked_at, asked)
        if len(_WAYS) < MOST_WAYS:
            _WAYS[kinds] = known
    return known


_WAYS: Final[dict[tuple[str, ...], EventWay]] = {}


@cache
def one_then(first: str, second: str) -> Feature:
    """Return the feature that an event followed another: the same tuple each time.

    A set that has it already finds that out without comparing it.
    """
    return ("then", first, second)


@cache
def narrow(kind: str) -> tuple[str, ...]:
    """Return the keys of an event's figures that have few values: flags, and names."""
    if kind not in KINDS:
        return ()
    described = inspect.type_info(KINDS[kind])
    assert isinstance(described, inspect.StructType)
    return tuple(
        [
            one.encode_name
            for one in described.fields
            if isinstance(one.type, inspect.LiteralType)
            or (isinstance(one.type, inspect.IntType) and (one.type.le or NARROW) < NARROW)
        ]
    )
