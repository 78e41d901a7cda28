"""All mutants, by name."""

from typing import Final

from spanproof.patch.mutant import Mutant
from spanproof.theorems.courses.containers_mutants import CONTAINER_MUTANTS
from spanproof.theorems.courses.courses_mutants import COURSE_MUTANTS
from spanproof.theorems.heap.accounts_mutants import COUNT_MUTANTS
from spanproof.theorems.heap.allp_mutants import PS_MUTANTS
from spanproof.theorems.heap.collector_mutants import COLLECTOR_MUTANTS
from spanproof.theorems.heap.contents_mutants import CONTENTS_MUTANTS
from spanproof.theorems.heap.markbits_mutants import MARKBITS_MUTANTS
from spanproof.theorems.heap.marking_mutants import MARKING_MUTANTS
from spanproof.theorems.heap.mcaches_mutants import MCACHE_MUTANTS
from spanproof.theorems.heap.progress_mutants import SWEEP_PROGRESS_MUTANTS
from spanproof.theorems.heap.specials_mutants import SPECIAL_STEP_MUTANTS
from spanproof.theorems.kernels.methods_mutants import METHOD_MUTANTS
from spanproof.theorems.kernels.pages_mutants import KERNEL_PAGE_MUTANTS
from spanproof.theorems.kernels.spans_mutants import KERNEL_MUTANTS
from spanproof.theorems.kernels.structures_mutants import STRUCTURE_MUTANTS
from spanproof.theorems.kernels.trees_mutants import TREE_MUTANTS
from spanproof.theorems.objects.abstract_mutants import ABSTRACT_MUTANTS
from spanproof.theorems.objects.objects_mutants import LIVENESS_MUTANTS, OBJECT_MUTANTS
from spanproof.theorems.objects.pagesteps_mutants import PAGE_MUTANTS
from spanproof.theorems.objects.simulation_mutants import SIMULATION_MUTANTS
from spanproof.theorems.pages.changes_mutants import CHANGE_MUTANTS
from spanproof.theorems.pages.descents_mutants import DESCENT_MUTANTS
from spanproof.theorems.pages.pagemap_mutants import MAP_MUTANTS
from spanproof.theorems.pages.rotations_mutants import TREAP_MUTANTS
from spanproof.theorems.pages.scavenge_mutants import SCAVENGE_MUTANTS
from spanproof.theorems.pages.tiling_mutants import TILING_MUTANTS
from spanproof.theorems.sharing.buffers_mutants import BUFFER_MUTANTS
from spanproof.theorems.sharing.progress_mutants import PROGRESS_MUTANTS
from spanproof.theorems.sharing.protocol_mutants import PROTOCOL_MUTANTS
from spanproof.theorems.sharing.spanlists_mutants import LIST_MUTANTS
from spanproof.theorems.span.sizeclass_mutants import SIZECLASS_MUTANTS
from spanproof.theorems.span.span_mutants import SPAN_MUTANTS
from spanproof.theorems.span.specials_mutants import SPECIAL_MUTANTS
from spanproof.theorems.span.sweepgen_mutants import SWEEPGEN_MUTANTS


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
    *PROGRESS_MUTANTS,
    *LIST_MUTANTS,
    *BUFFER_MUTANTS,
    *TILING_MUTANTS,
    *MAP_MUTANTS,
    *TREAP_MUTANTS,
    *CHANGE_MUTANTS,
    *DESCENT_MUTANTS,
    *SCAVENGE_MUTANTS,
    *OBJECT_MUTANTS,
    *ABSTRACT_MUTANTS,
    *SIMULATION_MUTANTS,
    *PAGE_MUTANTS,
    *KERNEL_PAGE_MUTANTS,
    *LIVENESS_MUTANTS,
    *SIZECLASS_MUTANTS,
    *KERNEL_MUTANTS,
    *COUNT_MUTANTS,
    *COLLECTOR_MUTANTS,
    *CONTENTS_MUTANTS,
    *MARKBITS_MUTANTS,
    *SWEEP_PROGRESS_MUTANTS,
    *MARKING_MUTANTS,
    *MCACHE_MUTANTS,
    *SPECIAL_STEP_MUTANTS,
    *PS_MUTANTS,
    *SPECIAL_MUTANTS,
    *COURSE_MUTANTS,
    *CONTAINER_MUTANTS,
    *METHOD_MUTANTS,
    *TREE_MUTANTS,
    *STRUCTURE_MUTANTS,
)
