"""Mutants that nobody chose: the operators of cosmic-ray on every function that a proof reads.

`prove` alone is the judge. A mutant is killed if an obligation that rests on its function is
refuted or vacuous, or if the function leaves the translatable subset or no longer runs, which
includes that it runs without an end; an answer `unknown` is counted apart, for it is a failure of
`prove` and yet no counterexample.
"""

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from traceback import walk_tb
from typing import Final, NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

from spanproof.decide.catalogue import ListedClaim
from spanproof.decide.prover import decide
from spanproof.decide.verdict import DEFAULT_TIMEOUT
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.fingerprint.units import ModuleUnits, digest_of
from spanproof.patch.mutant import module_and_place
from spanproof.solvers.engines.inprocess import FewFirst
from spanproof.support.processes.timelimit import PROCESSOR, limited
from spanproof.symbolic.reading.sources import VARIANT, SourceTree
from spanproof.theorems import all_obligations

OPERATORS: Final = (
    *(
        f"ReplaceComparisonOperator_{old}_{new}"
        for old, new in (
            ("Eq", "NotEq"),
            ("NotEq", "Eq"),
            ("Lt", "LtE"),
            ("Lt", "GtE"),
            ("LtE", "Lt"),
            ("LtE", "Gt"),
            ("Gt", "GtE"),
            ("Gt", "LtE"),
            ("GtE", "Gt"),
            ("GtE", "Lt"),
        )
    ),
    *(
        f"ReplaceBinaryOperator_{old}_{new}"
        for old, new in (
            ("Add", "Sub"),
            ("Sub", "Add"),
            ("Mul", "FloorDiv"),
            ("FloorDiv", "Mul"),
            ("Mod", "FloorDiv"),
            ("LShift", "RShift"),
            ("RShift", "LShift"),
            ("BitAnd", "BitOr"),
            ("BitOr", "BitAnd"),
            ("BitXor", "BitOr"),
        )
    ),
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "NumberReplacer",
)
"""The operators of cosmic-ray whose mutants stay inside the language of rules."""

PACKAGES: Final = ("spanspec", "spanalloc")
"""The packages whose functions are changed."""

TIMEOUT: Final = 5.0
"""Seconds a question; an obligation that is not decided so is asked again as `prove` asks it."""


KILLED: Final = ("refuted", "vacuous", "untranslatable", "endless")
"""The answers that are a reason against a mutant."""

LONGEST: Final = 60.0
"""Seconds of the processor that one obligation may take about a mutant.

A loop of which the mutant leaves out the step would otherwise keep a worker for ever.
"""


class Expired(BaseException):
    """An obligation took too long; no code of ours takes it for an exception of its own."""


class Generated(NamedTuple):
    """A mutant: the function, the operator and its occurrence in the module, and the new line."""

    function: str
    operator: str
    occurrence: int
    line: int
    before: str
    after: str
    text: str

    @property
    def key(self) -> str:
        """The name under which its fate is kept: what the function has become."""
        module, inside = module_and_place(self.function)
        changed = ModuleUnits(module, self.text)
        return digest_of("generated", self.function, changed.digest(inside.split(".")[0]))


class GeneratedFate(NamedTuple):
    """What became of a mutant: `by` names the obligation, `answer` what it said."""

    function: str
    line: int
    before: str
    after: str
    operator: str
    answer: str
    by: str

    @property
    def killed(self) -> bool:
        """Whether an obligation objects to it for a reason."""
        return self.answer in KILLED


class KeptGeneratedFate(NamedTuple):
    """A fate as it is kept, with the fingerprint of what it rests on."""

    fate: GeneratedFate
    basis: str


def basis_of(
    fate: GeneratedFate, obligations: Sequence[str], claims: Mapping[str, ListedClaim]
) -> str:
    """Return the fingerprint of what a fate rests on.

    A mutant that was killed stays so while its killer is the same; one that survived was judged by
    all obligations that read its function.
    """
    judges = [fate.by] if fate.killed else sorted(obligations)
    return digest_of(*(claims[name].rests_on if name in claims else "" for name in judges))


def users_of_functions() -> dict[str, list[str]]:
    """Return each function of ours that a proof reads, with the obligations that read it.

    Those that read the fewest functions come first: they are the quickest judges.
    """
    users: dict[str, list[str]] = {}
    read = {claim.id: claim.proof().reached for claim in all_obligations().values()}
    for claim in sorted(read, key=lambda one: len(read[one])):
        for name in read[claim]:
            if name.split(".")[0] in PACKAGES:
                users.setdefault(name, []).append(claim)
    return users


