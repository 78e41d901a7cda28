"""`spanspec simulate --every`: every schedule of a few threads, rather than random ones."""

import time
from collections import Counter

from rich.table import Table

from spanproof.cli.output import Unusable, err, out, print_json, progress, status_of
from spanproof.replay.telling.phrases import phrase
from spanproof.simulate.schedules.exploring import Explored, events_of, explore
from spanproof.simulate.schedules.scenes import SCENES, Scene, in_words
from spanspec.base.wording import counted
from spanspec.rules.book import cited
from spanspec.rules.book import in_words as rules_in_words
from spanspec.sharing.steps.steps import STEPS

SHOWN = 30
"""Events that are shown of a schedule that fails: the last ones."""


def explore_scenes(json: bool, scenes: tuple[Scene, ...] = SCENES) -> int:
    """Go through every schedule of every scene; return the exit status."""
    done: list[Explored] = []
    seconds: list[float] = []
    interrupted = False
    with progress("states") as display:
        task = display.add_task("exploring", total=None)
        try:
            for scene in scenes:
                before = sum(one.states for one in done)

                def seen(states: int, before: int = before) -> None:
                    display.update(task, completed=before + states)

                started = time.process_time()
                done.append(explore(scene, on_state=seen))
                seconds.append(time.process_time() - started)
                if done[-1].failure is not None:
                    break
        except KeyboardInterrupt:
            interrupted = True
            err.print(f"interrupted: {len(done)} of {counted(len(scenes), 'scene')} explored")
    failed = next((one for one in done if one.failure is not None), None)
    if json:
        records = [as_record(*one) for one in zip(done, seconds, strict=True)]
        print_json({"scenes": records, "untaken": untaken(done)})
    else:
        report(done, seconds)
        if failed is not None:
            show(next(one for one in scenes if one.name == failed.scene), failed)
    cut = [one.scene for one in done if not one.complete]
    if cut and failed is None and not interrupted:
        raise Unusable(f"not explored to the end: {', '.join(cut)}")
    return status_of(failed is not None, interrupted)


def untaken(done: list[Explored]) -> list[str]:
    """Return the steps that no schedule takes."""
    taken: Counter[str] = Counter()
    for one in done:
        taken.update(one.steps)
    return [step.name for step in STEPS if not taken[step.name]]


def as_record(one: Explored, seconds: float) -> dict[str, object]:
    """Return what came of a scene as a part of a JSON document."""
    schedule = [str(move) for move in one.schedule]
    return {**one._asdict(), "seconds": seconds, "schedule": schedule}


def report(done: list[Explored], seconds: list[float]) -> None:
    """Print a table with a row for each scene."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("every schedule in which")
    for heading in ("states", "moves", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for one, spent in zip(done, seconds, strict=True):
        result = "holds" if one.complete else "fails" if one.failure else "cut short"
        table.add_row(one.scene, f"{one.states}", f"{one.moves}", f"{spent:.1f}", result)
    out.print(table)
    missing = untaken(done)
    if missing:
        out.print(f"steps that none of them takes: {', '.join(missing)}", markup=False)


def show(scene: Scene, failed: Explored) -> None:
    """Print the schedule that leads to a failure: what each thread does, and what was observed."""
    for line in in_words(scene):
        out.print(f"  {line}", markup=False)
    told = events_of(scene, failed.schedule)
    if len(told) > SHOWN:
        out.print(f"  ({counted(len(told) - SHOWN, 'event')} before these)", markup=False)
    for event in told[-SHOWN:]:
        out.print(f"  {phrase(event)}", markup=False)
    out.print(f"after {counted(len(failed.schedule), 'move')}: {failed.failure}", markup=False)
    for line in rules_in_words(cited(failed.failure)):
        out.print(f"  {line}", markup=False)
