"""A fatal error of the runtime: which check it is, which span it is about, and what breaks it."""

import ast
import re
from functools import cache
from typing import Final, NamedTuple

from spanproof.witness.judging.finding import (
    Finding,
    FindingVerdict,
    JudgedImage,
    is_about,
    rules_broken,
    told,
)
from spanproof.witness.judging.operations import is_throwing, operation_of
from spanproof.witness.reading.image import SpanImage, ThreadImage
from spanspec.rules.book import BY_ID, definitions_of_rules, modules
from spanspec.rules.checks import T
from spanspec.span.mspan import Mspan
from spanspec.span.sweepgen import check_unused

MESSAGE: Final = re.compile(r'"([^"]+)"')
"""The message in what a rule about a fatal check says."""

ALIKE: Final = {
    "found pointer to free object": "I-4",
    "found bad pointer in Go heap (incorrect use of unsafe or cgo?)": "T-85",
    "sweep increased allocation count": "T-59",
    "bad allocCount": "I-2",
    "non in-use span found with specials bit set": "I-17",
    "swept cached span": "SWP-1",
    "attempt to clear non-empty span set": "I-23",
    "span set block with unpopped elements found in reset": "I-23",
    "sweeper left outstanding across sweep generations": "I-26",
    "active sweepers found at start of mark phase": "I-26",
    "potentially overlapping in-use allocations detected": "I-37",
    "grew heap, but no adequate free space found": "T-29",
    "bad summary data": "I-12",
    "scanobject n == 0": "I-11",
    "scanObject n == 0": "I-11",
}
"""Messages of later versions whose check the book states as another rule."""


class Thrown(NamedTuple):
    """A fatal error: its message, the rule of its check or "", who threw it, and about which span.

    `descriptor` is 0 if nothing shows a span; `how` says what shows it.
    """

    message: str
    rule: str
    thread: int
    function: str
    descriptor: int
    how: str = ""


@cache
def rules_by_message() -> dict[str, str]:
    """Return the rule of each fatal check by its message; the first, where several have one."""
    found: dict[str, str] = {}
    for rule in T:
        said = MESSAGE.match(rule.says)
        if said is not None:
            found.setdefault(said[1], rule.id)
    return {**found, **{text: rule for text, rule in ALIKE.items() if text not in found}}


def rule_of(message: str) -> str:
    """Return the rule of the check that fails with a message, or ""."""
    rules = rules_by_message()
    return rules.get(message) or next((r for text, r in rules.items() if text in message), "")


def thrown(scene: JudgedImage, findings: list[Finding]) -> Thrown | None:
    """Return the fatal error that ends the program, if one does."""
    for thread in scene.image.threads:
        if is_throwing(thread):
            rule = rule_of(thread.message)
            span, how = span_of(scene, thread, rule, findings)
            return Thrown(thread.message, rule, thread.thread, operation_of(thread), span, how)
    return None


def span_of(
    scene: JudgedImage, thread: ThreadImage, rule: str, findings: list[Finding]
) -> tuple[int, str]:
    """Return the span that a check failed on, and what shows that; 0 if nothing does.

    Where it can be told which spans the check rejects, it is one of them. Else a damaged span that
    the thread has at hand, or its P in the cache, is the one. Where the operands of the check are
    no longer in registers or on the stack, it is a damaged span. One that is at hand and sound
    comes last: a stray pointer led to it.
    """
    damage = [finding for finding in findings if finding.verdict is FindingVerdict.DAMAGE]
    damaged = [
        span.descriptor
        for span in scene.image.spans
        if any(is_about(scene, finding, span) for finding in damage)
    ]
    near = [one for one in thread.near if one in scene.by_descriptor]
    held = [
        descriptor
        for descriptor, places in scene.cached.items()
        if any(scene.image.procs[number].m == thread.m for number, _ in places)
    ]
    rejected = [
        one for one in damaged if rejects(scene, rule, thread.message, scene.by_descriptor[one])
    ]
    for those, how in (
        ([one for one in near if one in rejected], "the thread has it at hand"),
        (rejected, "it is damaged as the check rejects it"),
        ([one for one in near if one in damaged], "the thread has it at hand"),
        ([one for one in held if one in damaged], "its P has it cached"),
        (damaged, "no other is damaged" if len(damaged) == 1 else "it is damaged"),
        (near, "the thread has it at hand"),
    ):
        if those:
            return those[0], how
    return 0, ""


