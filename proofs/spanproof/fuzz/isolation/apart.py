"""Code of others that no campaign runs: who answers, vectors, a finding that is written down.

It runs in a worker, too: whatever it does to the process that asks it, the command goes on.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from spanproof.fuzz.isolation.confined import Body, Sender
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.isolation.endreport import end_report
from spanproof.fuzz.isolation.shared_note import Note
from spanproof.fuzz.isolation.supervised import OurBug
from spanproof.fuzz.isolation.supervisor import Supervisor
from spanproof.protocol.faults import Broken

ResultT = TypeVar("ResultT")

RETURNED: Final = b"\0"
"""How a message begins that has a result; any other byte is the number of an exception, from 1."""


def apart(
    do: Callable[[], ResultT],
    result: type[ResultT],
    limits: Limits,
    expected: tuple[type[Exception], ...],
) -> ResultT:
    """Return what a function returns that runs in a worker.

    Raises: what of the `expected` exceptions it raises, with the same text; Broken if the worker
        ends otherwise; OSError if none can be started.
    """

    def body(assignment: bytes, sender: Sender, note: Note) -> None:
        try:
            said = RETURNED + msgspec.msgpack.encode(do())
        except expected as problem:
            kind = next(n for n, one in enumerate(expected, start=1) if isinstance(problem, one))
            said = bytes([kind]) + str(problem).encode(errors="backslashreplace")
        sender.send(said)

    messages: list[bytes] = []
    if ended := heard_apart(body, limits, messages.append):
        raise Broken(ended)
    (message,) = messages
    if message[:1] == RETURNED:
        return msgspec.msgpack.decode(message[1:], type=result)
    raise expected[message[0] - 1](message[1:].decode())


def heard_apart(body: Body, limits: Limits, hear: Callable[[bytes], None]) -> str:
    """Run something in a worker, and hear what it sends; return how it ended, if not by itself.

    Raises: OSError if none can be started; OurBug if our own code fails.
    """
    with Supervisor(body) as supervisor:
        for message in supervisor.run(b"", limits):
            hear(message)
        ended = supervisor.ended
        if ended.cause == "bug":
            raise OurBug(ended.printed.decode(errors="replace"))
        if ended.cause == "done":
            return ""
        return end_report(ended, limits, supervisor.note.read().cut_off)
