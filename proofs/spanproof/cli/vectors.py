"""`spanspec vectors`: programs with the replies that they must have, for those without Python."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from spanproof.cli.output import FAILS, HOLDS, out, progress
from spanproof.support import savedfile
from spanspec.base.wording import counted

LEAST_FOUND = 0.9
"""The share of the wrong variants that vectors have to find."""


def vectors(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write them.")],
) -> int:
    """Write programs with expected replies as JSON lines, which find the known wrong variants."""
    from spanproof.mutation.variants import of_span
    from spanproof.mutation.vectors import about, choose, reached, size_lines, span_lines

    folder.mkdir(parents=True, exist_ok=True)
    variants = list(of_span())
    with progress("variants") as display:
        task = display.add_task("looking for programs", total=len(variants))
        chosen = choose(variants, reached(), lambda name: display.advance(task))
    told = about(chosen)
    for name, lines in (("span.jsonl", span_lines(chosen)), ("sizes.jsonl", size_lines())):
        savedfile.write_bytes(b"".join(line + b"\n" for line in lines), folder / name)
    text = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    savedfile.write_bytes(text, folder / "vectors.json")
    found = sum(len(one.finds) for one in chosen.vectors)
    can_be = found + len(chosen.left)
    out.print(
        f"{counted(len(chosen.vectors), 'vector')} of spans find {found} of "
        f"{counted(can_be, 'wrong variant')}; {len(chosen.out_of_reach)} more are of functions "
        f"that no program of a span reaches; written to {folder}",
        markup=False,
    )
    for name in chosen.left:
        out.print(f"  not found: {name}", markup=False)
    return HOLDS if found >= LEAST_FOUND * can_be else FAILS
