"""The trace reader takes what format version 1 allows, and refuses the rest at its line."""

import gzip
import io
import json
import os
import pickle
import resource
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanproof.replay.format.ranges import HEADER as HEADER_LINE
from spanproof.replay.format.ranges import Range, ranges, table
from spanproof.replay.format.reader import MAX_LINE, TraceError, TraceReader
from spanproof.replay.format.schema import KINDS
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase

HEADER: dict[str, object] = {
    "k": "header",
    "format": 1,
    "go": "go1.13.15",
    "arch": "linux/amd64",
    "page": 8192,
    "phys": 4096,
    "hugephys": 0,
    "arena": 1 << 26,
    "ncls": 3,
    "class_size": [0, 8, 16],
    "class_pages": [0, 1, 1],
    "ncpu": 2,
    "ptr": 8,
    "a0": "0xc000000000",
    "program": "by hand",
    "gomaxprocs": 1,
    "events": 0,
    "ends": "process end",
}

SAMPLES = [
    '{"k":"m","p":-1,"z":9,"w":1,"c":5,"b":0,"i":0,"f":25}',
    '{"k":"m","p":0,"z":209715200,"w":4,"c":0,"b":40,"i":0,"f":6}',
    '{"k":"t","p":0,"z":3,"b":0,"i":0,"o":9,"f":3}',
    '{"k":"ro","p":0,"t":0,"c":5,"s":0,"b":0,"g":2,"fi":512,"ac":512,"ne":512}',
    '{"k":"rn","p":0,"t":0,"c":5,"s":1,"b":1,"g":5,"fi":3,"ac":7,"ne":512}',
    '{"k":"mc","p":-1,"t":0,"new":1,"ca":0}',
    '{"k":"pi","p":-1,"t":0,"id":0,"ca":0}',
    '{"k":"pd","p":0,"t":0,"id":1,"ca":1}',
    '{"k":"np","p":0,"t":0,"n":4,"old":0}',
    '{"k":"ra","p":0,"t":0,"beg":1,"ca":0}',
    '{"k":"un","p":0,"t":0,"c":5,"st":1,"s":1,"b":1,"g0":3,"sg":2,"fi":4,"ac":8,"ne":512}',
    '{"k":"um","p":0,"t":0,"c":5,"s":1,"b":1}',
    '{"k":"pf","p":0,"t":0,"beg":0,"ca":0,"fg":0,"g":2}',
    '{"k":"ck","p":0,"t":0,"c":5,"l":"N","s":1,"b":1,"g":2,"lo":12}',
    '{"k":"ct","p":0,"t":0,"c":5,"src":2,"s":1,"b":1,"lo":12,"g":1}',
    '{"k":"cr","p":0,"t":0,"c":5,"room":0,"s":1,"b":1,"i":512}',
    '{"k":"cm","p":0,"t":0,"c":133,"s":-1,"b":-1,"g":4294967295}',
    '{"k":"cg","p":0,"t":0,"c":5,"s":1,"b":1,"ne":512,"g":2}',
    '{"k":"fs","p":0,"t":0,"c":5,"we":1,"fr":0,"s":1,"b":1,"g":2}',
    '{"k":"sc","p":0,"t":0,"c":5,"by":"gcstart","s":1,"b":1,"np":1,"g":1,"lo":14}',
    '{"k":"se","p":0,"t":0,"c":4,"pr":0,"we":1,"fh":0,"tc":1,"s":1,"b":1,"ne":9,"nf":2,"ac":7,"g":2,"ab":"f700"}',
    '{"k":"pu","p":0,"t":0,"q":1,"s":1,"b":1,"x":0,"lo":16}',
    '{"k":"po","p":0,"t":0,"q":0,"by":"finish","s":-1,"b":-1,"x":-1,"lo":16}',
    '{"k":"dr","p":0,"t":0,"why":"state","s":1,"b":1,"g":2,"stt":3,"lo":17}',
    '{"k":"sd","p":0,"t":0,"g":2}',
    '{"k":"dd","p":0,"t":0,"tg":-5,"sw":0,"by":8192,"cp":0}',
    '{"k":"rb","p":0,"t":0,"n":1,"cr":0,"ix":9223372036854775808}',
    '{"k":"re","p":0,"t":0,"n":0}',
    '{"k":"rk","p":0,"t":0,"cr":5,"tk":1,"n":0}',
    '{"k":"rc","p":0,"t":0,"st":"done","ix":8192,"n":1,"nf":0}',
    '{"k":"gc","p":0,"t":0,"tr":"time","cy":3,"mode":2,"hl":1}',
    '{"k":"ph","p":0,"t":0,"x":2}',
    '{"k":"sg","p":0,"t":0,"g":4,"mode":0,"na":1}',
    '{"k":"ha","p":0,"t":0,"n":1,"fs":2,"fb":3,"fn":4,"s":5,"b":3,"split":1,"sc":0,"rsc":1,"nz":1}',
    '{"k":"si","p":0,"t":0,"c":5,"lg":0,"nz":1,"s":5,"b":3,"np":1,"es":16,"g":2}',
    '{"k":"ib","p":0,"t":0,"c":5,"s":5,"b":3,"ne":512,"es":16}',
    '{"k":"ma","p":0,"t":0,"for":"other","nz":0,"s":5,"b":3,"np":4}',
    '{"k":"hf","p":0,"t":0,"stt":2,"nz":1,"s":5,"b":3,"np":4,"g":0}',
    '{"k":"co","p":0,"t":0,"s":5,"b":3,"np":4,"bn":0,"an":9,"bs":-1,"as":7,"sc":0,"nz":1}',
    '{"k":"gr","p":-1,"t":0,"n":1,"cb":null,"ce":null}',
    '{"k":"gr","p":0,"t":0,"n":1,"cb":69,"ce":8192}',
    '{"k":"ga","p":0,"t":0,"b":0,"np":8192,"ask":8192,"contig":0}',
    '{"k":"gd","p":0,"t":0,"n":1,"cb":1,"ce":8192,"v":0}',
    '{"k":"gs","p":0,"t":0,"s":5,"b":3,"np":1}',
    '{"k":"vc","p":0,"t":0,"ret":5,"n":8192,"goal":0}',
    '{"k":"vb","p":0,"t":0,"by":"FreeOSMemory","n":18446744073709551615,"ret":5,"goal":0,"hp":0}',
    '{"k":"vs","p":0,"t":0,"split":1,"huge":1,"fs":2,"fb":3,"fn":4,"s":5,"b":5,"rel":16384}',
    '{"k":"ve","p":0,"t":0,"by":"bg","rel":16384}',
    '{"k":"mk","p":0,"t":0,"a":10,"b":824633720832,"c":9}',
]

