"""Size classes of an implementation against those of the model."""

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from spanproof.fuzz.differences.differences import IMPLEMENTATION, MODEL, Difference
from spanproof.fuzz.lockstep.divergence import Run, StepHeard, run_steps
from spanproof.fuzz.lockstep.novelty import Feature
from spanproof.fuzz.programs.choices import Choices, between, pick
from spanproof.fuzz.programs.sizesprogram import AskSize, SizesProgram, describe_step
from spanspec.base.constants import MAX_SMALL_SIZE, PAGE_SIZE
from spanspec.base.sizeclass import CLASSES, round_up_size, size_class_for
from spanspec.heap.courses.malloc import pages_for_large


class Sized(NamedTuple):
    """The size class, 0 for a large object; the bytes that are taken; the pages of its span."""

    size_class: int
    bytes: int
    pages: int


class SizeClasses(Protocol):
    """Size classes under test."""

    def size(self, request: int) -> Sized:
        """Return what serves a request of so many bytes."""
        ...


SizesFactory = Callable[[SizesProgram], SizeClasses]

RULES: Final[dict[str, tuple[str, ...]]] = {
    "size_class": ("SC-10",),
    "bytes": ("SC-11",),
    "pages": ("SC-2", "MAL-11"),
}
"""The rules of each part of an answer."""


def expected_of(request: int) -> Sized:
    """Return what the model says to a request of 1 byte or more."""
    if request > MAX_SMALL_SIZE:
        return Sized(0, round_up_size(request), pages_for_large(request))
    number = size_class_for(request)
    return Sized(number, CLASSES[number].size, CLASSES[number].npages)


class Comparison:
    """The model's size classes and others, that get every request together."""

    def __init__(self, program: SizesProgram, factory: SizesFactory) -> None:
        with IMPLEMENTATION:
            self.other = factory(program)
        self.exercised: Counter[str] = Counter()
        self.features: set[Feature] = set()

    def take(self, step: AskSize) -> None:
        """Ask both sides.

        Raises: Difference if they differ.
        """
        with MODEL:
            expected = expected_of(step.bytes)
        with IMPLEMENTATION:
            seen = self.other.size(step.bytes)
            for field, one, other in zip(Sized._fields, expected, seen, strict=True):
                if one != other:
                    raise Difference(field.replace("_", " "), one, other, rules=RULES[field])
        self.exercised["small" if expected.size_class else "large"] += 1

    def compare(self) -> None:
        """Compare the state, of which there is none."""

    def end(self) -> None:
        """Let the sides go, which keep nothing."""


def run_sizes(
    program: SizesProgram, factory: SizesFactory, on_step: StepHeard | None = None
) -> Run:
    """Ask all that a program has, up to the first difference."""
    return run_steps(
        program, program.steps, lambda: Comparison(program, factory), describe_step, on_step
    )


EDGES: Final = tuple(sorted({entry.size + by for entry in CLASSES[1:] for by in (-1, 0, 1)}))
MOST_REQUESTS: Final = 40


def request_of(choices: Choices) -> int:
    """Choose a request, most of them at an edge of a class or of a page."""
    match choices.below(3):
        case 0:
            return pick(choices, EDGES)
        case 1:
            return between(choices, 1, MAX_SMALL_SIZE + 1)
        case _:
            return between(choices, 5, 1 << 30) * PAGE_SIZE + between(choices, -1, 1)


def sizes_program(choices: Choices) -> SizesProgram:
    """Draw some requests."""
    number = choices.below(MOST_REQUESTS + 1)
    return SizesProgram(tuple([AskSize(request_of(choices)) for _ in range(number)]))
