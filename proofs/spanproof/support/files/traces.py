"""The recorded traces that come with the package."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data"


def bundled_traces() -> list[Path]:
    """Return the bundled traces, smallest first.

    Raises: FileNotFoundError if the installation lacks them.
    """
    found = sorted(FOLDER.glob("*.jsonl.gz"), key=lambda path: path.stat().st_size)
    if not found:
        raise FileNotFoundError(f"no traces in {FOLDER}: the installation is incomplete")
    return found
