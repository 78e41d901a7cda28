"""How the trace reader refuses what it reads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spanproof.replay.format.reader import TraceError
from tests.proofs.replay.samples import read


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
