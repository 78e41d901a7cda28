"""Anything that is a malloc is held against the abstract allocator, with no line written for it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spanproof.cli import app
from spanproof.doors.calling import called_of
from spanproof.doors.driver import library_of
from spanproof.doors.header import PLACE
from spanproof.doors.reproducing import script_of
from spanproof.doors.targets import run_again
from spanproof.fuzz.campaigns.finding import DoorName, FoundWith
from spanproof.fuzz.differences.differences import Difference
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.levels.contract import ContractJudge, plan
from spanproof.fuzz.levels.contractruns import run_whole
from spanproof.fuzz.levels.known import KnownFailure, told_of_known
from spanproof.fuzz.levels.remote import Answerer
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.programs.contractprogram import ContractProgram, Free, Malloc, Realloc, drawn
from spanproof.fuzz.sides.factories import Scope, WrongFactory
from spanproof.protocol.faults import Broken, CannotStart
from spanproof.protocol.messages import Greeting, Made
from spanproof.protocol.messages import Malloc as MallocAsked
from spanproof.protocol.messages import Realloc as ReallocAsked
from tests.proofs.doors.compiling import built

HERE = Path(__file__).parent
FAULTS = [
    "none",
    "overlap",
    "misaligned",
    "lost contents",
    "dirty calloc",
    "little usable",
    "much usable",
]
FINDS = {
    "overlap": {"contents", "place of an object", "zeroed memory"},
    "misaligned": {"alignment"},
    "lost contents": {"contents"},
    "dirty calloc": {"zeroed memory"},
    "much usable": {"contents"},
}
INSTALLED = {
    "libc.so.6": "apt-get install libc6",
    "libjemalloc.so.2": "apt-get install libjemalloc2",
    "libmimalloc.so.2": "apt-get install libmimalloc2.0",
    "libtcmalloc_minimal.so.4": "apt-get install libtcmalloc-minimal4",
}
OPERATIONS = 1500
LIMITS = Limits(seconds=20)


def compiled(source: Path, target: Path, *flags: str) -> str:
    return built(source, target, "-O2", "-Wall", "-Wextra", "-Werror", *flags)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a malloc of our own with one of the faults."""
    folder = tmp_path_factory.mktemp("shims")

    def made(fault: str) -> str:
        number = FAULTS.index(fault)
        target = folder / f"shim{number}.so"
        flags = ("-shared", "-fPIC", "-fno-builtin", f"-DFAULT={number}")
        return str(target) if target.exists() else compiled(HERE / "shim.c", target, *flags)

    return made


@pytest.fixture
def on() -> Iterator[Callable[[str], Answerer]]:
    """Start what drives a library, and end it after the test."""
    started: list[Answerer] = []

    def start(library: str) -> Answerer:
        try:
            called = called_of("malloc", library, "")
        except CannotStart as problem:
            pytest.skip(str(problem))
        started.append(Answerer(called, "contract", 20))
        return started[-1]

    yield start
    for answerer in started:
        answerer.close()


def found(answerer: Answerer, programs: int, threads: int = 1) -> Divergence | None:
    for number in range(programs):
        program = drawn(f"{number}", OPERATIONS, threads)
        divergence = run_whole(program, answerer, lambda step: None).divergence
        if divergence is not None:
            return divergence
    return None


@pytest.mark.parametrize("threads", [1, 8])
def test_a_right_one_is_found_right(
    shim: Callable[[str], str], on: Callable[[str], Answerer], threads: int
) -> None:
    assert found(on(shim("none")), 1, threads) is None


@pytest.mark.parametrize("fault", FINDS)
def test_each_planted_fault_is_found(
    shim: Callable[[str], str], on: Callable[[str], Answerer], fault: str
) -> None:
    divergence = found(on(shim(fault)), 3)
    assert divergence is not None
    assert divergence.what in FINDS[fault]


def test_a_usable_size_below_what_was_asked_for_is_told(
    shim: Callable[[str], str], on: Callable[[str], Answerer]
) -> None:
    """One above it is told by contents: all that is said to be usable is written to."""
    divergence = found(on(shim("little usable")), 3)
    assert divergence is not None
    assert "malloc_usable_size says 1000 of an object of " in divergence.seen


