"""A large block that was freed is used again, and its pages are not made anew."""

import ctypes
import resource

import pytest

from spanproof.support import freedmemory

LARGE = 20 << 20
LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
LIBC.free.argtypes = [ctypes.c_void_p]


def faults_of_a_large_block() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = LIBC.malloc(LARGE)
    ctypes.memset(block, 1, LARGE)
    LIBC.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_large_block_is_made_of_pages_once() -> None:
    if not hasattr(LIBC, "gnu_get_libc_version"):
        pytest.skip("the C library is not glibc: mallopt cannot be asked to keep what is freed")
    assert freedmemory.stays()
    faults_of_a_large_block()
    assert faults_of_a_large_block() < 100


def test_a_library_that_cannot_be_asked_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        """A C library without `mallopt`."""

        def __init__(self, name: None) -> None:
            pass

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert not freedmemory.stays.__wrapped__()
