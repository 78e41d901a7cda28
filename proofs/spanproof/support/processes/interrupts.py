"""What a signal does to a command: Ctrl-C, SIGTERM and SIGHUP (a closed terminal) end it alike.

The first raises `Interrupted`, a KeyboardInterrupt, in the main thread: the command stops, prints
what was done, and its exit status is 128 plus the signal's number (130 for Ctrl-C, 143 for SIGTERM,
129 for SIGHUP). A second one, half a second later or more, ends the process at once. So does a
thread that keeps watch, if the main thread does not hear of a signal (it computes in C) or does not
come to an end: then nothing more is printed. No child is left in either case.

Only the process of a command calls `catch`; nothing here has an effect on a program that imports
our packages. It imports little, so that it is in force before anything else is loaded.
"""

import atexit
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

AT_ONCE: Final = 0.5
"""Seconds after which one more signal is a second wish; a closing terminal sends two in a row."""

SOON: Final = 0.02
"""Seconds until an interrupt that was lost is raised again, and in which a signal reaches all."""

HEARD: Final = 2.0
"""Seconds in which the main thread has to hear of a signal."""

ENDED: Final = 10.0
"""Seconds in which an interrupted command has to print what was done, and end."""


class Interrupted(KeyboardInterrupt):
    """A signal asks the command to end."""


class _Noted:
    """What signals came: the first one's number, and when it was heard of."""

    caught = False
    first = 0
    number = 0
    """The one that the main thread has heard of."""
    since = 0.0
    over = False
    """The command has ended; only the interpreter still has to."""
    told: ClassVar[list[Callable[[], object]]] = []
    again = 0
    """Signals that are no wish of anybody's, but an interrupt that is raised once more."""


def status() -> int:
    """Return the exit status of a command that was interrupted: 128 and the signal's number."""
    return 128 + (_Noted.number or _Noted.first or signal.SIGINT)


def caught() -> bool:
    """Tell whether signals end this process in the way that this module says."""
    return _Noted.caught


def noted() -> bool:
    """Tell whether a signal has asked this process to end."""
    return _Noted.number != 0


def asked_to_end() -> bool:
    """Tell whether a signal has asked this process to end, or does so in this moment.

    A signal to all processes of a group reaches one of them after another.
    """
    if _Noted.caught and not noted():
        time.sleep(SOON)
    return noted()


def catch() -> None:
    """Let signals end this process in the way that this module says; called by its main thread.

    A signal that whoever started this process ignores, as `nohup` does, stays ignored.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    _Noted.caught = True
    caught = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in caught:
        signal.signal(number, _interrupt)
    _raise_again(sys.unraisablehook)
    threading.Thread(target=_watch, args=(reader, frozenset(caught)), daemon=True).start()

    def at_the_end() -> None:
        # All is done and printed. Python's last act gives signals their usual meaning back, and one
        # that came then would be the exit status instead of what the command has found.
        for number in caught:
            signal.signal(number, signal.SIG_IGN)

    atexit.register(at_the_end)  # the first one: it is called last, when no thread is left to end

    def in_child() -> None:
        # The pipe is the parent's, and so is what a signal means.
        _Noted.caught = False
        signal.set_wakeup_fd(-1)
        for number in caught:
            signal.signal(number, signal.SIG_DFL)

    os.register_at_fork(after_in_child=in_child)


def also(stop: Callable[[], object]) -> None:
    """Have a function called when a signal comes, by another thread than the main one.

    It stops what the main thread computes in C, so that this hears of the signal.
    """
    _Noted.told.append(stop)


def over() -> None:
    """Note that the command is over, and all is printed: from now on a signal ends at once."""
    _Noted.over = True


def _interrupt(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _Noted.over or (_Noted.number and now - _Noted.since >= AT_ONCE):
        _end_at_once()
    if not _Noted.number:
        _Noted.number, _Noted.since = number, now
        raise Interrupted


def _raise_again(shown: "Callable[[UnraisableHookArgs], object]") -> None:
    """Raise an interrupt once more that fell into a callback or finalizer, where none can pass."""

    def hook(unraisable: "UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            # What an interrupt left half made cannot be unmade as it should.
            if not _Noted.number:
                shown(unraisable)
        elif _Noted.number and not _Noted.over:
            # Raised at once, it would end up in this very function.
            threading.Timer(SOON, _again).start()

    sys.unraisablehook = hook


def _again() -> None:
    number, _Noted.number = _Noted.number, 0
    _Noted.again += 1
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def _watch(reader: int, caught: frozenset[signal.Signals]) -> NoReturn:
    """End the process where the main thread does not."""
    first, limit = 0.0, None
    heard = False
    while True:
        left = None if limit is None else max(limit - time.monotonic(), 0)
        if not select.select([reader], [], [], left)[0]:
            if heard or not _Noted.number:
                _end_at_once()
            heard, limit = True, first + ENDED
            continue
        number = os.read(reader, 1)[0]
        if number not in caught:
            continue
        now = time.monotonic()
        if _Noted.again:
            _Noted.again -= 1
        elif limit is None:
            _Noted.first = number
            first, limit = now, now + HEARD
            for stop in _Noted.told:
                stop()
        elif now - first >= AT_ONCE:
            heard, limit = True, min(limit, now + AT_ONCE)


def _end_at_once() -> NoReturn:
    """End this process, and all that it has started, now."""
    try:
        processes = sys.modules.get("spanproof.support.processes.children")
        if processes is not None:
            processes.end_children()
        os.write(2, b"spanspec: interrupted\n")
    finally:
        os._exit(status())
