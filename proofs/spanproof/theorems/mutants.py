"""All mutants, by name."""

from typing import Final

from spanproof.patch.mutant import Mutant
from spanproof.theorems.courses.containers_mutants import CONTAINER_MUTANTS
from spanproof.theorems.courses.limits.limits_mutants import LIMIT_MUTANTS
from spanproof.theorems.courses.memory.memory_mutants import MEMORY_MUTANTS
from spanproof.theorems.courses.operations.operations_mutants import OPERATION_MUTANTS
from spanproof.theorems.courses.outcomes.outcomes_mutants import OUTCOME_MUTANTS
from spanproof.theorems.courses.versions.versions_mutants import VERSION_MUTANTS
from spanproof.theorems.heap.accounts_mutants import ACCOUNT_MUTANTS
from spanproof.theorems.heap.allp_mutants import PS_MUTANTS
from spanproof.theorems.heap.collector_mutants import COLLECTOR_MUTANTS
from spanproof.theorems.heap.contents_mutants import CONTENTS_MUTANTS
from spanproof.theorems.heap.markbits_mutants import MARKBITS_MUTANTS
from spanproof.theorems.heap.marking_mutants import MARKING_MUTANTS
from spanproof.theorems.heap.mcaches_mutants import MCACHE_MUTANTS
from spanproof.theorems.heap.progress_mutants import SWEEP_PROGRESS_MUTANTS
from spanproof.theorems.heap.specials_mutants import SPECIAL_STEP_MUTANTS
from spanproof.theorems.kernels.methods.methods_mutants import METHOD_MUTANTS
from spanproof.theorems.kernels.pages_mutants import KERNEL_PAGE_MUTANTS
from spanproof.theorems.kernels.spans_mutants import KERNEL_MUTANTS
from spanproof.theorems.kernels.structures_mutants import STRUCTURE_MUTANTS
from spanproof.theorems.kernels.trees_mutants import TREE_MUTANTS
from spanproof.theorems.objects.abstract_mutants import ABSTRACT_MUTANTS
from spanproof.theorems.objects.promises.promises_mutants import OBJECT_MUTANTS
from spanproof.theorems.objects.safety_mutants import SAFETY_MUTANTS
from spanproof.theorems.objects.simulation.pagesteps_mutants import PAGE_MUTANTS
from spanproof.theorems.objects.simulation.simulation_mutants import SIMULATION_MUTANTS
from spanproof.theorems.pages.courses.growth_mutants import GROWTH_MUTANTS
from spanproof.theorems.pages.courses.scavenge_mutants import SCAVENGE_MUTANTS
from spanproof.theorems.pages.courses.scavengeline_mutants import SCAVENGE_LINE_MUTANTS
from spanproof.theorems.pages.freeset.changes_mutants import CHANGE_MUTANTS
from spanproof.theorems.pages.freeset.descents_mutants import DESCENT_MUTANTS
from spanproof.theorems.pages.freeset.firstfit_mutants import FIRSTFIT_MUTANTS
from spanproof.theorems.pages.freeset.rotations_mutants import TREAP_MUTANTS
from spanproof.theorems.pages.tables.nooverlap_mutants import OVERLAP_MUTANTS
from spanproof.theorems.pages.tables.pagemap_mutants import MAP_MUTANTS
from spanproof.theorems.pages.tables.runs_mutants import RUN_MUTANTS
from spanproof.theorems.pages.tables.statistics_mutants import STATISTICS_MUTANTS
from spanproof.theorems.pages.tables.tiling_mutants import TILING_MUTANTS
from spanproof.theorems.sharing.consequences.bufferrecords_mutants import BUFFER_RECORD_MUTANTS
from spanproof.theorems.sharing.consequences.consequences_mutants import CONSEQUENCE_MUTANTS
from spanproof.theorems.sharing.consequences.lists_mutants import PLACE_MUTANTS
from spanproof.theorems.sharing.consequences.liveness_mutants import LIVENESS_MUTANTS
from spanproof.theorems.sharing.consequences.meeting_mutants import MEETING_MUTANTS
from spanproof.theorems.sharing.consequences.progress_mutants import PROGRESS_MUTANTS
from spanproof.theorems.sharing.containers.buffers_mutants import BUFFER_MUTANTS
from spanproof.theorems.sharing.containers.spanlists_mutants import LIST_MUTANTS
from spanproof.theorems.sharing.steps.caching_mutants import CACHING_MUTANTS
from spanproof.theorems.sharing.steps.cycle_mutants import CYCLE_MUTANTS
from spanproof.theorems.sharing.steps.sweeping_mutants import SWEEPING_MUTANTS
from spanproof.theorems.span.cache_mutants import CACHE_MUTANTS
from spanproof.theorems.span.counts_mutants import COUNT_MUTANTS
from spanproof.theorems.span.freeslots_mutants import FREESLOT_MUTANTS
from spanproof.theorems.span.searches_mutants import SEARCH_MUTANTS
from spanproof.theorems.span.sizeclass_mutants import SIZECLASS_MUTANTS
from spanproof.theorems.span.specials_mutants import SPECIAL_MUTANTS
from spanproof.theorems.span.sweepgen_mutants import SWEEPGEN_MUTANTS
from spanproof.theorems.span.sweeps_mutants import SWEEP_MUTANTS


