"""`spanspec new`: a harness that connects an allocator, to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from spanproof.cli.output import HOLDS, Unusable, out
from spanproof.doors.templates.language import Language, files_of, first_steps
from spanproof.support.files import savedfile


def new(
    language: Annotated[Language, typer.Argument(help="The language.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.")],
) -> int:
    """Write a harness in C, Rust, Go or Python, of at most 80 lines, that builds and passes."""
    files = files_of(language)
    taken = [name for name in files if (folder / name).exists()]
    if taken:
        raise Unusable(f"{folder / taken[0]} is there already; nothing was written")
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        savedfile.write_bytes(content, place)
    out.print(f"wrote {', '.join(files)} to {folder}; now:", markup=False)
    for line in first_steps(language, folder):
        out.print(f"    {line}", markup=False)
    return HOLDS
