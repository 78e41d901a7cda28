"""Every schedule of small scenes: all hold, and a course that leaves a step out is told."""

import json
from collections import Counter

import pytest

from spanproof.cli.app import run
from spanproof.cli.showing import explore as command
from spanproof.mutation.knownbugs.catalogue import KnownBug
from spanproof.mutation.knownbugs.switch import find
from spanproof.simulate.schedules import exploring
from spanproof.simulate.schedules.exploring import ThreadMove, events_of, explore
from spanproof.simulate.schedules.scenes import QUICK, SCENES, in_words
from spanspec.events.fields import EventBase
from spanspec.heap.state.state import HeapState
from spanspec.sharing.steps.steps import STEPS


@pytest.fixture(scope="module")
def explored() -> list[exploring.Explored]:
    return [explore(scene) for scene in QUICK]


def test_every_schedule_of_the_quick_scenes_holds(explored: list[exploring.Explored]) -> None:
    assert [one.failure for one in explored] == [None] * len(QUICK)
    assert all(one.complete for one in explored)
    assert sum(one.states for one in explored) > 500


def test_the_quick_scenes_take_nearly_every_step(explored: list[exploring.Explored]) -> None:
    taken: Counter[str] = Counter()
    for one in explored:
        taken.update(one.steps)
    assert len([step for step in STEPS if taken[step.name]]) >= len(STEPS) - 4


def test_scenes_have_names_of_their_own_and_read_as_words() -> None:
    assert len({scene.name for scene in SCENES}) == len(SCENES)
    for scene in SCENES:
        name, *lines = in_words(scene)
        assert name == scene.name
        assert sum(line.startswith("thread ") for line in lines) == len(scene.threads)


def test_a_schedule_does_the_same_again() -> None:
    scene = QUICK[0]
    schedule: list[ThreadMove] = []
    going = exploring.Scheduled(scene)
    while able := going.moves():
        schedule.append(able[-1])
        assert going.move(able[-1]) is None
    assert going.wrong_at_the_end() is None
    told = events_of(scene, schedule)
    assert told
    assert told == events_of(scene, schedule)
    assert all(isinstance(event, EventBase) for event in told)


def test_an_exploration_that_is_cut_short_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = explore(QUICK[0], most=5)
    assert (short.complete, short.failure, short.states) == (False, None, 5)
    monkeypatch.setattr(command, "explore", lambda scene, on_state: short)
    assert run(["simulate", "--every"]) == 2
    out, err = capsys.readouterr()
    assert "cut short" in out
    assert f"not explored to the end: {QUICK[0].name}" in err


def test_a_failure_is_told_with_its_schedule(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(state: HeapState, now: object) -> list[object]:
        class Problem:
            invariant, what = "I-20", "by design"

        return [Problem()] if state.taken.get("pop", 0) > 0 else []

    monkeypatch.setattr(exploring, "violations", broken)
    assert run(["simulate", "--every"]) == 1
    out = capsys.readouterr().out
    assert "fails" in out
    assert "I-20: by design" in out
    assert "thread 1: sweep" in out
    assert "popped" in out
    assert run(["simulate", "--every", "--json"]) == 1
    last = json.loads(capsys.readouterr().out)["scenes"][-1]
    assert last["failure"] == "I-20: by design"
    assert last["schedule"]
    assert run(["simulate", "--every", "--threads", "2"]) == 2


def test_what_cannot_be_done_before_a_scene_is_told_and_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = next(scene for scene in SCENES if scene.before)

    def refused(self: exploring.Scheduled) -> None:
        raise ValueError("no step")

    monkeypatch.setattr(exploring.Scheduled, "act", refused)
    found = explore(scene)
    assert found.failure == "before the scene: the model raises ValueError: no step"
    assert (found.complete, found.states) == (False, 0)
    assert events_of(scene, found.schedule)  # those of the way there


def test_threads_that_never_come_to_their_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explore(QUICK[0]).failure is None
    monkeypatch.setattr(exploring, "LONGEST", 40)
    assert "after 40 moves it has not ended" in (explore(QUICK[0]).failure or "")


LEFT_OUT = [
    KnownBug(
        "the push on the swept stack",
        "plain",
        "heap.courses.sweepspan",
        "    take(state, PUSH, thread, place=place, p=actor.p)\n",
        "",
        "a swept span is told to be pushed, and is not",
    ),
    KnownBug(
        "the store of a sweep that is complete",
        "plain",
        "heap.courses.sweepspan",
        "        publish_alone(state, thread)\n",
        "        pass\n",
        "a sweep that freed nothing does not publish the generation",
    ),
]


@pytest.mark.parametrize("bug", LEFT_OUT, ids=lambda bug: bug.name)
def test_a_step_that_a_course_leaves_out_is_noticed(bug: KnownBug) -> None:
    found = find(bug)
    assert found.by, found.wrong
