"""Wrong variants of the page map: which interval a place is in, and what a range gives way to."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

MAP_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.base.intervals.Intervals.find",
        Variant(
            "interval-before",
            "if starts[middle] <= place:",
            "if starts[middle] < place:",
            "intervals.set",
            "the first page of a span leads to the span below it",
        ),
    ),
    *variants_of(
        "spanspec.base.intervals.Intervals.set",
        Variant(
            "rest-of-an-interval-lost",
            "if after != value:",
            "if after == value:",
            "intervals.set",
            "what lies behind a range that was set has its value, too",
        ),
        Variant(
            "begins-a-place-late",
            "at = self.find(start - 1) + 1",
            "at = self.find(start) + 1",
            "intervals.set",
            "an interval that begins with the range stays before it",
        ),
        Variant(
            "neighbours-not-merged",
            "if values[at - 1] != value:",
            "if start < end:",
            "intervals.set",
            "each run that is freed beside another one makes an interval of its own",
        ),
        Variant(
            "ends-a-place-late",
            "starts[behind] <= end:",
            "starts[behind] <= end + 1:",
            "intervals.set",
            "the interval just behind the range is replaced, too",
        ),
        Variant(
            "values-keep-the-replaced",
            "            values[at:behind] = []\n",
            "",
            "intervals.set",
            "values are no longer those of the intervals at their places",
        ),
    ),
    *variants_of(
        "spanspec.base.intervals.Intervals.all_are",
        Variant(
            "end-not-looked-at",
            "self._values[first] == value and behind",
            "self._values[first] == value",
            "intervals.all-are",
            "a range counts as mapped that is mapped at its start",
        ),
        Variant(
            "place-behind-looked-at",
            "self._starts[first + 1] >= end",
            "self._starts[first + 1] > end",
            "intervals.all-are",
            "a range counts as mapped only if the place behind it is",
        ),
    ),
    *variants_of(
        "spanspec.base.intervals.Intervals.__init__",
        Variant(
            "no-value-from-0-on",
            "= [FAR_BELOW]",
            "= [FAR_BELOW, 0]",
            "pages.map-start",
            "an address that nothing was entered for has no value",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.pagemap.PageMap.span_of",
        Variant(
            "unmapped-is-a-span",
            "NOBODY if span == UNMAPPED else span",
            "span",
            "pages.span-of",
            "what was never in an arena leads to a descriptor",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.pagemap.PageTable.set_range",
        Variant(
            "range-ends-a-page-early",
            "end >> PAGE_SHIFT",
            "(end >> PAGE_SHIFT) - 1",
            "pages.map",
            "the last page of a range is not mapped",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.pagemap.PageTable.__getitem__",
        Variant(
            "address-of-another-page",
            "address >> PAGE_SHIFT",
            "(address + 1) >> PAGE_SHIFT",
            "pages.map",
            "the last byte of a page leads to the span behind it",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.pagemap.PageTable.all_are",
        Variant(
            "last-page-not-looked-at",
            "end >> PAGE_SHIFT",
            "(end - 1) >> PAGE_SHIFT",
            "pages.map-range",
            "a range counts as mapped whose last page is not",
        ),
    ),
)