def test_a_fault_is_found_on_several_threads_too(
    shim: Callable[[str], str], on: Callable[[str], Answerer]
) -> None:
    divergence = found(on(shim("lost contents")), 3, 8)
    assert divergence is not None
    assert divergence.what == "contents"


@pytest.mark.sampled(4)
@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("library", INSTALLED)
def test_allocators_of_the_distribution_keep_the_contract(
    on: Callable[[str], Answerer], library: str, threads: int
) -> None:
    try:
        library_of(library, "")
    except CannotStart:
        pytest.skip(f"{library} is not installed: {INSTALLED[library]}")
    assert found(on(library), 1, threads) is None


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("_exit(0)", "ends its process, with exit status 0, instead of replying to `malloc`"),
        ("_exit(113)", "ends its process, with exit status 113, instead of replying to `malloc`"),
        ("exit(3)", "ends its process, with exit status 3, instead of replying to `malloc`"),
        ("raise(SIGSEGV)", "ends its process by SIGSEGV instead of replying to `malloc`"),
        ("abort()", "ends its process by SIGABRT instead of replying to `malloc`"),
    ],
)
def test_one_that_ends_the_process_is_a_finding_with_its_step(
    tmp_path: Path, on: Callable[[str], Answerer], act: str, says: str
) -> None:
    flags = ("-shared", "-fPIC", "-fno-builtin", "-DCALL=200", f"-DACT={act}")
    library = compiled(HERE / "passing.c", tmp_path / "passing.so", *flags)
    divergence = found(on(library), 1)
    assert divergence is not None
    assert divergence.seen == says
    assert 100 < divergence.step < OPERATIONS
    assert isinstance(divergence.program.steps[divergence.step - 1], Malloc | Realloc)


def test_a_whole_program_is_under_way_up_to_its_last_step(
    shim: Callable[[str], str], on: Callable[[str], Answerer]
) -> None:
    heard: list[int] = []
    program = drawn("0", OPERATIONS, 1)
    assert run_whole(program, on(shim("none")), heard.append).divergence is None
    assert heard == [len(program.steps)]


def test_one_that_ends_the_process_while_it_is_loaded_is_told(
    tmp_path: Path, on: Callable[[str], Answerer]
) -> None:
    flags = ("-shared", "-fPIC", "-fno-builtin", "-DCALL=1", "-DACT=_exit(0)")
    library = compiled(HERE / "passing.c", tmp_path / "passing.so", *flags)
    answerer = on(library)
    with pytest.raises(Broken, match="with exit status 0, instead of replying to `hello`"):
        answerer.greeted()


def test_the_step_that_shows_it_is_told(shim: Callable[[str], str]) -> None:
    program = ContractProgram((Malloc(8), Malloc(100), Realloc(1, 200)))
    found_with = FoundWith(Scope.CONTRACT, door="malloc", command=shim("lost contents"))
    divergence = run_again(program, found_with, LIMITS)
    assert divergence is not None
    assert divergence.step == 3
    assert divergence.expected == "100 bytes of 0x6b"
    assert divergence.seen.startswith("64 bytes of 0x6b, then ")


def test_a_known_failure_is_told_and_is_no_finding() -> None:
    """And one that is not met any more is told as well."""
    planned = plan(ContractProgram((Malloc(512, 512), Malloc(32, 32))))
    known = KnownFailure("lib*", "alignment", "some issue", {"align": [512]})
    judge = ContractJudge(16, (known,))
    judge.hear(planned[0], Made(n=1, address=0x1010))
    with pytest.raises(Difference, match="alignment"):
        judge.hear(planned[1], Made(n=1, address=0x2010))
    assert list(told_of_known(judge.known)) == ["known failure, met 1 of 1 time: some issue"]
    mended = ContractJudge(16, (known,))
    mended.hear(planned[0], Made(n=1, address=0x1000))
    assert list(told_of_known(mended.known)) == ["known failure, not met any more: some issue"]


