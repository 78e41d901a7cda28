"""The treap is the set of free runs: it answers as a sorted list does."""

from hypothesis import given
from hypothesis import strategies as st

from spanspec.pages.freeset.freeruns import (
    ALL,
    UNSCAVENGED,
    UNSCAVENGED_SMALL,
    FreeSpan,
    SortedFreeSpans,
)
from spanspec.pages.freeset.treap import Treap

# --- structures -----------------------------------------------------------------------------------


@given(
    st.dictionaries(st.integers(0, 60), st.tuples(st.integers(1, 9), st.booleans()), max_size=30),
    st.integers(-1, 61),
    st.sampled_from((UNSCAVENGED_SMALL, UNSCAVENGED, ALL)),
)
def test_treap_and_sorted_list_answer_alike(
    runs: dict[int, tuple[int, bool]], at: int, wanted: int
) -> None:
    treap, plain = Treap(), SortedFreeSpans()
    for page, (npages, scavenged) in runs.items():
        entry = FreeSpan(page * 8192, npages, page, scavenged, False)
        treap.insert(entry)
        plain.insert(entry)
    assert treap.first(wanted) == plain.first(wanted)
    assert treap.last(wanted) == plain.last(wanted)
    assert treap.after(at * 8192, wanted) == plain.after(at * 8192, wanted)
    assert treap.before(at * 8192, wanted) == plain.before(at * 8192, wanted)
    assert all(treap.find(npages) == plain.find(npages) for npages in range(1, 11))
