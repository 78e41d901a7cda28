"""What nobody planned: a bug of ours is one line and status 2, never a finding.

The traceback goes into a file to report, or, with SPANSPEC_TRACEBACK=1 in the environment, to
standard error.
"""

import os
import sys
from errno import ENOENT

UNUSABLE = 2

TRACEBACK = "SPANSPEC_TRACEBACK"
"""The environment variable that has tracebacks printed, when it is 1."""

NO_THREAD = "can't start new thread"
"""What Python says, by a RuntimeError, where the system refuses a thread."""


def unexpected(problem: BaseException) -> int:
    """Print one line about an exception that nothing was prepared for; return the exit status."""
    if os.environ.get(TRACEBACK) == "1":
        sys.excepthook(type(problem), problem, problem.__traceback__)
    what = " ".join(described(problem).split())
    if isinstance(problem, MemoryError):
        line = f"out of memory{f': {what}' if what else ''}"
    elif isinstance(problem, OSError):
        line = refused(problem)
    elif isinstance(problem, RuntimeError) and what.endswith(NO_THREAD):
        line = "no more threads can be started (ulimit -u), or there is no memory for one"
    elif isinstance(problem, SyntaxError):
        line = f"{problem.filename}:{problem.lineno}: {problem.msg}"
    else:
        line = f"this is a bug of spanspec, and no finding: {what}; {where_to_look(problem)}"
    sys.stderr.write(f"spanspec: {line}\n")
    return UNUSABLE


def refused(problem: OSError) -> str:
    """Return what the system has refused, in one line."""
    place = f"{problem.filename}: " if problem.filename else ""
    if not place and problem.errno == ENOENT and is_nowhere():
        place = "the current directory is gone: "
    return f"{place}{problem.strerror or problem}"


def is_nowhere() -> bool:
    """Tell whether the directory in which the command was called is there no more."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def described(problem: BaseException) -> str:
    """Return an exception's type and message in one line, even if it has no usable message."""
    try:
        said = str(problem)
    except Exception:
        said = "its message cannot be had"
    name = type(problem).__name__
    if isinstance(problem, MemoryError):
        return said
    return f"{name}: {said}" if said else name


def where_to_look(problem: BaseException) -> str:
    """Keep the traceback in a file; return how to report it."""
    if os.environ.get(TRACEBACK) == "1":
        return "please report it with the traceback above"
    try:
        return f"please report it with {saved(problem)}"
    except Exception:
        return f"say it again with {TRACEBACK}=1 to see the traceback, and report it"


def saved(problem: BaseException) -> str:
    """Write what a report needs into a new file of the folder for temporary ones.

    Raises: OSError if it cannot be written.
    """
    import platform
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w",
        prefix="spanspec-bug-",
        suffix=".txt",
        delete=False,
        encoding="utf-8",
        errors="backslashreplace",
    ) as file:
        file.write(f"arguments: {sys.argv[1:]}\n")
        file.write(f"python: {platform.python_version()} on {platform.platform()}\n\n")
        file.writelines(traceback.format_exception(problem))
    return file.name
