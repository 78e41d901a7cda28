"""Go's own allocator, serving a stream of requests in a Go program of ours."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from spanproof.support.processes.programs import ran
from spanproof.support.tools import GO, command_of

SOURCE: Final = Path(__file__).with_name("goreplay")


Kind = Literal["processor", "clock"]


class Pass(NamedTuple):
    """What serving a stream once took, in seconds: on the clock, of processor time of the whole
    process, and how much of the clock's was spent in cycles.
    """

    clock: float
    processor: float
    cycles: float

    def seconds(self, kind: Kind) -> float:
        """Return one kind of time."""
        return self.processor if kind == "processor" else self.clock


@contextmanager
def built() -> Iterator[Path]:
    """Give the compiled program.

    Raises: Missing if Go is not installed; RuntimeError if it does not compile.
    """
    go = command_of(GO)
    with tempfile.TemporaryDirectory() as folder:
        sources, program = Path(folder, "source"), Path(folder, "goreplay")
        shutil.copytree(SOURCE, sources)
        environment = {**os.environ, "GOFLAGS": "", "GOWORK": "off"}
        environment["GOTMPDIR"] = folder
        environment.setdefault("GOCACHE", str(Path(folder, "cache")))
        command = [go, "build", "-o", str(program), "."]
        done = ran(command, folder=sources, environment=environment)
        if done.returncode != 0:
            raise RuntimeError(f"go build fails: {done.stderr.strip()}")
        yield program


def serve(program: Path, stream: Path, passes: int, procs: int | None) -> list[Pass]:
    """Serve a stream so many times on one heap, with GOMAXPROCS or the default number of Ps.

    Raises: RuntimeError with what the program says, if it fails.
    """
    environment = dict(os.environ)
    for name in ("GOGC", "GODEBUG", "GOMEMLIMIT", "GOMAXPROCS"):
        environment.pop(name, None)
    if procs is not None:
        environment["GOMAXPROCS"] = str(procs)
    done = ran([program, stream, str(passes)], environment=environment)
    if done.returncode != 0:
        raise RuntimeError(f"goreplay: {done.stderr.strip()[-300:]}")
    return [Pass(**taken) for taken in json.loads(done.stdout)]
