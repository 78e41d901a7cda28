"""What a rule of the rule book is."""

from typing import NamedTuple


class Rule(NamedTuple):
    """One rule: its id, what it says in a sentence or two, and the Go file and function."""

    id: str
    says: str
    where: str
