"""Compiled modules keep what they know in the process: only its main interpreter can have them.

A subinterpreter that imports them takes their types away from the main one. It is refused.
"""

import ctypes


def in_main_interpreter() -> bool:
    """Tell whether this code runs in the main interpreter of the process."""
    places: list[int] = []
    for name in ("PyInterpreterState_Get", "PyInterpreterState_Main"):
        function = ctypes.pythonapi[name]
        function.restype = ctypes.c_void_p
        places.append(function())
    return places[0] == places[1]


if not in_main_interpreter():
    raise ImportError("spanalloc works in the main interpreter only, not in a subinterpreter")
