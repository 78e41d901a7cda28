"""Reading a reply: each is held against its form, and an error names the field and the form."""

from functools import cache
from typing import Final, TypeVar

import msgspec

from spanproof.protocol.faults import Broken, Declined
from spanproof.protocol.messages import REPLIES, Ask, Failed, Figures, Refused, Reply, op_of

ReplyT = TypeVar("ReplyT", bound=Reply)

SHOWN: Final = 120
"""Characters of an unusable reply that are shown."""


class Head(msgspec.Struct, frozen=True):
    """What tells an exceptional reply from an ordinary one."""

    n: int | None = None
    refused: str | None = None
    reason: str = ""
    events: list[tuple[str, Figures]] = msgspec.field(default_factory=list)
    error: str | None = None


HEAD: Final = msgspec.json.Decoder(Head)
DECODERS: Final = {asked: msgspec.json.Decoder(reply) for asked, reply in REPLIES.items()}
EXCEPTIONAL: Final[dict[str, type[Reply]]] = {"refused": Refused, "error": Failed}
"""Replies in place of any other, by the field that they have."""


def read_reply(request: Ask, line: bytes | msgspec.Raw, expected: type[ReplyT]) -> ReplyT:
    """Return the reply to a request that a line is.

    Raises: Declined if it refuses; Broken if it says that it failed, has another form, or is the
        reply to another request.
    """
    try:
        reply: Reply = DECODERS[type(request)].decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise exception_of(request, line, problem) from None
    check_number(request, reply.n)
    assert isinstance(reply, expected)
    return reply


def exception_of(request: Ask, line: bytes | msgspec.Raw, problem: Exception) -> Exception:
    """Return what a line is that is no ordinary reply: a refusal, a failure, or unusable."""
    op = op_of(request)
    expected = REPLIES[type(request)]
    try:
        head = HEAD.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as other:
        head = Head()
        if not isinstance(other, msgspec.ValidationError):
            return Broken(f"replies to `{op}` with what is no JSON: {start_of(line)}{_why(other)}")
        for field, reply in EXCEPTIONAL.items():
            if f"`$.{field}`" in str(other):
                problem, expected = other, reply
    try:
        if head.n is not None:
            check_number(request, head.n)
        if head.refused is not None:
            return Declined(in_one_line(head.refused), head.reason[:SHOWN], head.events)
        if head.error is not None:
            return Broken(f"replies to `{op}` that it failed: {in_one_line(head.error)}")
    except Broken as numbered:
        return numbered
    form = form_of(expected)
    return Broken(f"replies to `{op}` with {start_of(line)}: {problem}; the form is {form}")


def _why(problem: Exception) -> str:
    """Return why a line is no JSON, as the end of a sentence, where there is more to say of it."""
    told = str(problem).removeprefix("JSON is malformed: ")
    return "" if isinstance(problem, RecursionError) else f" ({told})"


def in_one_line(text: str, most: int = SHOWN) -> str:
    """Return the beginning of a text that somebody else wrote; what is no character is written out.

    So it can neither end a line nor control a terminal.
    """
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text[:most]
    )


def check_number(request: Ask, number: int) -> None:
    """Require the number of the request.

    Raises: Broken if the reply has another.
    """
    if number != request.n:
        raise Broken(
            f"replies to request {number} when it was asked number {request.n}, "
            f"`{op_of(request)}`: replies have to come in order, one each, with the same `n`"
        )


def start_of(line: bytes | msgspec.Raw) -> str:
    """Return the beginning of a line as text."""
    content = bytes(line)
    text = content[:SHOWN].decode(errors="backslashreplace").strip()
    return f"{text} ... ({len(content)} bytes)" if len(content) > SHOWN else text or "an empty line"


@cache
def form_of(reply: type[Reply]) -> str:
    """Return the form of a reply as text: each field with what it has to be."""
    fields = msgspec.inspect.type_info(reply)
    assert isinstance(fields, msgspec.inspect.StructType)
    parts = [
        f'"{field.encode_name}": {kind_of(field.type)}{"" if field.required else " (optional)"}'
        for field in fields.fields
    ]
    return "{" + ", ".join(parts) + "}"


def kind_of(one: msgspec.inspect.Type) -> str:
    """Return a type in words."""
    match one:
        case msgspec.inspect.IntType(ge=low, le=high):
            if high is not None:
                return f"{low}..{high}"
            return "natural number" if low == 0 else "integer"
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.StrType():
            return "text"
        case msgspec.inspect.NoneType():
            return "null"
        case msgspec.inspect.LiteralType(values=values):
            return " or ".join(f'"{value}"' for value in values)
        case msgspec.inspect.ListType(item_type=item):
            return f"[{kind_of(item)}, ...]"
        case msgspec.inspect.TupleType(item_types=items):
            return f"[{', '.join(map(kind_of, items))}]"
        case msgspec.inspect.UnionType(types=types):
            return " or ".join(map(kind_of, types))
        case msgspec.inspect.Metadata(type=inner):
            return kind_of(inner)
        case _:
            return "an object"
