"""Vectors find the variants that they are chosen for, and are consumed without Python."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import cast

import pytest

from spanproof.cli.app import run
from spanproof.doors import consuming, vectorfile
from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.levels.remote import Answerer, ProcessCommand
from spanproof.fuzz.program import (
    Allocate,
    MarkEvery,
    Program,
    Refill,
    Retire,
    StartCycle,
    Sweep,
)
from spanproof.fuzz.subjects import SubjectFactory
from spanproof.mutation.vectors import heapvectors, outcomes, races, vectors
from spanproof.mutation.vectors.variants import ModelVariant, of_heap, of_schedule, of_span
from spanproof.theorems.mutants import MUTANTS
from tests.proofs.doors.compiling import built

ROOT = Path(__file__).parents[3]
SPAN_IN_C = ROOT / "examples" / "c" / "span.c"
MAIN = ("-pthread", "-DSPANSPEC_MAIN")
ANSWERING = Path(__file__).parent / "answering.py"
WANTED = ("the fast path takes", "the slow search skips", "free slots can be marked")


def few() -> Iterator[ModelVariant]:
    return islice((one for one in of_span() if one.name.startswith(WANTED)), 4)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> tuple[vectors.Chosen, Path]:
    found = vectors.choose([one._replace(function="") for one in few()], ())
    place = tmp_path_factory.mktemp("vectors") / "all.jsonl"
    lines = [*vectors.span_lines(found), *vectors.size_lines()]
    place.write_bytes(b"".join(line + b"\n" for line in lines))
    return found, place


def test_they_find_what_they_are_chosen_for_the_shortest_first(
    chosen: tuple[vectors.Chosen, Path],
) -> None:
    found, _ = chosen
    assert found.left == []
    assert {name for one in found.vectors for name in one.finds} == {one.name for one in few()}
    lengths = [len(one.exchange) for one in found.vectors]
    assert lengths == sorted(lengths)
    told = vectors.about(found)
    assert told["finds"] == told["variants"] == len(list(few()))


@pytest.mark.parametrize("variants", [of_span, of_heap, of_schedule])
def test_no_change_is_a_variant_twice(variants: Callable[[], Iterator[ModelVariant]]) -> None:
    names = Counter(one.name for one in variants())
    assert {name for name, times in names.items() if times > 1} == set()


def test_what_is_said_not_to_be_shown_is_a_variant_and_is_not_looked_for() -> None:
    (one,) = [one for one in of_span() if one.name in vectors.NOT_SHOWN]
    found = vectors.choose([one], (one.function,))
    assert found.out_of_reach == [one.name]
    reasons = vectors.about(found)["out of reach"]
    assert reasons == vectors.NOT_SHOWN
    # A program that would show it, if any did: the last slot is kept, and asked for again.
    kept = (MarkEvery(2), StartCycle(), Sweep(), Refill(), Allocate(1024))
    program = Program(8, (Refill(), Allocate(1024), Retire(), *kept))
    assert vectors.parted(cast("SubjectFactory", one.make()), program) is None


def test_a_known_bug_of_a_function_that_no_program_runs_is_out_of_reach() -> None:
    (one,) = [one for one in of_span() if one.name == MUTANTS["one-per-cycle"].story]
    assert one.function == "spanspec.span.sweepgen.next_cycle"
    assert one.function not in vectors.reached()


WANTED_REFUSAL: dict[str, object] = {
    "refused": "no",
    "reason": "no object begins there",
    "events": [["fs", {}]],
}


@pytest.mark.parametrize(
    ("seen", "agrees"),
    [
        ({"refused": "other words"}, True),
        ({"refused": "other words", "reason": "no object begins there"}, True),
        ({"refused": "no", "reason": "it has one"}, False),
        ({"refused": "no", "events": []}, False),
        ({"refused": "no", "events": [["fs", {}]]}, True),
        ({"result": 0}, False),
    ],
)
def test_a_refusal_agrees_by_its_reason_and_events(seen: dict[str, object], agrees: bool) -> None:
    assert consuming.agree(WANTED_REFUSAL, seen) is agrees
    assert not consuming.agree({"result": 0}, {"refused": "no", "reason": "", "events": []})


def test_a_variant_of_a_function_out_of_reach_is_named() -> None:
    one = next(one for one in of_span() if one.function)
    assert vectors.choose([one], ()).out_of_reach == [one.name]


def of_spans(every: Path, folder: Path) -> tuple[list[str], Path]:
    """Return the vectors of spans, and a file with them alone."""
    lines = [line for line in every.read_text().splitlines() if '"level":"span"' in line]
    file = folder / "span.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines))
    return lines, file


def test_a_consumer_in_c_finds_a_planted_bug(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file = of_spans(chosen[1], tmp_path)
    consumer = built(SPAN_IN_C, tmp_path / "span", *MAIN)
    for planted, status, says in (("0", 0, ", 0 wrong"), ("1", 1, "  must say {")):
        monkeypatch.setenv("PLANT", planted)
        done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
        assert done.returncode == status, done.stdout
        assert says in done.stdout


def test_the_consumer_in_c_leaves_out_what_is_not_shown(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path
) -> None:
    """The harness that `new` writes shows neither a state nor a path, the other no cache."""
    lines, file = of_spans(chosen[1], tmp_path)
    whole = SPAN_IN_C.read_text()
    without_cache = re.sub(r".*has_alloc_cache =.*\n", "", whole)
    assert without_cache != whole
    harness = (ROOT / "proofs/spanproof/doors/templates/c/harness.c").read_text()
    wrong = harness.replace("reply->slot = 0;", "reply->slot = 1;")
    assert wrong != harness
    for source, status in (
        (harness, 0),
        (f"#define SPANSPEC_MAIN\n{without_cache}", 0),
        (wrong, 1),
    ):
        (tmp_path / "one.c").write_text(source)
        consumer = built(tmp_path / "one.c", tmp_path / "one", "-pthread")
        done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
        assert done.returncode == status, done.stdout
        asked = int(done.stdout.splitlines()[-1].split()[2])
        assert status or asked > len(lines)


def test_the_consumer_in_c_leaves_out_vectors_of_a_level_that_it_has_not(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path
) -> None:
    consumer = built(SPAN_IN_C, tmp_path / "span", *MAIN)
    lines = chosen[1].read_text().splitlines(keepends=True)
    sizes = [line for line in lines if '"level":"sizes"' in line]
    file = tmp_path / "some.jsonl"
    for some, status, says in (
        (lines, 0, f"{len(lines) - len(sizes)} vectors, "),
        (sizes, 1, f"none of {len(sizes)} vectors is of a level that it has"),
    ):
        assert some
        file.write_text("".join(some))
        done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
        assert done.returncode == status, done.stdout
        assert done.stdout.splitlines()[-1].startswith(says)


LITTLE = """
#define SPANSPEC_MAIN
#include "spanspec.h"
static uint64_t next;
const char *spanspec_new_heap(uint64_t procs, uint64_t sweepgen, uint64_t physical,
                              const char *answers) {
    (void)procs, (void)sweepgen, (void)physical, (void)answers;
    next = 0xc000000000;
    return NULL;
}
const char *spanspec_heap_call(const struct spanspec_heap_call *ask,
                               struct spanspec_returned *reply) {
    if (strcmp(ask->call, "malloc") != 0)
        return "there is nothing but malloc";
    reply->result = (int64_t)next;
    next += 8;
    return NULL;
}
unsigned spanspec_lacks(void) { return LACKS; }
"""


def heap_line(*calls: dict[str, object], **begins: object) -> str:
    """Return a vector of a heap of which each object has 8 bytes."""
    start = {"op": "new_heap", "procs": 1, "sweepgen": 0, "physical": 4096, "answers": []}
    exchange: list[tuple[dict[str, object], dict[str, object]]] = [(start | begins, {"n": 0})]
    for number, call in enumerate(calls):
        result = 0xC000000000 + 8 * number if call["call"] == "malloc" else 0
        reply = {"n": 0, "result": result, "no_memory": False, "events": []}
        exchange.append(({"op": "heap_call", **call}, reply))
    line = {"level": "heap", "rules": ["MAL-10"], "finds": [], "needs": [], "exchange": exchange}
    return json.dumps(line, separators=(",", ":")) + "\n"


@pytest.mark.parametrize(
    ("lacks", "line"),
    [
        ("SPANSPEC_NO_CYCLES", heap_line({"call": "start_cycle"})),
        ("SPANSPEC_NO_SPECIALS", heap_line({"call": "run_finalizers"})),
        ("SPANSPEC_NO_MANUAL", heap_line({"call": "take_manual", "npages": 4})),
        ("SPANSPEC_NO_PROCS", heap_line(procs=2)),
        ("SPANSPEC_NO_SCAVENGER", heap_line({"call": "scavenge_all"})),
        ("SPANSPEC_NO_PHYSICAL", heap_line(physical=65536)),
        ("SPANSPEC_NO_ANSWERS", heap_line(answers=["refuse"])),
    ],
)
def test_both_consumers_leave_out_what_a_heap_lacks(lacks: str, line: str, tmp_path: Path) -> None:
    source = tmp_path / "little.c"
    source.write_text(LITTLE.replace("LACKS", lacks))
    consumer = built(source, tmp_path / "little", "-pthread")
    file = tmp_path / "heap.jsonl"
    objects = [{"call": "malloc", "bytes": 8}, {"call": "malloc", "bytes": 5}]
    file.write_text(heap_line(*objects) + line)
    done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "1 vectors, 3 replies, 0 wrong"
    asked = Answerer(ProcessCommand((str(consumer),)), "heap", 20)
    found = consuming.consume(asked, file.read_bytes().splitlines())
    asked.close()
    assert found == (1, 3, [])


def test_the_consumer_in_c_takes_no_part_of_a_line_for_a_whole_one(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path
) -> None:
    """A file that was cut off is no set of vectors that all agree."""
    _, file = of_spans(chosen[1], tmp_path)
    consumer = built(SPAN_IN_C, tmp_path / "span", *MAIN)
    whole = file.read_bytes()
    for cut in (whole[: len(whole) * 9 // 10], whole[:-3], whole[:-1] + b"{\n"):
        file.write_bytes(cut)
        done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
        assert done.returncode not in (0, 1), done.stdout
        assert done.stderr == "spanspec.h: a line of the file of vectors is not whole\n"


NOT_AS_MANY = "spanspec.h: the file of vectors has not as many as it says: it was cut off\n"


def test_a_file_that_was_cut_off_at_the_end_of_a_line_is_not_whole(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line says how many vectors there are; both consumers count them."""
    lines, file = of_spans(chosen[1], tmp_path)
    consumer = built(SPAN_IN_C, tmp_path / "span", *MAIN)
    whole = vectorfile.file_of(line.encode() for line in lines).splitlines(keepends=True)
    for number in range(1, len(whole) + 1):
        file.write_bytes(b"".join(whole[:number]))
        done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
        status = run(["vectors", str(tmp_path), "--exec", f"{consumer}"])
        told = capsys.readouterr()
        if number == len(whole):
            assert (done.returncode, done.stderr, status) == (0, "", 0), told.err
            assert done.stdout.startswith(f"{len(lines)} vectors, ")
        else:
            assert (done.returncode, done.stderr, status) == (70, NOT_AS_MANY, 2)
            assert f"and says that it has {len(lines)}" in told.err


