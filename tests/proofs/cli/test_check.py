"""The checker accepts what the real runtime did and notices a single wrong figure."""

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from spanproof.cli.app import run
from spanproof.cli.output import FAILS, HOLDS, UNUSABLE
from spanproof.mutation.corruption import How, Trace, corruptions, read_trace
from spanproof.replay.check import check_header, check_trace
from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import Diverged, EventVerdict, TraceDivergence, broken_off
from spanproof.replay.format.reader import TraceError, TraceReader
from spanproof.replay.format.schema import KINDS
from spanproof.support.files.traces import bundled_traces
from spanspec.base.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent

TRACES = {path.name.removesuffix(".jsonl.gz"): path for path in bundled_traces()}
SMALL = [read_trace(path) for name, path in TRACES.items() if name.startswith("small")]
FREE_TO_SWAP = {"m", "mc", "pi", "mk", "np", "pd", "ma", "cm"}
"""Kinds whose order with their neighbour may really be free."""


@pytest.mark.parametrize("name", sorted(TRACES))
def test_a_recorded_trace_holds(name: str) -> None:
    with TraceReader(str(TRACES[name])) as source:
        report = check_trace(source)
    assert report.divergence is None
    assert report.tally.events == report.header.events
    allowed = report.tally.total(EventVerdict.ALLOWED)
    assert allowed < 20 if "-p4" in name else allowed == 0


def test_the_bundled_traces_exercise_every_kind_but_that_of_a_span_passed_over() -> None:
    seen: set[str] = set()
    for path in TRACES.values():
        with TraceReader(str(path)) as source:
            seen |= set(check_trace(source).tally.by_kind)
    assert set(KINDS) - seen == {"ck"}


@pytest.mark.parametrize("how", ["change", "delete", "duplicate"])
def test_nearly_every_corruption_is_noticed(how: How) -> None:
    tried = list(corruptions(SMALL, 40, seed=20, hows=[how]))
    missed = [one for one in tried if not one.noticed]
    assert len(missed) <= 2, missed


def test_swapped_neighbours_are_noticed_unless_their_order_is_free() -> None:
    tried = list(corruptions(SMALL, 40, seed=21, hows=["swap"]))
    missed = [one for one in tried if not one.noticed]
    assert len(missed) <= 4, missed
    assert {one.kind for one in missed} <= FREE_TO_SWAP


HEADER = SMALL[0].header
RACE = read_trace(TRACES["medium-race-p4-trimmed"], 6000)


@pytest.mark.parametrize(
    "trace", [RACE._replace(events=RACE.events[:2500]), SMALL[0]], ids=lambda trace: trace.name
)
def test_two_events_whose_order_is_fixed_cannot_be_exchanged(trace: Trace) -> None:
    tried = list(corruptions([trace], 24, seed=3, hows=["exchange"]))
    tried = [one for one in tried if one.what.startswith("exchange with")]
    assert len(tried) > 16
    missed = [one for one in tried if not one.noticed]
    assert missed == []


def test_nobody_else_is_at_the_lists_of_a_class_while_they_are_walked() -> None:
    """One thread passes over a span and takes another, and somebody publishes in between."""
    world = Replay(HEADER).world
    skip = ev.CentralSkips(
        p=0, thread=0, span=1, base_page=1, spanclass=5, list="N", sweepgen=2, not_before=7
    )
    freed = ev.CentralFreesSpan(
        p=1, thread=2, span=3, base_page=3, spanclass=5, was_empty=1, freed=0, sweepgen=2
    )
    world.admit_to_lists(freed)
    world.admit_to_lists(skip)
    world.admit_to_lists(replace(freed, spanclass=6))
    with pytest.raises(Diverged, match=r"CONC-1: holder of mcentral\.lock of span class 5"):
        world.admit_to_lists(freed)
    world.admit_to_lists(
        ev.CentralMisses(p=0, thread=0, span=-1, base_page=-1, spanclass=5, sweepgen=2)
    )
    world.admit_to_lists(freed)


def first(trace: Trace, kind: type[EventBase], start: int = 0) -> int:
    """Return the place of the first event of a kind, from a place on."""
    return next(n for n, e in enumerate(trace.events) if n >= start and type(e) is kind)


def judged(events: Sequence[EventBase]) -> str:
    """Replay a trace of four Ps; return the rule that excludes an event, and what is wrong."""
    divergence = Replay(RACE.header).run(events)
    return "" if divergence is None else f"{divergence.rule} {divergence.what}"


def malloc_of(p: int, events: Sequence[EventBase]) -> EventBase:
    return next(e for e in events if isinstance(e, ev.Malloc) and e.p == p and e.path == ev.FAST)


