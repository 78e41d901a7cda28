"""A check of the runtime that fails in a core leads to a rule, and to the span that it rejected."""

import msgspec
import pytest

from spanproof.witness.acceptance.cores import Death
from spanproof.witness.judging.finding import FindingVerdict, JudgedImage
from spanproof.witness.judging.thrown import ALIKE, diagnosis, rule_of, thrown
from spanproof.witness.report import judged
from spanproof.witness.snapshots import Snapshot
from spanspec.rules.book import BY_ID
from tests.proofs.witness.images import alter, cached, owner, small, with_thread


def test_each_message_of_a_later_version_leads_to_a_rule() -> None:
    assert set(ALIKE.values()) <= BY_ID.keys()
    assert rule_of("non in-use span found with specials bit set") == "I-17"
    assert rule_of("bad sweepgen in refill") == "T-51"
    assert rule_of("all goroutines are asleep - deadlock!") == ""


def test_a_check_that_fails_comes_before_what_its_step_writes(saved: Snapshot) -> None:
    """A refill gives a full span the heap's generation after its check of it, not before."""
    span = cached(saved.image)
    alter(span, sweepgen=saved.image.sweepgen, freeindex=span.nelems, alloc_count=span.nelems)
    span.alloc_bits = span.alloc_cache = 0
    near = {span.descriptor: "register 0"}
    refilling = with_thread(
        saved.image, owner(saved.image, span), ["(*mcache).refill", "mallocgc"], near=near
    )
    if saved.image.go.startswith("go1.27"):
        span.count_before_cache = span.alloc_count
    of_place = {"I-19", "MC-13"}
    seen = {f.verdict for f in judged(saved.image, saved.profile) if f.rule in of_place}
    assert seen == {FindingVerdict.IN_FLIGHT}
    refilling.frames.insert(0, "runtime.throw")
    refilling.message = "bad sweepgen in refill"
    found = judged(saved.image, saved.profile)
    assert {f.verdict for f in found if f.rule in of_place} == {FindingVerdict.DAMAGE}
    error = thrown(JudgedImage(saved.image, saved.profile), found)
    assert error is not None
    assert (error.rule, error.descriptor) == ("T-51", span.descriptor)


def test_who_called_a_check_that_fails_is_not_at_its_pages(saved: Snapshot) -> None:
    """A large object has the heap sweep before it takes pages: the swept span is damaged."""
    span = small(saved.image)
    alter(span, state=0, sweepgen=saved.image.sweepgen - 1)
    frames = ["(*sweepLocked).sweep", "(*mheap).reclaim", "(*mheap).alloc", "mallocgc"]
    thread = with_thread(saved.image, 0, frames, pages=[span.base])
    found = judged(saved.image, saved.profile)
    assert {f.verdict for f in found if f.rule == "I-17"} == {FindingVerdict.IN_FLIGHT}
    thread.frames.insert(0, "runtime.throw")
    thread.message = "mspan.sweep: bad span state"
    found = judged(saved.image, saved.profile)
    assert {f.verdict for f in found if f.rule == "I-17"} == {FindingVerdict.DAMAGE}
    error = thrown(JudgedImage(saved.image, saved.profile), found)
    assert error is not None
    assert (error.rule, error.descriptor) == ("T-58", span.descriptor)


@pytest.mark.parametrize("shown", ["a sound span", "another damaged one"])
def test_a_check_whose_span_no_thread_shows_names_the_one_that_it_rejects(
    saved: Snapshot, shown: str
) -> None:
    span = small(saved.image)
    sound = cached(saved.image)
    other = next(s for s in saved.image.spans if s.state == 1 and s not in (span, sound))
    near = sound if shown == "a sound span" else other
    text = "non in-use span in unswept list"
    with_thread(saved.image, 0, ["throw", "sweepone", "bgsweep"], message=text,
                near={near.descriptor: "register 2"})  # fmt: skip
    alter(span, state=0, sweepgen=saved.image.sweepgen - 2)
    alter(other, needzero=9)
    found = judged(saved.image, saved.profile)
    error = thrown(JudgedImage(saved.image, saved.profile), found)
    assert error is not None
    assert (error.rule, error.descriptor) == ("T-55", span.descriptor)
    assert error.function == "runtime.sweepone"


def test_an_object_that_was_freed_too_early_may_have_its_cause_elsewhere(saved: Snapshot) -> None:
    span = next(
        s for s in saved.image.spans
        if s.state == 1 and s.spanclass > 1 and s.freeindex < s.nelems
        and not s.alloc_bits >> s.freeindex & 1 and s is not cached(saved.image)
    )  # fmt: skip
    frames = ["throw", "(*mspan).reportZombies", "(*sweepLocked).sweep"]
    near = {span.descriptor: "stack+8"}
    with_thread(saved.image, 0, frames, message="found pointer to free object", near=near)
    span.mark_bits |= 1 << span.freeindex
    found = judged(saved.image, saved.profile)
    scene = JudgedImage(saved.image, saved.profile)
    error = thrown(scene, found)
    assert error is not None
    assert (error.rule, error.descriptor) == ("I-4", span.descriptor)
    assert "an object was freed" in diagnosis(scene, found, error)[-1]
    span.mark_bits &= ~(1 << span.freeindex)
    alter(span, needzero=9)
    found = judged(saved.image, saved.profile)
    assert "an object was freed" not in diagnosis(scene, found, error)[-1]


def test_what_a_core_does_not_show_any_more_has_to_be_seen_where_it_went() -> None:
    assert Death("go1.27.3", "state", 8, ended=True, named=True, rule="T-58").holds
    assert not Death("go1.27.3", "state", 8, ended=True, rule="I-4").holds
    assert not Death("go1.27.3", "state", 8, ended=True, rule="I-4", spread=16).holds
    spread = Death("go1.27.3", "state", 8, ended=True, rule="I-4", spread=16, rules=["I-4"])
    assert spread.holds
    assert "span 0x8 is sound by now, what it did is in 0x10" in spread.line()


def test_a_descriptor_that_had_the_pages_before_is_not_taken_for_the_damaged_one(
    saved: Snapshot,
) -> None:
    span = small(saved.image)
    unswept = saved.image.sweepgen - 2
    dead = msgspec.structs.replace(span, descriptor=8, state=0, sweepgen=unswept - 16)
    saved.image.spans.insert(0, dead)
    with_thread(saved.image, 0, ["throw", "sweepone", "bgsweep"],
                message="non in-use span in unswept list")  # fmt: skip
    alter(span, state=0, sweepgen=unswept)
    found = judged(saved.image, saved.profile)
    assert "I-17" in {finding.rule for finding in found if not finding.descriptor}
    error = thrown(JudgedImage(saved.image, saved.profile), found)
    assert error is not None
    assert (error.rule, error.descriptor) == ("T-55", span.descriptor)
