"""The life of one span or page: nothing is missed, and each state follows from the one before."""

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from spanproof.cli.app import run
from spanproof.replay.check import CheckReport, check_trace
from spanproof.replay.following.replay import Replay
from spanproof.replay.format.reader import TraceReader
from spanproof.replay.format.schema import KIND_OF, KINDS
from spanproof.replay.telling.phrases import phrase, ranges, slots
from spanproof.replay.watch import Watch
from spanproof.replay.watched import History, WatchedThing, subject
from spanproof.support.files.traces import bundled_traces
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.pages.pageheap import page_address
from spanspec.pages.tables.runs import end_of
from spanspec.span.mspan import DEAD

TRACES = {path.name.removesuffix(".jsonl.gz"): path for path in bundled_traces()}


def watched(name: str, *texts: str) -> CheckReport:
    with TraceReader(TRACES[name]) as source:
        return check_trace(source, watched=[subject(text) for text in texts])


def events(name: str) -> list[EventBase]:
    with TraceReader(TRACES[name]) as source:
        return list(source)


@pytest.mark.parametrize("text", ["", "s", "s=", "b=-1", "s=1.5", "x=3", "s=1 ", "S=1", "s=¹"])
def test_what_is_no_span_and_no_page_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="s=NUMBER for a span or b=NUMBER for a page"):
        subject(text)


def test_a_span_and_a_page_can_be_named() -> None:
    assert subject("s=17") == WatchedThing("span", 17)
    assert str(subject("b=403")) == "page 403"


@pytest.mark.parametrize("name", ["small-holes", "small-large", "small-procs"])
def test_each_state_follows_from_the_one_before(name: str) -> None:
    report = watched(
        name, *(f"s={n}" for n in range(0, 60, 7)), *(f"b={n}" for n in range(0, 99, 9))
    )
    assert report.holds
    assert sum(bool(history.entries) for history in report.histories) > 10
    for history in report.histories:
        for earlier, later in zip(history.entries, history.entries[1:], strict=False):
            assert earlier.line <= earlier.last < later.line
            assert earlier.after == later.before, (history.subject, later.line)


def test_every_event_that_names_a_span_is_in_its_life() -> None:
    (history,) = watched("small-holes", "s=9").histories
    told = {entry.line for entry in history.entries}
    naming = {
        line
        for line, event in enumerate(events("small-holes"), 1)
        if 9 in {getattr(event, name, -1) for name in ("span", "chosen", "below", "above")}
    }
    assert len(naming) > 20
    assert naming <= told


def test_a_watched_trace_gets_the_same_verdicts() -> None:
    plain, report = watched("small-fill"), watched("small-fill", "s=0", "b=3")
    assert plain.tally.by_kind == report.tally.by_kind
    assert plain.histories == ()


def test_slots_taken_in_a_row_are_one_line() -> None:
    (history,) = watched("small-fill", "b=0").histories
    allocations = [entry for entry in history.entries if entry.kind == "m"]
    taken = [
        event
        for event in events("small-fill")
        if isinstance(event, ev.Malloc) and event.base_page == 0
    ]
    assert sum(entry.events for entry in allocations) == len(taken) > 3 * len(allocations)
    assert allocations[0].what == "slot 0 after a refill"
    assert (allocations[0].before.freeindex, allocations[0].after.freeindex) == (0, 1)
    most = max(allocations, key=lambda entry: entry.events)
    before, after = most.before.freeindex, most.after.freeindex
    assert before is not None
    assert after == before + most.events
    assert most.what == f"slots {before}-{after - 1} by the fast path"
    assert most.after.cached_by == 0


def test_a_span_is_born_and_its_generations_are_told_relative_to_the_heap_s() -> None:
    (history,) = watched("small-holes", "s=9").histories
    assert history.entries[0].before.state == "never seen"
    seen = [entry.after.sweepgen for entry in history.entries if entry.after.sweepgen]
    turns = [one for one, before in zip(seen, [None, *seen], strict=False) if one != before]
    assert turns[:8] == ["sg", "sg+3", "sg+1", "sg-1", "sg", "sg-2", "sg-1", "sg"]
    lists = [entry.after.list for entry in history.entries if entry.after.list]
    assert (lists[0], lists[-1]) == ("empty", "nonempty")


def test_a_page_is_followed_through_splits_and_merges() -> None:
    owners: set[int | None] = set()
    words = ""
    for history in watched("small-large", *(f"b={n}" for n in range(20, 140, 10))).histories:
        owners |= {entry.after.span for entry in history.entries}
        words += " ".join(entry.what for entry in history.entries)
        assert {entry.after.state for entry in history.entries} <= {
            "free", "dead", "in use", "manual",
        }  # fmt: skip
    assert len(owners) > 12
    assert "split: span" in words
    assert "merge: span" in words


