"""Whatever a process does instead of answering is one finding, or one clear line, within a limit;
and nothing of it is left.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from spanproof.doors.header import PLACE
from spanproof.doors.targets import run_again, span_target
from spanproof.fuzz.campaign import run_target
from spanproof.fuzz.factories import Scope, WrongFactory
from spanproof.fuzz.finding import FoundWith
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.program import Allocate, Program, Refill

HOSTILE = Path(__file__).parent / "hostile.py"
PROGRAM = Program(1, (Refill(), Allocate(3)))
LIMIT = 0.6
LIMITS = Limits(seconds=LIMIT)

KINDS = {
    "crash": "ends its process by SIGSEGV instead of replying to `allocate`",
    "exits in silence": "ends its process, with exit status 0, instead of replying to `allocate`",
    "hangs": "does not end within 0.6 s",
    "floods its output": "replies to `allocate` with a line of more than 1048576 bytes",
    "floods its errors": "does not end within 0.6 s",
    "answers out of order": "replies to request 5 when it was asked number 6",
    "garbage": "replies to `allocate` with what is no JSON",
    "another form": "Expected `int`, got `str` - at `$.slot`; the form is",
    "a huge number": "replies to `allocate` with a line of more than 1048576 bytes",
    "closes its input": "closes its input instead of replying to `allocate`",
    "forks": "ends its process by SIGKILL instead of replying to `allocate`",
    "ignores signals": "does not end within 0.6 s",
    "says that it failed": "replies to `allocate` that it failed: no more of that",
    "prints and aborts": "it printed: free(): invalid pointer",
}


def found_with(kind: str) -> FoundWith:
    command = f"{sys.executable} -S {HOSTILE} {kind!r}"
    return FoundWith(Scope.SPAN, limit=LIMIT, door="exec", command=command)


def left_of(kind: str) -> list[psutil.Process]:
    """Return the processes that such an implementation has left behind."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if str(HOSTILE) in line and kind in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.mark.sampled(6)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_finding_and_nothing_is_left(kind: str) -> None:
    began = time.monotonic()
    divergence = run_again(PROGRAM, found_with(kind), LIMITS)
    assert divergence is not None
    assert KINDS[kind] in divergence.seen
    assert divergence.step == 2
    assert divergence.side == "implementation"
    assert time.monotonic() - began < 60
    assert left_of(kind) == []


def test_a_good_process_has_none() -> None:
    """So it is what they do that is found."""
    assert run_again(PROGRAM, found_with("good"), LIMITS) is None


def test_a_campaign_finds_it_and_makes_it_small() -> None:
    target = span_target(found_with("crash"))
    longer = Program(1, (Refill(), Allocate(3), Allocate(1), Allocate(1)))
    only_this = target._replace(grammar=lambda _: longer, must_exercise=())
    result = run_target(only_this, examples=3, limits=LIMITS, shrink=10)
    assert result.divergence is not None
    assert result.divergence.program == PROGRAM
    assert result.again is not None
    assert result.again.always
    assert left_of("crash") == []


def test_one_that_does_not_say_who_it_is_cannot_be_used() -> None:
    with pytest.raises(WrongFactory, match=r"does not reply to `hello` within 0\.\d s"):
        run_again(PROGRAM, found_with("before hello"), LIMITS)
    assert left_of("before hello") == []


LIBRARY = """
#include "spanspec.h"
#include <stdlib.h>
#include <unistd.h>

const char *spanspec_new_span(uint64_t size_class, uint64_t pages, uint64_t elemsize, int noscan,
                              uint64_t sweepgen) {
    (void)size_class, (void)pages, (void)elemsize, (void)noscan, (void)sweepgen;
    return NULL;
}
const char *spanspec_refill(uint64_t sg) { return (void)sg, NULL; }
const char *spanspec_allocate(struct spanspec_slotted *reply) { DOES; return (void)reply, NULL; }
"""


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("does", "seen"),
    [
        ("*(volatile int *)8 = 1", "ends its process by SIGSEGV instead of replying"),
        ("abort()", "ends its process by SIGABRT instead of replying"),
        ("_exit(0)", "ends its process, with exit status 0, instead of replying"),
        ("reply->slot = 5000", "Expected `int` <= 1024 - at `$.slot`"),
        ('reply->path = "slowly"', "Invalid enum value 'slowly' - at `$.path`"),
    ],
)
def test_what_a_library_does_to_its_process_is_one_finding(
    does: str, seen: str, tmp_path: Path
) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: apt-get install gcc")
    (tmp_path / "bad.c").write_text(LIBRARY.replace("DOES", does))
    flags = ("-shared", "-fPIC", f"-I{PLACE.parent}")
    command = [compiler, *flags, "-o", str(tmp_path / "bad.so"), str(tmp_path / "bad.c")]
    subprocess.run(command, check=True)
    bad = FoundWith(Scope.SPAN, door="lib", command=str(tmp_path / "bad.so"), limit=20.0)
    divergence = run_again(PROGRAM, bad, Limits(seconds=20))
    assert divergence is not None
    assert seen in divergence.seen
    assert divergence.side == "implementation"
