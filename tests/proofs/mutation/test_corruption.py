"""What a corruption may change of an event."""

import random

from msgspec.structs import replace

from spanproof.mutation.corruption import can_change, other_value, read_trace, words_of
from spanproof.replay.following.replay import Replay
from spanproof.support.files.traces import bundled_traces
from spanspec.events import span_events as ev

SMALL = [read_trace(path) for path in bundled_traces() if path.name.startswith("small")]


def test_a_word_gives_way_to_another_that_may_stand_there() -> None:
    rng, found = random.Random(1), set()
    for event in {type(event): event for trace in SMALL for event in trace.events}.values():
        for name, words in words_of(type(event)).items():
            assert can_change(event, name)
            others = {other_value(event, name, rng) for _ in range(100)}
            assert others == set(words) - {getattr(event, name)}
            found.add(name)
    assert found == {"by", "why", "trigger", "purpose", "stage"}


def test_what_has_a_p_may_lose_it() -> None:
    event = SMALL[0].events[-1]
    rng = random.Random(1)
    assert event.p == 0
    assert -1 in {other_value(event, "p", rng) for _ in range(50)}


def test_another_reason_to_drop_a_span_is_noticed() -> None:
    for trace in SMALL:
        for place, event in enumerate(trace.events):
            if isinstance(event, ev.SweepDrops):
                other = replace(event, why="gen" if event.why == "state" else "state")
                problem = Replay(trace.header).run([*trace.events[:place], other])
                assert problem is not None
                assert problem.line == place + 1
                return
    raise AssertionError("no trace has a span that is dropped")
