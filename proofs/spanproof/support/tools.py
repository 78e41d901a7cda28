"""Programs that a figure needs and that are not of this project: where they are, or how to come by
them.
"""

import shutil
from typing import Final, NamedTuple


class Missing(Exception):
    """A figure cannot be measured on this machine; the message says what to install, or give."""


class Tool(NamedTuple):
    """A program: its command, and how to install it on Debian."""

    command: str
    install: str


SPIN: Final = Tool("spin", "apt-get install spin")
C_COMPILER: Final = Tool("cc", "apt-get install gcc")
GO: Final = Tool("go", "apt-get install golang-go")


def command_of(tool: Tool) -> str:
    """Return the path of a program.

    Raises: Missing if it is not installed.
    """
    path = shutil.which(tool.command)
    if path is None:
        raise Missing(f"install {tool.command}: {tool.install}")
    return path
