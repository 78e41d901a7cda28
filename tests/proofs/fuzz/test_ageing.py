"""A malloc that has aged: what fails behind other programs is found to fail from the beginning."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest

from spanproof.fuzz.engine.searching import FuzzSearch
from spanproof.fuzz.engine.target import Target, of_contract
from spanproof.fuzz.levels.beginnings import joined
from spanproof.fuzz.levels.remote import Answerer
from spanproof.fuzz.lockstep.divergence import Divergence, Run
from spanproof.fuzz.programs.choices import FromBytes
from spanproof.fuzz.programs.contractprogram import ContractProgram, Free, Malloc, Show, size_of
from spanproof.protocol import messages
from spanproof.protocol.messages import Greeting, Made, Reply, Request, Shown

ENDLESS = 1 << 20


class Ageing:
    """A malloc in which places are used once; of which one object, of so many, loses contents."""

    def __init__(self, good: int) -> None:
        self._good = good
        self.starts = 0
        self._made: int | None = None
        self._held: dict[int, tuple[int, int, bool]] = {}

    def is_running(self) -> bool:
        return self._made is not None

    def close(self) -> None:
        self._made = None

    def greeted(self) -> Greeting:
        if self._made is None:
            self.starts += 1
            self._made = 0
        return Greeting(1, "ageing", ["contract"], n=0)

    def ask(self, request: Request, expected: type[Reply]) -> Reply:
        self.greeted()
        assert self._made is not None
        match request:
            case messages.NewContract():
                self._held.clear()
            case messages.Malloc(id=one, bytes=size, byte=byte):
                self._made += 1
                self._held[one] = (size, byte, self._made % self._good == 0)
                return Made(self._made * ENDLESS, [(0, size)], n=0)
            case messages.Realloc(id=one, bytes=size, byte=byte):
                self._made += 1
                runs = self._runs(one)
                self._held[one] = (size, byte, False)
                return Made(self._made * ENDLESS, runs, n=0)
            case messages.Free(id=one):
                return Shown(self._runs(one, forget=True), n=0)
            case messages.Show(id=one):
                return Shown(self._runs(one), n=0)
        return messages.Done(n=0)

    def ask_all(self, requests: Sequence[Request], threads: int) -> list[Reply]:
        return [self.ask(one, Reply) for one in requests]

    def _runs(self, one: int, forget: bool = False) -> list[tuple[int, int]]:
        size, byte, is_lost = self._held[one]
        if forget:
            del self._held[one]
        return [(byte ^ is_lost, size)] if size else []


class Hearing:
    """Runs programs for a search, and keeps what it is told."""

    def __init__(self, target: Target[ContractProgram]) -> None:
        self._target = target
        self.heard: list[Divergence] = []

    def attempt(self, program: ContractProgram, exact: bool = False) -> Run:
        return self._target.attempt(program, lambda step: None, exact)

    def counted(self, exercised: Counter[str]) -> None: ...

    def kept(self, program: ContractProgram) -> None: ...

    def found(self, divergence: Divergence) -> None:
        self.heard.append(divergence)


def searched(good: int) -> tuple[Hearing, Ageing]:
    ageing = Ageing(good)
    target = of_contract(cast("Answerer", ageing))
    hearing = Hearing(target)
    FuzzSearch(target, hearing).run(0, 2000, None, 60.0)
    return hearing, ageing


def fails_afresh(good: int, program: object) -> bool:
    assert isinstance(program, ContractProgram)
    target = of_contract(cast("Answerer", Ageing(good)))
    return target.attempt(program, lambda step: None, False).divergence is not None


def test_what_fails_behind_other_programs_is_told_as_one_that_fails_alone() -> None:
    good = 100
    hearing, _ = searched(good)
    first, last = hearing.heard[0], hearing.heard[-1]
    assert not fails_afresh(good, first.program)
    assert fails_afresh(good, last.program)
    # Nothing can be left out of it: so many objects have to be made, and the last be looked at.
    made = [step for step in last.program.steps if isinstance(step, Malloc)]
    assert len(last.program.steps) == good
    assert made


class CutOff(Hearing):
    """Is ended after so many programs of the search have failed."""

    def found(self, divergence: Divergence) -> None:
        super().found(divergence)
        if len(self.heard) == 3:
            raise KeyboardInterrupt


def test_no_smaller_program_is_lost_where_the_search_is_cut_off() -> None:
    target = of_contract(cast("Answerer", Ageing(30)))
    hearing = CutOff(target)
    with pytest.raises(KeyboardInterrupt):
        FuzzSearch(target, hearing).run(0, 2000, None, 60.0)
    assert fails_afresh(30, hearing.heard[-1].program)


def test_every_small_class_of_a_malloc_is_asked_for_now_and_then() -> None:
    draw = random.Random(1)
    sizes = {size_of(FromBytes(draw.randbytes(16))) for _ in range(40_000)}
    assert sizes >= set(range(1025))


def test_programs_run_in_one_process_until_one_fails() -> None:
    ageing = Ageing(ENDLESS)
    target = of_contract(cast("Answerer", ageing))
    FuzzSearch(target, Hearing(target)).run(0, 20, None, 1.0)
    assert ageing.starts == 1


def test_objects_of_joined_programs_die_where_the_next_begins() -> None:
    first = ContractProgram((Malloc(8), Malloc(16), Free(1)))
    second = ContractProgram((Malloc(24), Show()))
    assert joined([first, second]).steps == (*first.steps, Free(), Free(), *second.steps)