LEAST = """
#include <stddef.h>
#include <unistd.h>
static char pool[1 << 30];
static size_t used;
__attribute__((constructor)) static void begins(void) {
    if (write(1, "my allocator\\n", 13)) {}
}
void *malloc(size_t bytes) {
    size_t at = __atomic_fetch_add(&used, (bytes + 31) & ~(size_t)15, __ATOMIC_SEQ_CST);
    return at + bytes < sizeof pool - 16 ? pool + at : NULL;
}
void free(void *object) { (void)object; }
"""


def test_one_that_prints_and_has_only_malloc_and_free_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it lacks cannot be missed, and what it prints is no reply."""
    source = tmp_path / "least.c"
    source.write_text(LEAST)
    flags = ("-shared", "-fPIC", "-fno-builtin")
    library = compiled(source, tmp_path / "least.so", *flags)
    assert app.run(["fuzz", "--malloc", library, "--operations", "3000"]) == 0
    said = capsys.readouterr().out
    assert "2 programs, 3000 steps" in said
    assert "no divergence" in said
    assert "realloc" not in said


SMALL = """
#include "spanspec.h"
#include <stdlib.h>

uint64_t spanspec_largest(void) { return 1000; }
unsigned spanspec_lacks(void) { return SPANSPEC_NO_ALIGN; }
void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero) {
    (void)align;
    return bytes > MOST ? NULL : zero ? calloc(1, bytes + 1) : malloc(bytes + 1);
}
void *spanspec_realloc(void *object, uint64_t bytes) {
    return bytes > MOST ? NULL : realloc(object, bytes + 1);
}
void spanspec_free(void *object) { free(object); }
"""


@pytest.mark.parametrize("door", ["exec", "lib"])
def test_one_whose_objects_have_a_limit_is_asked_for_none_above_it(
    door: DoorName, tmp_path: Path
) -> None:
    source = tmp_path / "small.c"
    source.write_text(SMALL)
    kind = ("-pthread", "-DSPANSPEC_MAIN") if door == "exec" else ("-shared", "-fPIC")
    program = drawn("0", 300, 1)
    for most in (1000, 999):
        flags = (*kind, f"-I{PLACE.parent}", f"-DMOST={most}")
        small = compiled(source, tmp_path / f"small{most}", *flags)
        found_with = FoundWith(Scope.CONTRACT, door=door, command=small)
        divergence = run_again(program, found_with, LIMITS)
        if most == 1000:
            assert divergence is None
        else:
            assert divergence is not None
            assert divergence.what == "memory"


BOUNDED = """
#include "spanspec.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char *at; uint64_t bytes, counts; } kept[4096];
static uint64_t held;

uint64_t spanspec_memory(void) { return 20000; }
uint64_t spanspec_threads(void) { return 4; }

