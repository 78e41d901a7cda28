"""What the operating system is advised of huge pages: every range of a few pages."""

from collections import Counter
from itertools import product
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case, refuses
from spanspec.pages.memory.osmemory import check_release, huge_advice, no_huge_advice
from spanspec.pages.tables.runs import PhysicalPages

PAGE: Final = 4096


PHYS: Final = PhysicalPages(PAGE, 4 * PAGE)
"""Physical pages of 4 KiB, and huge ones of four of them: few enough to be counted."""


@explored("memory.advice", "OS-5 OS-6 T-78", needs="whole cut", assumes=(SMALL_SCOPE,))
def advice_is_about_the_right_huge_pages() -> Ran:
    """For every range of up to ten pages: those huge pages are to be huge again that lie in it,
    those not any more that it cuts, and a release that is not of whole pages is refused.
    """

    def case(met: Counter[str], first: int, number: int) -> None:
        start, size = first * PAGE, number * PAGE
        pages = set(range(first, first + number))
        four = {huge: set(range(4 * huge, 4 * huge + 4)) for huge in range(7)}
        inside = [huge for huge, its in four.items() if its <= pages]
        cut = [huge for huge, its in four.items() if its & pages and not its <= pages]
        whole = huge_advice(PHYS, start, size)
        told = range(whole.start // PAGE, whole.end // PAGE)
        promise(inside == sorted({page // 4 for page in told}), f"OS-5: {whole}")
        promise(len(told) == 4 * len(inside) or not inside, f"OS-5: {whole} is no huge page")
        bounds = no_huge_advice(PHYS, start, size)
        named = [page for one in bounds for page in range(one.start // PAGE, one.end // PAGE)]
        promise(named == [page for huge in cut for page in sorted(four[huge])], f"OS-6: {bounds}")
        together = len(cut) == 2 and cut[0] + 1 == cut[1]
        promise(len(bounds) == (1 if together else len(cut)), f"OS-6: {len(bounds)} calls")
        met["whole"] += bool(inside)
        met["cut"] += bool(cut)
        # Where the end is in no page's middle, the last byte tells which huge page is cut.
        if size > 1:
            short = no_huge_advice(PHYS, start, size - 1)
            last = (start + size - 2) // PHYS.huge * PHYS.huge
            promise(short[-1].end == last + PHYS.huge, f"OS-6: {short} up to {start + size - 2:#x}")
        check_release(PHYS, start, size)
        refuses("T-78", lambda: check_release(PHYS, start + 1, size))
        refuses("T-78", lambda: check_release(PHYS, start, size + 1))
        none = PhysicalPages(PAGE, 0)
        apart = huge_advice(none, start, size)
        promise(apart.start == apart.end and not no_huge_advice(none, start, size), "OS-5: none")

    cases = [
        (f"{number} pages from {first}", lambda met, a=first, b=number: case(met, a, b))
        for first, number in product(range(4, 13), range(1, 11))
    ]
    return every_case(cases)
