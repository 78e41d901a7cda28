"""What can go wrong with a witness."""


class WitnessError(Exception):
    """The process, core, executable or file cannot be used; the message is the line to show."""


class Unreadable(Exception):
    """There is no memory at an address, or it is not part of what was copied.

    Attributes:
        address: where the read failed.
        missing: the memory may be there, but was not copied.

    """

    def __init__(self, address: int, missing: bool = False) -> None:
        super().__init__(f"no memory can be read at {address:#x}")
        self.address = address
        self.missing = missing
