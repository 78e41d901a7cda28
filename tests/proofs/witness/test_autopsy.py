"""An autopsy finds single damages of heaps that hold, and tells of them; other files it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from spanproof.cli.app import run
from spanproof.witness.errors import WitnessError
from spanproof.witness.judging.finding import FindingVerdict, JudgedImage
from spanproof.witness.program.toolchains import donor_for
from spanproof.witness.reading.image import Image, SpanImage
from spanproof.witness.reading.learning import fitting, learn
from spanproof.witness.report import judged
from spanproof.witness.snapshots import Snapshot, concerned, load, redacted, save
from tests.proofs.witness.images import alter, cached, small, unlist, with_thread


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


def first_free(span: SpanImage) -> int:
    """Return the first slot from freeindex on whose bit is not set."""
    return next(n for n in range(span.freeindex, span.nelems) if not span.alloc_bits >> n & 1)


def replace_slot(image: Image, value: int) -> None:
    proc = next(p for p in image.procs if any(s != image.empty_span for s in p.slots))
    place = next(n for n, s in enumerate(proc.slots) if s != image.empty_span)
    proc.slots[place] = value


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


def test_an_entry_that_leads_nowhere_is_told_once(saved: Snapshot) -> None:
    """An entry that leads nowhere is one finding, however often the set has it."""
    saved.image.central[4]["full0"] += [0x77] * 50
    found = judged(saved.image, saved.profile)
    assert [f.rule for f in found] == ["CEN-1"]


def test_a_version_that_is_none_lends_no_layout() -> None:
    for version in ("", "devel +abc", "go"):
        with pytest.raises(WitnessError):
            donor_for(version)
