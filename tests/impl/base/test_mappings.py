"""A mapping is unmapped with the last reference to it, and a failure of that is kept."""

import ctypes
from types import ModuleType

import pytest


@pytest.mark.parametrize(("problem", "kept"), [(0, []), (12, [12])])
def test_a_failure_to_unmap_is_kept(package: ModuleType, problem: int, kept: list[int]) -> None:
    unmapped: list[tuple[int, int]] = []
    failures: list[int] = []

    def unmap(address: int, size: int) -> int:
        unmapped.append((address, size))
        return problem

    package.base.mappings.Mapping(4096, 8192, unmap, failures)
    assert unmapped == [(4096, 8192)]
    assert failures == kept


def test_a_view_keeps_what_it_lies_in_and_not_its_neighbours(package: ModuleType) -> None:
    memory = ctypes.create_string_buffer(3 * 64)
    base = ctypes.addressof(memory)
    gone: list[tuple[int, int]] = []

    def unmap(address: int, size: int) -> int:
        gone.append((address - base, size))
        return 0

    mappings = package.base.mappings.Mappings(unmap)
    for number in range(3):
        mappings.add(base + 64 * number, 64)
    views = [mappings.view(base + 64, 64), mappings.view(base + 127, 2)]
    for number in range(3):
        assert mappings.release(base + 64 * number, 64) == 0
    assert gone == [(0, 64)]
    del views[1]
    assert gone == [(0, 64), (128, 64)]
    del views[0]
    assert gone == [(0, 64), (128, 64), (64, 64)]
