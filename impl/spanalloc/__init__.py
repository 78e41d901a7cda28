"""An optimized implementation of one span of the Go 1.13 allocator.

A span is a run of pages cut into equal slots, with a bitmap of the slots in use. This package
hands slots out, marks them and sweeps them as fast as the bit tricks of the runtime allow. It is
written apart from the specification, so that agreement between the two is evidence for both.

Its modules are compiled to native code where that is possible; `COMPILED` tells whether this
copy is.
"""

from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final

from spanalloc import kernels
from spanalloc.errors import SpanError
from spanalloc.snapshot import SpanSnapshot
from spanalloc.span import Span

COMPILED: Final[bool] = kernels.__file__.endswith(tuple(EXTENSION_SUFFIXES))
"""Whether `spanalloc.kernels`, and with it the package, runs as a native extension module."""

__all__ = ["COMPILED", "Span", "SpanError", "SpanSnapshot", "kernels"]
