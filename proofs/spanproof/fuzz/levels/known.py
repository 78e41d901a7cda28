"""Known failures of others' allocators: they are still looked for, and told, but are no finding.

So a campaign goes on behind one, and says when it is not met any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from spanproof.fuzz.differences.differences import Difference
from spanproof.protocol.messages import Ask
from spanspec.base.wording import counted

PLACE: Final = Path(__file__).parent / "known.json"
"""Those that we know of ourselves."""


class KnownFailure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A failure of allocators whose name is like `name`: what differs, and for which requests.

    `where` has, for fields of the request, the values with which it comes up; `note` says where it
    was reported.
    """

    name: str
    what: str
    note: str
    where: dict[str, list[int]] = {}

    def is_tried(self, request: Ask) -> bool:
        """Tell whether a request is one for which it comes up."""
        return all(getattr(request, field, None) in values for field, values in self.where.items())

    def is_it(self, request: Ask, told: Difference) -> bool:
        """Tell whether a difference is this one."""
        return told.what == self.what and self.is_tried(request)


def read(path: Path) -> tuple[KnownFailure, ...]:
    """Read a list of known failures.

    Raises: OSError; msgspec.DecodeError.
    """
    return msgspec.json.decode(path.read_bytes(), type=tuple[KnownFailure, ...])


@cache
def ours() -> tuple[KnownFailure, ...]:
    """Return those that we know of."""
    return read(PLACE)


def of_name(known: Sequence[KnownFailure], name: str) -> tuple[KnownFailure, ...]:
    """Return the known failures of an allocator."""
    return tuple(one for one in known if fnmatchcase(name, one.name))


MET: Final = "known failure, met: "
TRIED: Final = "known failure, tried: "
"""How a campaign counts how often one was met, and how often it could have been."""


def told_of_known(exercised: Mapping[str, int]) -> Iterator[str]:
    """Yield a line on each known failure that a campaign has tried."""
    for name, tried in exercised.items():
        if name.startswith(TRIED):
            note = name.removeprefix(TRIED)
            met = exercised.get(f"{MET}{note}", 0)
            often = f"met {met} of {counted(tried, 'time')}" if met else "not met any more"
            yield f"known failure, {often}: {note}"
