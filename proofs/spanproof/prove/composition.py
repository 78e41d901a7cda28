"""Whether an obligation shows what others build on, and builds on what it says that it uses.

Who uses a lemma or a contract takes its conclusion for granted, so the obligation that is named as
its prover has to have it among its goals. That is decided with the prover: a statement that nobody
establishes fails it, and with it all who rest on it.
"""

from collections.abc import Iterator

from spanproof.prove.lemmas import Inductive, Stated, provers_of, rules_of
from spanproof.prove.proof import REGISTRY, Obligation, Proof


def due(claim: Obligation) -> list[Stated]:
    """Return what other obligations take for granted because this one is to show it.

    Invariants by induction are left out: what an obligation shows of its step may say more.
    """
    found = dict.fromkeys(
        stated
        for user in REGISTRY.values()
        for stated in _taken_for_granted(user)
        if claim.id in provers_of(stated)
    )
    return list(found)


def said(stated: Stated) -> str:
    """Return the rules in which something is stated, by their full names."""
    return ", ".join(f"{rule.__module__}.{rule.__qualname__}" for rule in rules_of(stated))


def gap(claim: Obligation, proof: Proof) -> str:
    """Return what is missing between a proof and those that it composes with; empty if nothing."""
    return next(_gaps(claim, proof), "")


def _gaps(claim: Obligation, proof: Proof) -> Iterator[str]:
    for stated in due(claim):
        if stated not in proof.established:
            yield f"others build on {said(stated)}, which this obligation does not establish"
    labels = {query.label for query in proof.queries}
    for goal in dict.fromkeys(proof.among):
        if goal not in labels:
            yield f"it establishes something of single cases, and does not claim: {goal}"
    for user in REGISTRY.values():
        if user.arithmetic.name != claim.arithmetic.name:
            for contract in user.contracts.values():
                if contract.proved_by == claim.id:
                    yield f"{user.id} uses {said(contract)} of other integers than it is shown of"
    for lemma in claim.lemmas:
        if lemma not in proof.used:
            yield f"it says that it uses {said(lemma)}, and does not"


def _taken_for_granted(user: Obligation) -> Iterator[Stated]:
    yield from (lemma for lemma in user.lemmas if not isinstance(lemma, Inductive))
    yield from user.contracts.values()
