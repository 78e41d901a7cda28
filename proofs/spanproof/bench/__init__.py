"""Every performance figure of the project: a ratio, measured side by side in one run.

A figure says what is measured, against what, and which ratio is the goal. Both sides run in turns
in the same run, and what counts is the median of the ratios: a machine that is busy, or slow, is
so for both.
"""

from spanproof import RUNNING

__all__ = ["RUNNING"]
