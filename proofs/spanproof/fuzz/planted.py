"""Planted bugs: the implementation with one change, which the fuzzer must find.

The changed sources run interpreted under a name of their own; the installed package is untouched.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import spanalloc
from spanproof.fuzz.campaign import CampaignResult, run
from spanproof.fuzz.spanalloc_subject import of_package

MODULES = ("errors", "sizeclass", "kernels", "snapshot", "layout", "span")
"""The implementation's modules, each after those that it imports."""


class PlantedBug(NamedTuple):
    """One change of the implementation: in `module`, the text `old` becomes `new`."""

    name: str
    module: str
    old: str
    new: str


PLANTED = (
    PlantedBug(
        "the fast path takes the last slot of a word",
        "kernels",
        "    if following & 63 == 0 and following != nelems:\n        return -1\n",
        "",
    ),
    PlantedBug(
        "the window is not complemented",
        "kernels",
        "cache = ~words[freeindex >> 6]",
        "cache = words[freeindex >> 6]",
    ),
    PlantedBug(
        "the slow search skips a word",
        "kernels",
        "(position | 63) + 1",
        "(position | 127) + 1",
    ),
    PlantedBug(
        "a partial word is not counted",
        "kernels",
        "if partial != 0:",
        "if partial > 63:",
    ),
    PlantedBug(
        "the slot is not shifted out of the window",
        "span",
        "shift_out(self.alloc_cache, slot - self.freeindex)",
        "self.alloc_cache",
    ),
    PlantedBug(
        "a sweep keeps freeindex",
        "span",
        "        self.freeindex = 0\n        # The old",
        "        # The old",
    ),
    PlantedBug(
        "old bits survive as marks",
        "span",
        "            unused[index] = 0\n",
        "            unused[index] = unused[index]\n",
    ),
    PlantedBug(
        "needzero is forgotten",
        "span",
        "if freed > 0 or (",
        "if freed > 1 or (",
    ),
    PlantedBug(
        "an allocation is not counted",
        "span",
        "        self.alloc_count += 1\n        return slot\n\n    def has_fast_slot",
        "        return slot\n\n    def has_fast_slot",
    ),
    PlantedBug(
        "a stale span is not recognized",
        "span",
        "self.sweepgen == (sg + 1) & UINT32",
        "self.sweepgen == (sg + 5) & UINT32",
    ),
    PlantedBug(
        "generations do not wrap around",
        "span",
        "self.sweepgen = (sg + 3) & UINT32",
        "self.sweepgen = sg + 3",
    ),
    PlantedBug(
        "free slots can be marked",
        "span",
        "if self.is_free(slot):",
        "if slot >= self.nelems:",
    ),
)


def package_with(bug: PlantedBug | None) -> SimpleNamespace:
    """Run the implementation's sources, with a bug or without, and return its `Span`.

    Raises: ValueError if the text to be changed is not there: the bug is out of date.
    """
    folder = Path(spanalloc.__path__[0])
    installed = {name: sys.modules.get(f"spanalloc.{name}") for name in MODULES}
    made: dict[str, ModuleType] = {}
    try:
        for name in MODULES:
            text = (folder / f"{name}.py").read_text(encoding="utf-8")
            if bug is not None and bug.module == name:
                if bug.old not in text:
                    raise ValueError(f"planted bug {bug.name!r}: its text is not in {name}.py")
                text = text.replace(bug.old, bug.new, 1)
            module = ModuleType(f"spanalloc.{name}")
            sys.modules[module.__name__] = made[name] = module
            exec(compile(text, str(folder / f"{name}.py"), "exec"), module.__dict__)
    finally:
        for name, module_before in installed.items():
            if module_before is None:
                sys.modules.pop(f"spanalloc.{name}", None)
            else:
                sys.modules[f"spanalloc.{name}"] = module_before
    return SimpleNamespace(Span=made["span"].Span, SpanError=made["errors"].SpanError)


def find(bug: PlantedBug, *, start: int = 0, examples: int = 4000) -> CampaignResult:
    """Run a campaign against the implementation with a planted bug."""
    return run(of_package(package_with(bug)), start=start, examples=examples)
