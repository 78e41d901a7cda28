"""What campaigns share: a folder, or a database of Redis; and what becomes of one that is gone."""

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from errno import EIO
from pathlib import Path

import pytest
from fakeredis import TcpFakeServer

from spanproof.cli import app
from spanproof.cli.files import brought
from spanproof.cli.output import Unusable
from spanproof.doors.slices import Slice, forget, look_at, slices_of
from spanproof.fuzz.campaigns.campaign import run_target
from spanproof.fuzz.engine.corpus import SUFFIX, Corpus
from spanproof.fuzz.engine.target import of_span
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.program import Program, Refill
from spanproof.fuzz.programs.heapprogram import HeapProgram, Malloc
from spanproof.fuzz.sides.spanalloc_subject import installed
from spanproof.support.files.stores import FolderStore, RedisStore, Rest, SharedStore, store_at

SHORT, LONG = HeapProgram((Malloc(8),)), HeapProgram((Malloc(8), Malloc(16)))

LIMIT = 0.5
"""Seconds that a program may take."""

NOBODY = "redis://127.0.0.1:1/0"
"""An address where nothing listens."""


@pytest.fixture
def database() -> Iterator[TcpFakeServer]:
    """Give a server that speaks as Redis does."""
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        gone(server)
        thread.join()


def gone(server: TcpFakeServer) -> None:
    """End a server, and what it has open."""
    server.daemon_threads = True
    server.shutdown()
    server.server_close()


@pytest.fixture
def address(database: TcpFakeServer) -> str:
    """Give the address of the server."""
    return f"redis://127.0.0.1:{database.server_address[1]}/0"