def test_a_p_allocates_nothing_in_the_middle_of_its_refill() -> None:
    events = RACE.events
    end = first(RACE, ev.CentralMisses, 2000) + 1
    p = events[end - 1].p
    early = [*events[:end], malloc_of(p, events[end - 600 : end])]
    assert judged(early) == f"CONC-9 operation of P {p}"
    tiny = ev.TinyHit(p=p, size=1, base_page=0, slot=0, offset=0, flags=1)
    assert judged([*events[:end], tiny]) == f"CONC-9 operation of P {p}"


def test_a_p_that_is_stopped_does_not_allocate() -> None:
    stop = first(RACE, ev.CycleStarts)
    p = next(p for p in range(4) if p != RACE.events[stop].p)
    early = [*RACE.events[: stop + 1], malloc_of(p, RACE.events)]
    assert judged(early).startswith(f"CONC-9 program of P {p} while")


@pytest.mark.parametrize("kind", [ev.CycleStarts, ev.PhaseChanges, ev.SweepPhaseStarts])
def test_the_program_of_the_p_that_has_stopped_the_world_does_not_run(
    kind: type[EventBase],
) -> None:
    """It goes on once the world does: up to then it neither allocates nor says anything."""
    stop = first(RACE, kind)
    p = RACE.events[stop].p
    early = RACE.events[: stop + 1]
    no = f"CONC-9 program of P {p} while P {p} has stopped the world"
    assert judged([*early, malloc_of(p, RACE.events)]) == no
    tiny = ev.TinyHit(p=p, size=1, base_page=0, slot=0, offset=0, flags=1)
    assert judged([*early, tiny]) == no
    thread = next(e.thread for e in early[::-1] if isinstance(e, ThreadEvent) and e.p == p)
    note = ev.Mark(p=p, thread=thread, note=1, first=0, second=0)
    assert judged([*early, note]) == no


def test_the_world_is_not_stopped_in_the_middle_of_an_operation() -> None:
    end = first(RACE, ev.CentralMisses, 2000) + 1
    stop = RACE.events[first(RACE, ev.CycleStarts)]
    assert judged([*RACE.events[:end], stop]).startswith("CONC-9 thread ")


def replay(events: list[EventBase]) -> TraceDivergence | None:
    return Replay(HEADER).run(events)


@pytest.fixture(scope="module")
def procs() -> list[EventBase]:
    return list(read_trace(TRACES["small-procs"]).events)


@pytest.mark.parametrize(
    "kind", [ev.Malloc, ev.RefillBegins, ev.RefillEnds, ev.Uncache, ev.SweepClaim, ev.SweepResult]
)
def test_a_lost_event_is_noticed(procs: list[EventBase], kind: type[EventBase]) -> None:
    places = [index for index, event in enumerate(procs) if type(event) is kind]
    chosen = places[len(places) // 3]
    assert replay(procs[:chosen] + procs[chosen + 1 :]) is not None


@pytest.mark.parametrize(
    "kind", [ev.RefillBegins, ev.RefillEnds, ev.Uncache, ev.SweepClaim, ev.SweepResult]
)
def test_a_repeated_event_is_noticed_at_once(procs: list[EventBase], kind: type[EventBase]) -> None:
    chosen = next(index for index, event in enumerate(procs) if type(event) is kind)
    divergence = replay([*procs[: chosen + 1], procs[chosen], *procs[chosen + 1 :]])
    assert divergence is not None
    assert divergence.line == chosen + 2


@pytest.mark.parametrize("flag", [ev.NOSCAN, ev.NEEDZERO, ev.TINY_BLOCK, ev.TINY_CURRENT])
def test_wrong_flags_of_an_allocation_are_noticed(procs: list[EventBase], flag: int) -> None:
    chosen = next(
        i for i, e in enumerate(procs) if isinstance(e, ev.Malloc) and e.flags & ev.TINY_BLOCK
    )
    event = procs[chosen]
    assert isinstance(event, ev.Malloc)
    changed = msgspec.structs.replace(event, flags=event.flags ^ flag)
    divergence = replay([*procs[:chosen], changed])
    assert divergence is not None
    assert divergence.line == chosen + 1


FILL = gzip.decompress(TRACES["small-fill"].read_bytes()).decode()


@pytest.mark.parametrize(
    ("old", "new", "diverges"),
    [
        ('"i":0,', '"i":65535,', True),
        ('"g":3,', '"g":4294967295,', True),
        ('"i":0,', '"i":-1,', False),
        ('"g":3,', '"g":4294967299,', False),
    ],
)
def test_a_wrong_figure_diverges_and_one_out_of_its_range_is_refused(
    tmp_path: Path, old: str, new: str, diverges: bool
) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(FILL.replace(old, new, 1))
    assert run(["check", str(wrong)]) == (FAILS if diverges else UNUSABLE)


def with_header(**changes: object) -> str:
    first, _, events = FILL.partition("\n")
    return json.dumps({**json.loads(first), **changes}) + "\n" + events


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"go": "go1.14.2"}, "the runtime is go1.14.2, and go1.13.15 in the model"),
        ({"arch": "linux/arm64"}, "the platform is linux/arm64"),
        ({"a0": "0x0"}, "the address of page 0 is 0x0"),
        ({"arena": 1 << 22}, "the bytes of an arena is 4194304"),
        ({"class_size": [0, 8, 24, *CLASS_TO_SIZE[3:]]}, "the bytes of class 2 are 24"),
        ({"class_pages": [0, 2, *CLASS_TO_PAGES[2:]]}, "the pages of class 1 are 2"),
        ({"ncls": 1, "class_size": [0], "class_pages": [0]}, "the number of size classes is 1"),
    ],
)
def test_a_trace_of_another_runtime_is_not_judged_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], words: str
) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(with_header(**changes))
    for command in (["check"], ["corrupt", "--number", "1"]):
        assert run([*command, str(path)]) == UNUSABLE
        seen = capsys.readouterr()
        assert seen.out == ""
        assert words in seen.err
        assert "--foreign" in seen.err
    judged = run(["check", "--foreign", str(path)])
    assert judged == (HOLDS if {"go", "arch", "a0"} & set(changes) else FAILS)


