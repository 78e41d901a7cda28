"""The steps of a heap that runs on its own: for each kind of input, a function of the machine."""

from collections.abc import Callable
from typing import Final

from spanspec.heap import program
from spanspec.heap.machine import allocation, cycles, pages, specials
from spanspec.heap.machine.machine import Machine

Step = Callable[[Machine, program.Input], int | None]
"""Takes a step; returns an address, a span or a number of pages, if there is one to tell."""

STEPS: Final[dict[type[program.Input], Step]] = {
    program.Allocate: allocation.allocate,
    program.StartCycle: cycles.start_cycle,
    program.MarkObject: cycles.mark,
    program.FinishCycle: cycles.finish_cycle,
    program.SweepOne: cycles.sweep_one,
    program.FinishSweeping: cycles.finish,
    program.EnsureSwept: cycles.have_swept,
    program.TakeManual: pages.take_manual,
    program.FreeManual: pages.give_back_manual,
    program.SetProcs: pages.set_procs,
    program.ScavengeAll: pages.scavenge_everything,
    program.ScavengeLater: pages.scavenge_later,
    program.AddSpecial: specials.add,
    program.RemoveFinalizer: specials.remove_finalizer,
    program.RunFinalizers: specials.run_finalizers,
    program.FlushMcaches: specials.flush_mcaches,
}
"""The step for each kind of input."""
