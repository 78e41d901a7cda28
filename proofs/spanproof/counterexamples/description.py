"""Counterexamples in the terms of the field: spans and slots, sweepgen relative to the heap's."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from spanproof.counterexamples.relevance import Chosen, chosen
from spanproof.counterexamples.rerun import Called, Reran
from spanproof.symbolic.values.records import parts_of, record_fields
from spanproof.symbolic.values.values import Value
from spanspec.base.bitmap import Bits
from spanspec.sharing.tables.finite import Finite

GENERATIONS: Final = frozenset({"sweepgen", "gen", "flush_gen", "swept_at"})
"""Names of numbers that are generations, shown relative to the heap's `sg`."""

TASKS: Final = (
    "idle",
    "popped",
    "saw-unused",
    "saw-used",
    "taking",
    "sweeping",
    "examined",
    "relisted",
    "pushing",
    "freeing",
    "checking",
    "grown",
    "held",
    "unlisting",
    "creating",
)
"""What a thread is about to do, by number."""

NAMES: Final[Mapping[str, Sequence[str]]] = {
    "place": ("nowhere", "nonempty", "empty"),
    "task": TASKS,
}
"""What the numbers of a field stand for."""

MOST_SHOWN: Final = 12
MOST_CLAIMS: Final = 4
ALL: Final = chosen(())


def described(reran: Reran, matters: Sequence[str] = (), at: str = "") -> str:
    """Return a counterexample in lines: where the claim stands, the values that matter, what was
    run on them, what is false, and what to look at.
    """
    sg, shows = heap_sweepgen(reran.symbols), chosen(matters)
    lines = [f"claimed at {near(at)}"] if at else []
    for name, value in reran.symbols.items():
        if shows(name):
            lines += shown(name, value, sg, shows)
    for call in reran.calls:
        lines += changes(call, sg)
    if not reran.reproduced:
        lines.append(f"not reproduced in Python: {reran.why_not}")
        return "\n".join(lines)
    false = list(dict.fromkeys(reran.violated))
    more = [f"and {len(false) - MOST_CLAIMS} more"] if len(false) > MOST_CLAIMS else []
    said = "; ".join([*false[:MOST_CLAIMS], *more])
    lines.append(f"run in Python, false of these values: {said}")
    return "\n".join([*lines, *look_at(reran.calls)])


def look_at(calls: Sequence[Called]) -> Iterator[str]:
    """Yield a sentence about what to look at: what was done last, and what the claim says of it."""
    done = [call for call in calls if not isinstance(call.result, bool)][-1:]
    said = [call for call in calls if call.for_claim and call not in done][-1:]
    named = [f"{call.rule} ({near(call.at)})" for call in (*done, *said)]
    if named:
        yield f"look at {', and what it makes of '.join(named)}"


def near(at: str) -> str:
    """Return a file and line as seen from the working directory, if that is above the file."""
    path = os.path.relpath(at)
    return at if path.startswith(os.pardir) else path


def heap_sweepgen(symbols: Mapping[str, Value]) -> int | None:
    """Return the heap's sweepgen, if the values have one."""
    for name, value in symbols.items():
        if name == "sg" and isinstance(value, int):
            return value
        inner = getattr(value, "sweepgen", None)
        if isinstance(inner, int) and hasattr(value, "spans"):
            return inner
    return None


def shown(name: str, value: Value, sg: int | None, shows: Chosen = ALL) -> Iterator[str]:
    """Yield lines about a value: one, or one for each identity of a system; only of what is to be
    shown.
    """
    fields = record_fields(type(value))
    tables = [
        (field, table)
        for field in fields or {}
        if isinstance(table := getattr(value, field), Finite)
    ]
    if not tables:
        if fields is not None and not isinstance(value, Finite):
            yield f"{name} = {parts_shown(name, value, sg, shows)}"
        else:
            yield f"{name} = {text(name, value, sg)}"
        return
    plain = [field for field in fields or {} if not isinstance(getattr(value, field), Finite)]
    for field in plain:
        number = getattr(value, field)
        own = "" if field == "sweepgen" else field  # the heap's own is sg itself
        if shows(f"{name}.{field}") or field == "sweepgen":
            yield f"{name}.{field} = {text(own, number, sg)}"
    for field, table in tables:
        for identity, record in enumerate(table.records):
            one = f"{name}.{field}[{identity}]"
            if shows(one):
                yield f"{one} = {parts_shown(one, record, sg, shows)}"


