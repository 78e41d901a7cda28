"""The program that drives any malloc: compiled when it is first needed, and kept."""

import hashlib
import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Final

from spanproof.protocol.faults import CannotStart
from spanproof.support.files.folders import cache_folder
from spanproof.support.processes.programs import ran
from spanproof.support.tools import C_COMPILER

SOURCES: Final = Path(__file__).parent / "c"
FLAGS: Final = ("-O2", "-pthread")
LIBRARIES: Final = ("-ldl",)


def compiler() -> str:
    """Return the command of a C compiler: that of the variable CC, or the machine's.

    Raises: CannotStart if there is none.
    """
    named = shlex.split(os.environ.get("CC", ""))[:1]
    for name in (*named, "cc", "gcc", "clang"):
        found = shutil.which(name)
        if found is not None:
            return found
    raise CannotStart(f"a C compiler is needed for --malloc; install one: {C_COMPILER.install}")


def driver() -> Path:
    """Return the compiled program; it is kept with what else is kept, under a hash of its source.

    Raises: CannotStart if it cannot be compiled.
    """
    command = compiler()
    sources = [SOURCES / "malloc_driver.c", SOURCES / "spanspec.h"]
    told = b"\0".join([command.encode(), *(path.read_bytes() for path in sources)])
    name = f"malloc-{hashlib.sha256(told).hexdigest()[:24]}"
    kept = cache_folder() / "drivers"
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError:
        kept = Path(tempfile.gettempdir()) / f"spanspec-drivers-{os.getuid()}"
        kept.mkdir(mode=0o700, exist_ok=True)
    place = kept / name
    if not place.exists():
        compile_to(place, [command, *FLAGS], sources[0])
    return place


def compile_to(place: Path, command: list[str], source: Path) -> None:
    """Compile a program to a place, whole or not at all.

    Raises: CannotStart if that fails.
    """
    handle, name = tempfile.mkstemp(dir=place.parent)
    os.close(handle)
    try:
        done = ran([*command, "-o", name, str(source), *LIBRARIES])
        if done.returncode != 0:
            raise CannotStart(f"{source.name} cannot be compiled: {done.stderr.strip()[:300]}")
        os.replace(name, place)
    finally:
        Path(name).unlink(missing_ok=True)


def library_of(name: str, folder: str) -> Path:
    """Return the file of a library: a path, relative to a folder, or a name that the loader knows.

    Raises: CannotStart if there is none, or the loader could not take it.
    """
    place = Path(folder, name)
    if not place.is_file() and "/" not in name:
        place = known_to_the_loader(name) or place
    if not place.is_file():
        raise CannotStart(f"{name}: there is no such file, and no such library is installed")
    place = place.absolute()
    if any(one in str(place) for one in " :"):
        raise CannotStart(f"{place}: the loader takes no path with a space or a colon in it")
    return place


def known_to_the_loader(name: str) -> Path | None:
    """Return where the loader finds a library, if it does.

    It lists a library by one name, and takes it by the others that it has in the same folder.
    """
    command = shutil.which("ldconfig", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if command is None:
        return None
    listed = ran([command, "-p"]).stdout
    folders: dict[Path, None] = {}
    for line in listed.splitlines():
        told, arrow, place = line.strip().partition(" => ")
        if arrow and told.split(" ")[0] == name:
            return Path(place)
        if arrow:
            folders[Path(place).parent] = None
    return next((one / name for one in folders if (one / name).is_file()), None)
