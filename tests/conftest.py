"""What every test needs: properties without a deadline, a cache that is not the user's own, and
samples of what takes minutes.

A test that is marked `sampled(n)` runs for `n` of its parameters, which the commit decides, so that
each commit looks at others, and a run can be repeated. All of them run with SPANSPEC_ALL=1, or when
tests are chosen by their names.
"""

import os
import random
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

# Neither judges by the clock: on a loaded machine a first draw can take minutes.
settings.register_profile(
    "spanspec",
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("spanspec")

SAMPLE: Final = "SPANSPEC_SAMPLE"
"""The variable that tells the workers of a run which sample is theirs."""

EVERYTHING: Final = "SPANSPEC_ALL"
"""The variable that asks for all, however long it takes."""


def pytest_configure(config: pytest.Config) -> None:
    """Enter the marker, and choose the sample once for all workers."""
    config.addinivalue_line("markers", "sampled(n): run for n of its parameters; SPANSPEC_ALL=1")
    if SAMPLE not in os.environ:
        said = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
        )
        os.environ[SAMPLE] = said.stdout.strip() or "0"


def pytest_report_header() -> str:
    """Say which sample this is."""
    if os.environ.get(EVERYTHING) == "1":
        return "sample: everything"
    return f"sample: {SAMPLE}={os.environ[SAMPLE]} (all with {EVERYTHING}=1)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not in the sample."""
    chosen = any("::" in argument for argument in config.args) or config.option.keyword
    if chosen or os.environ.get(EVERYTHING) == "1":
        return
    groups: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        marker = item.get_closest_marker("sampled")
        if marker is not None:
            groups[item.nodeid.partition("[")[0], marker.args[0]].append(item)
    left_out: set[pytest.Item] = set()
    for (name, number), group in groups.items():
        draw = random.Random(f"{os.environ[SAMPLE]} {name}")
        kept = draw.sample(group, min(number, len(group)))
        left_out.update(set(group) - set(kept))
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True, scope="session")
def _cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # The workers of a run share one: the catalogue of all obligations takes seconds to make.
        base = tmp_path_factory.getbasetemp()
        shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
        patch.setenv("XDG_CACHE_HOME", str(shared / "cache-of-all"))
        yield
