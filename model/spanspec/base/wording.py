"""Numbers in sentences: a counted noun, and a place in an order."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 page`, `2 pages`; `plural` where an s is not enough."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def ordinal(number: int) -> str:
    """Return the place of a number in an order: `1st`, `2nd`, `11th`."""
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