def parts_shown(name: str, record: Value, sg: int | None, shows: Chosen) -> str:
    """Return the fields of a record that are to be shown, in short."""
    fields, parts = record_fields(type(record)), parts_of(record) or ()
    if fields is None:
        return text("", record, sg)
    pairs = zip(fields, parts, strict=True)
    return ", ".join(
        f"{field} {text(field, part, sg)}" for field, part in pairs if shows(f"{name}.{field}")
    )


def text(name: str, value: Value, sg: int | None) -> str:
    """Return a value in short."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            if name in GENERATIONS and sg is not None:
                return relative(value, sg)
            if name in NAMES and value < len(NAMES[name]):
                return NAMES[name][value]
            return str(value) if -(1 << 16) < value < 1 << 16 else hex(value)
        case Bits():
            return slots(value)
        case list():
            return f"[{', '.join(hex(word) for word in value[:4])}, ...]"
    fields, parts = record_fields(type(value)), parts_of(value)
    if fields is None:
        return f"({', '.join(text('', part, sg) for part in parts or ())})"
    return ", ".join(
        f"{field} {text(field, part, sg)}" for field, part in zip(fields, parts or (), strict=True)
    )


def relative(generation: int, sg: int) -> str:
    """Return a generation as the field writes it: sg, sg-1, sg+3."""
    ahead = (generation - sg + (1 << 31)) % (1 << 32) - (1 << 31)
    if abs(ahead) > 8:
        return f"sg{ahead:+d}"
    return f"sg{ahead:+d}" if ahead else "sg"


def slots(bits: Bits) -> str:
    """Return a bitmap as its slots."""
    members = [slot for slot in range(bits.value.bit_length()) if bits.bit(slot)]
    if not members:
        return "no slot"
    runs: list[list[int]] = []
    for slot in members:
        if runs and slot == runs[-1][1] + 1:
            runs[-1][1] = slot
        else:
            runs.append([slot, slot])
    named = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs]
    more = f" and {len(named) - MOST_SHOWN} more runs" if len(named) > MOST_SHOWN else ""
    return f"slots {', '.join(named[:MOST_SHOWN])}{more}"


def changes(call: Called, sg: int | None) -> Iterator[str]:
    """Yield lines about what a rule changed of the records that it was given; or its result."""
    if isinstance(call.result, bool):
        if call.for_claim:
            yield f"{call.rule}: {text('', call.result, sg)}"
        return
    before = [one for one in call.arguments if type(one) is type(call.result)]
    result = call.result
    if not before and isinstance(result, tuple | object):
        inner = [part for part in parts_of(result) or () if record_fields(type(part))]
        same = [one for one in call.arguments if inner and type(one) is type(inner[0])]
        if same:
            before, result = same, inner[0]
    if not before or record_fields(type(result)) is None:
        yield f"{call.rule} yields {text('', call.result, sg)}"
        return
    differing = list(differences(before[0], result, sg))
    yield f"{call.rule}: {'; '.join(differing) if differing else 'changes nothing'}"


def differences(before: Value, after: Value, sg: int | None) -> Iterator[str]:
    """Yield what differs between two records of one type."""
    for field in record_fields(type(before)) or {}:
        old, new = getattr(before, field), getattr(after, field)
        if old == new:
            continue
        if isinstance(old, Finite):
            for identity, (one, other) in enumerate(zip(old.records, new.records, strict=True)):
                if one != other and record_fields(type(one)) is None:
                    yield f"{field}[{identity}] {text('', one, sg)} -> {text('', other, sg)}"
                elif one != other:
                    inner = "; ".join(differences(one, other, sg))
                    yield f"{field}[{identity}] {inner}"
        elif record_fields(type(old)) is not None:
            yield f"{field} {'; '.join(differences(old, new, sg))}"
        else:
            yield f"{field} {text(field, old, sg)} -> {text(field, new, sg)}"
