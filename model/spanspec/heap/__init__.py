"""The whole heap: its state, the operations of threads as courses, and a heap to play with."""

from spanspec.heap.heap import Heap

__all__ = ["Heap"]