@pytest.fixture(params=["folder", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the place of an empty store, of either kind."""
    if request.param == "folder":
        return str(tmp_path / "made" / "later")
    found: str = request.getfixturevalue("address")
    return f"{found}#shared"


def test_a_store_keeps_what_has_a_name(place: str) -> None:
    store, other = store_at(place), store_at(place)
    store.check()
    assert store.names(".json") == []
    assert store.read("a.json") is None
    store.write("b.json", b"two")
    store.write("a.json", b"one")
    store.write("a.sh", b"three", runs=True)
    other.write("a.json", b"once more")
    assert store.names(".json") == ["a.json", "b.json"]
    assert store.read("a.json") == b"once more"
    store.remove("a.json")
    store.remove("a.json")
    assert other.names("") == ["a.sh", "b.json"]


def test_new_names_do_not_meet_old_ones(place: str) -> None:
    stores = [store_at(place), store_at(place)]
    names = [
        one.write_new("divergence", text) for one, text in zip(stores, (b"1", b"2"), strict=True)
    ]
    assert names == ["divergence-1.json", "divergence-2.json"]
    assert [stores[0].read(name) for name in names] == [b"1", b"2"]


def test_each_counter_counts_by_itself_and_for_all(place: str) -> None:
    numbers = [store_at(place).next_number(counter) for counter in ("7", "7", "8", "7")]
    assert numbers == [0, 1, 0, 2]
    assert store_at(place).names(SUFFIX) == []


def test_a_store_goes_to_another_process(place: str) -> None:
    store_at(place).write("a", b"one")
    used = store_at(place)
    assert used.read("a") == b"one"
    sent: SharedStore = pickle.loads(pickle.dumps(used))
    assert sent.place == place
    assert sent.read("a") == b"one"


def test_programs_are_shared(place: str) -> None:
    mine, other = (Corpus(store_at(place), HeapProgram) for _ in range(2))
    assert list(mine.fresh()) == []
    mine.add(LONG, frozenset("ab"))
    assert list(mine.fresh()) == []
    assert list(other.fresh()) == [(LONG, frozenset("ab"))]
    other.add(SHORT, frozenset("abc"))
    assert list(mine.fresh()) == [(SHORT, frozenset("abc"))]
    assert list(Corpus(store_at(place), Program).fresh()) == [], "they are programs of a heap"
    assert mine.unkept == other.unkept == ""


def test_what_is_no_program_is_passed_over(place: str) -> None:
    corpus = Corpus(store_at(place), Program)
    store_at(place).write("x.program.json", b"{")
    Corpus(store_at(place), Program).add(Program(1, (Refill(),)), frozenset("a"))
    assert [program for program, _ in corpus.fresh()] == [Program(1, (Refill(),))]


def test_a_corpus_is_minimized(place: str) -> None:
    corpus = Corpus(store_at(place), HeapProgram)
    corpus.add(LONG, frozenset("ab"))
    corpus.add(SHORT, frozenset("abc"))
    assert corpus.minimize() == (1, 2)
    assert [program for program, _ in Corpus(store_at(place), HeapProgram).fresh()] == [SHORT]


def test_a_later_campaign_goes_on_with_other_programs(place: str) -> None:
    first = slices_of(store_at(place), 7)
    assert [next(first), next(first)] == [0, 1]
    assert next(slices_of(store_at(place), 7)) == 2
    assert next(slices_of(store_at(place), 8)) == 0


BUGGY = """
from spanproof.fuzz.planted.planting import package_with
from spanproof.fuzz.planted.span import PLANTED
from spanproof.fuzz.sides.spanalloc_subject import spans_of_package
wrong = spans_of_package(package_with(PLANTED[0]))
"""


@pytest.fixture
def buggy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the options by which a wrong implementation of a span is under test."""
    (tmp_path / "wrongspans.py").write_text(BUGGY)
    monkeypatch.chdir(tmp_path)
    return ["--of", "span", "--python", "wrongspans:wrong", "--shrink", "1"]


def test_a_campaign_keeps_programs_and_findings_in_a_database_and_they_are_run_again(
    address: str, buggy: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = ["--jobs", "2", "--corpus", address, "--save", f"{address}#found"]
    assert app.run(["fuzz", *buggy, *stores, "--seconds", "20"]) == 1
    told = capsys.readouterr().out
    saved = f"{address}#found/divergence-1.json"
    assert f"saved as {saved}; run it again with spanspec replay '{saved}'" in told
    names = ["divergence-1.json", "test_divergence_1.py"]
    assert store_at(f"{address}#found").names("") == names
    assert not store_at(address).names("found-"), "what slices note is removed at the end"
    assert store_at(address).next_number("0") > 0
    assert app.run(["replay", saved]) == 1
    assert "model says" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] in ([], ["__pycache__"])


class Gone(FolderStore):
    """A store that does not answer any more."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []

    def read(self, name: str) -> bytes | None:
        self.asked.append(f"read {name}")
        raise OSError(EIO, "is gone")

    def remove(self, name: str) -> None:
        self.asked.append(f"remove {name}")
        raise OSError(EIO, "is gone")


def test_a_store_that_is_gone_is_not_waited_for_once_for_each_slice(tmp_path: Path) -> None:
    store = Gone(tmp_path)
    slices = [Slice(number, 7, (), 1.0, Limits(), 1.0, store) for number in range(64)]
    rest = Rest()
    look_at(
        [(one, 1) for one in slices], lambda one, found: pytest.fail("it has found nothing"), rest
    )
    forget(slices)
    assert store.asked == ["read found-7-0.json", "remove found-7-0.json"]


class Hanging(FolderStore):
    """A store that takes so many seconds of a clock of its own to fail."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.now, self.takes, self.asked = 1000.0, 5.0, 0
        monkeypatch.setattr("spanproof.support.files.stores.time.monotonic", lambda: self.now)

    def _is_asked(self) -> None:
        self.asked += 1
        self.now += self.takes
        if self.takes:
            raise OSError(EIO, "does not answer")

    def names(self, suffix: str) -> list[str]:
        self._is_asked()
        return super().names(suffix)

    def write(self, name: str, content: bytes, *, runs: bool = False) -> None:
        self._is_asked()
        super().write(name, content, runs=runs)


def program_of(number: int) -> HeapProgram:
    return HeapProgram((Malloc(8 + number),))


def test_a_corpus_that_hangs_takes_a_small_part_of_the_time_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Hanging(tmp_path, monkeypatch)
    told: list[str] = []
    asking: list[None] = []
    corpus = Corpus(store, HeapProgram, lambda: asking.append(None), told.append)
    for number in range(500):
        corpus.add(program_of(number), frozenset("a"))
        assert corpus.fresh() == []
        store.now += 1.0
    # In some 1050 s it is asked at once, and whenever 50 s have gone by; 5 s each time.
    assert 5 <= store.asked <= 11
    assert store.asked == len(asking)
    assert told == [f"{tmp_path}: does not answer"] == [corpus.unkept]
    store.takes = 0.0
    store.now += 50.0
    corpus.add(program_of(500), frozenset("a"))
    assert len(FolderStore(tmp_path).names(SUFFIX)) == 501
    assert told[1:] == [""] == [corpus.unkept]


def test_numbers_of_slices_are_not_waited_for_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Hanging(tmp_path, monkeypatch)
    numbers = slices_of(store, 7, needed=False)
    assert [next(numbers) for _ in range(40)] == list(range(40))
    assert store.asked == 1
    store.takes = 0.0
    store.now += 50.0
    assert next(numbers) == 40
    assert store.asked == 2


def test_a_wait_for_a_corpus_is_no_fault_of_the_implementation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is that of a program, and of an import; a corpus may take longer."""
    names = FolderStore.names

    def slow(store: FolderStore, suffix: str) -> list[str]:
        time.sleep(6 * LIMIT)
        return names(store, suffix)

    monkeypatch.setattr(FolderStore, "names", slow)
    monkeypatch.setattr(FolderStore, "read", lambda store, name: time.sleep(2 * LIMIT))
    for number in range(3):
        FolderStore(tmp_path).write(f"{number}{SUFFIX}", b"")
    found = run_target(
        of_span(installed),
        examples=3,
        limits=Limits(seconds=LIMIT),
        corpus=FolderStore(tmp_path),
    )
    assert (found.programs, found.divergence, found.unkept) == (3, None, "")


def test_a_worker_that_is_killed_while_it_asks_a_corpus_was_in_a_step_of_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How often a store was asked says nothing of steps."""
    asked: list[None] = []

    def killed(store: FolderStore, suffix: str) -> list[str]:
        asked.append(None)
        if len(asked) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return []

    monkeypatch.setattr(FolderStore, "names", killed)
    monkeypatch.setattr("spanproof.fuzz.engine.searching.LOOK_AGAIN", 0.0)
    store = FolderStore(tmp_path)
    found = run_target(of_span(installed), examples=9, shrink=0.0, corpus=store).divergence
    assert found is not None
    assert found.program is not None
    assert 0 <= found.step <= len(found.program.steps)
    assert "SIGKILL" in found.seen


def test_what_slices_have_noted_is_removed(place: str) -> None:
    slices = [Slice(number, 7, (), 1.0, Limits(), 1.0, store_at(place)) for number in range(3)]
    store_at(place).write(slices[2].found, b"{}")
    forget(slices)
    assert store_at(place).names("") == []


@pytest.fixture
def gone_once_begun(database: TcpFakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server end as soon as the first slice of a campaign has its number."""
    whole = RedisStore.next_number

    def ends(store: RedisStore, counter: str) -> int:
        number = whole(store, counter)
        gone(database)
        return number

    monkeypatch.setattr(RedisStore, "next_number", ends)


@pytest.mark.usefixtures("gone_once_begun")
def test_a_campaign_goes_on_where_its_database_is_gone_and_says_so_at_its_end(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["fuzz", "--of", "span", "--seconds", "1.5", "--corpus", address]) == 2
    said = capsys.readouterr()
    assert "no divergence" in said.out
    assert f"the corpus does not have all that it should: {address}#corpus: " in said.err
    assert "bug of spanspec" not in said.err


@pytest.mark.usefixtures("gone_once_begun")
def test_a_search_for_a_second_finding_goes_on_where_the_database_is_gone(
    address: str, buggy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stores = ["--jobs", "2", "--corpus", address, "--findings", "2"]
    assert app.run(["fuzz", *buggy, *stores, "--seconds", "4"]) == 1
    said = capsys.readouterr()
    assert "1 finding\n" in said.out
    assert f"the corpus does not have all that it should: {address}#corpus: " in said.err


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (NOBODY, "127.0.0.1:1/0#corpus: "),
        ("redis://", "no address of Redis, such as redis://host:6379/0"),
        ("redis://host:port/0", "no address of Redis"),
        ("redis://[::1/0", "no address of Redis"),
        (f"{NOBODY}?socket_timeout=soon", "no address of Redis"),
        (f"{NOBODY}?no_such_option=1", "no_such_option"),
        (f"redis://{'a' * 80}.org/0", "idna"),
    ],
)
@pytest.mark.parametrize("option", ["--corpus", "--save"])
def test_a_database_that_cannot_be_used_is_said_at_once(
    option: str, place: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["fuzz", option, place]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert why in said.err
    assert "bug of spanspec" not in said.err


def test_without_the_package_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    assert app.run(["fuzz", "--corpus", NOBODY]) == 2
    assert "pip install 'spanspec[redis]'" in capsys.readouterr().err


def test_a_password_is_not_printed() -> None:
    store = store_at("redis://me:secret@head:6379/3?health_check_interval=2#mine")
    assert store.address("a.json") == "redis://head:6379/3#mine/a.json"
    assert "secret" in store.place, "another process needs it"
    with pytest.raises(OSError, match="no address of Redis") as refused:
        store_at("redis://me:secret@head:port/3")
    assert refused.value.filename == "redis://head:port/3"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("unix:///run/redis.sock?db=3&password=secret#mine", "unix:///run/redis.sock?db=3#mine"),
        ("redis://head:6379?db=3", "redis://head:6379?db=3#corpus"),
        ("redis://[::1]:6379/3", "redis://[::1]:6379/3#corpus"),
    ],
)
def test_the_address_that_is_told_leads_to_the_same_database(place: str, shown: str) -> None:
    assert store_at(place).address("a.json") == f"{shown}/a.json"
    assert store_at(shown).address("a.json") == f"{shown}/a.json"


def test_what_a_database_does_not_have_is_not_run_again(address: str) -> None:
    gone = f"{address}#corpus/gone.json"
    with pytest.raises(Unusable, match="has nothing of this name"), brought(gone):
        raise AssertionError("not reached")


@pytest.mark.parametrize("place", ["redis://:word@head", "redis://:word@head:6379/0#found/"])
def test_an_address_without_the_name_of_a_finding_is_told_so(place: str) -> None:
    with pytest.raises(Unusable, match="names no finding") as problem, brought(place):
        raise AssertionError("not reached")
    assert "word" not in str(problem.value)


def test_what_is_no_program_in_a_database_is_told_with_its_address(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store_at(address).write("other.json", b"{}")
    assert app.run(["replay", f"{address}#corpus/other.json"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"spanspec: {address}#corpus/other.json: not a saved program")


@pytest.mark.parametrize("count", ["1", '{"7": -5}', '{"7": 99999999999999999}'])
def test_a_folder_whose_count_is_damaged_is_not_used(tmp_path: Path, count: str) -> None:
    store = FolderStore(tmp_path)
    store.next_number("7")
    (tmp_path / "progress.json").write_text(f'{{"slices": {count}}}')
    with pytest.raises(OSError, match="is damaged"):
        store.next_number("7")
