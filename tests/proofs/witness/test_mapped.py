"""The files that a process has mapped: plugins and libraries of Go among them."""

import shutil
import struct
from pathlib import Path

import pytest

from spanproof.witness.errors import WitnessError
from spanproof.witness.program.executable import Executable, Segment
from spanproof.witness.program.mapped import (
    Mapped,
    Module,
    file_at,
    mapped_in,
    modules_of,
    slide_by,
    with_a_heap,
)
from spanproof.witness.reading.source import program_among

MAPS = """\
55d0a8a00000-55d0a8a2f000 r--p 00000000 fe:00 131  /opt/a program
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000001000-7f0000002000 r-xp 00003000 fe:00 132  /tmp/plug.so (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0    [stack]
"""


def library(name: str, go: str = "go1.24.11", build_id: bytes = b"id") -> Executable:
    segments = (Segment(0, 0x2F00, 0), Segment(0x4C00, 0x1000, 0x3C00))
    functions = ((0x4C00, 0x100, "runtime.mallocgc"),)
    ids = {0x100: build_id}
    return Executable(Path(name), 0x900, True, segments, (), ids, go, {}, functions, (), True)


def test_files_are_told_from_other_memory() -> None:
    assert list(mapped_in(MAPS.splitlines())) == [
        Mapped(0x55D0A8A00000, 0x55D0A8A2F000, 0, "/opt/a program"),
        Mapped(0x7F0000001000, 0x7F0000002000, 0x3000, "/tmp/plug.so (deleted)"),
    ]


def test_where_a_file_was_loaded_follows_from_any_part_of_it() -> None:
    one, base = library("lib.so"), 0x7F0000000000
    assert slide_by(one, Mapped(base, base + 0x3000, 0, "lib.so")) == base
    # The second segment begins in the middle of a page, which is mapped from its beginning on.
    assert slide_by(one, Mapped(base + 0x4000, base + 0x6000, 0x3000, "lib.so")) == base


def test_a_library_of_go_in_another_program_is_the_one_that_is_looked_at(tmp_path: Path) -> None:
    program = tmp_path / "python"
    shutil.copyfile("/proc/self/exe", program)
    one, other = Module(library("one.so"), 1 << 40), Module(library("other.so", build_id=b"2"), 0)
    assert with_a_heap([one], program) == one
    assert program_among([one], program, None, 0x400000) == one
    with pytest.raises(WitnessError, match="not a program that Go built"):
        program_among([], program, None, 0x400000)
    with pytest.raises(WitnessError, match=r"2 libraries of Go.*--exe: one\.so, other\.so"):
        program_among([one, other], program, None, 0x400000)


def test_files_that_are_gone_or_no_elf_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"\x7fELF" + struct.pack("<QQ", 1, 2))
    mapped = [Mapped(0, 1, 0, name) for name in ("data", "gone")]
    assert modules_of(mapped, lambda name: tmp_path / name, None) == []


def test_the_program_is_the_file_at_which_the_process_begins() -> None:
    mapped = list(mapped_in(MAPS.splitlines()))
    assert file_at(mapped, 0x55D0A8A00010) == "/opt/a program"
    assert file_at(mapped, 0x1000) is None
    assert file_at(mapped, None) is None
    read: list[str] = []

    def noted(name: str) -> Path:
        read.append(name)
        return Path("/")

    modules_of(mapped, noted, 0x55D0A8A00010)
    assert read == ["/tmp/plug.so (deleted)"]
