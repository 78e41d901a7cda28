"""The operations of a heap: for each kind of input, the course that does what it asks for."""

from collections.abc import Callable
from typing import Final

from spanspec.heap import program
from spanspec.heap.courses.course import Course
from spanspec.heap.operations import allocation, cycles, pages, procs, specials
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import Actor

Operation = Callable[[HeapState, Actor, program.Input], Course[int | None]]
"""A course; it returns an address, a span or a number of pages, if there is one to tell.

Before it changes anything it refuses an input that does not fit the state.
"""

OPERATIONS: Final[dict[type[program.Input], Operation]] = {
    program.Allocate: allocation.allocate,
    program.StartCycle: cycles.start_cycle,
    program.MarkObject: cycles.mark,
    program.FinishCycle: cycles.finish_cycle,
    program.SweepOne: cycles.sweep_one,
    program.FinishSweeping: cycles.finish,
    program.EnsureSwept: cycles.have_swept,
    program.TakeManual: pages.take_manual,
    program.FreeManual: pages.give_back_manual,
    program.SetProcs: procs.set_procs,
    program.ScavengeAll: pages.scavenge_everything,
    program.ScavengeLater: pages.scavenge_later,
    program.SetGcPercent: cycles.set_gc_percent,
    program.AddSpecial: specials.add,
    program.RemoveFinalizer: specials.remove_finalizer,
    program.RunFinalizers: specials.run_finalizers,
    program.FlushMcaches: procs.flush_mcaches,
}
"""The operation for each kind of input."""
