"""What the translator says when it meets something that it cannot turn into a term."""


class UnsupportedConstruct(Exception):
    """A rule uses a construct outside the translatable subset.

    The message reads `FILE:LINE: what`, so that an editor can jump to it.
    """

    def __init__(self, path: str, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")
        self.path = path
        self.line = line
        self.what = what


class MixedSorts(TypeError):
    """Two values that have no common sort met in one operation."""


class NotTranslatable(TypeError):
    """An operation has no exact counterpart in the chosen arithmetic.

    Raised by the arithmetics, which do not know where in the source they are; the translator
    turns it into an `UnsupportedConstruct`.
    """