MALLOC = SAMPLES[0]
CLAIM = '{"k":"sc","p":0,"t":0,"c":5,"by":"bg","s":1,"b":1,"np":1,"g":1,"lo":14}'
RESULT = next(line for line in SAMPLES if '"se"' in line)


def trace(lines: list[str], **header: object) -> bytes:
    first = json.dumps({**HEADER, "events": len(lines), **header})
    return "".join(f"{line}\n" for line in [first, *lines]).encode()


def read(path: Path | str) -> list[EventBase]:
    with TraceReader(path) as reader:
        return list(reader)


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[[bytes], TraceError]:
    """Read a text that must be refused, and return the refusal."""

    def refuse(content: bytes) -> TraceError:
        path = tmp_path / "bad.jsonl"
        path.write_bytes(content)
        with pytest.raises(TraceError) as caught:
            read(path)
        error = caught.value
        assert error.path == str(path)
        assert "\n" not in str(error)
        place = str(path) if error.line is None else f"{path}:{error.line}"
        assert str(error) == f"{place}: {error.problem}"
        return error

    return refuse


Refuse = Callable[[bytes], TraceError]


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_there_is_a_sample_of_every_kind() -> None:
    assert {json.loads(line)["k"] for line in SAMPLES} == set(KINDS)


def test_an_event_of_every_kind_survives_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_bytes(trace(SAMPLES))
    events = read(path)
    assert [type(event) for event in events] == [KINDS[json.loads(s)["k"]] for s in SAMPLES]
    for event, line in zip(events, SAMPLES, strict=True):
        assert json.loads(msgspec.json.encode(event)) == json.loads(line)


