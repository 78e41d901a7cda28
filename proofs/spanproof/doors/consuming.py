"""Asking an implementation what vectors ask, and comparing its replies with theirs."""

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from spanproof.fuzz.levels.recorded import shown
from spanproof.fuzz.levels.remote import Answerer
from spanproof.fuzz.subjects import Refused
from spanproof.protocol import messages
from spanproof.protocol.faults import Broken
from spanproof.protocol.messages import REPLIES

LEFT_OUT: Final = {"span_state": "state"}
"""Requests that are left out for an implementation that does not show what they ask for."""


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

    Raises: CannotStart if it cannot be started; ValueError for a line that is no vector.
    """
    greeting = answerer.greeted()
    vectors, replies, wrong = 0, 0, list[WrongReply]()
    for line in lines:
        vector = json.loads(line)
        if vector["level"] not in greeting.levels:
            continue
        vectors += 1
        for asked, wanted in vector["exchange"]:
            if LEFT_OUT.get(asked["op"], "results") not in {"results", *greeting.shows}:
                continue
            replies += 1
            request = msgspec.convert({**asked, "n": 0}, type=messages.Request)
            seen = reply_to(answerer, request)
            if not agree(wanted, seen):
                ask, must, says = (json.dumps(one) for one in (asked, wanted, seen))
                wrong.append(WrongReply(vectors, ask, must, says, tuple(vector["rules"])))
                break
    return Consumed(vectors, replies, wrong)


def reply_to(answerer: Answerer, request: messages.Request) -> dict[str, object]:
    """Return the fields of a reply, without its number; what it breaks, if it does, as `broken`."""
    try:
        fields = shown(answerer.ask(request, REPLIES[type(request)]))
    except Refused as problem:
        return {"refused": str(problem)}
    except Broken as problem:
        return {"broken": str(problem)}
    return {name: value for name, value in fields.items() if name != "n"}


def agree(wanted: dict[str, object], seen: dict[str, object]) -> bool:
    """Tell whether a reply says what it has to; in a refusal the words may be others."""
    if "refused" in wanted or "refused" in seen:
        return "refused" in wanted and "refused" in seen
    said = {name: value for name, value in seen.items() if value is not None}
    return all(name in wanted and wanted[name] == value for name, value in said.items())
