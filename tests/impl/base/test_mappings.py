"""A mapping is unmapped with the last reference to it, and a failure of that is kept."""

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