@pytest.mark.parametrize("line", SAMPLES, ids=lambda line: json.loads(line)["k"])
def test_no_key_of_a_sample_can_be_of_another_type(line: str, refusal: Refuse) -> None:
    sample = json.loads(line)
    for key in sample:
        for wrong in ("true", "1.5", "[]", "{}"):
            line = json.dumps({**sample, key: json.loads(wrong)})
            assert refusal(trace([line])).line == 1
        assert refusal(trace([json.dumps({**sample, key + "_": 1})])).line == 1


@pytest.mark.parametrize("key", [key for key in json.loads(RESULT) if key != "k"])
def test_a_key_that_a_kind_always_has_is_required(key: str, refusal: Refuse) -> None:
    sample = json.loads(RESULT)
    del sample[key]
    assert f"event 'se' lacks key '{key}'" in refusal(trace([json.dumps(sample)])).problem


def test_fields_have_the_names_of_the_runtime(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_bytes(trace([RESULT]))
    (event,) = read(path)
    assert isinstance(event, ev.SweepResult)
    assert (event.span, event.base_page, event.nelems) == (1, 1, 9)
    assert (event.nfreed, event.alloc_count, event.sweepgen) == (2, 7, 2)
    assert event.alloc_bits == "f700"


def test_plain_and_gzipped_files_and_standard_input_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = trace(SAMPLES)
    half = len(plain) // 2
    packed = gzip.compress(plain, mtime=0)
    members = (
        gzip.compress(plain[:half], mtime=0) + gzip.compress(plain[half:], mtime=0) + b"\0" * 512
    )
    (tmp_path / "plain.jsonl").write_bytes(plain)
    expected = read(tmp_path / "plain.jsonl")
    assert len(expected) == len(SAMPLES)
    for name, content in {
        "packed.jsonl.gz": packed,
        "packed-without-the-name": packed,
        "plain-in-spite-of-the-name.gz": plain,
        "members.gz": members,
        "crlf.jsonl": plain.replace(b"\n", b"\r\n"),
        "no-last-newline.jsonl": plain[:-1],
    }.items():
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path / name) == expected, name
        assert read(str(tmp_path / name)) == expected, name
    for content in (plain, packed):
        feed(monkeypatch, content)
        assert read("-") == expected


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = gzip.compress(trace(SAMPLES), mtime=0)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
    writer.start()
    assert len(read(pipe)) == len(SAMPLES)
    writer.join()


def test_lines_count_from_the_header_which_is_line_0(tmp_path: Path) -> None:
    lines = SAMPLES * 100  # several blocks
    path = tmp_path / "long.jsonl"
    path.write_bytes(trace(lines))
    with TraceReader(path) as reader:
        assert (reader.line, json.loads(reader.raw)["k"]) == (0, "header")
        assert reader.lines_expected == reader.header.events == len(lines)
        for place, event in enumerate(reader, start=1):
            assert reader.line == place
            if place % 7 == 0:
                assert reader.raw == lines[place - 1].encode()
                assert type(event) is KINDS[json.loads(reader.raw)["k"]]
        assert reader.line == len(lines)


