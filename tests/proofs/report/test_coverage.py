"""The matrix of the rule book: what tests show, and what recorded events exercise."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from spanproof.replay.format.reader import TraceReader
from spanproof.replay.format.schema import KIND_OF
from spanproof.report import exercised as recording
from spanproof.report.exercised import Unexercised, exercised
from spanproof.report.tests import folder_of_tests, shown_by, shown_by_tests
from spanproof.support.files.traces import bundled_traces
from spanspec.rules.book import BY_ID

TRACES = {path.name.removesuffix(".jsonl.gz"): path for path in bundled_traces()}

WHERE = {
    "spanspec.here.direct": {"": ("SPAN-1",)},
    "spanspec.here.aliased": {"": ("SPAN-2",)},
    "spanspec.here.through_module": {"": ("SPAN-3",)},
    "spanspec.here.helped": {"": ("SPAN-4",)},
    "spanspec.here.supplied": {"": ("SPAN-5",)},
    "spanspec.here.Whole": {"": ("HEAP-1",), "part": ("HEAP-2",), "unused": ("HEAP-3",)},
    "spanspec.there.direct": {"": ("MAL-1",)},
}

TESTS = '''
import spanspec.here
from spanspec import here as room
from spanspec.here import Whole, aliased as other, direct, helped, supplied

CASES: list[object] = [supplied]

def helper():
    return deeper()

def deeper():
    return helped(1)

@pytest.fixture
def whole():
    return Whole()

def test_by_name(): assert direct(1)
def test_by_alias(): assert other(1)
def test_by_module(): assert room.through_module(1) and spanspec.here.direct(1)
def test_by_helper(): assert helper()
def test_by_fixture(whole): assert whole.part()
@pytest.mark.parametrize("case", CASES)
def test_by_case(case): assert case
REGISTRY: dict[str, object] = {}
def enters(name):
    def enter(function):
        REGISTRY[name] = function
    return enter
@enters("T-1")
def provoke(): return supplied(1)
@pytest.mark.parametrize("name", REGISTRY)
def test_by_registry(name): assert REGISTRY[name]()
def test_by_id():
    """SWP-3: shown without a name; there is no SWP-0."""
def test_ex_4_by_its_name(): assert True
def test_of_nothing(): assert direct_is_not_meant
class TestInside:
    def test_by_name(self): assert direct(1)
'''


def test_a_test_shows_what_it_names_however_it_is_imported() -> None:
    assert dict(shown_by(TESTS, WHERE)) == {
        "test_by_name": ("SPAN-1",),
        "test_by_alias": ("SPAN-2",),
        "test_by_module": ("SPAN-1", "SPAN-3"),
        "test_by_helper": ("SPAN-4",),
        "test_by_fixture": ("HEAP-1", "HEAP-2"),
        "test_by_case": ("SPAN-5",),
        "test_by_registry": ("T-1", "SPAN-5"),
        "test_by_id": ("SWP-3",),
        "test_ex_4_by_its_name": ("EX-4",),
        "test_of_nothing": (),
        "TestInside::test_by_name": ("SPAN-1",),
    }


def test_ids_are_mere_data_in_tests_about_the_rule_book() -> None:
    source = (
        "from spanspec.rules.book import BY_ID\nfrom spanspec.here import direct\n"
        "def test_lookup(): assert BY_ID['SWP-3'] and direct(1)\n"
    )
    assert dict(shown_by(source, WHERE)) == {"test_lookup": ("SPAN-1",)}


def test_the_tests_of_this_checkout_are_found() -> None:
    folder = folder_of_tests()
    assert folder == Path(__file__).resolve().parents[2]
    found = shown_by_tests(folder, frozenset(BY_ID))
    assert set(found) <= set(BY_ID)
    assert any(name.startswith("model/span/test_span.py::") for name in found["SPAN-12"])
    assert "EX-10" in found


@pytest.mark.sampled(20)
@pytest.mark.parametrize("rule", sorted(BY_ID))
def test_the_tests_of_one_rule_are_found_without_those_of_others(rule: str) -> None:
    """Only tests with a word of it are parsed, and none is missed."""
    folder = folder_of_tests()
    assert folder is not None
    every = shown_by_tests(folder, frozenset(BY_ID)).get(rule)
    assert shown_by_tests(folder, frozenset([rule])).get(rule) == every


def events_of(path: Path) -> Counter[str]:
    with TraceReader(path) as source:
        return Counter(KIND_OF[type(event)] for event in source)


def test_an_event_counts_once_for_each_rule_that_it_exercises() -> None:
    paths = [TRACES["small-fill"], TRACES["small-tiny"]]
    kinds = sum((events_of(path) for path in paths), Counter[str]())
    progress: list[int] = []
    counts = exercised(paths, progress.append)
    assert counts.events == kinds.total() == progress[-1]
    assert counts.diverged == []
    assert max(counts.rules.values()) <= counts.events
    assert counts.rules["T-87"] == kinds["sg"] > 0
    assert counts.rules["MAL-6"] >= kinds["t"] > 0
    assert counts.rules["SPAN-15"] > counts.rules["SPAN-16"] > 0
    assert "SPAN-17" not in counts.rules


def test_a_trace_is_counted_up_to_where_it_diverges(tmp_path: Path) -> None:
    lines = gzip.decompress(TRACES["small-fill"].read_bytes()).splitlines()
    place = next(n for n, line in enumerate(lines) if b'"k":"m"' in line and b'"i":3,' in line)
    lines[place] = lines[place].replace(b'"i":3,', b'"i":4,')
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_bytes(b"\n".join(lines))
    counts = exercised([wrong], lambda _: None)
    assert (counts.events, counts.diverged) == (place, [f"{wrong}:{place}"])


def test_a_trace_that_breaks_off_cannot_be_counted(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(TRACES["small-fill"].read_bytes()[:3000])
    with pytest.raises(Unexercised, match=r"cut\.jsonl\.gz.*cut short"):
        exercised([cut], lambda _: None)


def test_a_recorder_that_fails_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "RECORDER", "spanproof.report.no_such_module")
    with pytest.raises(Unexercised, match=r"failed: .*No module named"):
        recording.exercised([TRACES["small-fill"]], lambda _: None)
