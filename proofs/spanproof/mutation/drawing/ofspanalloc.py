"""Random mutants of the implementation, and who notices each: short campaigns, then its own tests.

A mutant is one change of a comparison, an operation, a number or a condition, or a statement left
out. Nobody chose them, so those that nobody notices show what is neither compared nor tested. Some
cannot be noticed, because what they change has no meaning: `REASONS` says so of each that was met.
"""

import ast
import hashlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

import spanalloc
from spanproof.decide.cache import Cache
from spanproof.decide.schedule import matching
from spanproof.fingerprint.modules import is_within
from spanproof.fuzz.campaigns.campaign import CampaignResult, run_target
from spanproof.fuzz.engine.target import Target, of_heap, of_schedules, of_span
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.lockstep.divergence import ProgramT
from spanproof.fuzz.planted.planting import package_with
from spanproof.fuzz.planted.sources import FOLDER, modules, source_of
from spanproof.fuzz.sides.factories import WrongFactory
from spanproof.fuzz.sides.spanalloc_subject import spans_of_package as span_of
from spanproof.fuzz.sides.spanallocheap import QuietHeap
from spanproof.fuzz.sides.spanallocheap import heaps_of_package as heap_of
from spanproof.mutation.drawing import equivalent
from spanproof.mutation.drawing.drawn import Change, changes_in, with_replaced
from spanproof.mutation.drawing.reasons_spanalloc import REASONS
from spanproof.mutation.planted import hash_of_sources
from spanproof.report.deciding import Function
from spanproof.report.tests import folder_of_tests
from spanproof.support.plaincopy import copy_package, environment
from spanproof.support.processes.programs import ran
from spanproof.support.processes.sidebyside import each_result, lost
from spanproof.support.processes.timelimit import PROCESSOR, limited

LEFT_OUT: Final = (
    "__main__",
    "base.maininterpreter",
    "compiled",
    "programs.attacks",
    "programs.hostile",
    "programs.seed",
    "programs.stress",
)
"""Modules and packages that are programs which use the allocator, or how it is loaded."""

LIMITS: Final = Limits(seconds=3.0)
"""What a program may take: most take a twentieth of a second."""

LONGEST_IMPORT: Final = 5.0
"""Seconds of the processor for what runs when a mutant is imported: it takes a tenth of one."""

GIVEN_UP: Final = 120
"""Seconds after which the tests do not end: they take a tenth of that where nothing else runs."""


class EndlessImport(BaseException):
    """A mutant is still being imported; no code of its own takes it for an exception."""


class Candidate(NamedTuple):
    """A mutant: a change of a function, or of the value of a name, in a module of spanalloc.

    `source` is the line in which it begins.
    """

    module: str
    function: str
    source: str
    change: Change

    @property
    def line(self) -> int:
        """The line that it changes."""
        return self.change[1].lineno

    @property
    def before(self) -> str:
        """What stands there, on one line."""
        return " ".join(ast.unparse(self.change[1]).split())

    @property
    def after(self) -> str:
        """What comes in its place, on one line."""
        return " ".join(self.change[2].split())


class ImplMutant(NamedTuple):
    """A mutant that was drawn, with the whole text of its module; it can be planted like a bug."""

    name: str
    module: str
    text: str

    def apply(self, text: str) -> str:
        """Return the text of the module with the change."""
        return self.text


class ImplFate(msgspec.Struct, frozen=True):
    """What became of a mutant: `by` whom it was noticed, and what was said; empty if by nobody.

    `reason` says why nobody can; it is empty where that is not known.
    """

    module: str
    function: str
    kind: str
    line: int
    source: str
    before: str
    after: str
    by: str
    says: str
    reason: str = ""

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.module}.py:{self.line}"


class Efforts(NamedTuple):
    """How long each campaign goes on, in calls, and whether the tests are asked as well."""

    calls: int = 10_000
    tests: bool = True


@cache
def candidates() -> tuple[Candidate, ...]:
    """Return every mutant of spanalloc, in the order of the sources."""
    return tuple(
        [
            one
            for module, text in modules()
            if not is_within(module, LEFT_OUT)
            for one in in_module(module, text)
        ]
    )


def in_module(module: str, text: str) -> Iterator[Candidate]:
    """Yield every mutant of a module."""
    lines = text.splitlines()

    def made(name: str, changes: Iterable[Change]) -> Iterator[Candidate]:
        for change in changes:
            yield Candidate(module, name, lines[change[1].lineno - 1].strip(), change)

    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef():
                yield from made(node.name, changes_of(node))
            case ast.ClassDef():
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef):
                        yield from made(f"{node.name}.{inner.name}", changes_of(inner))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                if not isinstance(value, ast.Tuple | ast.List | ast.Dict | ast.Set):
                    yield from made(name, constants_in([value]))


def changes_of(function: Function) -> Iterator[Change]:
    """Yield every change of a function."""
    yield from changes_in(function)
    yield from constants_in(function.body)