def test_a_second_iteration_goes_on_where_the_first_was_left(tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    path.write_bytes(trace(SAMPLES))
    with TraceReader(path) as reader:
        for _ in reader:
            break
        assert len(list(reader)) == len(SAMPLES) - 1
        assert reader.line == len(SAMPLES)


def test_events_before_a_bad_line_are_delivered(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(trace([*SAMPLES, "{", *SAMPLES]))
    with TraceReader(path) as reader:
        events = iter(reader)
        for _ in SAMPLES:
            next(events)
        with pytest.raises(TraceError) as caught:
            next(events)
        assert (caught.value.line, reader.line) == (len(SAMPLES) + 1, len(SAMPLES) + 1)
        assert reader.raw == b"{"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "not JSON"),
        ('{"k":"sd","p":0', "not JSON"),
        (MALLOC + MALLOC, "not JSON"),
        ("", "blank line"),
        ("  \t", "blank line"),
        ("\0\1\2", "binary data"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a JSON object"),
        ("17", "not a JSON object"),
        ("{}", "event lacks key 'k'"),
        ('{"k":"zz"}', 'unknown kind of event "zz"'),
        ('{"k":7}', "unknown kind of event 7"),
        ('{"k":"a\\nb"}', 'unknown kind of event "a\\nb"'),
        (json.dumps(HEADER), "a second header"),
        (CLAIM.replace(',"np":1', ""), "event 'sc' lacks key 'np'"),
        (CLAIM.replace('"np":1', '"np":1,"nq":1'), "event 'sc' has unknown key \"nq\""),
        (CLAIM.replace('"np":1', '"np":"1"'), "key 'np' must be an integer, not a string"),
        (CLAIM.replace('"np":1', '"np":null'), "key 'np' must be an integer, not null"),
        (CLAIM.replace('"np":1', '"np":-1'), "key 'np' must be >= 0, not -1"),
        (
            CLAIM.replace('"np":1', f'"np":{"9" * 5000}'),
            "key 'np' is out of every range, not \"999",
        ),
        (CLAIM.replace('"np":1', '"np":1e999'), "key 'np' is out of every range, not \"1e999"),
        (CLAIM.replace('"np":1', '"np":1e999') + "x", "not JSON"),
        (CLAIM.replace('"np":1', '"np":1e999,"x":' + "[" * 100000), "not JSON"),
        (CLAIM.replace('"np":1', '"np":NaN'), "not JSON"),
        (CLAIM.replace('"np":1', '"np":-Infinity'), "not JSON"),
        (CLAIM.replace('"np":1', '"np":1.5'), "key 'np' must be an integer, not a fraction"),
        (CLAIM.replace('"p":0', '"p":-2'), "key 'p' must be >= -1, not -2"),
        (CLAIM.replace('"s":1', '"s":-2'), "key 's' must be >= -1, not -2"),
        (CLAIM.replace('"c":5', '"c":134'), "key 'c' must be <= 133, not 134"),
        (CLAIM.replace('"bg"', '"us"'), 'key \'by\' must be "GC" or "bg" or '),
        (MALLOC.replace('"w":1', '"w":5'), "key 'w' must be 1 or 2 or 3 or 4, not 5"),
        (RESULT.replace('"pr":0', '"pr":2'), "key 'pr' must be <= 1, not 2"),
        (RESULT.replace("f700", "f70"), "key 'ab' must match"),
        (RESULT.replace("f700", "F700"), "key 'ab' must match"),
        (SAMPLES[39].replace("null", '"x"'), "key 'cb' must be an integer or null, not a string"),
    ],
)
def test_a_bad_line_is_refused_in_words(line: str, words: str, refusal: Refuse) -> None:
    good = [MALLOC, RESULT]
    error = refusal(trace([*good, line, MALLOC]))
    assert error.line == 3
    assert words in error.problem
    assert ";" in error.problem
    assert len(error.problem) < 300


RANGES = {(kind, key): found for kind, key, found in ranges()}
OF_KIND = {json.loads(line)["k"]: json.loads(line) for line in SAMPLES}


