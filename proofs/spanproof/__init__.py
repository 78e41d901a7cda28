"""The evidence: proofs, differential fuzzing, trace conformance, reports, command line."""

from pathlib import Path
from typing import Final

from spanspec.compiled import Running, prepare

RUNNING: Final[Running] = prepare(Path(__file__).parent)
"""How this package runs: one module of it, a figure's, is compiled."""
