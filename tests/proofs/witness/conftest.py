"""Heaps that were saved: each of the versions of Go."""

import pytest

from spanproof.witness.snapshots import Snapshot, load
from tests.proofs.witness.images import SAVED


@pytest.fixture(params=SAVED, ids=lambda path: path.stem)
def saved(request: pytest.FixtureRequest) -> Snapshot:
    """Return a saved heap, afresh."""
    return load(request.param)