static void *make(uint64_t bytes, uint64_t align) {
    uint64_t counts = (bytes < 64 ? 64 : bytes) + align, i = 0, step = align < 16 ? 16 : align;
    if (held + counts > MOST)
        return NULL;
    while (kept[i].at != NULL)
        i++;
    kept[i].at = aligned_alloc(step, (bytes + step) / step * step);
    kept[i].bytes = bytes;
    kept[i].counts = counts;
    held += counts;
    return kept[i].at;
}
static void drop(void *object) {
    for (unsigned i = 0; object != NULL && i < 4096; i++)
        if (kept[i].at == object) {
            held -= kept[i].counts;
            free(object);
            kept[i].at = NULL;
            return;
        }
}
void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero) {
    pthread_mutex_lock(&lock);
    void *made = make(bytes, align);
    pthread_mutex_unlock(&lock);
    return made != NULL && zero ? memset(made, 0, bytes) : made;
}
void *spanspec_realloc(void *object, uint64_t bytes) {
    pthread_mutex_lock(&lock);
    char *made = make(bytes, 0);
    for (unsigned i = 0; made != NULL && object != NULL && i < 4096; i++)
        if (kept[i].at == object)
            memcpy(made, object, bytes < kept[i].bytes ? bytes : kept[i].bytes);
    if (made != NULL)
        drop(object);
    pthread_mutex_unlock(&lock);
    return made;
}
void spanspec_free(void *object) {
    pthread_mutex_lock(&lock);
    drop(object);
    pthread_mutex_unlock(&lock);
}
"""


@pytest.mark.parametrize(("door", "threads"), [("exec", 1), ("exec", 4), ("lib", 1)])
def test_one_whose_memory_is_bounded_is_not_asked_for_more(
    door: DoorName, threads: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked for all that it says; one byte less is a finding, which tells how to say so."""
    source = tmp_path / "bounded.c"
    source.write_text(BOUNDED)
    kind = ("-DSPANSPEC_MAIN",) if door == "exec" else ("-shared", "-fPIC")
    program = drawn("0", 400, threads)
    for most in (20000, 19999):
        flags = (*kind, "-pthread", f"-I{PLACE.parent}", f"-DMOST={most}")
        bounded = compiled(source, tmp_path / f"bounded{most}", *flags)
        found_with = FoundWith(Scope.CONTRACT, door=door, command=bounded)
        divergence = run_again(program, found_with, LIMITS)
        if most == 20000:
            assert divergence is None
            assert app.run(["smoke", f"--{door}", bounded, "--seconds", "0.5"]) == 0
            assert "; all objects have at most 20000 bytes" in capsys.readouterr().out
        elif threads == 1:
            assert divergence is not None
            assert divergence.what == "memory"
            assert "as `largest` or `memory`" in divergence.seen


def test_a_bounded_allocator_gets_back_what_is_freed() -> None:
    """With several threads it does not before the program ends: nobody knows the order."""
    steps = (Malloc(900, 16), Malloc(500), Free(1), Malloc(500), Realloc(1, 400), Malloc(0))
    limits = Greeting(n=1, protocol=1, name="pool", levels=["contract"], memory=1000)

    def sizes(program: ContractProgram) -> list[int]:
        asked = [one.request for one in plan(program, limits=limits)]
        return [one.bytes for one in asked if isinstance(one, MallocAsked | ReallocAsked)]

    assert sizes(ContractProgram(steps)) == [900, 84, 84]
    assert sizes(ContractProgram(steps, 2)) == [900, 84]
    assert sizes(ContractProgram((Malloc(10), Realloc(0, 2000), Malloc(1)))) == [10, 936, 1]


def test_threads_that_it_does_not_have_are_no_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "small.c"
    source.write_text(SMALL)
    flags = ("-pthread", "-DSPANSPEC_MAIN", f"-I{PLACE.parent}", "-DMOST=1000")
    small = compiled(source, tmp_path / "small", *flags)
    assert app.run(["fuzz", "--exec", small, "--threads", "2", "--seconds", "1"]) == 2
    assert "does not let 2 threads act at once" in capsys.readouterr().err


PLACING = """
#include "spanspec.h"
#include <stdlib.h>

static char pool[1 << 24];
static size_t used;

unsigned spanspec_lacks(void) { return SPANSPEC_NO_ALIGN | SPANSPEC_NO_ZERO; }
uint64_t spanspec_alignment(void) { return 16; }
void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero) {
    const char *plant = getenv("PLANT");
    char *object = (char *)(((uintptr_t)pool + used + 15) / 16 * 16);
    (void)align, (void)zero;
    used = (size_t)(object - pool) + bytes + 16;
    if (bytes >= 24 && bytes <= 32 && plant != NULL && plant[0] == 'm')
        return object + 8;
    if (bytes > 100 && bytes < 120 && plant != NULL && plant[0] == 'o')
        used -= 48;
    return object;
}
void spanspec_free(void *object) { (void)object; }
"""


