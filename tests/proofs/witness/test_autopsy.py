"""The heap of a Go program is judged: it holds as saved, and each single damage is noticed."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from spanproof.cli.app import run
from spanproof.witness.acceptance.cores import Death
from spanproof.witness.errors import WitnessError
from spanproof.witness.judging.finding import FindingVerdict, JudgedImage, record_of
from spanproof.witness.judging.midway import is_amid_allocation, order_of_allocation, reached_with
from spanproof.witness.judging.thrown import ALIKE, diagnosis, rule_of, thrown
from spanproof.witness.program.toolchains import donor_for
from spanproof.witness.reading.image import Image, SpanImage, ThreadImage
from spanproof.witness.reading.learning import fitting, learn
from spanproof.witness.report import Report, judged, merge
from spanproof.witness.snapshots import Snapshot, concerned, load, redacted, save
from spanspec.rules.book import BY_ID
from spanspec.sharing.containers.spansets import Entries, entries_hold
from spanspec.span.alloccache import next_free_fast

HEAPS = Path(__file__).parent / "heaps"
SAVED = sorted(HEAPS.glob("*.json"))


@pytest.fixture(params=SAVED, ids=lambda path: path.stem)
def saved(request: pytest.FixtureRequest) -> Snapshot:
    """Return a saved heap, afresh."""
    return load(request.param)


def rules(saved: Snapshot) -> set[str]:
    return {finding.rule for finding in judged(saved.image, saved.profile)}


def test_saved_heaps_hold(saved: Snapshot) -> None:
    assert judged(saved.image, saved.profile) == []


def test_the_profile_is_learnt_from_the_heap(saved: Snapshot) -> None:
    learnt, unknown = learn(saved.image)
    assert learnt == saved.profile
    assert unknown == []
    assert fitting(saved.image, learnt) == 1.0
    assert learnt.heap_bits_in_span == learnt.inline_marks == saved.image.go.startswith("go1.27")


def test_where_no_p_is_known_nothing_is_held_against_what_they_may_have(saved: Snapshot) -> None:
    taken = next(arena for arena in saved.image.arenas if arena.allocated)
    bits = bytearray.fromhex(taken.allocated or "")
    bits[-1] |= 1 << 7  # a page that a P may have in its cache
    taken.allocated = bits.hex()
    assert rules(saved) == {"I-12"}
    saved.image.procs.clear()
    assert judged(saved.image, saved.profile) == []


def small(image: Image) -> SpanImage:
    """Return a small span that has room and is not cached."""
    cached = {one for proc in image.procs for one in proc.slots}
    return next(
        span
        for span in image.spans
        if span.state == 1
        and span.spanclass > 1
        and span.descriptor not in cached
        and 2 < span.alloc_count < span.nelems - 2
    )


def cached(image: Image) -> SpanImage:
    """Return a cached span that has room."""
    slots = {one for proc in image.procs for one in proc.slots}
    return next(
        span
        for span in image.spans
        if span.descriptor in slots and span.state == 1 and span.freeindex < span.nelems
    )


def first_free(span: SpanImage) -> int:
    """Return the first slot from freeindex on whose bit is not set."""
    return next(n for n in range(span.freeindex, span.nelems) if not span.alloc_bits >> n & 1)


def alter(span: SpanImage, **fields: int) -> None:
    for name, value in fields.items():
        setattr(span, name, value)


def replace_slot(image: Image, value: int) -> None:
    proc = next(p for p in image.procs if any(s != image.empty_span for s in p.slots))
    place = next(n for n, s in enumerate(proc.slots) if s != image.empty_span)
    proc.slots[place] = value


def unlist(image: Image, descriptor: int) -> None:
    for entries in image.central:
        for those in entries.values():
            if descriptor in those:
                those.remove(descriptor)


def flip_page(image: Image, which: str) -> None:
    span = small(image)
    page = (span.base + image.arena_offset) % (1 << 64) // image.page_size
    arena = next(a for a in image.arenas if a.index == page // image.pages_per_arena)
    bits = bytearray.fromhex(getattr(arena, which))
    bits[page % image.pages_per_arena // 8] ^= 1 << page % 8
    setattr(arena, which, bits.hex())


def remap(image: Image) -> None:
    span = small(image)
    for arena in image.arenas:
        arena.runs = [
            (first, count, image.spans[0].descriptor if one == span.descriptor else one)
            for first, count, one in arena.runs
        ]


DAMAGES: dict[str, tuple[Callable[[Image], object], str]] = {
    "freeindex + 1": (lambda i: alter(small(i), freeindex=small(i).freeindex + 1), "SPAN-10"),
    "freeindex beyond nelems": (lambda i: alter(small(i), freeindex=small(i).nelems + 1), "I-1"),
    "freeindex huge": (lambda i: alter(small(i), freeindex=1 << 60), "I-1"),
    "allocCount + 1": (lambda i: alter(small(i), alloc_count=small(i).alloc_count + 1), "I-2"),
    "allocBits": (
        lambda i: alter(small(i), alloc_bits=small(i).alloc_bits ^ 1 << first_free(small(i))),
        "I-2",
    ),
    "allocCache": (lambda i: alter(cached(i), alloc_cache=cached(i).alloc_cache ^ 1), "SPAN-10"),
    "a mark of a free slot": (
        lambda i: alter(small(i), mark_bits=1 << first_free(small(i))),
        "I-4",
    ),
    "nelems - 1": (lambda i: alter(small(i), nelems=small(i).nelems - 1), "I-6"),
    "limit + 8": (lambda i: alter(small(i), limit=small(i).limit + 8), "I-6"),
    "elemsize": (lambda i: alter(small(i), elemsize=small(i).elemsize * 2), "I-11"),
    "npages + 1": (lambda i: alter(small(i), npages=small(i).npages + 1), "I-11"),
    "spanclass unknown": (lambda i: alter(small(i), spanclass=200), "I-11"),
    "spanclass of another": (lambda i: alter(small(i), spanclass=small(i).spanclass ^ 1), "I-20"),
    "sweepgen none": (lambda i: alter(small(i), sweepgen=i.sweepgen + 7), "I-22"),
    "sweepgen unswept": (lambda i: alter(small(i), sweepgen=i.sweepgen - 2), "I-24"),
    "sweepgen sweeping": (lambda i: alter(small(i), sweepgen=i.sweepgen - 1), "I-26"),
    "sweepgen cached": (lambda i: alter(small(i), sweepgen=i.sweepgen + 3), "SWP-1"),
    "state none": (lambda i: alter(small(i), state=7), "SPAN-2"),
    "state manual": (lambda i: alter(small(i), state=2), "I-17"),
    "nothing allocated": (
        lambda i: alter(small(i), alloc_count=0, freeindex=0, alloc_bits=0),
        "I-7",
    ),
    "needzero": (lambda i: alter(small(i), needzero=9), "SPAN-1"),
    "divMul": (lambda i: alter(small(i), div_mul=small(i).div_mul + 999999), "SC-7"),
    "freeIndexForScan": (lambda i: alter(small(i), scan_index=small(i).freeindex + 1), "VER-7"),
    "base": (lambda i: alter(small(i), base=small(i).base + 8), "I-39"),
    "overlap": (lambda i: alter(small(i), base=small(i).base + i.page_size), "I-37"),
    "bits of another span": (
        lambda i: alter(small(i), alloc_bits_at=cached(i).alloc_bits_at),
        "SPAN-22",
    ),
    "bits outside": (lambda i: alter(small(i), alloc_bits_at=8), "SPAN-24"),
    "bits lead nowhere": (lambda i: alter(small(i), alloc_read=False), "SPAN-22"),
    "a slot that is no span": (lambda i: replace_slot(i, 0x1234), "I-19"),
    "a slot with a span that is not cached": (
        lambda i: replace_slot(i, small(i).descriptor),
        "I-19",
    ),
    "an empty slot": (lambda i: replace_slot(i, i.empty_span), "SWP-1"),
    "flushGen": (lambda i: alter_proc(i, flush_gen=i.sweepgen + 5), "I-35"),
    "tiny": (lambda i: alter_proc(i, tiny=0x1000, tiny_offset=3), "I-36"),
    "the empty span": (lambda i: setattr(i, "empty_span_bytes", "00ff"), "MC-3"),
    "in no set": (lambda i: unlist(i, small(i).descriptor), "I-19"),
    "an entry that is no span": (lambda i: i.central[4]["full0"].append(0x77), "CEN-1"),
    "an mcentral of another class": (lambda i: i.central_classes.__setitem__(4, 9), "CEN-1"),
    "pageInUse": (lambda i: flip_page(i, "in_use"), "I-17"),
    "the page bitmap": (lambda i: flip_page(i, "allocated"), "I-12"),
    "the span map": (remap, "I-13"),
    "pagesInUse": (lambda i: i.counters.__setitem__("pagesInUse", 1), "I-29"),
    "largeAllocCount": (lambda i: i.counters.__setitem__("largeAllocCount", 99), "I-32"),
    "smallAllocCount": (lambda i: i.allocated_by_class.__setitem__(3, 99999), "I-30"),
    "a descriptor twice": (lambda i: i.spans.append(i.spans[3]), "I-33"),
}


def alter_proc(image: Image, **fields: int) -> None:
    proc = next(proc for proc in image.procs if proc.mcache)
    for name, value in fields.items():
        setattr(proc, name, value)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_single_damage_is_noticed(saved: Snapshot, kind: str) -> None:
    damage, rule = DAMAGES[kind]
    damage(saved.image)
    found = judged(saved.image, saved.profile)
    assert rule in {finding.rule for finding in found}
    assert all(finding.verdict is FindingVerdict.DAMAGE for finding in found)


def test_a_redacted_heap_has_the_same_findings_and_no_address_of_it(saved: Snapshot) -> None:
    span = small(saved.image)
    alter(span, freeindex=span.freeindex + 1, base=span.base)
    hidden = redacted(saved.image)
    old = {one.base for one in saved.image.spans if one.base > 1 << 30}
    assert not old & {one.base for one in hidden.spans} or min(old) < 1 << 30
    assert [f.rule for f in judged(hidden, saved.profile)] == [
        f.rule for f in judged(saved.image, saved.profile)
    ]


def test_of_pages_that_threads_have_only_those_at_the_page_heap_are_sent(saved: Snapshot) -> None:
    page = small(saved.image).base
    with_thread(saved.image, 0, ["main.main"], pages=[page])
    with_thread(saved.image, 0, ["(*mheap).allocSpan"], pages=[page])
    assert [bool(thread.pages) for thread in redacted(saved.image).threads[-2:]] == [False, True]


def test_what_is_saved_of_a_damaged_heap_shows_the_damage(saved: Snapshot, tmp_path: Path) -> None:
    span = small(saved.image)
    alter(span, alloc_count=span.alloc_count + 1)
    found = judged(saved.image, saved.profile)
    part = concerned(saved.image, saved.profile, found)
    assert len(part.spans) < len(saved.image.spans) / 2
    place = tmp_path / "part.json"
    save(part, saved.profile, place)
    again = load(place)
    assert {f.descriptor for f in judged(again.image, again.profile)} >= {span.descriptor}
    assert run(["autopsy", str(place)]) == 1


def test_the_command_tells_of_damage(
    saved: Snapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "heap.json"
    save(saved.image, saved.profile, place)
    assert run(["autopsy", str(place)]) == 0
    assert "everything holds" in capsys.readouterr().out
    span = small(saved.image)
    alter(span, alloc_count=span.alloc_count + 1)
    save(saved.image, saved.profile, place)
    assert run(["autopsy", str(place)]) == 1
    told = capsys.readouterr().out
    assert "damage I-2: allocCount is the number of allocated slots." in told
    assert f"{span.descriptor:#x}" in told
    assert run(["autopsy", str(place), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["damage"] >= 1
    assert document["findings"][0]["descriptor"] == span.descriptor
    # A heap that cannot be saved takes nothing of what was found with it.
    nowhere = tmp_path / "none" / "part.json"
    assert run(["autopsy", str(place), "--save", str(nowhere)]) == 1
    told, complaints = capsys.readouterr()
    assert "damage I-2: " in told
    assert f"the heap could not be saved: {nowhere}: No such file" in complaints


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"kind": "spanspec-heap-image"}',
        "\x7fELF",
        "not a heap",
        '{"kind": "spanspec-heap-image", "image": 3, "profile": []}',
    ],
)
def test_a_file_that_is_no_heap_is_refused_in_one_line(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "odd"
    place.write_text(text, encoding="latin-1")
    assert run(["autopsy", str(place)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("what", ["99999999", "nowhere.json", "/"])
def test_what_is_not_there_is_refused_in_one_line(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["autopsy", what]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_image_that_cannot_be_judged_is_refused(saved: Snapshot, tmp_path: Path) -> None:
    place = tmp_path / "heap.json"
    for change in (
        {"page_size": 0},
        {"spans": [msgspec.structs.replace(saved.image.spans[0], npages=-1)]},
    ):
        save(msgspec.structs.replace(saved.image, **change), saved.profile, place)
        with pytest.raises(WitnessError):
            load(place)


def test_generations_are_told_from_the_heap(saved: Snapshot) -> None:
    scene = JudgedImage(saved.image, saved.profile)
    span = small(saved.image)
    for ahead in (-2, -1, 0, 1, 3):
        span.sweepgen = (saved.image.sweepgen + ahead) % (1 << 32)
        assert scene.generation(span) == ahead


def with_thread(image: Image, proc: int, frames: list[str], **fields: object) -> ThreadImage:
    """Add a thread that runs on a P, in some functions."""
    thread = ThreadImage(
        m=0x9990 + len(image.threads),
        thread=77,
        p=1,
        mallocing=1,
        locks=1,
        throwing=0,
        frames=[f"runtime.{name}" for name in frames],
    )
    thread = msgspec.structs.replace(thread, **fields)
    image.threads.append(thread)
    image.procs[proc].m = thread.m
    return thread


MALLOC = ["mallocgc", "main"]
REFILLING = ["(*mcentral).cacheSpan", "(*mcache).refill", "(*mcache).nextFree", "mallocgc"]


def verdicts(saved: Snapshot) -> dict[str, FindingVerdict]:
    return {f.rule: f.verdict for f in judged(saved.image, saved.profile)}


def owner(image: Image, span: SpanImage) -> int:
    return next(n for n, proc in enumerate(image.procs) if span.descriptor in proc.slots)


def half_allocated(image: Image) -> SpanImage:
    """Let the cached span be as an allocation leaves it before it counts the slot."""
    span = cached(image)
    after = next_free_fast(record_of(span)).span
    alter(span, alloc_cache=after.alloc_cache, freeindex=after.freeindex)
    return span


def test_an_allocation_between_two_writes_is_in_flight_where_its_thread_shows_it(
    saved: Snapshot,
) -> None:
    span = half_allocated(saved.image)
    assert verdicts(saved) == {"I-2": FindingVerdict.DAMAGE}
    with_thread(saved.image, owner(saved.image, span), MALLOC)
    assert verdicts(saved) == {"I-2": FindingVerdict.IN_FLIGHT}


def test_no_thread_excuses_what_no_allocation_leaves(saved: Snapshot) -> None:
    span = cached(saved.image)
    alter(span, alloc_count=span.alloc_count + 1)
    with_thread(saved.image, owner(saved.image, span), MALLOC, near={span.descriptor: "register 1"})
    assert verdicts(saved)["I-2"] is FindingVerdict.DAMAGE


def test_a_thread_that_throws_excuses_nothing(saved: Snapshot) -> None:
    span = half_allocated(saved.image)
    text = "s.allocCount != s.nelems && freeIndex == s.nelems"
    frames = ["throw", "(*mcache).nextFree", "mallocgc"]
    with_thread(saved.image, owner(saved.image, span), frames, message=text)
    found = judged(saved.image, saved.profile)
    assert {f.verdict for f in found} == {FindingVerdict.DAMAGE}
    error = thrown(JudgedImage(saved.image, saved.profile), found)
    assert error is not None
    assert (error.rule, error.descriptor) == ("T-15", span.descriptor)
    assert error.function == "runtime.(*mcache).nextFree"


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


def test_a_span_on_its_way_is_in_flight_for_one_thread_only(saved: Snapshot) -> None:
    first = small(saved.image)
    second = next(
        s for s in saved.image.spans
        if s.state == 1 and s.spanclass > 1 and s is not first and s.sweepgen == first.sweepgen
    )  # fmt: skip
    for span in (first, second):
        unlist(saved.image, span.descriptor)
    assert set(verdicts(saved).values()) == {FindingVerdict.DAMAGE}
    near = {first.descriptor: "register 3", second.descriptor: "stack+64"}
    with_thread(saved.image, 0, REFILLING, near=near)
    seen = [f.verdict for f in judged(saved.image, saved.profile)]
    assert sorted(v.value for v in seen) == ["damage", "in flight"]


def test_two_spans_of_two_threads_at_the_same_sets_are_in_flight_both(saved: Snapshot) -> None:
    """Each thread might have either: whichever is looked at first, each span has its own."""
    first = small(saved.image)
    second = next(
        s for s in saved.image.spans
        if s.state == 1 and s.spanclass > 1 and s is not first and s.sweepgen == first.sweepgen
    )  # fmt: skip
    for span in (first, second):
        unlist(saved.image, span.descriptor)
    classes = sorted({first.spanclass, second.spanclass})
    frames = ["osyield", "(*mheap).allocSpan", "(*mcentral).grow", *REFILLING]
    with_thread(saved.image, 0, frames, near={second.descriptor: "stack+8"}, classes=classes)
    with_thread(saved.image, 0, frames, near={first.descriptor: "stack+8"}, classes=classes)
    seen = judged(saved.image, saved.profile)
    assert {f.descriptor for f in seen} == {first.descriptor, second.descriptor}
    assert {f.verdict for f in seen} == {FindingVerdict.IN_FLIGHT}


def test_a_count_is_off_only_by_the_span_that_a_thread_is_at(saved: Snapshot) -> None:
    """However many threads are at the page heap, a count is off by a span at hand, or damaged."""
    span = next(s for s in saved.image.spans if s.state == 1 and s.npages > 1)
    if "pagesInUse" not in saved.image.counters:
        pytest.skip("this version does not count the pages in use")
    saved.image.counters["pagesInUse"] -= span.npages
    frames = ["(*mheap).initSpan", "(*mheap).allocSpan"]
    with_thread(saved.image, 0, frames)
    assert verdicts(saved) == {"I-29": FindingVerdict.DAMAGE}
    saved.image.threads.clear()
    with_thread(saved.image, 0, frames, near={span.descriptor: "register 2"})
    assert verdicts(saved) == {"I-29": FindingVerdict.IN_FLIGHT}
    saved.image.counters["pagesInUse"] -= 1
    assert verdicts(saved) == {"I-29": FindingVerdict.DAMAGE}


def test_pages_that_nobody_has_are_at_hand_of_a_thread_or_damage(saved: Snapshot) -> None:
    image = saved.image
    arena = image.arenas[0]
    if arena.allocated is None:
        pytest.skip("this version has no page bitmap")
    bits = bytearray.fromhex(arena.allocated)
    bits[-1] |= 0x80
    arena.allocated = bits.hex()
    frames = ["(*pageAlloc).scavengeOne", "bgscavenge"]
    thread = with_thread(image, 0, frames)
    assert verdicts(saved) == {"I-12": FindingVerdict.DAMAGE}
    page = (arena.index + 1) * image.pages_per_arena - 1
    thread.pages = [(page * image.page_size - image.arena_offset) % (1 << 64)]
    assert verdicts(saved) == {"I-12": FindingVerdict.IN_FLIGHT}


def test_each_unfilled_place_of_a_set_is_one_threads(saved: Snapshot) -> None:
    central = saved.image.central
    if "partial0" not in central[0]:
        pytest.skip("this version has central lists")
    central[4]["full0"].append(0)
    assert verdicts(saved) == {"CEN-1": FindingVerdict.DAMAGE}
    thread = with_thread(saved.image, 0, ["(*spanSet).push", "(*mcentral).uncacheSpan"])
    assert verdicts(saved) == {"CEN-1": FindingVerdict.UNDECIDED}
    thread.classes = [4]
    assert verdicts(saved) == {"CEN-1": FindingVerdict.IN_FLIGHT}
    central[4]["full0"].append(0)
    assert verdicts(saved) == {"CEN-1": FindingVerdict.DAMAGE}


def test_a_tiny_block_without_an_offset_is_in_flight_in_an_allocation_of_its_p(
    saved: Snapshot,
) -> None:
    proc = next(n for n, proc in enumerate(saved.image.procs) if proc.tiny)
    saved.image.procs[proc].tiny_offset = 0
    assert verdicts(saved) == {"I-36": FindingVerdict.DAMAGE}
    with_thread(saved.image, proc, MALLOC)
    assert verdicts(saved) == {"I-36": FindingVerdict.IN_FLIGHT}
    saved.image.procs[proc].tiny_offset = 17
    assert verdicts(saved) == {"I-36": FindingVerdict.DAMAGE}
    saved.image.procs[proc].tiny_offset = 0
    saved.image.procs[proc].tiny += 8
    assert verdicts(saved) == {"I-36": FindingVerdict.DAMAGE}


def test_no_allocation_moves_the_index_for_scans_beyond_freeindex(saved: Snapshot) -> None:
    span = cached(saved.image)
    span.scan_index = span.freeindex + 1
    with_thread(saved.image, owner(saved.image, span), MALLOC, near={span.descriptor: "register 1"})
    assert verdicts(saved) == {"VER-7": FindingVerdict.DAMAGE}


def test_chunks_of_user_arenas_are_not_held_against_the_heap(saved: Snapshot) -> None:
    """A chunk lies outside the heap's arenas, and stays in its set when it is given back."""
    if "isUserArenaChunk" not in saved.image.present:
        pytest.skip("this version has no user arenas")
    span = small(saved.image)
    for number, state in enumerate((1, 0)):
        chunk = msgspec.structs.replace(
            span, descriptor=0x5550 + number, base=1 << 45, spanclass=1, state=state, user_arena=1
        )
        saved.image.spans.append(chunk)
        saved.image.central[0][f"full{saved.image.sweepgen // 2 % 2}"].append(chunk.descriptor)
    assert judged(saved.image, saved.profile) == []


