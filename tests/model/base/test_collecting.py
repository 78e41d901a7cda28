"""The collector of cycles is put off for a while, and then as it was."""

import gc

import pytest

from spanspec.base.collecting import put_off


def as_it_is() -> tuple[bool, tuple[int, int, int]]:
    return gc.isenabled(), gc.get_threshold()


def fail_meanwhile(objects: int, collects: bool) -> None:
    with put_off(objects):
        assert gc.isenabled() is collects
        if collects:
            assert gc.get_threshold()[0] == objects
        raise LookupError


@pytest.mark.parametrize(("objects", "collects"), [(0, False), (12_345, True)])
def test_the_collector_is_as_it_was_after_an_error(objects: int, collects: bool) -> None:
    before = as_it_is()
    with pytest.raises(LookupError):
        fail_meanwhile(objects, collects)
    assert as_it_is() == before


def test_one_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with put_off(), put_off(1000):
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