@pytest.mark.parametrize(
    ("planted", "sizes", "what", "wrong"),
    [
        ("misaligned", (100, 24), "alignment", "it is no multiple of 16"),
        ("overlap", (8, 110, 50), "place of an object", "it overlaps object 2"),
        ("overlap", (*[8] * 60, 110, 50), "place of an object", "it overlaps object 61"),
    ],
)
def test_a_script_judges_addresses_as_they_are_others_each_time(
    planted: str,
    sizes: tuple[int, ...],
    what: str,
    wrong: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tmp_path / "placing.c"
    source.write_text(PLACING)
    flags = ("-pthread", "-DSPANSPEC_MAIN", f"-I{PLACE.parent}")
    command = compiled(source, tmp_path / "placing", *flags)
    found_with = FoundWith(Scope.CONTRACT, door="exec", command=command, limit=20.0)
    monkeypatch.setenv("PLANT", planted)
    divergence = run_again(ContractProgram(tuple(map(Malloc, sizes))), found_with, LIMITS)
    assert divergence is not None
    assert divergence.what == what
    script = tmp_path / "finding.sh"
    script.write_text(script_of(found_with, divergence) or "")
    told = subprocess.run(["sh", script], capture_output=True, text=True)
    assert told.returncode == 1, told.stdout + told.stderr
    assert f"as it was found: {wrong}" in told.stdout
    monkeypatch.delenv("PLANT")
    mended = subprocess.run(["sh", script], capture_output=True, text=True)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "says:   {" in mended.stdout


def test_a_library_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"libnowhere\.so: there is no such file"):
        called_of("malloc", "libnowhere.so", "")
    text = tmp_path / "text.so"
    text.write_text("no library")
    found_with = FoundWith(Scope.CONTRACT, door="malloc", command=str(text))
    with pytest.raises(WrongFactory, match="cannot be loaded"):
        run_again(ContractProgram(()), found_with, LIMITS)


def test_a_library_that_defines_no_malloc_is_told() -> None:
    try:
        library_of("libz.so.1", "")
    except CannotStart:
        pytest.skip("libz.so.1 is not installed: apt-get install zlib1g")
    found_with = FoundWith(Scope.CONTRACT, door="malloc", command="libz.so.1")
    with pytest.raises(WrongFactory, match="defines no malloc"):
        run_again(ContractProgram(()), found_with, LIMITS)


def test_threads_are_judged_by_when_calls_began_and_ended() -> None:
    """An object may take the place of one whose end has begun, and of no other."""
    steps = (Malloc(64), Realloc(0, 128), Malloc(64, thread=1))
    planned = plan(ContractProgram(steps, 2))[:3]
    assert [one.step for one in planned] == [1, 2, 3]
    replies = [
        Made(n=1, address=0x1000, began=1, ended=2),
        Made(n=2, address=0x2000, runs=[(planned[1].byte, 64)], began=3, ended=6),
        Made(n=3, address=0x1000, began=4, ended=5),
    ]
    ContractJudge(16).hear_at_once(planned, replies)
    backwards = [replies[0], replies[1], Made(n=3, address=0x1000, began=5, ended=4)]
    with pytest.raises(Difference, match="order of a call"):
        ContractJudge(16).hear_at_once(planned, backwards)
    too_soon = [*replies[:2], Made(n=3, address=0x2000, began=4, ended=7)]
    with pytest.raises(Difference, match="place of an object"):
        ContractJudge(16).hear_at_once(planned, too_soon)


def test_a_library_is_found_by_each_name_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of the loader has one name of each, mostly that without the minor version."""
    library = tmp_path / "libmine.so.2.0"
    library.write_bytes(b"")
    listing = tmp_path / "ldconfig"
    listing.write_text(
        f"#!/bin/sh\necho '\tlibmine.so.2 (libc6,x86-64) => {tmp_path}/libmine.so.2'\n"
    )
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert library_of("libmine.so.2.0", "") == library
    with pytest.raises(CannotStart, match="no such library"):
        library_of("libmine.so.3", "")


@pytest.mark.parametrize("address", [(1 << 64) - 48, 1 << 64, 1 << 70])
def test_an_object_lies_in_64_bits(address: int) -> None:
    planned = plan(ContractProgram((Malloc(64),)))
    ContractJudge(16).hear(planned[0], Made(n=1, address=(1 << 64) - 64))
    with pytest.raises(Difference, match="place of an object"):
        ContractJudge(16).hear(planned[0], Made(n=1, address=address))
