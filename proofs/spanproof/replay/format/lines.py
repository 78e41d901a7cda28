"""Whether the lines of a block can be objects, each of them one."""

from io import BytesIO
from typing import Final

OPENS: Final = ord("{")
CLOSES: Final = ord("}")


def lines_of_objects(block: bytes) -> int | None:
    """Return the number of lines, if every newline is the only byte between "}" and "{"; or None.

    The block begins with "{", too, and does not end with a newline.
    """
    # This looks for newlines in many bytes at once, where `count` looks at one after the other.
    lines = BytesIO(block).readlines()
    if not lines or block.endswith(b"\n"):
        return None
    above = b""
    for line in lines:
        # All but the last end with their newline, and begin with another byte.
        if line[0] != OPENS or (above and above[-2] != CLOSES):
            return None
        above = line
    return len(lines)
