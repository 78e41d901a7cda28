"""Which hypotheses can bear on a goal: those that share an unknown with it, or with one that does.

What follows from some hypotheses follows from all. Where a proof has several parts of which each
has unknowns of its own, a solver need not write the others out in bits.
"""

from collections.abc import Sequence

import z3

from spanproof.symbolic.values.construct import identity, symbols_in


class Connections:
    """The unknowns of the formulas that a proof asks with; each is walked through once."""

    def __init__(self) -> None:
        # Terms are kept alive: numbers are used again.
        self._known: dict[int, tuple[z3.BoolRef, frozenset[int]]] = {}

    def with_last(self, formulas: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
        """Return those formulas that are connected with the last one, itself included, in order.

        What has no unknown is connected with everything: it may be false.
        """
        symbols = [self._symbols(formula) for formula in formulas]
        reached = set(symbols[-1])
        near = [not found for found in symbols[:-1]] + [True]
        grew = True
        while grew:
            grew = False
            for place, found in enumerate(symbols):
                if not near[place] and not found.isdisjoint(reached):
                    near[place] = grew = True
                    reached.update(found)
        return [formula for place, formula in enumerate(formulas) if near[place]]

    def _symbols(self, formula: z3.BoolRef) -> frozenset[int]:
        known = self._known.get(identity(formula))
        if known is None:
            known = self._known[identity(formula)] = formula, symbols_in(formula)
        return known[1]