def test_every_integer_of_every_kind_has_a_range() -> None:
    for kind, sample in OF_KIND.items():
        for key, value in sample.items():
            if type(value) is int and key not in ("w", "x" if kind == "ph" else ""):
                bounds = RANGES.get((kind, key))
                enumerated = (kind, key) in {("ct", "src"), ("dr", "stt"), ("hf", "stt")}
                assert (bounds is None) == enumerated, (kind, key)


@pytest.mark.parametrize("kind", OF_KIND)
def test_every_key_of_a_kind_is_held_to_its_range(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    for (where, key), (lowest, highest) in RANGES.items():
        if where != kind:
            continue
        for value in (lowest, highest):
            path.write_bytes(trace([MALLOC, json.dumps({**OF_KIND[kind], key: value})]))
            assert len(read(path)) == 2
        for value in (lowest - 1, highest + 1, 1 << 70, -(1 << 70)):
            path.write_bytes(trace([MALLOC, json.dumps({**OF_KIND[kind], key: value})]))
            with pytest.raises(TraceError, match=f"key '{key}' must be .*, not {value}") as caught:
                read(path)
            assert caught.value.line == 2


def test_every_key_of_the_header_is_held_to_its_range(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    for (where, key), bounds in RANGES.items():
        if where != HEADER_LINE:
            continue
        for value in (bounds.lowest - 1, bounds.highest + 1, 1 << 70):
            there = [0, 8, value] if key.startswith("class") else value
            path.write_bytes(trace([], **{key: there}))
            with pytest.raises(TraceError, match=f"header key '{key}'.* must be ") as caught:
                read(path)
            assert caught.value.line == 0


def test_a_header_with_a_number_of_thousands_of_digits_is_refused(refusal: Refuse) -> None:
    content = trace([]).replace(b'"ncpu": 2', b'"ncpu": ' + b"9" * 5000)
    assert "header has a number out of every range" in refusal(content).problem


def test_the_documented_ranges_are_those_of_the_reader() -> None:
    page = Path(__file__).parents[3] / "docs" / "trace-format.md"
    assert table() in page.read_text(), f"the table is now\n{table()}"
    assert RANGES["vb", "n"] == Range(0, (1 << 64) - 1)


def test_invalid_utf_8_is_refused(refusal: Refuse) -> None:
    for old, new in ((b'"bg"', b'"b\xff"'), (b'"np"', b'"n\xff"'), (b'"bg"', b'"\xed\xa0\x80"')):
        error = refusal(trace([MALLOC, CLAIM]).replace(old, new))
        assert (error.line, error.problem[:15]) == (2, "not valid UTF-8")


def test_two_events_on_a_line_do_not_make_up_for_a_line_without_one(refusal: Refuse) -> None:
    """The total order is the line number, so objects and lines must not drift apart."""
    head, tail = CLAIM.split(',"np"')
    for line, lines in (
        (1, [MALLOC + MALLOC, ""]),
        (1, ["", MALLOC + MALLOC]),
        (1, [MALLOC + MALLOC, f"{head},", f'"np"{tail}']),
        (2, [MALLOC, f"{head},", f'"np"{tail}{MALLOC}{MALLOC}']),
    ):
        assert refusal(trace(lines)).line == line


def test_fewer_events_than_promised_are_reported_after_the_last(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(trace(SAMPLES, events=len(SAMPLES) + 2))
    with TraceReader(path) as reader:
        events = iter(reader)
        delivered = sum(1 for _ in zip(SAMPLES, events, strict=False))
        with pytest.raises(TraceError) as caught:
            next(events)
    assert delivered == len(SAMPLES)
    found = f"header promises {delivered + 2} events, found {delivered}"
    assert f"trace is cut short: {found}" in str(caught.value)
    assert caught.value.line == delivered + 1


def test_more_than_promised_is_refused_at_the_first(refusal: Refuse) -> None:
    error = refusal(trace(SAMPLES, events=3))
    assert error.line == 4
    assert "beyond the 3 that the header promises" in error.problem
    assert "second header" in refusal(trace([MALLOC]) + trace([MALLOC])).problem
    for events in ([], [MALLOC]):
        assert "blank line" in refusal(trace(events) + b"\n").problem


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "header has format version 2; supported versions: 1"),
        ({"format": True}, "header has format version true; supported versions: 1"),
        ({"format": "1"}, 'header has format version "1"; supported versions: 1'),
        ({"page": 4096}, "header key 'page' must be 8192, not 4096"),
        ({"ptr": 4}, "header key 'ptr' must be 8, not 4"),
        ({"arch": 3}, "header key 'arch' must be a string, not an integer"),
        ({"events": -1}, "header key 'events' must be >= 0, not -1"),
        ({"events": 1.5}, "header key 'events' must be an integer"),
        ({"class_size": [0, -8, 16]}, "header key 'class_size' item [1] must be >= 0"),
        ({"class_size": [0, 8]}, "header key 'class_size' has 2 entries, but key 'ncls' says 3"),
        ({"class_pages": [0] * 4}, "header key 'class_pages' has 4 entries"),
        ({"class_pages": {}}, "header key 'class_pages' must be a list, not an object"),
        ({"a0": "c000"}, "header key 'a0' must match"),
        ({"k": "sd"}, "no header"),
    ],
)
def test_a_bad_header_is_refused_in_words(
    changes: dict[str, object], words: str, refusal: Refuse
) -> None:
    error = refusal(trace([MALLOC], **changes))
    assert error.line == 0
    assert words.removeprefix("header ") in error.problem


