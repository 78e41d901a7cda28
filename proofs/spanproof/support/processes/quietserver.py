"""What the server of worker processes loads first: it ends in silence.

Where the system lets it fork no more, the server comes to its end, and the command that wanted a
worker says so in one line. Python would print the server's traceback beside it.
"""

import sys
from types import TracebackType


def _say_nothing(
    kind: type[BaseException], problem: BaseException, trace: TracebackType | None
) -> None:
    """Take the place of `sys.excepthook`."""


# Only a server's: what else imports this module, such as a test of all modules, keeps its own.
if sys.argv[:1] == ["-c"] and "multiprocessing.forkserver" in sys.modules:
    sys.excepthook = _say_nothing
