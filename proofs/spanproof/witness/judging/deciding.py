"""Deciding on findings: damage, in flight, or undecided.

A finding is in flight if the span is in a state that the model's steps leave in the middle of an
operation, and a thread shows that it is at that operation with that span: its stack is in the
operation's functions, and the descriptor is in a register or near the top of its stack, or the span
is in the cache of the thread's P, or the thread is at the sets of its class. Each thread is in the
middle of one operation at most; a refill has two spans, the one that it lets go of and the one that
it looks for. A state
that no order of steps leaves is damage, however busy the program is; so is one that only a thread
could explain that is not there. Where a thread is at such an operation, and does not show with
which span, it is undecided.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from spanproof.witness.judging.balancing import balanced, holder_of_pages
from spanproof.witness.judging.finding import Finding, FindingVerdict, JudgedImage, record_of
from spanproof.witness.judging.midway import (
    SpanView,
    is_amid_allocation,
    is_amid_sweep,
    places_in_sets,
    reached_with,
    relative,
)
from spanproof.witness.judging.operations import (
    PUSHING,
    alloc,
    at_pages,
    at_tasks,
    innermost,
    refill,
    release,
    sweep,
)
from spanproof.witness.judging.places import UNFILLED, entries_of, tiny_is_set
from spanproof.witness.judging.showing import PAGES, Evidence, Showing
from spanproof.witness.reading.image import SpanImage
from spanspec.base.constants import TINY_SIZE, size_class_of
from spanspec.sharing.containers.spansets import NO_ENTRIES
from spanspec.sharing.steps import setrecords as sets
from spanspec.sharing.tables import records as lists
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE

OF_PLACES: Final = frozenset(
    {"I-19", "I-20", "I-21", "I-22", "I-24", "I-25", "I-26", "MC-13", "SWP-1", "I-7"}
)
"""Rules about where a span is, and which generation it has."""

OF_SLOTS: Final = frozenset({"I-2", "SPAN-10", "I-7"})
"""Rules about slots, which an allocation breaks between two writes."""

OF_SHAPE: Final = frozenset({"I-6", "I-11", "SC-7", "SPAN-22", "SPAN-24", "SPAN-1", "I-1", "I-34"})
"""Rules about what a fresh span still has of an earlier life (SPAN-7)."""

OF_PAGES: Final = frozenset({"I-12", "I-13", "I-17", "I-37", "SPAN-4"})
OF_SWEPT: Final = frozenset({"I-2", "SPAN-10", "I-4", "I-5", "I-7", "VER-7", "SPAN-22"})
"""Rules about bits and counts, which a sweep breaks between two writes."""

FRESH: Final = (sets.CREATING, sets.HELD, sets.GROWN, sets.COUNTING)
LEAVING_SETS: Final = (sets.LEAVING, sets.LEFT)
LEAVING_LISTS: Final = (lists.UNLISTING,)
"""Tasks with the span that a refill lets go of: it is at the same time looking for another."""

SWEPT_NOW: Final = (sets.SWEEPING, sets.EXAMINED)


class VerdictGiver:
    """Gives verdicts on the findings of one image."""

    def __init__(self, scene: JudgedImage) -> None:
        self.scene = scene
        self.views = reached_with(scene.span_sets).views
        self.operations = at_tasks(scene.span_sets)
        self.leaving = LEAVING_SETS if scene.span_sets else LEAVING_LISTS
        self.entries = entries_of(scene)[0] if scene.span_sets else {}
        self.where: dict[int, list[int]] = {}
        for those in scene.image.central:
            for place, name in ((NONEMPTY, "nonempty"), (EMPTY, "empty")):
                for descriptor in those.get(name, ()):
                    self.where.setdefault(descriptor, []).append(place)
        self.showing = Showing(scene)

    def view(self, span: SpanImage) -> SpanView:
        """Return what is seen of a span."""
        places: tuple[int, ...]
        if self.scene.span_sets:
            entries = self.entries.get(span.descriptor, NO_ENTRIES)
            places = places_in_sets(entries)
        else:
            places = tuple(self.where.get(span.descriptor, [NOWHERE]))
        large = size_class_of(span.spanclass) == 0
        room = self.scene.has_room(span)
        return SpanView(
            large,
            relative(self.scene.sweepgen, span.sweepgen),
            room,
            span.alloc_count == 0,
            len(self.scene.cached.get(span.descriptor, ())),
            places,
        )

    def of_span(self, span: SpanImage, rules: Iterable[str]) -> tuple[FindingVerdict, str]:
        """Return the verdict on all that does not hold of a span."""
        rules = set(rules)
        options = self.views.get(self.view(span), frozenset())
        if not options:
            return FindingVerdict.DAMAGE, "no order of the model's steps leaves a span so"
        if () in options:
            if rules & OF_PLACES - OF_SLOTS:
                return FindingVerdict.DAMAGE, "no step of the model explains it"
            return self.of_left(span, rules, "")
        best = FindingVerdict.DAMAGE, "no thread is at an operation that leaves a span so"
        order = [FindingVerdict.IN_FLIGHT, FindingVerdict.UNDECIDED, FindingVerdict.DAMAGE]
        for evidence, tasks in self.by_tasks(span, options):
            verdict, why = self.of_left(
                span, rules - OF_PLACES - self.explained(span, tasks), evidence.how
            )
            if verdict is FindingVerdict.IN_FLIGHT and not evidence.certain:
                verdict = FindingVerdict.UNDECIDED
            best = min(best, (verdict, why), key=lambda one: order.index(one[0]))
            if best[0] is FindingVerdict.IN_FLIGHT:
                break
        return best

    def explained(self, span: SpanImage, tasks: tuple[int, ...]) -> set[str]:
        """Return the rules about slots and shape that a span breaks in the middle of some tasks."""
        found: set[str] = set()
        if set(tasks) & {*FRESH} and span.alloc_count == 0:
            found |= OF_SHAPE | OF_SLOTS | OF_PAGES | {"VER-7"}
        sweeping = set(tasks) & {*SWEPT_NOW} and not self.showing.throws(span)
        if sweeping and is_amid_sweep(record_of(span)):
            found |= OF_SWEPT
        if sets.HELD in tasks or lists.CHECKING in tasks:
            found |= {"SPAN-10"}
        return found

    def of_left(self, span: SpanImage, left: set[str], why: str) -> tuple[FindingVerdict, str]:
        """Return the verdict on what the place of a span does not explain: slots and pages."""
        if left & OF_SLOTS:
            evidence = self.showing.shown(span, (*alloc(), *refill()), "allocation")
            amid = is_amid_allocation(record_of(span)) and not self.showing.throws(span)
            if evidence is None or not amid:
                return FindingVerdict.DAMAGE, "no allocation leaves a span so between two writes"
            if not evidence.certain:
                return FindingVerdict.UNDECIDED, evidence.how
            why = evidence.how
            left = left - OF_SLOTS
        if left & OF_PAGES:
            evidence = self.showing.shown(span, at_pages(), PAGES)
            if evidence is None:
                return FindingVerdict.DAMAGE, "no thread is at the page heap with it"
            if not evidence.certain:
                return FindingVerdict.UNDECIDED, evidence.how
            why = evidence.how
            left = left - OF_PAGES
        if left:
            return FindingVerdict.DAMAGE, "no step of the model explains it"
        return FindingVerdict.IN_FLIGHT, why

    def by_tasks(
        self, span: SpanImage, options: Iterable[tuple[int, ...]]
    ) -> Iterator[tuple[Evidence, tuple[int, ...]]]:
        """Yield the tasks in whose middle a span is seen so, each with the thread that shows it."""
        for tasks in sorted(options, key=lambda those: (len(those), those)):
            role = "leaving" if tasks[0] in self.leaving else "coming"
            names = self.operations[tasks[0]]
            evidence = self.showing.shown(span, names, role, tasks[0])
            if evidence is not None:
                yield evidence, tasks

    def of_other(self, span: SpanImage, rules: Iterable[str]) -> tuple[FindingVerdict, str]:
        """Return the verdict on all that does not hold of a span that is not in use.

        It may be on its way to the page heap, or from it, and in no other operation.
        """
        left = set(rules) - OF_PAGES - {"SPAN-1", "I-19", "I-20"}
        if left:
            return FindingVerdict.DAMAGE, "no step of the model leaves a span that is not in use so"
        evidence = self.showing.shown(span, (*at_pages(), *sweep(), *release()), PAGES)
        if evidence is None:
            return FindingVerdict.DAMAGE, "no thread is at the page heap with it"
        return (
            FindingVerdict.IN_FLIGHT if evidence.certain else FindingVerdict.UNDECIDED,
            evidence.how,
        )

    def of_rest(self, finding: Finding) -> tuple[FindingVerdict, str]:
        """Return the verdict on a finding that is of no single span."""
        if finding.counts == UNFILLED:
            return self.of_unfilled(finding)
        if finding.counts:
            shares = balanced(self.scene, finding)
            if shares:
                return FindingVerdict.IN_FLIGHT, " and ".join(
                    f"thread {one.thread.thread} is in {one.function} "
                    f"with span {one.span.descriptor:#x}"
                    for one in shares
                )
            return FindingVerdict.DAMAGE, "no span that a thread is at accounts for it"
        if finding.rule in OF_PAGES and finding.amount:
            how = holder_of_pages(self.scene, finding, self.scene.image.threads)
            if how:
                return FindingVerdict.IN_FLIGHT, how
            return FindingVerdict.DAMAGE, "no thread at the page heap has these pages at hand"
        if finding.rule == "I-36" and finding.proc is not None:
            return self.of_tiny(finding.proc)
        return FindingVerdict.DAMAGE, "no step of the model explains it"

    def of_unfilled(self, finding: Finding) -> tuple[FindingVerdict, str]:
        """Return the verdict on places at the tail of a set: each is one thread's that fills it.

        Rules: VER-4.
        """
        pushing = [t for t in self.scene.image.threads if innermost(t, PUSHING)]
        shown = [thread for thread in pushing if finding.spanclass in thread.classes]
        if finding.amount <= len(shown):
            return (
                FindingVerdict.IN_FLIGHT,
                f"thread {shown[0].thread} is in {PUSHING[0]} of this class",
            )
        if finding.amount <= len(pushing):
            return FindingVerdict.UNDECIDED, f"thread {pushing[0].thread} is in {PUSHING[0]}"
        return FindingVerdict.DAMAGE, "fewer threads are at the set than places are unfilled"

    def of_tiny(self, number: int) -> tuple[FindingVerdict, str]:
        """Return the verdict on a tiny block: its address is written before its offset.

        Rules: MAL-7 MC-10.
        """
        proc = self.scene.image.procs[number]
        written = proc.tiny == 0 or tiny_is_set(self.scene, proc.tiny)
        if written and proc.tiny_offset <= TINY_SIZE:
            names = release() if proc.tiny == 0 else alloc()
            own = self.showing.of_proc.get(number)
            for thread in [own] if own is not None else self.scene.image.threads:
                function = innermost(thread, names)
                if function:
                    return FindingVerdict.IN_FLIGHT, f"thread {thread.thread} is in {function}"
        return FindingVerdict.DAMAGE, "no allocation leaves a tiny block so between two writes"


def decide(scene: JudgedImage, findings: list[Finding]) -> list[Finding]:
    """Give each finding its verdict, and return them.

    What does not hold of one span is explained together, or not at all.
    """
    if not findings:
        return findings  # what the model's steps can leave is looked at only where something is
    decider = VerdictGiver(scene)
    of_spans: dict[int, list[Finding]] = {}
    for finding in findings:
        if finding.descriptor in scene.by_descriptor:
            of_spans.setdefault(finding.descriptor, []).append(finding)
        else:
            finding.verdict, finding.why = decider.of_rest(finding)
    # First those that a thread shows, so that no thread is taken for what another one shows.
    for _ in range(2):
        for descriptor, those in of_spans.items():
            span = scene.by_descriptor[descriptor]
            of_one = decider.of_span if span.state == scene.in_use else decider.of_other
            verdict, why = of_one(span, (finding.rule for finding in those))
            for finding in those:
                finding.verdict, finding.why = verdict, why
    return findings