@pytest.mark.parametrize("name", ["small-large", "small-holes"])
def test_a_page_belongs_to_the_one_span_that_covers_it(name: str) -> None:
    with TraceReader(TRACES[name]) as source:
        replay = Replay(source.header)
        pages = [Watch(WatchedThing("page", number), replay.state) for number in range(0, 120, 17)]
        found = 0
        for line, event in enumerate(source, 1):
            assert replay.run((event,)) is None
            for watch in pages:
                watch.note(line, event)
                if line % 7 == 0 or isinstance(event, hev.HeapAllocates | hev.Coalesces):
                    address = page_address(watch.subject.number)
                    runs = replay.state.pages.runs.records.items()
                    owners = [
                        span
                        for span, run in runs
                        if run.state != DEAD and run.base <= address < end_of(run)
                    ]
                    assert not owners or [watch.seen().span] == owners, (line, watch.subject)
                    found += len(owners)
        assert found > 1000


def test_the_life_ends_with_the_event_that_diverges(tmp_path: Path) -> None:
    lines = gzip.decompress(TRACES["small-fill"].read_bytes()).splitlines()
    place = next(n for n, line in enumerate(lines) if b'"k":"m"' in line and b'"i":3,' in line)
    lines[place] = lines[place].replace(b'"i":3,', b'"i":4,')
    page = json.loads(lines[place])["b"]
    (tmp_path / "wrong.jsonl").write_bytes(b"\n".join(lines))
    with TraceReader(tmp_path / "wrong.jsonl") as source:
        plain = check_trace(source)
    with TraceReader(tmp_path / "wrong.jsonl") as source:
        report = check_trace(source, watched=[WatchedThing("page", page), WatchedThing("page", 99)])
    assert report.divergence == plain.divergence is not None
    assert report.histories[0].entries[-1].line == place
    assert report.histories[0].entries[-1].what.startswith("the trace diverges: ")
    assert report.histories[1] == History(WatchedThing("page", 99), ())


def test_every_kind_of_event_has_words_of_its_own() -> None:
    seen: dict[str, str] = {}
    for path in TRACES.values():
        with TraceReader(path) as source:
            for event in source:
                seen.setdefault(KIND_OF[type(event)], phrase(event))
    assert set(seen) == set(KINDS) - {"ck"}
    assert all(seen.values())
    skipped = ev.CentralSkips(
        p=0, thread=0, span=1, base_page=1, spanclass=5, list="N", sweepgen=2, not_before=7
    )
    assert "passes over it" in phrase(skipped)


def test_what_becomes_of_a_run_is_told_with_both_sides() -> None:
    merged = hev.Coalesces(
        p=0, thread=0, span=3, base_page=4, npages=9, scavenged=0, needzero=1,
        below=5, below_npages=1, above=6, above_npages=7,
    )  # fmt: skip
    assert (
        phrase(merged) == "merge: span 3 absorbs span 5 below (1 page) and span 6 above (7 pages)"
    )
    alone = msgspec.structs.replace(merged, below=-1, below_npages=0, above=-1, above_npages=0)
    assert phrase(alone) == "span 3 is free, and merges with no neighbour"


def test_slots_are_told_as_ranges() -> None:
    assert ranges([0, 1, 2, 5, 7, 8]) == "0-2 5 7-8"
    assert ranges(range(0, 60, 2)).endswith("22 and 18 more ranges")
    assert slots({1: [0, 1, 2], 2: [63]}, []) == (
        "slots 0-2 by the fast path, slot 63 by the slow search"
    )
    assert slots({}, [4, 4, 5]) == "3 tiny objects into slots 4-5"


def test_the_command_prints_a_life(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(TRACES["small-holes"])
    assert run(["check", path, "--watch", "s=9", "--watch", "b=4000"]) == 0
    text = capsys.readouterr().out
    for words in ("span 9: ", "rn  a refill puts it into the cache", "sweepgen sg -> sg+3",
                  "allocCount 0 -> ", "page 4000: nothing touched it"):  # fmt: skip
        assert words in text


def test_the_command_prints_a_life_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(TRACES["small-holes"])
    assert run(["check", path, "--watch", "s=9", "--watch", "b=12", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    span, page = report["watched"]
    assert (span["span"], page["page"]) == (9, 12)
    (cached,) = [one for one in span["life"] if one["kind"] == "rn"][:1]
    assert (cached["before"]["sweepgen"], cached["after"]["sweepgen"]) == ("sg", "sg+3")
    assert cached["after"]["state"] == "in use"
    assert "cached_by" not in cached["before"]


def test_a_malformed_watch_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(TRACES["small-fill"]), "--watch", "17"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "not '17'" in err
