"""Allocators of descriptors: the identity freed last is handed out first (HEAP-3, HEAP-4).

An identity is a small number, in order of first use. Descriptors are recycled without being
cleared: a stale pointer to one may still be around (SWP-7).
"""


class FixAlloc:
    """The identities that were ever handed out, and those that are free again."""

    def __init__(self) -> None:
        self.made = 0
        self.free: list[int] = []

    def take(self) -> int:
        """Hand out the identity freed last, or a new one.

        Rules: HEAP-3 HEAP-4.
        """
        if self.free:
            return self.free.pop()
        self.made += 1
        return self.made - 1

    def give_back(self, identity: int) -> None:
        """Take back an identity.

        Rules: HEAP-4.
        """
        self.free.append(identity)

    @property
    def in_use(self) -> int:
        """How many identities are handed out."""
        return self.made - len(self.free)

    def copy(self) -> "FixAlloc":
        """Return an allocator that can go on by itself."""
        twin = FixAlloc()
        twin.made, twin.free = self.made, list(self.free)
        return twin
