"""The trace reader reads every event of the format, and tells of all others by line and key."""

import json
from pathlib import Path

import msgspec
import pytest

from spanproof.replay.format.ranges import HEADER as HEADER_LINE
from spanproof.replay.format.ranges import Range, ranges, table
from spanproof.replay.format.reader import TraceError
from spanproof.replay.format.schema import KINDS
from spanspec.events import span_events as ev
from tests.proofs.replay.samples import HEADER, MALLOC, RESULT, SAMPLES, Refuse, read, trace

CLAIM = '{"k":"sc","p":0,"t":0,"c":5,"by":"bg","s":1,"b":1,"np":1,"g":1,"lo":14}'


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
        ('{"k":"zz",' + CLAIM[1:], "key 'k' is refused"),
        (CLAIM[:-1] + ',"k":"zz"}', 'unknown kind of event "zz"'),
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
