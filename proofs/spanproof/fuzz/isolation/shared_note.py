"""What a worker is about to do, in memory that those who watch it share.

A worker writes down each program before it runs it. However it ends, the program stays readable:
no message has to be sent by a process that may be gone.
"""

import mmap
import os
import struct
import zlib
from typing import Final, NamedTuple

SIZE: Final = 1 << 20
"""Bytes of the memory; a program of a campaign takes a few thousand."""

HEAD: Final = struct.Struct("<QIIIIB")
STEP: Final = struct.Struct("<I")
STEP_AT: Final = 8
ASKED_AT: Final = 20
STATE_AT: Final = HEAD.size - 1
ENDED: Final = 0
UNDER_WAY: Final = 1
CUT_OFF: Final = 2
WAITING: Final = 3


class Noted(NamedTuple):
    """What is noted: programs begun, the step of the last, whether it is under way, and its text.

    The text is None if there is none, or it is damaged. A worker that is `cut_off` had no way left
    to send a message. One that asks a store, between two programs, is `waiting` for the answer of
    that number, from 1; otherwise that is 0.
    """

    begun: int
    step: int
    under_way: bool
    cut_off: bool
    text: bytes | None
    waiting: int


class Note:
    """Memory of three processes; the worker writes, the others read."""

    def __init__(self) -> None:
        self._memory: Final = mmap.mmap(-1, SIZE)
        self._begun = self._asked = 0
        self._owner = 0

    def own(self) -> None:
        """Let this process be the one that writes.

        A child of it that comes here is one that the code under test has forked, and let return.
        """
        self._owner = os.getpid()

    def clear(self) -> None:
        """Forget all, before the next worker."""
        self._begun = 0
        self._memory[: HEAD.size] = bytes(HEAD.size)

    def begin(self, text: bytes) -> None:
        """Note a program that begins now.

        Raises: ValueError if it is too long.
        """
        if os.getpid() != self._owner:
            os._exit(0)
        end = HEAD.size + len(text)
        if end > SIZE:
            raise ValueError(f"a program of {len(text)} bytes cannot be noted")
        self._begun += 1
        self._memory[STATE_AT] = ENDED
        self._memory[HEAD.size : end] = text
        HEAD.pack_into(self._memory, 0, self._begun, 0, len(text), zlib.crc32(text), 0, UNDER_WAY)

    def step(self, number: int) -> None:
        """Note a step that begins now, from 1; 0 before the first."""
        if os.getpid() != self._owner:
            os._exit(0)
        STEP.pack_into(self._memory, STEP_AT, number)

    def end(self) -> None:
        """Note that the program has ended."""
        self._memory[STATE_AT] = ENDED

    def wait(self) -> None:
        """Note that a store is asked, which may take a while; until the next program begins."""
        self._asked = self._asked % ((1 << 32) - 1) + 1
        STEP.pack_into(self._memory, ASKED_AT, self._asked)
        self._memory[STATE_AT] = WAITING

    def cut_off(self) -> None:
        """Note that there is no way left to send a message."""
        self._memory[STATE_AT] = CUT_OFF

    def read(self) -> Noted:
        """Return what is noted."""
        begun, step, length, check, asked, state = HEAD.unpack_from(self._memory)
        text = bytes(self._memory[HEAD.size : HEAD.size + length]) if length < SIZE else b""
        usable = begun > 0 and zlib.crc32(text) == check
        told = text if usable else None
        waiting = asked if state == WAITING else 0
        return Noted(begun, step, state == UNDER_WAY, state == CUT_OFF, told, waiting)
