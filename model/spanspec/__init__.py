"""The specification: the allocator of Go 1.13.15 (linux/amd64) as plain, typed Python.

Every rule is a small pure function over immutable records. The same functions run as the
reference implementation and are read by the prover, so nothing is stated twice.
"""

# First of all: it lets the sources run if compiled modules are not of them.
from spanspec.compiled import RUNNING

__all__ = ["RUNNING"]