def unread_functions(users: Mapping[str, object]) -> list[str]:
    """Return the functions and methods of our packages that no proof reads."""
    return [
        f"{module}.{place}"
        for package in PACKAGES
        for module in modules_of(package)
        if (path := module_file(module)) is not None
        for place in definitions_in(path.read_text(encoding="utf-8"))
        if f"{module}.{place}" not in users
    ]


def definitions_in(text: str) -> dict[str, ast.FunctionDef]:
    """Return the functions of a module and the methods of its classes, by their names inside it."""
    found: dict[str, ast.FunctionDef] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            methods = (one for one in node.body if isinstance(one, ast.FunctionDef))
            found |= {f"{node.name}.{one.name}": one for one in methods}
    return found


def mutants_of(module: str, functions: Sequence[str]) -> Iterator[Generated]:
    """Yield every mutant of some functions of a module, by name."""
    path = module_file(module)
    assert path is not None
    text = path.read_text(encoding="utf-8")
    spans = {
        name: (node.body[1].lineno if len(node.body) > 1 else node.lineno, node.end_lineno or 0)
        for name, node in definitions_in(text).items()
        if name in functions
    }
    tree = get_ast(text)
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        positions = [
            place for node in ast_nodes(tree) for place in operator.mutation_positions(node)
        ]
        for occurrence, ((line, _), _) in enumerate(positions):
            owner = next((f for f, (low, high) in spans.items() if low <= line <= high), None)
            if owner is None:
                continue
            changed = mutate_code(text, operator, occurrence)
            if changed is None or ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text)):
                continue
            before, after = _first_difference(text, changed)
            yield Generated(f"{module}.{owner}", name, occurrence, line, before, after, changed)


def _first_difference(text: str, changed: str) -> tuple[str, str]:
    pairs = zip(text.splitlines(), changed.splitlines(), strict=False)
    return next(((a.strip(), b.strip()) for a, b in pairs if a != b), ("", ""))


def all_mutants(users: dict[str, list[str]], sample: int, seed: int) -> list[Generated]:
    """Return all mutants in a random order, or as many of them as are wanted (0 for all)."""
    by_module: dict[str, list[str]] = {}
    for name in users:
        module, place = module_and_place(name)
        by_module.setdefault(module, []).append(place)
    made = [one for module in sorted(by_module) for one in mutants_of(module, by_module[module])]
    random.Random(seed).shuffle(made)
    return made[:sample] if sample else made


def judge(mutant: Generated, obligations: Sequence[str]) -> GeneratedFate:
    """Decide the obligations that read a mutant's function, until one objects."""
    fate = ("proved", "")
    for name in obligations:
        answer = asked(mutant, name, TIMEOUT)
        if answer == "unknown":
            answer = asked(mutant, name, DEFAULT_TIMEOUT)
        if answer in KILLED:
            fate = (answer, name)
            break
        if answer == "unknown":
            fate = (answer, name)
    return GeneratedFate(
        mutant.function, mutant.line, mutant.before, mutant.after, mutant.operator, *fate
    )


def asked(mutant: Generated, name: str, timeout: float) -> str:
    """Return what an obligation answers of a mutant, with so many seconds for a question."""
    module, _ = module_and_place(mutant.function)
    try:
        with limited(LONGEST, PROCESSOR, Expired):
            sources = SourceTree({module: mutant.text})
            claim = all_obligations()[name]
            return decide(claim, sources, timeout, FewFirst(), explain=False).answer
    except Expired as expired:
        return "endless" if is_running(mutant.function, expired) else "unknown"
    except Exception:
        return "untranslatable"


def is_running(function: str, expired: Expired) -> bool:
    """Tell whether a function of ours, or one that it called, ran when the time was over.

    Otherwise the time went into terms and questions about it, which says nothing against it.
    """
    module, place = module_and_place(function)
    name = place.rpartition(".")[2]
    return any(
        frame.f_code.co_name == name and frame.f_globals.get("__name__") == f"{module}{VARIANT}"
        for frame, _ in walk_tb(expired.__traceback__)
    )


def judge_one(given: tuple[Generated, Sequence[str]]) -> tuple[Generated, GeneratedFate]:
    """Judge a mutant by obligations in an order, in a worker; return it with its fate."""
    mutant, obligations = given
    return mutant, judge(mutant, obligations)
