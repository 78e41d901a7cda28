"""Build hook: compiles `spanalloc`, and the busiest modules of the model, with mypyc.

Without a C compiler, or with SPANALLOC_INTERPRETED=1 in the environment, the very same source is
installed as plain Python; `spanalloc.COMPILED` tells which of the two is running. What the prover
reads is the source in either case.
"""

import os
import shlex
import shutil
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

# Exceptions that are a MemoryError or an OSError, too, cannot be native classes; the others are
# programs that use the allocator, and want the interpreter to switch between their threads.
INTERPRETED = ("__init__.py", "__main__.py", "errors.py", "handles.py", "seed.py", "stress.py")

ALLOCATOR = sorted(
    str(path) for path in Path("impl/spanalloc").glob("*.py") if path.name not in INTERPRETED
)

SPAN = ("words", "mspan", "alloccache", "tiny", "malloc", "procs")
REPLAY = ("replay", "replay_objects", "verdict", "threads", "world", "witness")

FIGURES = ["proofs/spanproof/bench/baseline.py"]
"""What a compiled method without a body costs is a figure."""

MODEL = [
    *(f"model/spanspec/{name}.py" for name in (*SPAN, "heapstate")),
    *(f"model/spanspec/trace/{name}.py" for name in REPLAY),
]
"""What runs for nearly each event of a trace: compiled, a check takes three quarters the time."""


def c_compiler() -> str | None:
    """Return the command of the C compiler that extension modules are built with, if it exists."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return shutil.which(shlex.split(command)[0])


def extensions() -> list[Extension]:
    """Return the extension modules to build: none when the source is to run interpreted."""
    if os.environ.get("SPANALLOC_INTERPRETED") == "1" or c_compiler() is None:
        return []
    from mypyc.build import mypycify

    modules = [
        *mypycify(ALLOCATOR, opt_level="3", group_name="spanalloc"),
        *mypycify(MODEL, opt_level="3", group_name="spanspec"),
        *mypycify(FIGURES, opt_level="3", group_name="spanproof"),
    ]
    for module in modules:
        # The functions of mypyc's modules are exported symbols. Unless the compiler may assume
        # that nobody replaces them, it calls each small kernel through the linkage table instead
        # of inlining it, which makes an allocation four times as slow.
        module.extra_compile_args.append("-fno-semantic-interposition")
        # A compiler without Python's headers cannot build them: then the source runs instead.
        module.optional = True
    return modules


setup(ext_modules=extensions())
