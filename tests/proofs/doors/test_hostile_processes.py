"""Whatever a process does instead of answering is one finding, or one clear line, within a limit;
and nothing of it is left.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from spanproof.cli import app
from spanproof.doors.targets import run_again, span_target
from spanproof.fuzz.campaigns.campaign import run_target
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.lockstep.divergence import AnyProgram
from spanproof.fuzz.program import Allocate, Program, Refill
from spanproof.fuzz.programs.contractprogram import ContractProgram, Malloc
from spanproof.fuzz.programs.heapprogram import HeapProgram, StartCycle, Sweep, Together
from spanproof.fuzz.programs.sizesprogram import AskSize, SizesProgram
from spanproof.fuzz.sides.factories import Scope, WrongFactory
from tests.proofs.doors.compiling import built

HOSTILE = Path(__file__).parent / "hostile.py"
PROGRAM = Program(1, (Refill(), Allocate(3)))
LIMIT = 0.6
LIMITS = Limits(seconds=LIMIT)

KINDS = {
    "crash": "ends its process by SIGSEGV instead of replying to `OP`",
    "exits in silence": "ends its process, with exit status 0, instead of replying to `OP`",
    "hangs": "does not end within 0.6 s",
    "floods its output": "replies to `OP` with a line of more than 1048576 bytes",
    "floods its errors": "does not end within 0.6 s",
    "answers out of order": "replies to request BEFORE when it was asked number NUMBER",
    "garbage": "replies to `OP` with what is no JSON",
    "another form": "; the form is {",
    "a huge number": "replies to `OP` with a line of more than 1048576 bytes",
    "closes its input": "closes its input instead of replying to `OP`",
    "forks": "ends its process by SIGKILL instead of replying to `OP`",
    "ignores signals": "does not end within 0.6 s",
    "says that it failed": "replies to `OP` that it failed: no more of that",
    "says half a reply": "does not end within 0.6 s\n    it does not reply to `OP`; so far it has "
    'said {"n": 6, "slo, without an end of line',
    "prints and hangs": "it does not reply to `OP`\n    it printed: waiting for a lock",
    "refuses": "refuses: not\\n\\x1b[31mtoday",
    "prints and aborts": "it printed: free(): invalid pointer",
}


LONG = Limits(seconds=20.0)
"""What a process has that does something else than nothing: on a busy machine it takes longer."""


def limits_of(kind: str) -> Limits:
    return LIMITS if "does not" in KINDS[kind] else LONG


def found_with(kind: str, scope: Scope = Scope.SPAN) -> FoundWith:
    command = f"{sys.executable} -S {HOSTILE} {kind!r} {scope.value}"
    limit = limits_of(kind).seconds if kind in KINDS else LIMIT
    return FoundWith(scope, limit=limit, door="exec", command=command)


def left_of(kind: str) -> list[psutil.Process]:
    """Return the processes that such an implementation has left behind."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if str(HOSTILE) in line and kind in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


LEVELS: dict[Scope, tuple[str, int, AnyProgram]] = {
    Scope.SPAN: ("allocate", 6, PROGRAM),
    Scope.SIZES: ("size", 2, SizesProgram((AskSize(8),))),
    Scope.CONTRACT: ("malloc", 3, ContractProgram((Malloc(8),))),
    Scope.HEAP: ("heap_call", 3, HeapProgram((StartCycle(),))),
    Scope.SCHEDULE: ("heap_begin", 3, HeapProgram((Together((Sweep(), Sweep(p=1))),), procs=2)),
}
"""The request that goes wrong at each level, which one it is, and a program that comes to it."""


@pytest.mark.sampled(8)
@pytest.mark.parametrize(("kind", "scope"), [(kind, scope) for kind in KINDS for scope in LEVELS])
def test_it_is_one_finding_and_nothing_is_left(kind: str, scope: Scope) -> None:
    began = time.monotonic()
    op, number, program = LEVELS[scope]
    divergence = run_again(program, found_with(kind, scope), limits_of(kind))
    assert divergence is not None
    said = KINDS[kind].replace("OP", op).replace("BEFORE", str(number - 1))
    assert said.replace("NUMBER", str(number)) in divergence.seen
    assert divergence.step == len(program.steps)
    # A heap may refuse much, so there it is a result that differs.
    assert divergence.side == ("implementation" if divergence.what != "the result" else None)
    assert time.monotonic() - began < 60
    assert left_of(kind) == []


def test_steps_that_never_end_are_one_finding() -> None:
    """A call on a P that is always in the middle of something."""
    _, _, program = LEVELS[Scope.SCHEDULE]
    divergence = run_again(program, found_with("goes on for ever", Scope.SCHEDULE), LIMITS)
    assert divergence is not None
    assert "does not end within 0.6 s" in divergence.seen
    assert left_of("goes on for ever") == []


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


