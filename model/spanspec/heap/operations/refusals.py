"""What an operation says that cannot be done."""


class Refused(ValueError):
    """An input that does not fit the state, such as a mark outside of a cycle; nothing changed."""


class OutOfMemory(MemoryError):
    """The operating system has no more address space (T-21); the heap stays consistent."""


def require(condition: bool, otherwise: str) -> None:
    """Refuse an input unless a condition holds.

    Raises: Refused.
    """
    if not condition:
        raise Refused(otherwise)