def test_a_thread_at_the_operation_that_shows_no_span_leaves_it_undecided(saved: Snapshot) -> None:
    unlist(saved.image, small(saved.image).descriptor)
    with_thread(saved.image, 0, REFILLING)
    assert set(verdicts(saved).values()) == {FindingVerdict.UNDECIDED}


def test_what_is_undecided_is_damage_if_it_stays_and_in_flight_if_it_goes(saved: Snapshot) -> None:
    unlist(saved.image, small(saved.image).descriptor)
    with_thread(saved.image, 0, REFILLING)
    undecided = Report(saved.image, saved.profile, judged(saved.image, saved.profile))
    seen = {finding.key: finding for finding in undecided.findings}
    merge(undecided, [seen, seen])
    assert {f.verdict for f in undecided.findings} == {FindingVerdict.UNDECIDED}
    gone = msgspec.structs.replace(undecided, findings=judged(saved.image, saved.profile))
    merge(gone, [seen, {}, seen])
    assert {f.verdict for f in gone.findings} == {FindingVerdict.IN_FLIGHT}
    merge(undecided, [seen, seen, seen])
    assert {f.verdict for f in undecided.findings} == {FindingVerdict.DAMAGE}


def test_what_rests_is_what_the_rule_of_the_sets_says() -> None:
    for view, tasks in reached_with(span_sets=True).views.items():
        if () in tasks:
            generation = (4 + view.ahead) % (1 << 32)
            entries = Entries(*view.places)
            assert entries_hold(4, generation, view.has_free, view.large, entries), view


def test_an_allocation_writes_in_the_order_that_is_looked_for() -> None:
    assert order_of_allocation() == ("alloc_cache", "freeindex", "alloc_count")


def test_what_an_allocation_leaves_between_two_writes_is_found_amid_it() -> None:
    record = record_of(cached(load(SAVED[0]).image))
    after = next_free_fast(record).span
    partly = record
    for field in order_of_allocation()[:-1]:
        partly = msgspec.structs.replace(partly, **{field: getattr(after, field)})
        assert is_amid_allocation(partly), field
    wrong = msgspec.structs.replace(record, alloc_count=record.alloc_count + 1)
    assert not is_amid_allocation(wrong)


def test_an_entry_that_leads_nowhere_is_told_once(saved: Snapshot) -> None:
    """An entry that leads nowhere is one finding, however often the set has it."""
    saved.image.central[4]["full0"] += [0x77] * 50
    found = judged(saved.image, saved.profile)
    assert [f.rule for f in found] == ["CEN-1"]


def test_a_version_that_is_none_lends_no_layout() -> None:
    for version in ("", "devel +abc", "go"):
        with pytest.raises(WitnessError):
            donor_for(version)
