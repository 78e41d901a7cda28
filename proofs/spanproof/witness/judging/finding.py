"""What a judge finds: a rule that does not hold, of which span, and whether that is damage."""

from collections.abc import Iterable
from enum import Enum

import msgspec

from spanproof.witness.reading.image import Image, SpanImage, with_span_sets
from spanspec.base.bitmap import Bits
from spanspec.base.words import M32
from spanspec.span.mspan import IN_USE, Mspan, has_room
from spanspec.span.profile import Profile


def record_of(span: SpanImage) -> Mspan:
    """Return a span in use as the model's record."""
    return Mspan(
        base=span.base,
        npages=span.npages,
        spanclass=span.spanclass,
        state=IN_USE,
        elemsize=span.elemsize,
        limit=span.limit,
        nelems=span.nelems,
        freeindex=span.freeindex,
        alloc_count=span.alloc_count,
        alloc_cache=span.alloc_cache,
        alloc_bits=Bits(span.alloc_bits),
        gcmark_bits=Bits(span.mark_bits),
        needzero=span.needzero,
    )


class FindingVerdict(Enum):
    """What a finding is."""

    DAMAGE = "damage"
    IN_FLIGHT = "in flight"
    UNDECIDED = "undecided"

    @classmethod
    def ranked(cls) -> tuple["FindingVerdict", ...]:
        """Return the verdicts, the worst first."""
        return cls.DAMAGE, cls.UNDECIDED, cls.IN_FLIGHT


class Finding(msgspec.Struct):
    """A rule that does not hold.

    `descriptor` is the span's, 0 if it is of no single span; `spanclass` and `proc` tell which
    list or P it is of. `amount` is by how much a count is above the sum over the spans (`counts`
    says of what), or how many bytes from `address` on are concerned. `why` says what the verdict
    rests on.
    """

    rule: str
    what: str
    descriptor: int = 0
    spanclass: int | None = None
    proc: int | None = None
    amount: int = 0
    counts: str = ""
    address: int = 0
    verdict: FindingVerdict = FindingVerdict.UNDECIDED
    why: str = ""

    @property
    def key(self) -> tuple[str, int, int | None, int | None]:
        """What makes it the same finding at two moments."""
        return self.rule, self.descriptor, self.spanclass, self.proc


class JudgedImage:
    """An image with what the judges look up in it again and again."""

    def __init__(self, image: Image, profile: Profile) -> None:
        self.image = image
        self.profile = profile
        self.sweepgen = image.sweepgen
        self.in_use = image.states.get("mSpanInUse", 1)
        self.manual = image.states.get("mSpanManual", 2)
        self.by_descriptor = {span.descriptor: span for span in image.spans}
        self.used = [span for span in image.spans if span.state == self.in_use]
        self.span_sets = with_span_sets(image)
        self.cached: dict[int, list[tuple[int, int]]] = {}
        self._room: dict[tuple[int, int], bool] = {}
        for number, proc in enumerate(image.procs):
            for spanclass, descriptor in enumerate(proc.slots):
                if descriptor and descriptor != image.empty_span:
                    self.cached.setdefault(descriptor, []).append((number, spanclass))

    def generation(self, span: SpanImage) -> int:
        """Return how far a span's generation is from the heap's: -4 to 4, or its value."""
        ahead = (span.sweepgen - self.sweepgen) & M32
        return ahead if ahead <= 4 else ahead - (1 << 32) if ahead >= M32 - 3 else ahead

    def mapped(self, address: int) -> int:
        """Return the descriptor that the span map leads to from an address; 0 for none."""
        number, place = self.image.page_of(address)
        for arena in self.image.arenas:
            if arena.index == number:
                for first, count, descriptor in arena.runs:
                    if first <= place < first + count:
                        return descriptor
        return 0

    def has_room(self, span: SpanImage) -> bool:
        """Tell whether a slot of a span is free, by its count."""
        key = (span.alloc_count, span.nelems)
        if key not in self._room:
            self._room[key] = has_room(record_of(span))
        return self._room[key]


def is_about(scene: JudgedImage, finding: Finding, span: SpanImage) -> bool:
    """Tell whether a finding is of a span, or of pages that are its own.

    A span that is said to be free is not the one that its pages are told of; its address is. So is
    the address of descriptors that had these pages before: of several, it is the one that the span
    map leads to.
    """
    if finding.descriptor:
        return finding.descriptor == span.descriptor
    if not covers(scene, span, finding.address):
        return False
    mapped = scene.by_descriptor.get(scene.mapped(finding.address), span)
    return mapped is span or not covers(scene, mapped, finding.address)


def covers(scene: JudgedImage, span: SpanImage, address: int) -> bool:
    """Tell whether an address is in the pages of a span, in use or not."""
    return span.base <= address < span.base + min(span.npages, M32) * scene.image.page_size


def rules_broken(
    scene: JudgedImage, findings: Iterable[Finding], span: SpanImage | None
) -> list[str]:
    """Return the rules of the damage that is about a span; none for no span."""
    damage = [finding for finding in findings if finding.verdict is FindingVerdict.DAMAGE]
    return sorted({one.rule for one in damage if span is not None and is_about(scene, one, span)})


def told(scene: JudgedImage, span: SpanImage) -> str:
    """Return a span in a line."""
    return (
        f"span {span.descriptor:#x}: base {span.base:#x}, {span.npages} pages, "
        f"class {span.spanclass}, slots of {span.elemsize} bytes, freeindex {span.freeindex}, "
        f"allocCount {span.alloc_count} of {span.nelems}, "
        f"sweepgen sg{scene.generation(span):+d}, state {span.state}"
    )