@pytest.mark.parametrize("kind", ["takes memory", "lets a child take memory"])
def test_memory_is_counted_with_that_of_all_that_was_started(kind: str) -> None:
    """What allocates is not the process that asks, and the machine is everybody's."""
    most = psutil.Process().memory_info().rss + (200 << 20)
    divergence = run_again(PROGRAM, found_with(kind), Limits(60.0, most))
    assert divergence is not None
    assert divergence.seen.startswith(f"takes more than {most >> 20} MiB of memory")
    assert left_of(kind) == []


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("refuses hello", "refuses to say who it is: nobody"),
        ("an odd alignment", "says an `alignment` of 24, which is no power of two"),
        ("another greeting", "Expected `array`, got `str`"),
    ],
)
def test_a_greeting_that_says_nothing_usable_is_told_in_a_line(
    kind: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = found_with(kind).command
    assert app.run(["smoke", "--exec", command, "--seconds", "0.5"]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1


def test_what_it_says_controls_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    command = found_with("a name that controls the terminal").command
    app.run(["smoke", "--exec", command, "--seconds", "0.5"])
    said = capsys.readouterr()
    assert "\\x1b[31mred\\nspan: works, protocol 1" in said.out
    assert "\x1b" not in said.out + said.err


def test_smoke_goes_on_where_one_level_cannot_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    command = found_with("a level without what it needs").command
    assert app.run(["smoke", "--exec", command, "--seconds", "0.5", "--json"]) == 1
    levels = json.loads(capsys.readouterr().out)["levels"]
    assert [one["level"] for one in levels] == ["schedule", "span"]
    assert "shows no events" in levels[0]["wrong"]
    assert levels[1]["programs"] > 0


BEGINS = {
    "op": "new_span",
    "size_class": 1,
    "pages": 1,
    "elemsize": 8,
    "noscan": False,
    "sweepgen": 0,
}
VECTOR = {
    "level": "span",
    "rules": ["SPAN-12"],
    "finds": [],
    "exchange": [
        [asked, {"n": n, **said}]
        for n, (asked, said) in enumerate(
            [
                (BEGINS, {}),
                *[({"op": "allocate"}, {"slot": slot}) for slot in range(3)],
            ],
            start=1,
        )
    ],
}


@pytest.mark.parametrize(
    ("command", "kind", "status"),
    [
        ("smoke --seconds 0.5", "kills who asks before hello", 2),
        ("smoke --seconds 0.5", "kills who asks", 1),
        ("vectors FOLDER", "kills who asks before hello", 2),
        ("vectors FOLDER", "kills who asks", 2),
        ("fuzz --examples 1 --shrink 0 --save FOLDER", "kills who asks before hello", 2),
        ("fuzz --examples 1 --shrink 0 --save FOLDER", "kills who asks", 1),
    ],
)
def test_one_that_kills_who_asks_does_not_kill_the_command(
    command: str, kind: str, status: int, tmp_path: Path
) -> None:
    """Who answers, what vectors ask, and what is written down is asked by a process apart, too."""
    (tmp_path / "span.jsonl").write_text(json.dumps(VECTOR) + "\n")
    words = [word.replace("FOLDER", str(tmp_path)) for word in command.split()]
    whole = [sys.executable, "-m", "spanproof", *words, "--exec", found_with(kind).command]
    done = subprocess.run(whole, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    assert "ends its process by SIGKILL" in done.stdout + done.stderr
    assert left_of(kind) == []
    if words[0] == "fuzz" and status == 1:
        script = (tmp_path / "divergence-1.sh").read_text()
        assert '"op":"' in script


LIBRARY = """
#include "spanspec.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void begins(void) { puts("loaded"), fflush(stdout); }
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
        ('puts("a word"), fflush(stdout), abort()', "it printed: a word"),
        ('reply->path = "slowly"', "Invalid enum value 'slowly' - at `$.path`"),
    ],
)
def test_what_a_library_does_to_its_process_is_one_finding(
    does: str, seen: str, tmp_path: Path
) -> None:
    source = tmp_path / "bad.c"
    source.write_text(LIBRARY.replace("DOES", does))
    library = built(source, tmp_path / "bad.so", "-shared", "-fPIC")
    bad = FoundWith(Scope.SPAN, door="lib", command=library, limit=20.0)
    divergence = run_again(PROGRAM, bad, Limits(seconds=20))
    assert divergence is not None
    assert seen in divergence.seen
    assert divergence.side == "implementation"
