"""Whose turn it is, where somebody decides that: the places between the steps of a thread.

A step ends with each section under a lock, and with each atomic access that another thread can
see (CONC-1, CONC-3). A heap in use has no `Turns`, and goes on at once.
"""

import time

from librt.threading import Lock
from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Turns:
    """Decides which thread goes on; this one lets each thread go on by itself.

    A subclass may block in any of the calls until it is the thread's turn.
    """

    def step_ends(self) -> None:
        """The thread has taken a step, of which its events tell."""

    def published(self, span: int) -> None:
        """The thread has stored the sweepgen of a span that it has swept; no event tells so."""

    def sweeper_leaves(self, thread: int) -> None:
        """The thread has swept what it popped, and is waited for no longer; no event tells so."""

    def cannot_go_on(self) -> None:
        """The thread waits for something that another thread must do first."""
        time.sleep(0)

    def waits_for(self, lock: Lock) -> None:
        """The thread is about to take a lock, and has done nothing since its last step."""
        while lock.locked():
            self.cannot_go_on()
