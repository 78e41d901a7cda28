"""What every written module begins with: the names that its functions may use.

Its constants bear the names of the functions' own variables as well, so that a local name that has
no value would be taken for one of them if the translator let it.
"""

from typing import Final

LOCALS: Final = ("a", "b", "c", "d", "e")
"""Names that functions give values to; the module has numbers under these names, too."""

NUMBERS: Final = {"NOBODY": -1, "SMALL": 7, "MASK": 0xFF, "WIDE": (1 << 64) - 1, "BEYOND": 1 << 64}
ROWS: Final = (5, 5, 9, 0, 255, 64)
FLAGS: Final = (True, False, False)
PAIRS: Final = ((1, 2), (3, 4), (3, 4))

TEXT: Final = "\n".join(
    [
        "from msgspec.structs import replace",
        "from spanproof.selftest.kinds import Box, Pair, Boxes",
        "from spanspec.base.ids import SpanId",
        *(f"{name} = {900 + place}" for place, name in enumerate(LOCALS)),
        *(f"{name} = {value}" for name, value in NUMBERS.items()),
        f"ROWS = {ROWS}",
        f"FLAGS = {FLAGS}",
        f"PAIRS = ({', '.join(f'Pair({one}, {two})' for one, two in PAIRS)})",
        "FLOAT = 1.5",
        "TEXT = 'text'",
        "LIST = [1, 2]",
        "NOTHING = None",
        "from librt.vecs import vec",
        "from mypy_extensions import i64",
        "class Refusal(Exception):",
        "    pass",
        "class Part:",
        "    def __init__(self, v: i64) -> None:",
        "        self.v: i64 = v",
        "    def add(self, x: i64) -> i64:",
        "        self.v = self.v + x",
        "        return self.v",
        "",
    ]
)
