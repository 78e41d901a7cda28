"""Implementations that do something at the n-th call, and campaigns against them."""

from collections.abc import Callable

from spanproof.fuzz.campaigns.campaign import CampaignResult, run_target
from spanproof.fuzz.engine.target import Target, of_span
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.program import Allocate, MarkFree, Program, Refill, Retire
from spanproof.fuzz.sides.spanalloc_subject import SpanallocSpan, installed
from spanproof.fuzz.subjects import Path as SearchPath
from spanproof.fuzz.subjects import SubjectFactory

NTH = 3
"""The allocation of a span in which something happens."""


WHOLE = Program(1, (Refill(), MarkFree(), Allocate(4), Retire()))


LEAST = Program(1, (Refill(), Allocate(NTH)))


SHORT = Limits(seconds=0.4)


def acting(action: Callable[[], object], nth: int = NTH) -> SubjectFactory:
    """Spans of spanalloc that do something in an allocation."""

    class Acting(SpanallocSpan):
        made = 0

        def allocate(self) -> tuple[int, SearchPath]:
            self.made += 1
            if self.made == nth:
                result = action()
                if result is not None:
                    return result  # type: ignore[return-value]
            return super().allocate()

    def factory(program: Program) -> SpanallocSpan:
        honest = installed(program)
        return Acting(honest._span, honest._error)

    return factory


def target_of(factory: SubjectFactory, program: Program = WHOLE) -> Target[Program]:
    """A campaign whose programs are all the same."""
    return of_span(factory)._replace(grammar=lambda _: program, must_exercise=())


def campaign(
    action: Callable[[], object], limits: Limits = SHORT, shrink: float = 5
) -> CampaignResult:
    return run_target(target_of(acting(action)), examples=1, limits=limits, shrink=shrink)
