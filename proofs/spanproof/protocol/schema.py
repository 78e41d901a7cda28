"""The JSON Schema of the protocol, made from the types: `python -m spanproof.protocol.schema`."""

import json
import sys

import msgspec
from msgspec import Struct

from spanproof.protocol.messages import REPLIES, VERSION, Failed, Refused, op_of

BASE = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, object]:
    """Return one document: each request and each reply, and which reply each request has."""
    types: list[type[Struct]] = [*REPLIES, *dict.fromkeys(REPLIES.values()), Refused, Failed]
    _, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {
        "$schema": BASE,
        "title": f"spanspec protocol {VERSION}",
        "description": "One JSON object a line: a request, or a reply to it.",
        "anyOf": [{"$ref": f"#/$defs/{one.__name__}"} for one in types],
        "x-replies": {
            op_of(asked): [f"#/$defs/{one.__name__}" for one in (reply, Refused, Failed)]
            for asked, reply in REPLIES.items()
        },
        "$defs": {name: parts[name] for name in sorted(parts)},
    }


def text() -> str:
    """Return the document as text."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
