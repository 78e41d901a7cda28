"""What a proof asks: formulas that must be unsatisfiable, and situations that must be possible."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

import z3

from spanproof.prove.claims import Query
from spanproof.prove.proof import Proof
from spanproof.prove.smallscope import has_quantifier
from spanproof.symbolic.values.construct import conjunction, negation

Expected = Literal["unsat", "sat"]


class Question(NamedTuple):
    """Formulas for a solver, and the answer that a proof needs.

    `label` is that of the query or witness, and `at` where it is claimed; `queries` counts what is
    asked with it.
    """

    label: str
    formulas: list[z3.BoolRef]
    expected: Expected
    queries: int = 1
    at: str = ""


def question_of(proof: Proof, query: Query) -> Question:
    """Return a query as a question: what it may assume, and that its goal does not hold."""
    formulas = [*proof.assumptions[: query.given], negation(query.goal)]
    return Question(query.label, formulas, "unsat", at=query.at)


def each_query(proof: Proof) -> Iterator[Question]:
    """Yield a question for every single query, then one for every witness."""
    for query in proof.queries:
        yield question_of(proof, query)
    yield from witnesses(proof)


def witnesses(proof: Proof) -> Iterator[Question]:
    """Yield a question for each situation that must be possible."""
    for witness in proof.witnesses:
        formulas = [*proof.assumptions, witness.condition]
        yield Question(witness.label, formulas, "sat", at=witness.at)


def joint_queries(proof: Proof) -> Iterator[tuple[Question, list[Query]]]:
    """Yield the queries as few questions, each with the queries that it stands for.

    Side conditions under the same assumptions are asked together, for most are easy; goals too if
    there are quantifiers, for then reading the assumptions costs more than deciding a goal.
    """
    quantified = has_quantifier(proof.assumptions)
    for _, group in groupby(proof.queries, key=lambda query: (query.given, query.side)):
        members = list(group)
        if members[0].side or quantified:
            yield jointly(proof, members), members
        else:
            yield from ((question_of(proof, query), [query]) for query in members)


def jointly(proof: Proof, queries: Sequence[Query]) -> Question:
    """Return queries under the same assumptions as one question."""
    if len(queries) == 1:
        return question_of(proof, queries[0])
    together = negation(conjunction(*(query.goal for query in queries)))
    label = f"{queries[0].label}, and {len(queries) - 1} more"
    formulas = [*proof.assumptions[: queries[0].given], together]
    return Question(label, formulas, "unsat", len(queries))
