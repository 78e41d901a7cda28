"""Every fatal check of the runtime fires where it is due, and says by which rule."""

from collections import Counter
from collections.abc import Callable

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.theorems.cases import Case, every_case, refuses
from spanproof.theorems.courses.limits.fatal import provoked


def runs_into(name: str, provoke: Callable[[], object]) -> Case:
    """Let something run into its check."""
    check = "-".join(name.split("-")[:2])

    def case(met: Counter[str]) -> None:
        refuses(f"{check}: ", provoke)
        met[check.partition("-")[0]] += 1

    return case


@explored(
    "courses.fatal-checks",
    "T-1 T-2 T-3 T-4 T-5 T-6 T-8 T-9 T-10 T-11 T-12 T-13 T-15 T-16 T-17 T-18 T-21 T-23 T-24 T-25"
    " T-26 T-27 T-28 T-29 T-30 T-31 T-32 T-33 T-34 T-35 T-37 T-38 T-39 T-42 T-43 T-44 T-45 T-46"
    " T-47 T-48 T-49 T-50 T-51 T-53 T-54 T-55 T-58 T-59 T-60 T-61 T-62 T-63 T-66 T-67 T-68 T-69"
    " T-70 T-73 T-75 T-76 T-78 T-79 T-80 T-81 T-83 T-86 T-87 T-88 T-90 T-91 T-94"
    " SC-10 SWP-3 SWP-6 SWP-10 SWP-11 SWP-13 SWP-24 CEN-12 MC-4 MC-9 MC-14 MAL-6 MAL-12 MAL-14"
    " SPAN-18 SPAN-28 HEAP-13 HEAP-17 OS-1 OS-8 TREAP-1 I-4 I-26",
    needs="T SWP MC MAL I TREAP",
    assumes=(SMALL_SCOPE,),
)
def fatal_checks_fire() -> Ran:
    """In a state made for it, or asked for what nobody asks, a rule runs into the fatal check that
    is due, and into no other. That no course gets there is what the other obligations claim.
    """
    return every_case([(name, runs_into(name, act)) for name, act in provoked().items()])
