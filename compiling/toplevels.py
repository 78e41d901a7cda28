"""Has the compiler of C not optimize what runs once: the bodies of modules.

mypyc makes one long function of all that a module does when it is imported. Optimizing these is a
sixth of GCC's work on the model, and makes no import faster that could be told.
"""

import re
from typing import Final

TOP_LEVEL: Final = re.compile(r"^(?=char CPyDef_\w*__top_level__\(void\) \{$)", re.MULTILINE)

RUNS_ONCE: Final = """\
#if defined(__GNUC__) && !defined(__clang__)
#define RUNS_ONCE __attribute__((optimize("O0")))
#else
#define RUNS_ONCE
#endif
"""


def marked(text: str) -> str:
    """Return the C of a library in which the functions that are bodies of modules are marked."""
    text, found = TOP_LEVEL.subn("RUNS_ONCE ", text)
    return RUNS_ONCE + text if found else text