def test_a_header_lacking_any_key_is_refused(refusal: Refuse) -> None:
    for key in HEADER:
        lacking = {name: value for name, value in HEADER.items() if name != key}
        error = refusal(json.dumps(lacking).encode())
        assert error.line == 0
        assert f"lacks key '{key}'" in error.problem or key == "k"


def test_headers_may_have_keys_of_later_versions(tmp_path: Path) -> None:
    path = tmp_path / "later.jsonl"
    path.write_bytes(trace([MALLOC], host="somewhere"))
    assert len(read(path)) == 1


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", None, "is empty"),
        (gzip.compress(b"", mtime=0), None, "is empty"),
        (b"\n", 0, "blank line"),
        (MALLOC.encode(), 0, "no header"),
        (b"[]", 0, "no header"),
        (b"hello", 0, "not JSON"),
        (b"\x7fELF\x02\x01\x00\x00\xff", 0, "binary data"),
        (b"\x89PNG\r\n\x1a\n", 0, "not valid UTF-8"),
        (b"\xef\xbb\xbf" + trace([]), 0, "not JSON"),
        (trace([]).decode().encode("utf-16"), 0, "binary data"),
        (b"\x1f\x8b", 0, "gzip data is cut short"),
        (b"\x1f\x8bnothing of the sort", 0, "gzip data is damaged"),
        (b"\x1f", 0, "not JSON"),
    ],
)
def test_what_is_no_trace_at_all_is_refused(
    content: bytes, line: int | None, words: str, refusal: Refuse
) -> None:
    error = refusal(content)
    assert error.line == line
    assert words in error.problem


def test_damaged_gzip_data_are_refused_after_what_could_be_read(refusal: Refuse) -> None:
    plain = trace(SAMPLES)
    packed = gzip.compress(plain, mtime=0)
    for cut in (*range(2, len(packed), 97), len(packed) - 1):
        assert "gzip data is cut short" in refusal(packed[:cut]).problem
    for cut in (len(packed) - 8, len(packed) - 1):  # all of the text is there
        assert refusal(packed[:cut]).line == len(SAMPLES) + 1
    wrong_checksum = packed[:-8] + bytes(4) + packed[-4:]
    error = refusal(wrong_checksum)
    assert "gzip data is damaged" in error.problem
    assert error.line == len(SAMPLES) + 1
    assert "gzip data is damaged" in refusal(packed + b"rubbish").problem


