"""Every performance figure of the project: a ratio, measured side by side in one run.

A figure says what is measured, against what, and which ratio is the goal. Both sides run in turns
in the same run, and what counts is the median of the ratios: a machine that is busy, or slow, is
so for both. It is a tool of the sources: what users install has the command, which says so, alone.
"""

from pathlib import Path
from typing import Final

from spanspec.compiled import Running, prepare

RUNNING: Final[Running] = prepare(Path(__file__).parent)
"""How this package runs: one module of it, a figure's, is compiled."""
