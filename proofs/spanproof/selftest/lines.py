"""Which lines of the translator a run executes."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

from spanproof import symbolic
from spanproof.symbolic.reading.sources import text_of

TraceFunction = Callable[[FrameType, str, object], "TraceFunction | None"]


class Coverage(NamedTuple):
    """The lines of one module: how many can be executed, and which were not."""

    module: str
    lines: int
    missed: tuple[int, ...]


def translator_files() -> list[Path]:
    """Return the files of the translator."""
    (folder,) = symbolic.__path__
    return sorted(Path(folder).rglob("*.py"))


def coverage_of(run: Callable[[], None]) -> list[Coverage]:
    """Run something, and return which lines of the translator's functions it executed."""
    files = {str(path) for path in translator_files()}
    seen: dict[str, set[int]] = {name: set() for name in files}

    def local(frame: FrameType, event: str, _: object) -> TraceFunction:
        if event == "line":
            seen[frame.f_code.co_filename].add(frame.f_lineno)
        return local

    def start(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        return local if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(start)
    try:
        run()
    finally:
        sys.settrace(before)
    return [
        Coverage(path.stem, len(lines), tuple(sorted(lines - seen[str(path)])))
        for path in translator_files()
        if (lines := lines_of_functions(path))
    ]


def lines_of_functions(path: Path) -> set[int]:
    """Return the lines of a file that are executed when its functions are."""
    code = compile(text_of(path), str(path), "exec", dont_inherit=True)
    return {line for inner in _functions(code) for line in _lines(inner)}


def _functions(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of all functions, methods included; the bodies of classes run at import."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if one.co_flags & 0x2:  # CO_NEWLOCALS: a function, not the body of a class
                yield one
            yield from _functions(one)


def _lines(code: CodeType) -> Iterator[int]:
    for _, _, line in code.co_lines():
        if line is not None and line != code.co_firstlineno:
            yield line
