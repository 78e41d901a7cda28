"""Questions as text: portable, and decided alike by solvers that know nothing of each other."""

from pathlib import Path

import pytest
import z3

from spanproof.decide.prover import decide
from spanproof.prove.questions import Question, each_query
from spanproof.prove.smallscope import has_quantifier
from spanproof.solvers.engines import limits
from spanproof.solvers.engines.inprocess import check
from spanproof.solvers.engines.reply import SolverReply
from spanproof.solvers.names import SolverMissing, installed_version
from spanproof.solvers.questions.export import export
from spanproof.solvers.questions.instances import instances
from spanproof.solvers.questions.narrow_identities import with_words_for_identities
from spanproof.solvers.questions.smtlib import (
    Features,
    NotPortable,
    ScriptWriter,
    features,
    portable,
)
from spanproof.solvers.secondopinion import SecondOpinion, decider, text_solver
from spanproof.solvers.witness import falsified, meaning
from spanproof.symbolic.values.terms import within
from spanproof.theorems import all_obligations
from spanproof.theorems.mutants import MUTANTS

cvc5 = pytest.importorskip("cvc5", reason="pip install cvc5")
bitwuzla = pytest.importorskip("bitwuzla", reason="pip install bitwuzla")

OBLIGATIONS = all_obligations()
SAMPLE = [
    "words.trailing-zeros",
    "span.fast.takes-lowest",
    "count.full",
    "sizeclass.layout",
    "sweepgen.states",
    "protocol.flush",
]
f = z3.Function("f", z3.IntSort(), z3.IntSort())
i, j = z3.Ints("i j")
x, y = z3.BitVecs("x y", 8)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", SAMPLE)
def test_cvc5_agrees(name: str) -> None:
    verdict = decide(OBLIGATIONS[name], decider=decider("cvc5"))
    assert verdict.answer == "proved", (verdict.failed, verdict.detail)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", SAMPLE)
def test_bitwuzla_agrees_wherever_it_has_the_theories(name: str) -> None:
    verdict = decide(OBLIGATIONS[name], decider=decider("bitwuzla"))
    integers = name.startswith(("count.", "sizeclass."))
    assert verdict.answer == ("outside" if integers else "proved"), verdict


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("mutant", "solver"),
    [
        ("kernel-fast-padding", "cvc5"),
        ("kernel-fast-padding", "bitwuzla"),
        ("round-down", "cvc5"),
    ],
)
def test_a_second_solver_refutes_a_mutant_and_leaves_the_script(mutant: str, solver: str) -> None:
    changed = MUTANTS[mutant]
    claim = OBLIGATIONS[changed.killed_by]
    verdict = decide(claim, changed.sources(), decider=decider(solver))
    assert verdict.answer == "refuted"
    assert "(check-sat)" in verdict.script


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["sweepgen.states", "protocol.flush", "tiny.inside"])
def test_written_questions_get_the_stated_answer_from_a_stock_parser(
    name: str, tmp_path: Path
) -> None:
    files = export(OBLIGATIONS[name], tmp_path)
    assert len(files) == len(list(each_query(OBLIGATIONS[name].proof())))
    assert len({path.name for path in files}) == len(files)
    for path in files:
        text = path.read_text()
        assert text.index("(set-logic") < text.index("(assert") < text.index("(check-sat)")
        solver = z3.Solver()
        solver.from_string(text)
        wanted = "unsat" if "(set-info :status unsat)" in text else "sat"
        assert str(solver.check()) == wanted, path


def question(*formulas: z3.BoolRef, expected: str = "sat") -> Question:
    return Question("test", list(formulas), "sat" if expected == "sat" else "unsat")


def test_symbols_of_one_solver_are_refused_by_name() -> None:
    with pytest.raises(NotPortable, match="bvumul_noovfl"):
        ScriptWriter().script(question(z3.BVMulNoOverflow(x, y, False)))


def test_what_only_z3_writes_is_written_as_everybody_does() -> None:
    odd = z3.And(z3.Or(z3.Sum([i]) == 1), z3.And())
    assert portable(odd).sexpr() == "(and (= i 1) true)"
    guarded = z3.simplify(z3.Implies(y != 0, z3.UDiv(x, y) == 3))
    assert "bvudiv_i" in guarded.sexpr()
    assert "bvudiv_i" not in portable(guarded).sexpr()
    solver = z3.Solver()
    solver.add(y != 0, portable(guarded) != guarded)
    assert solver.check() == z3.unsat
    few = z3.AtMost(i == 1, j == 1, i == j, 2)
    assert "at-most" not in portable(few).sexpr()
    solver = z3.Solver()
    solver.add(portable(few) != few)
    assert solver.check() == z3.unsat
    nested = z3.ForAll([x], z3.Or(z3.UDiv(x, y) == x))
    assert portable(nested).sexpr().count("(or") == 0


@pytest.mark.parametrize(
    ("formula", "logic"),
    [
        (x == y, "QF_BV"),
        (i < j, "QF_LIA"),
        (i * j < 3, "QF_NIA"),
        (2 * i < 3, "QF_LIA"),
        (i % j == 0, "QF_NIA"),
        (f(i) == j, "QF_UFLIA"),
        (z3.Bool("b"), "QF_UF"),
        (z3.And(i == 1, x == 1), "ALL"),
        (z3.Real("r") < 2, "QF_LRA"),
        (z3.ForAll([i], f(i) == i), "UFLIA"),
    ],
)
def test_the_logic_is_the_narrowest(formula: z3.BoolRef, logic: str) -> None:
    assert features(formula).logic == logic