def test_a_line_of_the_greatest_length_is_read(tmp_path: Path, refusal: Refuse) -> None:
    longest = RESULT.replace("f700", "00" * ((MAX_LINE - len(RESULT) + 4) // 2))
    longest += " " * (MAX_LINE - len(longest))
    path = tmp_path / "long.jsonl"
    path.write_bytes(trace([MALLOC, longest, longest]))
    assert len(read(path)) == 3
    for shift in range(3):  # and no more, wherever the blocks may end
        error = refusal(trace([MALLOC] * (1 + 500 * shift) + [longest + " ", MALLOC]))
        assert error.line == 2 + 500 * shift
        assert "line longer than 1048576 bytes" in error.problem


def test_endless_lines_are_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = tmp_path / "zeros.jsonl"
    with sparse.open("wb") as file:
        file.write(trace([], events=1))
        file.truncate(8 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TraceError, match=":1: line longer than") as caught:
        read(sparse)
    assert caught.value.line == 1
    with sparse.open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(TraceError, match=":0: line longer than"):
        read(sparse)
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(64 << 20), mtime=0))
    before = max(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    with pytest.raises(TraceError, match=":0: line longer than"):
        read(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10  # KiB


def test_files_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (tmp_path, tmp_path / "missing", loop, loop / "x\ny", "", "x\0y"):
        with pytest.raises(TraceError) as caught:
            TraceReader(path)
        assert caught.value.line is None
        assert "cannot be opened: " in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    with pytest.raises(TraceError, match="cannot be opened: Permission denied; "):
        TraceReader(tmp_path / "secret")


def test_a_failing_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(500)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Broken(trace(SAMPLES))))
    with pytest.raises(TraceError, match=r"^standard input:\d+: cannot be read: Input/output"):
        read("-")


def test_errors_of_standard_input_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, trace(["{"]))
    with pytest.raises(TraceError, match=r"^standard input:1: not JSON"):
        read("-")
    feed(monkeypatch, b"")
    sys.stdin.close()
    with pytest.raises(TraceError, match=r"^standard input: is closed"):
        read("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TraceError, match=r"^standard input: is closed"):
        read("-")


def test_standard_input_stays_open_and_files_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, trace(SAMPLES))
    read("-")
    assert not sys.stdin.closed
    path = tmp_path / "bad.jsonl"  # an unclosed file is a warning, and that an error here
    path.write_bytes(b"rubbish")
    with pytest.raises(TraceError):
        TraceReader(path)


def test_an_error_can_be_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(TraceError("a.jsonl", 3, "blank line")))
    assert (str(error), error.line) == ("a.jsonl:3: blank line", 3)


def outcome(content: bytes) -> int:
    """Read a text to its end or its refusal; return the number of events delivered."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        delivered = 0
        refusal: TraceError | None = None
        try:
            with TraceReader(file.name) as reader:
                for event in reader:
                    delivered += 1
                    assert isinstance(event, EventBase)
                assert delivered == reader.header.events
        except TraceError as problem:
            refusal = problem
        if refusal is not None:
            assert str(refusal).isprintable()
            assert refusal.line is None or 0 <= refusal.line <= delivered + 1
        return delivered


PLAIN = trace(SAMPLES)
PACKED = gzip.compress(PLAIN, mtime=0)


@settings(max_examples=400)
@given(st.sampled_from([PLAIN, PACKED]), st.integers(0, 1 << 30), st.integers(0, 255))
def test_any_corruption_of_a_byte_gives_events_or_a_refusal(
    content: bytes, place: int, byte: int
) -> None:
    place %= len(content)
    assert outcome(content[:place] + bytes([byte]) + content[place + 1 :]) <= len(SAMPLES)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 1 << 30))
def test_any_bytes_thrown_in_give_events_or_a_refusal(noise: bytes, place: int) -> None:
    place %= len(PLAIN)
    outcome(PLAIN[:place] + noise + PLAIN[place:])
    outcome(noise)
