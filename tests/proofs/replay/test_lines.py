"""Which blocks of a trace may be decoded at once: those in which each line can be an object."""

from hypothesis import example, given
from hypothesis import strategies as st

from spanproof.replay.format.lines import lines_of_objects

pieces = st.lists(st.sampled_from([b"{", b"}", b"\n", b"}\n{", b"{}", b" ", b"\r", b"1"]))


@given(pieces.map(b"".join))
@example(b"")
@example(b"\n")
@example(b"{}\n")
@example(b"\n{}")
@example(b"{}\n\n{}")
@example(b"{\n{}")
@example(b"{}\n{}")
@example(b"{}\n {}")
@example(b"{} \n{}")
def test_lines_are_counted_where_every_newline_stands_between_objects(block: bytes) -> None:
    newlines = block.count(b"\n")
    between = block.count(b"}\n{") == newlines and block.startswith(b"{")
    assert lines_of_objects(block) == (newlines + 1 if between else None)