FREED_TOO_EARLY: Final = "I-4"
"""The rule that a marked slot is allocated: the cause need not lie in the span that breaks it."""

OF_STATE: Final = ("non in-use span", "bad span state", "span is not in use")
"""What messages say whose check requires that a span is in use."""


def rejects(scene: JudgedImage, rule: str, message: str, span: SpanImage) -> bool:
    """Tell whether a check fails on a span; only of checks of its state this can be told.

    Rules: T-55 T-58.
    """
    if span.state == scene.in_use or not any(text in message for text in OF_STATE):
        return False
    if rule != "T-55":
        return True
    try:
        return not check_unused(scene.sweepgen, span.sweepgen)
    except AssertionError:
        return True


@cache
def writers() -> dict[str, tuple[str, ...]]:
    """Return, for each field of a span, the rules whose functions write it."""
    fields = set(Mspan.__struct_fields__)
    written: dict[str, set[str]] = {}
    for name, path in modules():
        if ".span." not in name:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for call in ast.walk(node):
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "replace":
                        for word in call.keywords:
                            if word.arg in fields:
                                written.setdefault(word.arg, set()).add(f"{name}.{node.name}")
    standing = {
        definition.qualified: rule
        for rule, those in definitions_of_rules().items()
        for definition in those
        if not rule.startswith("T-")
    }
    return {
        field: tuple(sorted({standing[name] for name in names if name in standing}))
        for field, names in written.items()
    }


def fields_of(rule: str) -> set[str]:
    """Return the fields of a span that the predicates of a rule read."""
    read: set[str] = set()
    for definition in definitions_of_rules().get(rule, ()):
        if ".span." in definition.module or ".invariants." in definition.module:
            tree = ast.parse(definition.text.lstrip())
            read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return read & set(Mspan.__struct_fields__)


def could_have_broken(rule: str) -> tuple[str, ...]:
    """Return the rules whose functions write what a broken rule is about."""
    return tuple(sorted({one for field in fields_of(rule) for one in writers().get(field, ())}))


def diagnosis(scene: JudgedImage, findings: list[Finding], error: Thrown) -> list[str]:
    """Return what is known of a fatal error, in lines."""
    rule = BY_ID.get(error.rule)
    lines = [f"fatal error: {error.message or 'the message is not found'}"]
    lines.append(f"    thrown by thread {error.thread} in {error.function}")
    if rule is not None:
        lines.append(f"    {rule.id}: {rule.says} ({rule.where})")
    span = scene.by_descriptor.get(error.descriptor)
    if span is None:
        lines.append("    the thread shows no span")
    else:
        lines.append(f"    {told(scene, span)} ({error.how})")
    others = {f.descriptor for f in findings if f.verdict is FindingVerdict.DAMAGE and f.descriptor}
    others.discard(error.descriptor)
    more = ", ".join(f"{one:#x}" for one in sorted(others)[:8])
    lines.append(f"    other damaged spans: {more or 'none'}")
    broken = rules_broken(scene, findings, span)
    for one in broken:
        by = ", ".join(could_have_broken(one)[:12])
        if by:
            lines.append(f"    what {one} is about is written by: {by}")
    lines.append(f"    next: {next_step(scene, error, broken)}")
    return lines


def next_step(scene: JudgedImage, error: Thrown, broken: list[str]) -> str:
    """Return what to look at next."""
    span = scene.by_descriptor.get(error.descriptor)
    if span is None:
        return "the stack of the thread, for the address that it was given"
    end = span.base + span.npages * scene.image.page_size
    if FREED_TOO_EARLY in broken:
        return (
            "an object was freed while a pointer to it was left: a pointer that the collector does "
            "not see (uintptr, cgo, unsafe.Pointer), or a span whose marks were wrong a cycle ago, "
            "and are sound by now; run with -gcflags=all=-d=checkptr and GODEBUG=clobberfree=1"
        )
    if broken:
        return (
            "who writes through unsafe.Pointer, cgo or without a lock near "
            f"{span.base:#x}..{end:#x} or the descriptor: run with -race, and with "
            "-gcflags=all=-d=checkptr"
        )
    return (
        f"the span is sound: a stray pointer into {span.base:#x}..{end:#x}, from unsafe.Pointer, "
        "cgo or an object that was freed, is more likely; run with -gcflags=all=-d=checkptr"
    )