def test_who_had_nothing_to_judge_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = tmp_path / "header.jsonl"
    header.write_text(with_header(events=0).partition("\n")[0] + "\n")
    packed = tmp_path / "empty.gz"
    packed.write_bytes(gzip.compress(b""))
    good = str(TRACES["small-fill"])
    for arguments, words in (
        (["check", str(header)], "holds no events"),
        (["check", str(packed)], "is empty"),
        (["check", good, str(header)], "holds no events"),
        (["check", "--watch", "s=9999", good], "no event touched what was watched (span 9999)"),
        (["corrupt", "--number", "1", str(header)], "holds no events"),
        (["corrupt", "--number", "1", good, str(header)], "holds no events"),
    ):
        assert run(arguments) == UNUSABLE
        assert words in capsys.readouterr().err


def test_a_trace_that_diverges_as_it_is_cannot_be_corrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(FILL.replace('"i":0,', '"i":1,', 1))
    assert run(["corrupt", "--number", "5", str(wrong)]) == UNUSABLE
    assert "diverges as it is" in capsys.readouterr().err


def test_divergences_of_one_cause_are_one_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = FILL.splitlines()
    places = [n for n, line in enumerate(lines) if '"k":"rn"' in line]
    paths = [tmp_path / f"a[{n}]b" for n in range(3)]
    for path, place in zip(paths, places, strict=False):
        changed = lines[place].replace('"ac":0', '"ac":1')
        path.write_text("\n".join([*lines[:place], changed, *lines[place + 1 :]]))
    other = tmp_path / "[/b]"
    other.mkdir(parents=True)
    paths.append(other / "c.gz")
    paths[3].write_text(FILL.replace('"i":0,', '"i":1,', 1))
    assert run(["check", *map(str, paths)]) == FAILS
    text = capsys.readouterr().out
    assert text.count("divergence at ") == 2
    assert "the same cause in 2 more traces" in text
    assert all(f"diverges {path}: " in text for path in paths)
    assert f"    {paths[2]}:{places[2]}" in text


def test_a_divergence_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = gzip.decompress(TRACES["small-holes"].read_bytes()).decode()
    swept = next(line for line in text.splitlines() if '"k":"se"' in line and '"ne":9,' in line)
    live = json.loads(swept)["ab"]
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(text.replace(swept, swept.replace(f'"ab":"{live}"', '"ab":"ff01"')))
    assert run(["check", str(wrong)]) == FAILS
    shown = capsys.readouterr().out
    assert "live slots 0-8" in shown
    assert re.search(r"rule      [A-Z]+-\d+: \S.* \(spanspec explain ", shown)
    assert "allocated slots " in shown
    assert re.search("state around it, (in the middle of|after) the model's( own)? step", shown)
    assert "0x" not in shown.partition("state around it")[2].partition("tiny block")[0]


