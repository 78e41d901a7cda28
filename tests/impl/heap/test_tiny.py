"""Tiny objects share blocks of 16 bytes: where each goes, and which block is current."""

from types import ModuleType


def plain_place(offset: int, size: int) -> int:
    """Where an object goes, by trying every place."""
    align = next(one for one in (8, 4, 2, 1) if size % one == 0)
    places = [at for at in range(offset, 17 - size) if at % align == 0]
    return places[0] if places else -1


def test_an_object_goes_to_the_first_place_that_is_aligned_for_it(package: ModuleType) -> None:
    for offset in range(17):
        for size in range(1, 16):
            expected = plain_place(offset, size)
            assert package.span.tiny.place_in_block(offset, size) == expected, (offset, size)


def test_the_block_with_more_room_left_is_current(package: ModuleType) -> None:
    for offset in range(17):
        for size in range(1, 16):
            assert package.span.tiny.takes_over(1 << 20, offset, size) == (16 - size > 16 - offset)
            assert package.span.tiny.takes_over(0, offset, size)
