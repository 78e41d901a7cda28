"""The entry of the command: what is in force before anything else is loaded, and after all is done.

Loading the commands takes a while, and a signal in that time is a signal, too; so this module
imports next to nothing.
"""

import sys
from typing import NoReturn

from spanproof.cli.unexpected import unexpected
from spanproof.support.files import streams
from spanproof.support.processes import interrupts

FAILS = 1
UNUSABLE = 2


def main() -> NoReturn:
    """Run the command line of this process."""
    results = streams.stand_in()
    status = UNUSABLE
    try:
        interrupts.catch()
        from spanproof.support.files.folders import keep_working_directory_clean

        keep_working_directory_clean()
        from spanproof.cli.app import run, tell_stale

        tell_stale()
        status = run(sys.argv[1:])
        sys.stdout.flush()
        if not interrupts.noted():
            interrupts.over()
    except KeyboardInterrupt:
        _tell_interrupted()
    except BaseException as problem:
        try:
            if interrupts.asked_to_end():
                raise KeyboardInterrupt
            status = unexpected(problem)
            interrupts.over()
        except KeyboardInterrupt:
            _tell_interrupted()
    _end_children()
    if interrupts.noted():
        status = FAILS if status == FAILS else interrupts.status()
    sys.stdout.flush()
    if results.failure:
        sys.stderr.write(f"spanspec: standard output: {results.failure}\n")
        status = status or UNUSABLE
    interrupts.over()
    sys.exit(status)


def _tell_interrupted() -> None:
    sys.stderr.write("spanspec: interrupted\n")


def _end_children() -> None:
    processes = sys.modules.get("spanproof.support.processes.children")
    if processes is None:
        return
    if interrupts.noted():
        processes.end_children()
    else:
        processes.end_left_over()