def constants_in(nodes: Sequence[ast.stmt | ast.expr]) -> Iterator[Change]:
    """Yield a change of each number and truth value; annotations and texts are left out."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.JoinedStr):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            other = not node.value if isinstance(node.value, bool) else node.value + 1
            yield "constant", node, repr(other)
        annotation = getattr(node, "annotation", None)
        waiting.extend(one for one in ast.iter_child_nodes(node) if one is not annotation)


def drawn(number: int, seed: int, patterns: Sequence[str] = ("*",)) -> list[Candidate]:
    """Return so many mutants by lot, or all if there are not more; the seed determines which.

    They are those of the functions, as `module.function`, that match one of the patterns.
    """
    every = candidates()
    named = set(matching({f"{one.module}.{one.function}" for one in every}, *patterns))
    some = [one for one in every if f"{one.module}.{one.function}" in named]
    return random.Random(seed).sample(some, min(number, len(some)))


def mutant_of(one: Candidate) -> ImplMutant:
    """Return a mutant with the text of its module."""
    lines = source_of(one.module).read_text(encoding="utf-8").splitlines(keepends=True)
    text = with_replaced(lines, one.change[1], one.change[2])
    return ImplMutant(f"{one.module}:{one.line}: {one.after}", one.module, text)


def reason_for(one: Candidate) -> str:
    """Return the reason why nobody can notice a mutant; empty if none is known."""
    change = f"{one.before} -> {one.after}"
    return equivalent.reason_for(f"{one.module}.{one.function}", one.source, change, REASONS)


def judge_all(
    chosen: Sequence[Candidate], efforts: Efforts, jobs: int, store: Cache
) -> Iterator[ImplFate]:
    """Yield what becomes of each mutant, first those judged before on the same sources.

    Raises: Lost at the end, with those that have their workers killed.
    """
    basis = hash_of_sources() + hash_of_tests()
    keys = {
        at: hashlib.sha256(f"{basis} {mutant_of(one).text} {efforts}".encode()).hexdigest()
        for at, one in enumerate(chosen)
    }
    known, left = store.split(keys, ImplFate)
    for at, fate in known:
        yield msgspec.structs.replace(fate, reason=reason_for(chosen[at]))
    if not left:
        return
    # Workers start afresh: a mutant is planted by importing the package once more.
    work = partial(noticed_at, efforts=efforts)
    mutants = [(at, mutant_of(chosen[at])) for at in left]
    for at, by, says in each_result(mutants, jobs, (), work, lambda one: lost(one[1].name)):
        one = chosen[at]
        was = (one.change[0], one.line, one.source, one.before, one.after)
        fate = ImplFate(one.module, one.function, *was, by, says)
        store.put(keys[at], fate)
        yield msgspec.structs.replace(fate, reason=reason_for(one))


def noticed_at(mutant: tuple[int, ImplMutant], efforts: Efforts) -> tuple[int, str, str]:
    """Return the place of a mutant, who notices it, and what he says."""
    at, changed = mutant
    return at, *noticed(changed, efforts)


def noticed(mutant: ImplMutant, efforts: Efforts) -> tuple[str, str]:
    """Return who notices a mutant, and what he says; both are empty if nobody does."""
    try:
        with limited(LONGEST_IMPORT, PROCESSOR, EndlessImport):
            package = package_with(mutant)
    except EndlessImport:
        return "import", f"it has not ended after {LONGEST_IMPORT:g} s"
    except Exception as problem:
        return "import", f"{type(problem).__name__}: {problem}"
    spans, heaps = of_span(span_of(package)), of_heap(heap_of(package))
    schedules = of_schedules(heap_of(package))
    quiet = of_heap(heap_of(package, QuietHeap))
    says = (
        found_by(spans, efforts.calls // 4)
        or found_by(heaps, efforts.calls)
        or found_by(quiet, efforts.calls // 2)
        or found_by(schedules, efforts.calls // 2)
    )
    if says:
        return "fuzzing", says
    return ("tests", says) if efforts.tests and (says := found_by_tests(mutant)) else ("", "")


def found_by(target: Target[ProgramT], calls: int) -> str:
    """Return the first difference that a campaign of so many calls finds, empty if none."""
    try:
        found: CampaignResult = run_target(target, calls=calls, limits=LIMITS, shrink=0.0)
    except WrongFactory as problem:
        return str(problem)
    return "" if found.divergence is None else found.divergence.what


def found_by_tests(mutant: ImplMutant) -> str:
    """Return the first test of spanalloc that fails on a mutant run as source, empty if none."""
    tests = folder_of_tests()
    if tests is None:
        return ""
    with tempfile.TemporaryDirectory() as name:
        copy = copy_package(spanalloc, Path(name))
        changed = copy / source_of(mutant.module).relative_to(FOLDER)
        changed.write_text(mutant.text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-rfE"]
        command += ["-p", "no:cacheprovider", "--rootdir", str(tests.parent), str(tests / "impl")]
        try:
            done = ran(
                command,
                folder=tests.parent,
                environment={**environment(Path(name)), "SPANALLOC_INTERPRETED": "1"},
                seconds=GIVEN_UP,
            )
        except subprocess.TimeoutExpired:
            return f"the tests have not ended after {GIVEN_UP} s"
    if done.returncode == 0:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    last = done.stdout.strip().splitlines()[-1:] or [f"pytest ended with {done.returncode}"]
    return (failed or last)[0].removeprefix("FAILED ").partition(" - ")[0]


def hash_of_tests() -> str:
    """Return a hash of the tests of spanalloc; none if they are not here."""
    tests, hashed = folder_of_tests(), hashlib.sha256()
    if tests is not None:
        for path in sorted((tests / "impl").rglob("*.py")):
            hashed.update(path.name.encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()
