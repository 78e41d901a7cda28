"""Judging an image: every finding, by the rule that does not hold."""

from collections.abc import Iterator

from spanproof.witness.judging.finding import Finding, JudgedImage
from spanproof.witness.judging.pages import judge_pages
from spanproof.witness.judging.places import judge_places
from spanproof.witness.judging.slots import judge_spans
from spanproof.witness.judging.totals import judge_totals
from spanproof.witness.reading.image import Image
from spanspec.span.profile import Profile


def findings(image: Image, profile: Profile) -> list[Finding]:
    """Return what does not hold in an image, the same finding once."""
    scene = JudgedImage(image, profile)
    found: dict[tuple[object, ...], Finding] = {}
    for finding in all_findings(scene):
        found.setdefault((*finding.key, finding.what), finding)
    return list(found.values())


def all_findings(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the findings of all judges."""
    for broken in scene.image.broken:
        yield Finding(broken.rule, broken.what, broken.descriptor)
    yield from judge_spans(scene)
    yield from judge_places(scene)
    yield from judge_pages(scene)
    yield from judge_totals(scene)
