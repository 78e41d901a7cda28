"""Recorded traces of the real runtime: their format, their reader, and their replay.

`schema` is format version 1, `reader` reads it, `replay` holds it against the model.
"""

from pathlib import Path
from typing import Final

from spanspec import RUNNING as MODEL
from spanspec.compiled import Running, prepare

# First of all: it lets the sources run if compiled modules are not of them, or the model's are not.
RUNNING: Final[Running] = prepare(Path(__file__).parent, MODEL)
"""How this package runs: it is compiled into one library with the model."""