def test_a_file_of_vectors_with_lines_too_few_or_out_of_order_is_not_taken() -> None:
    lines = [b'{"level":"span"}', b'{"level":"sizes"}']
    assert vectorfile.lines_of(b"\n".join(lines)) == lines  # as before format 1.3
    whole = vectorfile.file_of(lines)
    first, second = vectorfile.lines_of(whole)
    assert first == b'{"level":"span","number":1,"of":2}'
    assert whole == first + b"\n" + second + b"\n"
    for changed, says in (
        (first, "has 1 vector, and says that it has 2"),
        (whole + second, "has 3 vectors, and says that it has 2"),
        (second + b"\n" + first, "has vector 2 where vector 1 is expected"),
        (whole.replace(b'"of":2', b'"of":"2"'), "Expected `int`"),
        (b"", "is empty"),
        (b"\n", "a line that is no vector"),
    ):
        with pytest.raises(ValueError, match=says):
            vectorfile.lines_of(changed)


def test_a_file_from_before_lines_said_their_place_is_consumed(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer = built(SPAN_IN_C, tmp_path / "span", *MAIN)
    lines, file = of_spans(chosen[1], tmp_path)
    assert not any('"of":' in line for line in lines)
    done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert run(["vectors", str(tmp_path), "--exec", f"{consumer}"]) == 0
    asked = f"{len(lines)} vectors, "
    assert done.stdout.startswith(asked)
    assert capsys.readouterr().out.startswith(asked)


def test_the_consumer_in_c_leaves_nothing_to_a_checker_of_memory(
    chosen: tuple[vectors.Chosen, Path], tmp_path: Path
) -> None:
    consumer = built(SPAN_IN_C, tmp_path / "span", *MAIN, "-fsanitize=address,undefined")
    _, file = of_spans(chosen[1], tmp_path)
    done = subprocess.run([consumer, "vectors", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def folder(chosen: tuple[vectors.Chosen, Path], tmp_path: Path) -> Path:
    lines = chosen[1].read_text().splitlines(keepends=True)
    for level in ("span", "sizes"):
        text = "".join(line for line in lines if f'"level":"{level}"' in line)
        (tmp_path / f"{level}.jsonl").write_text(text)
    return tmp_path


def test_spanalloc_gives_every_reply(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a process that answers, size classes included."""
    assert run(["vectors", str(folder), "--exec", f"{sys.executable} {ANSWERING}"]) == 0
    shown = capsys.readouterr().out
    assert ", 0 wrong" in shown
    asked = sum(
        len(json.loads(line)["exchange"])
        for file in folder.glob("*.jsonl")
        for line in file.read_text().splitlines()
    )
    assert f" {asked} replies" in shown


def test_an_interrupt_of_a_campaign_ends_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    # A campaign returns what it has by then, and the next one would begin.
    ended = CampaignResult(0, 0.0, Counter(), None, True, ())
    monkeypatch.setattr(heapvectors, "run_target", lambda *_, **__: ended)
    with pytest.raises(KeyboardInterrupt):
        heapvectors.choose_heaps(islice(of_heap(), 2))


HEAP_BUGS = ("#15022", "needzero is forgotten")
SCENE = next(one for one in races.SCENES if one.name == "two sweepers")
FINALIZERS = next(one for one in races.SCENES if one.name == "two finalizers")


@pytest.fixture(scope="module")
def heaps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with vectors of heaps and races."""
    wanted = [one for one in of_heap() if any(name in one.name for name in HEAP_BUGS)]
    found = heapvectors.choose_heaps(wanted)
    assert found.left == []
    assert {name for one in found.vectors for name in one.finds} == {one.name for one in wanted}
    popped = [one for one in of_schedule() if one.name == "two threads pop the same span"]
    vectors, left = races.choose_races(popped, (SCENE, FINALIZERS))
    assert left == []
    assert {one.scene.name: one.finds for one in vectors} == {
        SCENE.name: ("two threads pop the same span",),
        FINALIZERS.name: (),
    }
    folder = tmp_path_factory.mktemp("heaps")
    for name, lines in (
        ("heap", heapvectors.heap_lines(found.vectors)),
        ("races", races.race_lines(vectors)),
    ):
        (folder / f"{name}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


def test_a_race_leaves_open_who_wins_and_nothing_else() -> None:
    sweepers, finalizers = (outcomes.race_of(one.program()) for one in (SCENE, FINALIZERS))
    assert {one.said for one in sweepers.outcomes} == {((0,), (-1,)), ((-1,), (0,))}
    assert {one.said for one in finalizers.outcomes} == {((0,), ("refused",)), (("refused",), (0,))}


@pytest.mark.parametrize("shows", ["events state", "results", "state"])
def test_spanalloc_comes_to_what_vectors_of_heaps_and_races_allow(
    heaps: Path, shows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"{sys.executable} {ANSWERING} '' '{shows}'"
    assert run(["vectors", str(heaps), "--exec", command]) == 0
    assert ", 0 wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "says"),
    [("wrong state", "heap_live"), ("always finds a span", "which no order of them")],
)
def test_a_wrong_heap_is_told(
    heaps: Path, kind: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"{sys.executable} {ANSWERING} {kind!r} 'events state'"
    assert run(["vectors", str(heaps), "--exec", command]) == 1
    assert says in capsys.readouterr().out


def test_a_heap_in_c_consumes_them(
    heaps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results only, and without Python on the consumer's side; the heap behind it is another's."""
    bridge = built(ANSWERING.with_name("bridge.c"), tmp_path / "bridge", *MAIN)
    for kind, status, says in (("", 0, ", 0 wrong"), ("wrong address", 1, "  must say {")):
        monkeypatch.setenv("BEHIND", f"exec {sys.executable} {ANSWERING} {kind!r} 'events state'")
        command = [bridge, "vectors", str(heaps / "heap.jsonl")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == status, done.stdout
        assert says in done.stdout


def test_a_wrong_reply_is_told_with_its_rules(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.loads(line) for line in (folder / "span.jsonl").read_text().splitlines()]
    changed = next(
        one for one in lines if '"slot": ' in json.dumps([r for _, r in one["exchange"]])
    )
    reply = next(reply for _, reply in changed["exchange"] if "slot" in reply)
    reply["slot"] += 1
    (folder / "span.jsonl").write_text("\n".join(map(json.dumps, lines)))
    command = f"{sys.executable} {ANSWERING}"
    assert run(["vectors", str(folder), "--exec", command]) == 1
    shown = capsys.readouterr().out
    assert 'wrong reply to {"op": "allocate"' in shown
    assert f"  {changed['rules'][0]}: " in shown
    assert ", 1 wrong" in shown


def test_vectors_that_cannot_be_asked_are_told_in_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"{sys.executable} {ANSWERING}"
    assert run(["vectors", str(folder), "--exec", "/no/such/command"]) == 2
    assert run(["vectors", str(folder / "nowhere"), "--exec", command]) == 2
    assert "nowhere has no vectors; spanspec vectors " in capsys.readouterr().err
    assert run(["vectors", str(folder), "--of", "contract"]) == 2
    assert "there are no vectors of the contract" in capsys.readouterr().err
    (folder / "sizes.jsonl").write_text("no vector\n")
    assert run(["vectors", str(folder), "--exec", command]) == 2
    assert "has a line that is no vector" in capsys.readouterr().err


def test_the_command_writes_the_levels_that_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "spanproof.mutation.vectors.races.choose_races",
        partial(races.choose_races, scenes=(SCENE,)),
    )
    two = [one for one in of_schedule() if one.name.startswith(("two threads pop", "credit of"))]
    monkeypatch.setattr("spanproof.mutation.vectors.variants.of_schedule", lambda: two)
    assert run(["vectors", str(tmp_path), "--of", "sizes", "--of", "schedule"]) == 0
    assert {one.name for one in tmp_path.iterdir()} == {
        "sizes.jsonl",
        "races.jsonl",
        "vectors.json",
    }
    told = json.loads((tmp_path / "vectors.json").read_text())
    assert told["races"]["does not find"] == [two[1].name]
    shown = capsys.readouterr().out
    assert "1 vector of races find 1 of 2 wrong variants" in shown
    assert f"not found: {two[1].name}" in shown
