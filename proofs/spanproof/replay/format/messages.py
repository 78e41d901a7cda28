"""What the reader says of a line that it refuses: the validator's words in those of the format."""

import json
import re
from codecs import BOM_UTF8
from typing import Any, Final

import msgspec
from msgspec.inspect import LiteralType, StructType, type_info

from spanproof.replay.format.schema import KINDS

UNDECODABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding a line may raise."""

SEE: Final = "see docs/trace-format.md"
AGAIN: Final = "copy or record the trace again"


def explain(raw: bytes, problem: Exception) -> str:
    """Say why a line is not an event, and what to do about it."""
    try:
        loose = loosely_decoded(raw)
    except UNDECODABLE:
        return f"{not_json(raw)}; every line is one JSON object; {AGAIN}"
    if not isinstance(loose, dict):
        return f"not a JSON object; {SEE}"
    if "k" not in loose:
        return f"event lacks key 'k', its kind; {SEE}"
    kind = loose["k"]
    if kind == "header":
        return "a second header; put each trace into a file of its own"
    if not isinstance(kind, str) or kind not in KINDS:
        return f"unknown kind of event {as_json(kind)}; {SEE} for the kinds of this version"
    return f"event '{kind}' {in_words(str(problem), loose, KINDS[kind])}; {SEE}"


def loosely_decoded(raw: bytes) -> object:
    """Return what a line of JSON says, whatever that is; numbers that are too large as texts.

    Raises: what is in `UNDECODABLE`, if it is no JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        # No program could hold such a number. What comes after it has not been looked at yet.
        return json.loads(raw, parse_int=str, parse_float=str)


def not_json(raw: bytes) -> str:
    """Say what a line is that is not JSON."""
    if not raw.strip():
        return "blank line"
    if b"\0" in raw:
        return "binary data"
    if raw.startswith(BOM_UTF8):
        return "a byte order mark, which is to be left out"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "not valid UTF-8"
    return "not JSON"


_TYPES: Final = {
    "int": "an integer",
    "int | null": "an integer or null",
    "str": "a string",
    "bool": "a boolean",
    "float": "a fraction",
    "array": "a list",
    "object": "an object",
}


def in_words(problem: str, loose: dict[str, Any], kind: type[msgspec.Struct]) -> str:
    """Turn the validator's message about an object of a kind into words of the format."""
    if missing := re.fullmatch(r"Object missing required field `(.*)`.*", problem, re.DOTALL):
        return f"lacks key '{missing[1]}'"
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`.*", problem, re.DOTALL):
        return f"has unknown key {as_json(unknown[1])}"
    placed = re.fullmatch(r"(.*) - at `\$\.(\w+)(.*)`", problem)
    if placed is None:
        return f"is refused: {problem}"
    what, key, item = placed.groups()
    name = f"key '{key}'" + (f" item {item}" if item else "")
    seen = "" if item else f", not {as_json(loose.get(key))}"
    if types := re.fullmatch(r"Expected `(.*)`, got `(.*)`", what):
        wanted, got = (_TYPES.get(one, one) for one in types.groups())
        return f"{name} must be {wanted}, not {got}"
    if limits := re.fullmatch(r"Expected `int` ([<>]=) (-?\d+)", what):
        return f"{name} must be {limits[1]} {limits[2]}{seen}"
    if what.startswith("Invalid enum value"):
        return f"{name} must be {_choices(kind, key)}{seen}"
    if what.endswith("out of range"):
        return f"{name} is out of every range{seen}"
    if pattern := re.fullmatch(r"Expected `str` matching regex '(.*)'", what):
        return f"{name} must match {pattern[1]}{seen}"
    return f"{name} is refused: {what}"


def _choices(kind: type[msgspec.Struct], key: str) -> str:
    """Return the values that an enumerated key of a kind may have."""
    described = type_info(kind)
    assert isinstance(described, StructType)
    for field in described.fields:
        if field.encode_name == key and isinstance(field.type, LiteralType):
            return " or ".join(as_json(value) for value in field.type.values)
    return "one of its known values"


def as_json(value: object) -> str:
    """Return a value as it stands in JSON, cut to a length fit for a message."""
    try:
        text = msgspec.json.encode(value).decode()
    except UNDECODABLE:
        text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def printable(text: str) -> str:
    """Return the text on one line, with what cannot be printed escaped."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )
