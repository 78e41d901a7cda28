"""What has changed in a table since the last look, whatever its keys and values have been since."""

from hypothesis import given
from hypothesis import strategies as st

from spanspec.heap.changes import Followed


class Record:
    """A value that is replaced, and never equal to another."""


SHARED = [Record() for _ in range(3)]
CHANGES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from((None, *range(3)))), max_size=6)


@given(st.lists(CHANGES, max_size=8))
def test_a_look_tells_what_has_other_values_and_what_it_had(
    rounds: list[list[tuple[int, int | None]]],
) -> None:
    """Keys come and go, and several may have the very same value."""
    table: dict[int, Record] = {}
    followed: Followed[int, Record] = Followed()
    for changes in rounds:
        before = dict(table)
        for key, value in changes:
            if value is None:
                table.pop(key, None)
            else:
                table[key] = SHARED[value]
        expected = {
            key: before.get(key)
            for key in before.keys() | table.keys()
            if before.get(key) is not table.get(key)
        }
        assert followed.look(table) == expected
        assert followed.look(table) == {}
