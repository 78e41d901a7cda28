"""The judges of a changed model, as a program: `python -m spanproof.mutation.knownbugs.judge`."""

import json
import sys

from spanproof.replay.check import check_trace
from spanproof.replay.format.reader import TraceReader
from spanproof.simulate.programs.scripts import SCRIPTS
from spanproof.simulate.programs.simulation import Simulation
from spanproof.simulate.schedules.exploring import explore
from spanproof.simulate.schedules.racing import Racing
from spanproof.simulate.schedules.scenes import QUICK
from spanproof.support.files.traces import bundled_traces

MOST_EVENTS = 10_000
"""Longer traces are left out: each bug is judged anew."""

PROCS = 4
"""Threads of a random schedule."""


def judge(programs: int, steps: int) -> tuple[str, str]:
    """Return what objects to the model that is imported, and what it says; empty if nothing."""
    for path in bundled_traces():
        with TraceReader(path) as source:
            if source.header.events > MOST_EVENTS:
                continue
            divergence = check_trace(source).divergence
        if divergence is not None:
            expected = f"expected {divergence.expected}, seen {divergence.seen}"
            return f"{path.name}:{divergence.line}", f"{divergence.rule}: {expected}"
    for scene in QUICK:
        explored = explore(scene)
        if explored.failure is not None:
            return f"the scene '{scene.name}', {len(explored.schedule)} moves", explored.failure
    for name, written in SCRIPTS:
        script = written()
        failure = Simulation(script.seed, saved=script).run(len(script.inputs)).failure
        if failure is not None:
            return f"the script '{name}', step {failure.step}", failure.what
    for seed in range(programs):
        failure = Simulation(seed).run(steps).failure
        if failure is not None:
            return f"random program {seed}, step {failure.step}", failure.what
    for seed in range(programs):
        failure = Racing(seed, PROCS).run(steps).failure
        if failure is not None:
            return f"random schedule {seed}, step {failure.step}", failure.what
    return "", ""


def main() -> None:
    """Print what was found as JSON."""
    by, says = judge(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"by": by, "says": says}))


if __name__ == "__main__":
    main()