def test_instances_follow_from_the_question() -> None:
    named = [z3.ForAll([i], f(i) == i), z3.Exists([j], f(j) != j)]
    ground = instances(named)
    assert not has_quantifier(ground)
    solver = z3.Solver()
    solver.add(*ground)
    assert solver.check() == z3.unsat


def test_instances_are_made_of_identities_of_the_right_kind() -> None:
    span, thread = z3.Ints("span thread")
    of_span = z3.Function("of_span", z3.IntSort(), z3.IntSort())
    of_thread = z3.Function("of_thread", z3.IntSort(), z3.IntSort())
    about = z3.ForAll([i], of_span(i) != 7)
    ground = instances([about, of_span(span) == of_thread(z3.If(span == 1, thread, span))])
    assert str(ground[0]) == "And(of_span(span) != 7)"
    deep = [z3.ForAll([i], of_span(i) == i + 1), of_span(of_span(span)) != span + 2]
    assert "of_span(of_span(of_span(span)))" not in str(instances(deep))
    assert "of_span(of_span(span)) == of_span(span) + 1" in str(instances(deep))


def test_a_function_that_a_model_says_nothing_of_may_be_any() -> None:
    f = z3.Function("f", z3.IntSort(), z3.BoolSort())
    formulas = [i > 3, z3.Or(f(i), z3.Not(f(i)))]
    model = check([i > 3], 5).model
    assert model is not None
    assert z3.is_bool(meaning(model, within(model.ctx, f(i)).decl()))
    assert falsified(formulas, 5) is not None


def test_a_model_is_checked_by_the_other_solver_not_believed() -> None:
    word = z3.BitVec("word", 16)
    g = z3.Function("g", z3.IntSort(), z3.BitVecSort(16))
    open_ = [z3.ForAll([i], z3.UGE(g(i), 3)), g(i) != g(j), word == g(j)]
    false = falsified(open_, 5)
    assert false is not None
    solver = text_solver("cvc5")
    asked = question(false, expected="unsat")
    assert solver.ask(ScriptWriter().script(asked), 5).result == "unsat"
    assert falsified([i < j, j < i], 5) is None
    opinion = SecondOpinion(Stubborn(SolverReply("sat")))
    finding = opinion.ask(question(*open_, i > 10), 5)
    assert finding.result == "sat", "the model among few identities is the solver's own"
    doubting = SecondOpinion(Doubting())
    assert doubting.ask(question(i * j == 35, i > 1, j > 1), 5).result == "unknown"


def test_words_serve_as_identities_and_never_as_numbers() -> None:
    (formula,) = with_words_for_identities([z3.If(i == 0, j, i) == f(j)])
    assert features(formula).logic == "QF_UFBV"
    with pytest.raises(TypeError, match="computes"):
        with_words_for_identities([i + 1 == j])
    with pytest.raises(TypeError, match="computes"):
        with_words_for_identities([i < j])
    with pytest.raises(TypeError, match="quantifiers"):
        with_words_for_identities([z3.ForAll([i], f(i) == i)])


class Stubborn:
    """A solver that gives one answer to everything."""

    name = "stubborn"

    def __init__(self, reply: SolverReply) -> None:
        self.reply = reply

    def reads(self, features: Features) -> bool:
        return True

    def ask(self, script: str, timeout: float, *, saturate: bool = False) -> SolverReply:
        return self.reply


class Doubting(Stubborn):
    """A solver that finds no model, and says of any that it may be false."""

    def __init__(self) -> None:
        super().__init__(SolverReply("sat"))

    def ask(self, script: str, timeout: float, *, saturate: bool = False) -> SolverReply:
        return SolverReply("sat" if ":status unsat" in script else "unknown")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (SolverReply("sat"), "refuted"),
        (SolverReply("unknown", "tired"), "unknown"),
        (SolverReply("unsat"), "vacuous"),
    ],
)
def test_disagreement_and_unknown_are_failures_with_the_script(
    reply: SolverReply, answer: str
) -> None:
    verdict = decide(OBLIGATIONS["sweepgen.relabel"], decider=SecondOpinion(Stubborn(reply)))
    assert verdict.answer == answer
    assert "(check-sat)" in verdict.script


def test_a_model_of_a_weaker_form_refutes_nothing() -> None:
    verdict = decide(
        OBLIGATIONS["protocol.flush"], decider=SecondOpinion(Stubborn(SolverReply("sat")))
    )
    assert verdict.answer in ("unknown", "refuted")
    opinion = SecondOpinion(text_solver("bitwuzla"))
    finding = opinion.ask(question(z3.ForAll([i], f(i) != i), expected="unsat"), 5)
    assert finding.result == "unknown"
    assert "ground instances" in finding.reason


@pytest.mark.parametrize("name", ["cvc5", "bitwuzla"])
def test_time_outs_and_garbage_are_unknown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEAST", 0.2)  # seconds for which bitwuzla would compute here
    solver = text_solver(name)
    a, b = z3.BitVecs("a b", 64)
    factors = z3.And(z3.UGT(a, 1), z3.UGT(b, 1), a * b == 0xC96F_2A6B_9D5B_A5E5)
    hard = ScriptWriter().script(question(factors, z3.ULT(a, 1 << 32), z3.ULT(b, 1 << 32)))
    assert solver.ask(hard, 0.05).result == "unknown"
    assert solver.ask("(set-logic ALL)(check-sat", 1).result == "unknown"
    assert installed_version(name)[0].isdigit()


def test_a_solver_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError("no such module")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(SolverMissing, match="pip install"):
        decider("cvc5")