def test_an_object_allocated_during_marking_must_be_marked() -> None:
    """MAL-14: dropping the mark of an object that was born black is noticed as that."""
    events = read_trace(TRACES["real-compile-gotypes-p1-trimmed"]).events
    model = Replay(HEADER)
    born: dict[int, int] = {}
    for event in events:
        if isinstance(event, ev.Malloc) and model.state.phase == 1 and event.path != ev.LARGE:
            born.setdefault(event.base_page, event.slot)
        if isinstance(event, ev.SweepResult) and event.base_page in born:
            slot = born[event.base_page]
            bits = bytearray.fromhex(event.alloc_bits)
            assert bits[slot // 8] >> slot % 8 & 1
            bits[slot // 8] ^= 1 << slot % 8
            changed = msgspec.structs.replace(
                event, alloc_bits=bits.hex(), alloc_count=event.alloc_count - 1
            )
            divergence = model.run([changed])
            assert divergence is not None
            assert divergence.rule == "MAL-14"
            return
        assert model.run([event]) is None
    pytest.fail("no object born during marking was ever swept")


def test_a_divergence_tells_event_rule_expected_seen_history_and_state(
    procs: list[EventBase],
) -> None:
    chosen = [i for i, e in enumerate(procs) if isinstance(e, ev.RefillBegins)][3]
    event = procs[chosen]
    assert isinstance(event, ev.RefillBegins)
    changed = msgspec.structs.replace(event, alloc_count=event.alloc_count - 1)
    divergence = replay([*procs[:chosen], changed])
    assert divergence is not None
    assert (divergence.line, divergence.rule) == (chosen + 1, "SPAN-9")
    assert (divergence.expected, divergence.seen) == (
        str(event.alloc_count),
        str(event.alloc_count - 1),
    )
    assert '"k":"ro"' in divergence.event
    assert len(divergence.history) >= 3
    assert any(line.startswith(f"span {event.span}:") for line in divergence.state)


def test_nobody_allocates_while_ps_are_destroyed(procs: list[EventBase]) -> None:
    freed = next(n for n, e in enumerate(procs) if isinstance(e, ev.McacheChanges) and not e.new)
    later = next(n for n in range(freed, len(procs)) if isinstance(procs[n], ev.SweepDebt))
    assert replay(procs[: later + 1]) is None
    divergence = replay([*procs[:freed], procs[later]])
    assert divergence is not None
    assert "next event of thread" in divergence.what


def test_a_trace_may_end_in_the_middle_of_an_operation(procs: list[EventBase]) -> None:
    for end in (1, 17, 100, 1000, 1001, 1002, 1003):
        assert replay(procs[:end]) is None


def test_another_allocator_s_size_classes_are_a_divergence() -> None:
    with TraceReader(str(TRACES["small-fill"])) as source:
        header = source.header
    assert check_header(header) is None
    sizes = [*header.class_size[:3], 24, *header.class_size[4:]]
    divergence = check_header(msgspec.structs.replace(header, class_size=sizes))
    assert divergence is not None
    assert (divergence.rule, divergence.line) == ("SC-4", 0)


def test_a_truncated_copy_is_reported_after_its_events(tmp_path: Path) -> None:
    text = gzip.decompress(TRACES["small-fill"].read_bytes()).splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(text[:500]))
    with TraceReader(str(cut)) as source:
        events = iter(source)
        for _ in range(499):
            next(events)
        with pytest.raises(TraceError, match="cut short"):
            next(events)


@pytest.mark.parametrize(
    ("assertion", "says"),
    [
        ("T-15: allocCount disagrees", "the model runs into a fatal check of the runtime"),
        ("HEAP-1: may_merge_lower does not hold", "the model cannot take this step"),
    ],
)
def test_an_assertion_of_the_model_names_the_model(assertion: str, says: str) -> None:
    told = broken_off(AssertionError(assertion))
    rule, _, seen = assertion.partition(": ")
    assert (told.rule, told.what, told.seen) == (rule, says, seen)


@pytest.mark.parametrize(
    "command",
    [
        ("check",),
        ("check", "--jobs", "2"),
        ("corrupt", "--number", "1"),
        ("explain", "--coverage", "SPAN-1", "--trace"),
        ("bench", "check.*"),
    ],
    ids=" ".join,
)
def test_no_command_judges_a_trace_of_another_runtime_in_silence(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(with_header(go="go1.14.1"))
    assert run([*command, str(other)]) == UNUSABLE
    said = capsys.readouterr()
    assert f"{other}:0: recorded by another runtime: the runtime is go1.14.1" in said.err
    assert "holds" not in said.out
