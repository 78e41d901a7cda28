"""Which functions a task is done by follows from the steps and rules; no list names them."""

import struct

import pytest

from spanproof.report.gonames import places
from spanproof.witness.judging import gofunctions, operations
from spanproof.witness.judging.gofunctions import LATER, functions_of, is_one_of, names_of
from spanproof.witness.judging.midway import reached_with
from spanproof.witness.program.dwarf import Field, Types
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.memory import Memory
from spanproof.witness.program.process import Registers
from spanproof.witness.reading.reader import Addresses
from spanproof.witness.reading.stacks import Functions, FunctionsOfFile, Stacks
from spanproof.witness.reading.threads import machines_of
from spanspec.rules import RULES
from spanspec.sharing.steps import setrecords


@pytest.mark.parametrize("span_sets", [True, False])
def test_each_task_of_the_model_is_done_by_functions(span_sets: bool) -> None:
    found = operations.at_tasks(span_sets)
    assert found.keys() == reached_with(span_sets).steps_at.keys()
    assert all(found.values())


def test_the_functions_of_a_task_are_those_of_the_steps_around_it() -> None:
    found = operations.at_tasks(True)
    assert found[setrecords.INSTALLING] == functions_of(["SWP-3", "MC-4", "MC-5", "T-53"])
    assert "(*mcentral).uncacheSpan" in found[setrecords.LEAVING]
    assert "(*mcentral).uncacheSpan" not in found[setrecords.HELD]
    assert "(*sweepLocked).sweep" in found[setrecords.EXAMINED]
    assert "(*mcache).refill" not in found[setrecords.EXAMINED]


def test_a_step_that_cites_no_rule_is_done_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "rules_of", lambda _: ())
    assert not any(operations.at_tasks.__wrapped__(True).values())


def test_what_later_versions_have_is_told_of_what_the_book_names() -> None:
    named = {
        one for rule in RULES for file, name in places(rule.where) for one in names_of(file, name)
    } | {rule.id for rule in RULES if rule.id.startswith("VER-")}
    assert LATER.keys() <= named


@pytest.mark.parametrize(
    ("frame", "names", "fits"),
    [
        ("runtime.(*mheap).alloc", ("(*mheap).alloc",), True),
        ("runtime.(*mheap).alloc.func1", ("(*mheap).alloc",), True),
        ("runtime.(*mheap).allocSpan", ("(*mheap).alloc",), False),
        ("runtime.(*spanSet).push", ("(*spanSet)",), True),
        ("runtime.(*spanSetBlockAlloc).alloc", ("(*spanSet)",), False),
        ("runtime.mallocgcSmallNoScanSC3", ("mallocgcSmall*",), True),
        ("runtime.mallocgc", ("mallocgcSmall*",), False),
    ],
)
def test_a_name_is_matched_whole(frame: str, names: tuple[str, ...], fits: bool) -> None:
    assert is_one_of(frame, names) is fits


class Words(Memory):
    """Memory that is some words from an address on."""

    def __init__(self, start: int, words: list[int]) -> None:
        super().__init__()
        self.start, self.data = start, struct.pack(f"<{len(words)}Q", *words)

    def fetch(self, address: int, size: int) -> bytes:
        """Return bytes of the words: the pages around them are zero."""
        before = bytes(max(self.start - address, 0))
        return (before + self.data[max(address - self.start, 0) :] + bytes(size))[:size]


def test_a_plugin_calls_functions_of_the_program_through_its_table() -> None:
    slide, back, stub = 0x10000, 0x1050, 0x1810
    call = b"\xe8" + (stub - back).to_bytes(4, "little", signed=True)

    def text(address: int, size: int) -> bytes:
        return call if (address, size) == (back - 5, 5) else bytes(size)

    program = FunctionsOfFile([(0x2000, 0x100, "pop")])
    plugin = FunctionsOfFile([(0x1000, 0x100, "sweepone")], slide, text, (range(0x1800, 0x1900),))
    functions = Functions(program, plugin)
    assert functions.name(slide + back) == "sweepone"
    assert functions.is_called(0x2004, slide + back)
    assert functions.name(slide + stub) is None
    assert functions.is_called(slide + stub, slide + back), "on its way there"
    assert not Functions(program, plugin._replace(stubs=())).is_called(0x2004, slide + back)


def test_a_function_without_a_frame_shows_who_called_it() -> None:
    """`sweepone` calls `pop`, which has no frame yet: frame pointers lead past `sweepone`."""
    functions = [(0x1000, 0x100, "sweepone"), (0x2000, 0x100, "pop"), (0x3000, 0x100, "bgsweep")]
    back = 0x1050
    call = b"\xe8" + (0x2000 - back).to_bytes(4, "little", signed=True)

    def text(address: int, size: int) -> bytes:
        return call if (address, size) == (back - 5, 5) else bytes(size)

    stack = Words(0x7000, [back, 0, 0x7020, 0, 0, 0x3010])
    layout = Layout("go1.27", Types({}, {}, {}), (), ())  # frames need none of it
    stacks = Stacks(stack, layout, Functions(FunctionsOfFile(functions, 0, text)))
    assert list(stacks.frames(0x2004, 0x7000, 0x7020)) == ["pop", "sweepone", "bgsweep"]
    # Not a return address of a call of it: a number that happens to lie in a function.
    other = Stacks(stack, layout, Functions(FunctionsOfFile(functions)))
    assert list(other.frames(0x2004, 0x7000, 0x7020)) == ["pop", "bgsweep"]


def test_of_variables_that_lead_to_machines_that_counts_which_has_most_now() -> None:
    """One may be that of an idle M, which all later ones follow: allm has all of them."""
    fields = {"alllink": Field(0, 8), "procid": Field(8, 8)}
    layout = Layout("go1.27", Types({"runtime.m": fields}, {}, {}), (), ())
    third, second, first = 0x7020, 0x7030, 0x7040
    threads = {number: Registers(0, 0, 0, 0, ()) for number in (11, 12, 13)}
    # Two variables, and three Ms: the first variable leads to an older M, the second to the newest.
    words = [second, third, 0, 0, second, 13, first, 12, 0, 11]
    memory = Words(0x7000, words)
    found = machines_of(memory, layout, Addresses({}, (0x7000, 0x7008)), threads)
    assert list(found) == [third, second, first]
    odd = Words(0x7000, [0x9999, 0x7018, *words[2:]])
    assert list(machines_of(odd, layout, Addresses({}, (0x7000, 0x7008)), threads)) == []


def test_rules_are_looked_up_by_definition() -> None:
    assert "MC-4" in gofunctions.rules_of("sharing.steps.setsteps.install")
    assert gofunctions.rules_of("sharing.steps.setsteps.none_such") == ()
