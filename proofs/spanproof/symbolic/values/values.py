"""Symbolic values: what a name is bound to while a rule is translated.

* an integer: a Python int while known, else a Z3 term;
* a truth value: a Python bool while known, else a Z3 BoolRef;
* a record: an instance of the model's own class whose fields are symbolic values;
* a plain tuple of values;
* a bitmap, a table or a list of words: objects below, with the model's interfaces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, TypeAlias

import z3

from spanproof.symbolic.values.construct import INTEGERS, choice, disjunction, integer

Value: TypeAlias = object
"""Any of the above. Shapes are checked where a value is used."""


class SymbolicBitmap:
    """A bitmap of unknown content: the model's `Bitmap` over Z3 terms.

    Over words, single bits are read from 64-bit words; over integers, they are a predicate.
    `count` is a function of its own, tied to the bits by the recurrences that a proof states.
    """

    def __init__(
        self,
        bit: Callable[[z3.ExprRef], z3.BoolRef],
        word: Callable[[z3.ExprRef], z3.ExprRef] | None,
        count: Callable[[z3.ExprRef], z3.ExprRef] | None,
    ) -> None:
        self._bit = bit
        self._word = word
        self._count = count

    @property
    def has_words(self) -> bool:
        """Whether the bitmap can be read in words."""
        return self._word is not None

    def bit(self, index: z3.ExprRef) -> z3.BoolRef:
        """Return whether bit `index` is set."""
        return self._bit(index)

    def word(self, index: z3.ExprRef) -> z3.ExprRef:
        """Return one 64-bit word.

        Raises: TypeError where the bitmap has no words (over integers, or after an update).
        """
        if self._word is None:
            raise TypeError("this bitmap is a predicate; it has no words")
        return self._word(index)

    def count(self, end: z3.ExprRef) -> z3.ExprRef:
        """Return the number of set bits below `end`.

        Raises: TypeError where no count is known (after an update).
        """
        if self._count is None:
            raise TypeError("the bits of this bitmap have no count")
        return self._count(end)

    def with_bit(self, index: z3.ExprRef) -> "SymbolicBitmap":
        """Return the bitmap with one more bit set, as a predicate."""
        return SymbolicBitmap(
            lambda other: disjunction(other == index, self._bit(other)), None, None
        )

    def merged(self, condition: z3.BoolRef, other: "SymbolicBitmap") -> "SymbolicBitmap":
        """Return this bitmap where the condition holds, the other one elsewhere."""

        def choose(
            one: Callable[[z3.ExprRef], z3.ExprRef] | None,
            two: Callable[[z3.ExprRef], z3.ExprRef] | None,
        ) -> Callable[[z3.ExprRef], z3.ExprRef] | None:
            if one is None or two is None:
                return None
            return lambda index: choice(condition, one(index), two(index))

        bit = choose(self._bit, other._bit)
        assert bit is not None
        return SymbolicBitmap(
            bit, choose(self._word, other._word), choose(self._count, other._count)
        )


_TICKS = count(1)


def now() -> int:
    """Return a number that is larger than all before."""
    return next(_TICKS)


class SymbolicTable:
    """Records of arbitrarily many identities: each field is a function from identity to value.

    `parts` are the tables that it was merged from, one of which it is; `made` is when. Where it is
    claimed that a range has a value, `stands_for_all` is an arbitrary identity of which it is
    claimed; such a table is for claims only.
    """

    def __init__(
        self,
        key_sort: z3.SortRef,
        get: Callable[[z3.ExprRef], Value],
        parts: "tuple[SymbolicTable, ...]" = (),
        stands_for_all: z3.ExprRef | None = None,
    ) -> None:
        self.key_sort = key_sort
        self.stands_for_all = stands_for_all
        self.get = get
        self.parts = parts
        self.made = now()


class SymbolicWords:
    """A vector of machine words of unknown length and content; only what is in it may be read."""

    def __init__(self, get: Callable[[z3.ExprRef], z3.ExprRef], length: z3.ExprRef) -> None:
        self.get = get
        self.length = length


@dataclass(frozen=True, slots=True)
class SymbolicObject:
    """An object of a class of ours that methods change; None if its identity is 0."""

    kind: type
    identity: z3.ExprRef


NONE: Final = integer(0)
"""The identity of None where an object may be."""


@dataclass(frozen=True, slots=True)
class SymbolicVector:
    """A vector that methods change; `kind` is that of its items."""

    kind: object
    identity: z3.ExprRef


IDENTITY_SORT: Final = INTEGERS
"""Identities are compared and never computed with, so any infinite sort serves."""
