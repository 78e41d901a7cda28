"""All mutants, by name."""

from typing import Final

from spanproof.mutants.kernel_pages import KERNEL_PAGE_MUTANTS
from spanproof.mutants.kernels import KERNEL_MUTANTS
from spanproof.mutants.mutant import Mutant
from spanproof.mutants.objects import LIVENESS_MUTANTS, OBJECT_MUTANTS
from spanproof.mutants.protocol import PROTOCOL_MUTANTS
from spanproof.mutants.scavenge import SCAVENGE_MUTANTS
from spanproof.mutants.sizeclass import SIZECLASS_MUTANTS
from spanproof.mutants.span import SPAN_MUTANTS
from spanproof.mutants.sweepgen import SWEEPGEN_MUTANTS
from spanproof.mutants.tiling import TILING_MUTANTS


def _by_name(*mutants: Mutant) -> dict[str, Mutant]:
    """Index mutants by name.

    Raises: ValueError if two have one name.
    """
    named = {mutant.name: mutant for mutant in mutants}
    if len(named) != len(mutants):
        raise ValueError("two mutants have one name")
    return named


MUTANTS: Final = _by_name(
    *SPAN_MUTANTS,
    *SWEEPGEN_MUTANTS,
    *PROTOCOL_MUTANTS,
    *TILING_MUTANTS,
    *SCAVENGE_MUTANTS,
    *OBJECT_MUTANTS,
    *KERNEL_PAGE_MUTANTS,
    *LIVENESS_MUTANTS,
    *SIZECLASS_MUTANTS,
    *KERNEL_MUTANTS,
)
