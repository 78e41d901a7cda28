"""What is published of the protocol is what is spoken."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from spanproof.doors import header
from spanproof.fuzz import reasons
from spanproof.fuzz.addressspace import AddressSpace
from spanproof.fuzz.differences.differences import Difference, compare_states
from spanproof.protocol import messages, schema
from spanproof.protocol.faults import Broken, Declined
from spanproof.protocol.forms import form_of, read_reply
from spanproof.protocol.messages import REPLIES, op_of
from spanspec.heap.courses.malloc import ZERO_BASE

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "protocol.md").read_text(encoding="utf-8")


def test_the_published_schema_is_that_of_the_types() -> None:
    """Otherwise: python -m spanproof.protocol.schema > docs/protocol.schema.json."""
    assert (DOCS / "protocol.schema.json").read_text(encoding="utf-8") == schema.text()


def test_the_schema_has_each_request_with_its_reply() -> None:
    document = json.loads(schema.text())
    assert set(document["x-replies"]) == {op_of(asked) for asked in REPLIES}
    for places in document["x-replies"].values():
        assert all(place.rpartition("/")[2] in document["$defs"] for place in places)


def test_the_page_has_each_request_with_its_fields() -> None:
    rows = {
        op: row
        for row in re.findall(r"^\| `.*$", PAGE, re.M)
        for op in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    for asked, reply in REPLIES.items():
        told = set(re.findall(r"`(\w+)`", rows[op_of(asked)]))
        fields = {*asked.__struct_fields__, *reply.__struct_fields__} - {"n", "began", "ended"}
        assert fields <= told, op_of(asked)


def test_the_page_has_each_reason_of_a_refusal() -> None:
    told = set(re.findall(r"^\| `([^`]*)` \|", PAGE, re.M))
    assert {*reasons.RULES} - {reasons.FREE} <= told
    assert reasons.free_slot(3, 0xC0_0000_0000) in told


def test_the_page_says_where_addresses_are_granted() -> None:
    """As a script of the operating system in C has it from there."""
    system = AddressSpace()
    arena = 1 << 26
    assert system.reserve("grant", 0xC0_0000_0000, arena) == 0xC0_0000_0000
    assert system.reserve("elsewhere", 1 << 40, arena) == 0x6000_0000_0000 + 2 * 2**32
    assert system.reserve("below", 1 << 40, arena) == (32 + 2 * 3) * 2**26
    assert system.reserve("refuse", 1 << 40, arena) == 0
    assert system.reserve("grant", 0, arena) == 0x6000_0000_0000 + 5 * 2**32 + 65536
    assert system.reserve("grant", 0xC0_0000_0000, arena) == 0, "it is held"
    for figure in ("0xc000000000", "0x600000000000 + i * 2^32", "(32 + 2 * i) * 2^26", "65536"):
        assert figure in PAGE
    assert f"the address {ZERO_BASE}" in PAGE


def test_the_exchange_on_the_page_is_one() -> None:
    lines = [line[4:] for line in PAGE.splitlines() if line.startswith(("    > ", "    < "))]
    asked = [line[2:] for line in lines if line.startswith("> ")]
    said = [line[2:] for line in lines if line.startswith("< ")]
    assert len(asked) == len(said) == 5
    for one, other in zip(asked, said, strict=True):
        request = msgspec.json.decode(one, type=messages.Request)
        if "refused" in other:
            with pytest.raises(Declined, match="slot 7 is free"):
                read_reply(request, other.encode(), REPLIES[type(request)])
        else:
            assert read_reply(request, other.encode(), REPLIES[type(request)]).n == request.n


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"n": 7, "slot": -1}', "Expected `int` >= 0 - at `$.slot`"),
        ('{"n": 7, "slot": 1025}', "Expected `int` <= 1024 - at `$.slot`"),
        ('{"n": 7}', "missing required field `slot`"),
        ('{"n": 7, "slot": 1, "path": "quick"}', "Invalid enum value 'quick' - at `$.path`"),
        ('{"n": 7, "slot": 1, "pth": "fast"}', "unknown field `pth`"),
        ('{"slot": 1}', "missing required field `n`"),
        ('{"n": "7", "slot": 1}', "at `$.n`"),
        ('{"n": 8, "slot": 1}', "replies to request 8 when it was asked number 7"),
        ('{"n": 8, "refused": "no"}', "replies to request 8 when it was asked number 7"),
        ('{"n": 7, "refused": 1}', 'at `$.refused`; the form is {"refused": text'),
        ('{"n": 7, "error": "out of order"}', "that it failed: out of order"),
        ("[7]", "Expected `object`, got `array`"),
        ("", "an empty line"),
        ("null", "Expected `object`, got `null`"),
        ('{"n": 7, "slot": 1} {"n": 8}', "no JSON"),
        ("[" * 100_000, "with"),
        ('{"n": 7, "slot": ' + "9" * 5_000 + "}", "bytes)"),
    ],
)
def test_a_wrong_reply_is_told_with_its_field_and_the_form(line: str, says: str) -> None:
    with pytest.raises(Broken) as problem:
        read_reply(messages.Allocate(n=7), line.encode(), messages.Slotted)
    assert says in str(problem.value)
    assert len(str(problem.value)) < 600
    if "$.slot" in says or "field" in says:
        assert form_of(messages.Slotted) in str(problem.value)


@pytest.mark.parametrize(
    ("asked", "line", "says"),
    [
        (messages.HeapCall("mark", n=7), '{"n": 7, "events": [["m", [1]]]}', "$.events[0][1]"),
        (messages.HeapCall("mark", n=7), '{"n": 7, "result": 1.5}', "got `float` - at `$.result`"),
        (messages.HeapState(n=7), '{"n": 7, "state": [1]}', "got `array` - at `$.state`"),
        (messages.Turn(1, n=7), '{"n": 7}', "missing required field `stop`"),
        (messages.Turn(1, n=7), '{"n": 7, "stop": "soon"}', "Invalid enum value 'soon'"),
        (messages.Turn(1, n=7), '{"n": 7, "stop": "step", "span": -1}', "at `$.span`"),
    ],
)
def test_a_wrong_reply_of_a_heap_is_told_alike(
    asked: messages.Request, line: str, says: str
) -> None:
    with pytest.raises(Broken) as problem:
        read_reply(asked, line.encode(), REPLIES[type(asked)])
    assert says in str(problem.value)


def test_a_state_without_parts_differs_from_one_with_parts() -> None:
    with pytest.raises(Difference, match="the state"):
        compare_states({"heap_live": 1}, {})


def test_the_header_is_made_from_the_types() -> None:
    """Otherwise: python -m spanproof.doors.header > proofs/spanproof/doors/c/spanspec.h."""
    assert header.PLACE.read_text(encoding="utf-8") == header.text()


def test_what_a_message_has_is_read_from_its_type_once() -> None:
    """A library is asked with each message: reading types took nine tenths of the time."""
    for asked, reply in REPLIES.items():
        assert header.typed(asked) is header.typed(asked)
        assert header.typed(reply) is header.typed(reply)


def test_each_field_of_a_request_is_filled_at_one_place() -> None:
    """What two functions are given in a struct of one kind is filled once for both."""
    filled = [line for line in header.text().splitlines() if line.lstrip().startswith("ask.")]
    assert filled
    assert len(filled) == len(set(filled))
