"""Programs that ask for size classes: how they read."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from spanspec.base.wording import counted


class AskSize(msgspec.Struct, frozen=True, tag="ask"):
    """Ask which size class serves a request of so many bytes."""

    bytes: Annotated[int, Meta(ge=1, le=1 << 47)] = 1


class SizesProgram(msgspec.Struct, frozen=True, tag="sizes", tag_field="kind"):
    """Requests, each of which is asked about."""

    steps: tuple[AskSize, ...]
    format: Literal[1] = 1


def describe_step(step: AskSize) -> str:
    """Return a step in words."""
    return f"ask for the size class of {counted(step.bytes, 'byte')}"


def describe(program: SizesProgram) -> str:
    """Return a program as a short text, one line for each step."""
    lines = [f"{n:3}. {describe_step(step)}" for n, step in enumerate(program.steps, start=1)]
    return "\n".join(["size classes", *lines])