def _by_name(*mutants: Mutant) -> dict[str, Mutant]:
    """Index mutants by name.

    Raises: ValueError if two have one name.
    """
    named = {mutant.name: mutant for mutant in mutants}
    if len(named) != len(mutants):
        raise ValueError("two mutants have one name")
    return named


MUTANTS: Final = _by_name(
    *CACHE_MUTANTS,
    *COUNT_MUTANTS,
    *FREESLOT_MUTANTS,
    *SEARCH_MUTANTS,
    *SIZECLASS_MUTANTS,
    *SPECIAL_MUTANTS,
    *SWEEPGEN_MUTANTS,
    *SWEEP_MUTANTS,
    *BUFFER_MUTANTS,
    *CACHING_MUTANTS,
    *CYCLE_MUTANTS,
    *PLACE_MUTANTS,
    *MEETING_MUTANTS,
    *PROGRESS_MUTANTS,
    *LIST_MUTANTS,
    *SWEEPING_MUTANTS,
    *CHANGE_MUTANTS,
    *DESCENT_MUTANTS,
    *FIRSTFIT_MUTANTS,
    *GROWTH_MUTANTS,
    *OVERLAP_MUTANTS,
    *MAP_MUTANTS,
    *TREAP_MUTANTS,
    *RUN_MUTANTS,
    *SCAVENGE_MUTANTS,
    *SCAVENGE_LINE_MUTANTS,
    *STATISTICS_MUTANTS,
    *TILING_MUTANTS,
    *BUFFER_RECORD_MUTANTS,
    *CONSEQUENCE_MUTANTS,
    *ABSTRACT_MUTANTS,
    *SAFETY_MUTANTS,
    *OBJECT_MUTANTS,
    *LIVENESS_MUTANTS,
    *PAGE_MUTANTS,
    *SIMULATION_MUTANTS,
    *ACCOUNT_MUTANTS,
    *PS_MUTANTS,
    *COLLECTOR_MUTANTS,
    *CONTENTS_MUTANTS,
    *MARKBITS_MUTANTS,
    *MARKING_MUTANTS,
    *MCACHE_MUTANTS,
    *SWEEP_PROGRESS_MUTANTS,
    *SPECIAL_STEP_MUTANTS,
    *CONTAINER_MUTANTS,
    *LIMIT_MUTANTS,
    *MEMORY_MUTANTS,
    *OPERATION_MUTANTS,
    *OUTCOME_MUTANTS,
    *VERSION_MUTANTS,
    *METHOD_MUTANTS,
    *KERNEL_PAGE_MUTANTS,
    *KERNEL_MUTANTS,
    *STRUCTURE_MUTANTS,
    *TREE_MUTANTS,
)
