"""Asking an implementation what vectors ask, and comparing its replies with theirs."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Final, NamedTuple, cast

import msgspec

from spanproof.fuzz.differences.differences import Difference, compare_states
from spanproof.fuzz.levels.answeringheap import program_of
from spanproof.fuzz.levels.atonce import (
    Calls,
    JointOutcome,
    SaidByAll,
    made,
    said_of,
    ways,
    why_none,
)
from spanproof.fuzz.levels.recorded import shown
from spanproof.fuzz.levels.remote import Answerer, refusal_of
from spanproof.fuzz.levels.remoteheap import RemoteHeaps
from spanproof.fuzz.reasons import are_alike
from spanproof.fuzz.subjects import Refused
from spanproof.protocol import messages
from spanproof.protocol.faults import Broken
from spanproof.protocol.lacks import can_be_asked
from spanproof.protocol.messages import (
    REPLIES,
    Ask,
    Greeting,
    HeapCall,
    HeapState,
    NewHeap,
    SpanState,
)

NO_VECTOR: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What is raised for a line that is JSON, and no vector, or no JSON."""

CALLS: Final = {"find": "find", "trigger": "set_gc_percent"}
"""Calls that are left out for a heap without them, as its `hello` names what it has."""


class OutcomeLine(msgspec.Struct, frozen=True):
    """What calls may come to, and the state that they then leave."""

    said: SaidByAll
    state: msgspec.Raw


class RaceLine(msgspec.Struct, frozen=True):
    """A vector of a race: what is asked before, the calls of each thread, and what they may do."""

    exchange: list[tuple[messages.Request, msgspec.Raw]]
    outcomes: list[OutcomeLine]
    at_once: tuple[Calls, ...] = msgspec.field(name="at once")


class WrongReply(NamedTuple):
    """The number of a vector, from 1, what was asked, what has to be said, and what was said."""

    vector: int
    asked: str
    wanted: str
    seen: str
    rules: tuple[str, ...]


class Consumed(NamedTuple):
    """How many vectors were asked, and replies compared; the first wrong one of each vector."""

    vectors: int
    replies: int
    wrong: list[WrongReply]


def consume(answerer: Answerer, lines: Iterable[bytes]) -> Consumed:
    """Ask what the vectors of its levels ask; fields that it does not show are not compared.

    Raises: CannotStart if it cannot be started; one of `NO_VECTOR` for a line that is none.
    """
    greeting = answerer.greeted()
    vectors, replies, wrong = 0, 0, list[WrongReply]()
    for line in lines:
        vector = json.loads(line)
        if vector["level"] not in greeting.levels:
            continue
        if not {*vector.get("needs", ())}.issubset(greeting.calls):
            continue
        asks = [*(asked for asked, _ in vector["exchange"]), *chain(*vector.get("at once", ()))]
        requests = [msgspec.convert({**one, "n": 0}, type=messages.Request) for one in asks]
        if not all(can_be_asked(one, greeting.lacks) for one in requests):
            continue
        vectors += 1
        if "at once" in vector:
            replies += 1
            why = parted(answerer, msgspec.json.decode(line, type=RaceLine))
            if why:
                asked, must = json.dumps(vector["at once"]), "one of its outcomes"
                wrong.append(WrongReply(vectors, asked, must, why, tuple(vector["rules"])))
            continue
        for request, (asked, wanted) in zip(requests, vector["exchange"], strict=False):
            if not is_asked_of(request, greeting):
                continue
            replies += 1
            seen = reply_to(answerer, request)
            if "events" not in greeting.shows:
                seen.pop("events", None)
            if not agree(wanted, seen):
                ask, must, says = (json.dumps(one) for one in (asked, wanted, seen))
                wrong.append(WrongReply(vectors, ask, must, says, tuple(vector["rules"])))
                break
    return Consumed(vectors, replies, wrong)


def is_asked_of(request: Ask, greeting: Greeting) -> bool:
    """Tell whether an implementation can be asked for something."""
    if isinstance(request, SpanState | HeapState):
        return "state" in greeting.shows
    call = CALLS.get(request.call) if isinstance(request, HeapCall) else None
    return call is None or call in greeting.calls


def parted(answerer: Answerer, race: RaceLine) -> str:
    """Return why calls that are made at once come to none of the outcomes, "" if they always do."""
    outcomes = [JointOutcome(one.said, bytes(one.state)) for one in race.outcomes]
    asked = [ask for ask, _ in race.exchange if is_asked_of(ask, answerer.greeted())]
    start = program_of(cast("NewHeap", asked[0]))
    in_steps = "schedule" in answerer.greeted().levels
    for way in ways(race.at_once, in_steps):
        try:
            heap = RemoteHeaps(answerer)(start)
            for ask in asked:
                if isinstance(ask, HeapCall):
                    said_of(heap, ask)
            why = why_none(outcomes, made(heap, race.at_once, way, in_steps), heap.state())
        except (Broken, RuntimeError) as problem:
            return str(problem)
        if why:
            return f"{why}, in the order {' '.join(map(str, way))}"
    return ""


def reply_to(answerer: Answerer, request: messages.Request) -> dict[str, object]:
    """Return the fields of a reply, without its number; what it breaks, if it does, as `broken`."""
    try:
        fields = shown(answerer.ask(request, REPLIES[type(request)]))
    except Refused as problem:
        return {"events": [], **shown(refusal_of(problem))}
    except Broken as problem:
        return {"broken": str(problem)}
    return {name: value for name, value in fields.items() if name != "n"}


def agree(wanted: dict[str, object], seen: dict[str, object]) -> bool:
    """Tell whether a reply says what it has to; what it leaves out is not compared.

    In a refusal the words may be others.
    """
    said = {name: value for name, value in seen.items() if value is not None}
    if "refused" in wanted or "refused" in said:
        return (
            "refused" in wanted
            and "refused" in said
            and are_alike(str(wanted.get("reason", "")), str(said.get("reason", "")))
            and ("events" not in said or said["events"] == wanted.get("events", []))
        )
    state = said.pop("state", None)
    if state is not None and not same_state(wanted.get("state"), state):
        return False
    return all(name in wanted and wanted[name] == value for name, value in said.items())


def same_state(wanted: object, seen: object) -> bool:
    """Tell whether two states of a heap are the same, as far as both have an allocCache."""
    if not isinstance(wanted, dict) or not isinstance(seen, dict):
        return False
    try:
        compare_states(wanted, seen)
    except Difference:
        return False
    return True
