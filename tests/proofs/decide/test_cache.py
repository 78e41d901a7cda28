"""Answers are kept under the name of all that they rest on, and nowhere else."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import spanspec
from spanproof.cli.app import run
from spanproof.decide import suite
from spanproof.decide.cache import KEPT, SECRET, Cache, NoCache
from spanproof.decide.catalogue import (
    Catalogue,
    book_for,
    catalogue,
    fingerprint_of_everything,
)
from spanproof.decide.jobs import Job, Outcome, summarize
from spanproof.decide.schedule import mutant_jobs, obligation_jobs
from spanproof.decide.schedule import run as decide
from spanproof.decide.verdict import Verdict
from spanproof.fingerprint.units import digest_of
from spanproof.theorems import all_explorations, all_obligations

PROVED = Verdict("o", "proved", 1, 0.1, 0.1)


ROOT = Path(__file__).parents[3]


# --- keys -----------------------------------------------------------------------------------------


def test_every_job_has_a_key_of_its_own(book: Catalogue) -> None:
    jobs = obligation_jobs(book, solvers=("z3", "cvc5")) + mutant_jobs(book)
    assert len({book.key(job) for job in jobs}) == len(jobs)
    assert book.key(Job("tiny.inside", timeout=1)) == book.key(Job("tiny.inside", timeout=2))


def run_in(folder: Path, *arguments: str, status: int = 0) -> dict[str, object]:
    """Run the command line on a copy of the sources, with a cache of its own."""
    roots = os.pathsep.join(str(folder / root) for root in ("model", "impl", "proofs"))
    done = subprocess.run(
        [sys.executable, "-m", "spanproof", *arguments, "--json"],
        env={**os.environ, "PYTHONPATH": roots, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == status, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def cached(document: dict[str, object]) -> dict[str, bool]:
    obligations = document["obligations"]
    assert isinstance(obligations, list)
    return {one["obligation"]: one["cached"] for one in obligations}


def test_only_what_rests_on_a_changed_rule_is_decided_again(
    tmp_path: Path, book: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out = shutil.ignore_patterns("*.so", "*.gz", "*.egg-info")
    for root in ("model", "impl", "proofs"):
        shutil.copytree(ROOT / root, tmp_path / root, ignore=leave_out)
    command = ("prove", "sweepgen.*", "--jobs", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here = list(decide(obligation_jobs(book, "sweepgen.*"), book, Cache(), workers=1))
    assert [one.good and not one.cached for one in here] == [True] * 3
    path = tmp_path / "model" / "spanspec" / "span" / "sweepgen.py"
    text = path.read_text()
    packages = ("model/spanspec/__init__.py", "impl/spanalloc/__init__.py")
    proved = digest_of("all was proved", "texts", *(str(tmp_path / one) for one in packages))
    Cache().put(proved, {"spanspec.span.sweepgen": text})
    assert "return (sg + 2) & M32" in text
    changed = text.replace("T-51: bad", "T-51: no").replace("(sg + 2) & M32", "(2 + sg) & M32")
    path.write_text("# a remark\n" + changed.replace('"""', '"""So: ', 1))
    assert cached(run_in(tmp_path, *command)) == {
        "sweepgen.states": True,
        "sweepgen.transitions": False,  # a fatal check says something else
        "sweepgen.relabel": True,  # a rule is written otherwise, and the same
    }
    path.write_text(text.replace("(sg + 2) & M32", "(sg + 4) & M32"))
    refuted = run_in(tmp_path, *command, status=1)["obligations"]
    assert isinstance(refuted, list)
    assert [one["answer"] for one in refuted] == ["proved", "proved", "refuted"]


def test_a_run_that_decides_nothing_loads_no_solver(
    tmp_path: Path, book: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Cache().put(digest_of("catalogue", book.world), book)  # to make it takes seconds
    script = (
        "import sys; from spanproof.cli.app import run; run(['prove', 'tiny.inside']);"
        "print('z3' in sys.modules)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert said[0][-1] == "True"
    assert said[1][-1] == "False"
    assert "1 answer cached" in said[1][-2]


# --- entries --------------------------------------------------------------------------------------


def test_an_entry_is_kept_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get("ab12", Verdict) is None
    cache.put("ab12", PROVED)
    assert cache.get("ab12", Verdict) == PROVED
    assert [path.name for path in tmp_path.rglob("*.*")] == ["ab12.json"]


@pytest.mark.parametrize("garbage", [b"", b"{", b'["x"]', b"\xff\xfe", b'{"obligation": 1}'])
def test_a_corrupted_entry_is_no_entry(tmp_path: Path, garbage: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put("ab12", PROVED)
    (tmp_path / "ab" / "ab12.json").write_bytes(garbage)
    assert cache.get("ab12", Verdict) is None
    cache.put("ab12", PROVED)
    assert cache.get("ab12", Verdict) == PROVED


def test_a_cache_that_cannot_be_written_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: Catalogue
) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = Cache(tmp_path / "file")
    jobs = obligation_jobs(book, "sweepgen.relabel")
    assert summarize(list(decide(jobs, book, blocked, workers=1))).good

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache = Cache(tmp_path / "full")
    cache.put("ab12", PROVED)
    assert list(tmp_path.glob("full/*/*")) == []


def test_old_entries_are_thrown_away(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("ab12", PROVED)
    cache.put("cd34", PROVED)
    path = tmp_path / "ab" / "ab12.json"
    os.utime(path, (path.stat().st_mtime - KEPT - 60,) * 2)
    cache.prune()
    assert [path.stem for path in tmp_path.rglob("*.json")] == ["cd34"]


def test_only_what_holds_is_kept(tmp_path: Path, book: Catalogue) -> None:
    cache = Cache(tmp_path)
    hard = [Job("kernels.slow", timeout=0.001)]
    assert not summarize(list(decide(hard, book, cache, workers=1))).good
    assert cache.get(book.key(hard[0]), Verdict) is None


def test_an_interrupt_keeps_what_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: Catalogue
) -> None:
    cache = Cache(tmp_path)
    done: list[Outcome] = []
    jobs = obligation_jobs(book, "sweepgen.*")
    decided = suite.run_job

    def interrupted(job: Job) -> Outcome:
        if job.obligation == jobs[2].obligation:
            raise KeyboardInterrupt
        return decided(job)

    monkeypatch.setattr(suite, "run_job", interrupted)
    with pytest.raises(KeyboardInterrupt):
        done.extend(decide(jobs, book, cache, workers=1))
    known = [cache.get(book.key(job), Verdict) for job in jobs]
    assert [verdict is not None for verdict in known] == [True, True, False]


def test_the_catalogue_is_that_of_the_registry(book: Catalogue) -> None:
    assert list(book.claims) == [*all_obligations(), *all_explorations()]
    assert all(claim.claim for claim in book.claims.values())
    assert Path(next(iter(spanspec.__path__))).is_dir()


def test_no_cache_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run(["prove", "sweepgen.relabel", "--no-cache", "--json"]) == 0
        assert not any(cached(json.loads(capsys.readouterr().out)).values())


def test_an_answer_that_may_be_another_one_next_time_is_not_kept(
    tmp_path: Path, book: Catalogue
) -> None:
    claim = book.claims["sweepgen.relabel"]._replace(unknown=("os.environ",))
    unsure = book._replace(claims={**book.claims, "sweepgen.relabel": claim})
    cache = Cache(tmp_path)
    jobs = obligation_jobs(unsure, "sweepgen.relabel")
    cache.put(unsure.key(jobs[0]), PROVED)
    assert [one.cached for one in decide(jobs, unsure, cache, workers=1)] == [False]
    assert [one.cached for one in decide(jobs, book, Cache(tmp_path / "x"), workers=1)] == [False]
    assert [one.cached for one in decide(jobs, book, Cache(tmp_path / "x"), workers=1)] == [True]


# --- what is not believed -------------------------------------------------------------------------


def test_an_entry_by_hand_is_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("ab12", PROVED)
    path = tmp_path / "ab" / "ab12.json"
    sealed = path.read_bytes()
    seal, _, value = sealed.partition(b"\n")
    assert json.loads(value)
    other = msgspec.json.encode(PROVED._replace(queries=7))
    for forged in (value, b"\n" + value, b"0" * 64 + b"\n" + value, seal + b"\n" + other):
        path.write_bytes(forged)
        assert cache.get("ab12", Verdict) is None
    path.write_bytes(sealed)
    assert cache.get("ab12", Verdict) == PROVED
    shutil.copyfile(path, tmp_path / "ab" / "ab34.json")
    assert cache.get("ab34", Verdict) is None
    assert Cache(tmp_path).get("ab12", Verdict) == PROVED


def test_an_entry_of_another_secret_is_none(tmp_path: Path) -> None:
    Cache(tmp_path / "one").put("ab12", PROVED)
    Cache(tmp_path / "two").put("cd12", PROVED)
    shutil.copytree(tmp_path / "one" / "ab", tmp_path / "two" / "ab")
    assert Cache(tmp_path / "two").get("ab12", Verdict) is None
    secret = tmp_path / "one" / SECRET
    assert secret.stat().st_mode & 0o777 == 0o600
    secret.chmod(0o644)  # others may have read it: what it sealed is not believed
    assert Cache(tmp_path / "one").get("ab12", Verdict) is None
    assert secret.stat().st_mode & 0o777 == 0o600


def test_what_is_no_ordinary_file_of_some_size_is_no_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("ab12", PROVED)
    path = tmp_path / "ab" / "ab12.json"
    whole = path.read_bytes()

    def replaced(make: Callable[[Path], object]) -> Verdict | None:
        path.unlink()
        make(path)
        return cache.get("ab12", Verdict)

    (tmp_path / "elsewhere").write_bytes(whole)
    assert replaced(os.mkfifo) is None
    assert replaced(lambda place: place.symlink_to("/dev/zero")) is None
    assert replaced(lambda place: place.symlink_to(tmp_path / "elsewhere")) is None

    def sparse(place: Path) -> None:
        place.touch()
        os.truncate(place, 8 << 30)

    assert replaced(sparse) is None
    assert replaced(lambda place: place.write_bytes(b"[" * 10**6)) is None
    deep = b"[" * 10**5 + b"]" * 10**5
    assert (
        replaced(lambda place: place.write_bytes(cache._seal("ab12", deep) + b"\n" + deep)) is None
    )
    assert replaced(lambda place: place.write_bytes(whole)) == PROVED
    path.unlink()
    path.mkdir()
    assert cache.get("ab12", Verdict) is None
    cache.put("ab12", PROVED)


@pytest.mark.parametrize(
    "changes",
    [
        {"obligation": "tiny.inside"},
        {"queries": 0},
        {"queries": -(10**9)},
        {"answer": "refuted"},
        {"answer": "unknown"},
        {"solver_seconds": -1.0},
    ],
    ids=str,
)
def test_an_answer_to_something_else_is_not_taken_over(
    tmp_path: Path, book: Catalogue, changes: dict[str, object]
) -> None:
    cache, [job] = Cache(tmp_path), obligation_jobs(book, "sweepgen.relabel")
    honest = Verdict("sweepgen.relabel", "proved", 2, 0.1, 0.1)
    assert Outcome(job, honest).credible
    assert not Outcome(job, honest._replace(**changes)).credible  # type: ignore[arg-type]
    cache.put(book.key(job), honest._replace(**changes))  # type: ignore[arg-type]
    [outcome] = decide([job], book, cache, workers=1)
    assert outcome.good
    assert not outcome.cached


def test_a_catalogue_of_nothing_is_made_anew(
    tmp_path: Path, book: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    world = fingerprint_of_everything(cache)
    cache.put(digest_of("catalogue", world), Catalogue(world, {}, {}))
    made: list[str] = []

    def make(world: str, cache: Cache) -> Catalogue:
        made.append(world)
        return book

    monkeypatch.setattr("spanproof.decide.catalogue._made", make)
    assert catalogue(cache) == catalogue(cache) == book
    assert made == [world]


def test_where_nothing_is_kept_no_fingerprint_is_made(book: Catalogue) -> None:
    plain = book_for(NoCache())
    bare = {name: claim._replace(rests_on="") for name, claim in book.claims.items()}
    assert {name: claim._replace(unknown=()) for name, claim in plain.claims.items()} == bare
    assert not any(claim.unknown for claim in book.claims.values())
    assert plain.mutants == book.mutants
    assert not any(plain.keeps(job) for job in obligation_jobs(plain))


def test_nothing_decided_is_nothing_good() -> None:
    assert not summarize([]).good
