"""The addresses of which invariants of the address space are asked."""

from spanspec.base.ids import Address, SpanId
from spanspec.base.tables import AddressMap


def begins(
    owner: AddressMap[SpanId], other: AddressMap[SpanId] | AddressMap[bool]
) -> list[Address]:
    """Return where a value of a map begins, by address, and then where one of another does, too.

    Between two of them nothing changes. Mostly the two maps change at the same addresses; none is
    returned twice. Both tell of theirs by address.
    """
    owned = list(owner)
    told, at, end = owned.copy(), 0, len(owned)
    # Side by side: a set of addresses is slow, as their lowest bits are alike.
    for address in other:
        while at < end and owned[at] < address:
            at += 1
        if at == end or owned[at] != address:
            told.append(address)
    return told
