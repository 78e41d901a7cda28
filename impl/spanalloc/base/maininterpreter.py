"""Compiled modules keep what they know in the process: only its main interpreter can have them.

A subinterpreter that imports them takes their types away from the main one. It is refused.
"""

from spanalloc.compiled import in_main_interpreter

if not in_main_interpreter():
    raise ImportError("spanalloc works in the main interpreter only, not in a subinterpreter")
