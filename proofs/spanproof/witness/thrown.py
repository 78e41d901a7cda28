"""A fatal error of the runtime: which check it is, which span it is about, and what breaks it."""

import ast
import re
from functools import cache
from typing import Final, NamedTuple

from spanproof.witness.finding import Finding, Scene, Verdict, is_about, told
from spanproof.witness.image import ThreadImage
from spanproof.witness.operations import innermost, is_throwing
from spanspec.rules.book import BY_ID, definitions_of_rules, modules
from spanspec.rules.checks import T
from spanspec.span.mspan import Mspan

MESSAGE: Final = re.compile(r'"([^"]+)"')
"""The message in what a rule about a fatal check says."""

ALIKE: Final = {
    "found pointer to free object": "I-4",
    "found bad pointer in Go heap (incorrect use of unsafe or cgo?)": "T-85",
    "sweep increased allocation count": "T-59",
    "bad allocCount": "I-2",
}
"""Messages of later versions whose check the book states as another rule."""


class Thrown(NamedTuple):
    """A fatal error: its message, the rule of its check or "", who threw it, and about which span.

    `descriptor` is 0 if the thread shows no span.
    """

    message: str
    rule: str
    thread: int
    function: str
    descriptor: int


@cache
def rules_by_message() -> dict[str, str]:
    """Return the rule of each fatal check by its message; the first, where several have one."""
    found: dict[str, str] = {}
    for rule in T:
        said = MESSAGE.match(rule.says)
        if said is not None:
            found.setdefault(said[1], rule.id)
    return {**found, **{text: rule for text, rule in ALIKE.items() if text not in found}}


def thrown(scene: Scene, findings: list[Finding]) -> Thrown | None:
    """Return the fatal error that ends the program, if one does."""
    for thread in scene.image.threads:
        if is_throwing(thread):
            rules = rules_by_message()
            rule = rules.get(thread.message, "")
            if not rule:
                rule = next((r for text, r in rules.items() if text in thread.message), "")
            return Thrown(
                thread.message,
                rule,
                thread.thread,
                operation_of(thread),
                span_of(scene, thread, findings),
            )
    return None


def operation_of(thread: ThreadImage) -> str:
    """Return the function that called `throw`."""
    names = [frame.split(".abi0")[0] for frame in thread.frames]
    place = max(
        n for n, name in enumerate(names) if name.startswith(("runtime.throw", "runtime.fatal"))
    )
    after = [name for name in names[place + 1 :] if not name.startswith("runtime.systemstack")]
    return after[0] if after else innermost(thread, ("",))


def span_of(scene: Scene, thread: ThreadImage, findings: list[Finding]) -> int:
    """Return the span that a throwing thread works with: one that is damaged, or the nearest."""
    damage = [f for f in findings if f.verdict is Verdict.DAMAGE]
    damaged = {f.descriptor for f in damage if f.descriptor}
    near = [scene.by_descriptor[one] for one in thread.near if one in scene.by_descriptor]
    for span in near:
        if any(is_about(scene, finding, span) for finding in damage):
            return span.descriptor
    held = [
        d
        for d, places in scene.cached.items()
        for number, _ in places
        if scene.image.procs[number].m == thread.m and d in damaged
    ]
    nearest = [span.descriptor for span in near]
    return (held or nearest or sorted(damaged) or [0])[0]


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


def diagnosis(scene: Scene, findings: list[Finding], error: Thrown) -> list[str]:
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
        lines.append(f"    {told(scene, span)}")
    others = {f.descriptor for f in findings if f.verdict is Verdict.DAMAGE and f.descriptor}
    others.discard(error.descriptor)
    more = ", ".join(f"{one:#x}" for one in sorted(others)[:8])
    lines.append(f"    other damaged spans: {more or 'none'}")
    broken = sorted(
        {
            f.rule
            for f in findings
            if f.verdict is Verdict.DAMAGE and span is not None and is_about(scene, f, span)
        }
    )
    for one in broken:
        by = ", ".join(could_have_broken(one)[:12])
        if by:
            lines.append(f"    what {one} is about is written by: {by}")
    lines.append(f"    next: {next_step(scene, error, broken)}")
    return lines


def next_step(scene: Scene, error: Thrown, broken: list[str]) -> str:
    """Return what to look at next."""
    span = scene.by_descriptor.get(error.descriptor)
    if span is None:
        return "the stack of the thread, for the address that it was given"
    end = span.base + span.npages * scene.image.page_size
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
