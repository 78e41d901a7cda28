"""Build hook: compiles `spanalloc`, and the busiest modules of the model and the judge of traces.

It does so with mypyc. Without a C compiler, or with SPANALLOC_INTERPRETED=1 in the environment, the
very same source is installed as plain Python; `spanalloc.RUNNING` tells which of the two is
running, and why. What the prover reads is the source in either case.

Compiled is all or nothing: where one module fails, or what was built cannot be imported, sources
are installed, with the reason. What was compiled is noted with digests of its sources, so that an
edit of them is noticed (`spanspec/compiled.py`).
"""

import ast
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from itertools import chain, product
from pathlib import Path
from types import ModuleType
from typing import Final

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

# Exceptions that are a MemoryError or an OSError, too, cannot be native classes, nor can what weak
# references are kept of; the others are programs that use the allocator, and want the interpreter
# to switch between their threads. What audits a heap computes with bitmaps, for which there may be
# no memory.
INTERPRETED = (
    "__init__.py",
    "__main__.py",
    "audit.py",
    "compiled.py",
    "errors.py",
    "handles.py",
    "hostile.py",
    "maininterpreter.py",
    "mappings.py",
    "seed.py",
    "stress.py",
    "resources.py",
)

ALLOCATOR = sorted(
    str(path)
    for path in Path("impl/spanalloc").rglob("*.py")
    if path.name not in INTERPRETED and path.parent.name != "attacks"
)

# The busiest modules of the model. What else is busy stays interpreted for what mypyc makes of
# it: a class from which an interpreted one is derived (`heap/decisions`), a function that is
# called with terms of a solver (`base/bitmap`), and records that are compared with each other, as
# it compares identities (`span/specials`). A record that is read from JSON has the annotation of a
# field that is no plain class in quotes: of another one mypyc leaves the reader nothing.
HOT = (
    "base/constants",
    "base/conversions",
    "base/intervals",
    "base/sizeclass",
    "base/words",
    "heap/changes",
    "heap/courses/course",
    "heap/courses/cycle",
    "heap/courses/malloc",
    "heap/courses/mcache",
    "heap/courses/mcentral",
    "heap/courses/newspan",
    "heap/courses/procs",
    "heap/courses/publishing",
    "heap/courses/reclaim",
    "heap/courses/sweeping",
    "heap/courses/sweepspan",
    "heap/lines",
    "heap/machine",
    "heap/operations/allocation",
    "heap/operations/cycles",
    "heap/parts",
    "heap/state/accounts",
    "heap/state/addresses",
    "heap/state/advancing",
    "heap/state/allp",
    "heap/state/collector",
    "heap/state/contents",
    "heap/state/inputs",
    "heap/state/marking",
    "heap/state/mcaches",
    "heap/state/pacing",
    "heap/state/progress",
    "heap/state/refilling",
    "heap/state/state",
    "heap/state/sweepers",
    "heap/state/taking",
    "invariants/accounting",
    "invariants/addresses",
    "invariants/checking",
    "invariants/objects",
    "invariants/pages",
    "invariants/registry",
    "invariants/spans",
    "invariants/sweeping",
    "pages/courses/growth",
    "pages/courses/pagealloc",
    "pages/courses/scavenge",
    "pages/courses/scavengeline",
    "pages/freeset/descents",
    "pages/freeset/freeruns",
    "pages/freeset/treap",
    "pages/freeset/treapnode",
    "pages/memory/fixalloc",
    "pages/pageheap",
    "pages/tables/coalescing",
    "pages/tables/invariant",
    "pages/tables/pagemap",
    "pages/tables/records",
    "pages/tables/runs",
    "pages/tables/statistics",
    "pages/tables/steps",
    "sharing/containers/spanlist",
    "sharing/containers/sweepbuf",
    "sharing/invariant/meeting",
    "sharing/steps/cachespan",
    "sharing/steps/caching",
    "sharing/steps/cycle",
    "sharing/steps/steps",
    "sharing/steps/sweeping",
    "sharing/tables/growing",
    "sharing/tables/records",
    "span/alloccache",
    "span/freeslots",
    "span/listing",
    "span/markbits",
    "span/mspan",
    "span/profile",
    "span/sweep",
    "span/sweepgen",
    "span/tiny",
)
REPLAY = (
    "following/kinds",
    "following/latereads",
    "following/replay",
    "following/replay_objects",
    "following/threads",
    "following/unlockedreads",
    "following/verdict",
    "following/witness",
    "following/world",
    "format/inputs",
    "format/lines",
)

FIGURES = ["bench/spanbench/others/baseline.py"]
"""What a compiled method without a body costs is a figure."""

MODEL = [
    *(f"model/spanspec/{name}.py" for name in HOT),
    *(f"proofs/spanproof/replay/{name}.py" for name in REPLAY),
]
"""What runs for nearly each event of a trace.

The judge of traces is in one library with the state that it drives: so it reads records where they
lie, and calls steps without Python in between.
"""

IN_PLACE: Final = "--inplace" in sys.argv
"""Whether compiled modules go beside their sources; then those that are up to date are left."""

FROM_SOURCES: Final = IN_PLACE or not {"editable_wheel", "develop"}.isdisjoint(sys.argv)
"""Whether the sources stay where they are, and run there. What users install has no benchmarks."""

ALL_GROUPS: Final = {
    "spanalloc": ALLOCATOR,
    "spanspec": MODEL,
    **({"spanbench": FIGURES} if FROM_SOURCES else {}),
}
"""The sources that are compiled into one library each, by its name."""

FOLDERS: Final = {
    "spanalloc": [Path("impl/spanalloc")],
    "spanspec": [Path("model/spanspec"), Path("proofs/spanproof/replay")],
    "spanbench": [Path("bench/spanbench")],
}
"""The packages that each library's sources are of; each notes what was compiled of it."""

FLAGS: Final = {"spanspec": ["-O2", "-DKEEP_INTEGERS"]}
"""What the compiler of C is told about one library alone.

To replay a trace runs through more code than the processor's caches hold, so that code that is
larger for the sake of speed is slower; and it takes longer to compile. An allocator is a few
kernels, and mostly returns addresses that it has not returned before.
"""

ROOT: Final = Path(__file__).parent.resolve()

COMPILING: Final = ROOT / "compiling"
"""What goes into the C that mypyc writes, and what changes it."""

HEADERS: Final = [COMPILING / name for name in ("reserve.h", "slots.h")]
"""What all that mypyc writes includes first; `slots.h` includes the others."""

REWRITING: Final = {
    "spanspec": [
        COMPILING / name for name in ("fieldreads.py", "fields.h", "starcalls.py", "starcalls.h")
    ]
}
"""What lets a library's C read fields of records where they lie, and pass arguments where they are;
the model does that most."""


def load(place: Path) -> ModuleType:
    """Return a module from its source, without its package."""
    spec = importlib.util.spec_from_file_location(place.stem, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compiled = load(ROOT / "model" / "spanspec" / "compiled.py")


def settings(library: str) -> str:
    """Return the digest of what makes a build besides the text of its sources."""
    others = {one for name, files in REWRITING.items() if name != library for one in files}
    used = [one for one in sorted(COMPILING.glob("*.*")) if one not in others]
    texts = [one.read_bytes() for one in used]
    told = [*ALL_GROUPS[library], *FLAGS.get(library, [])]
    return str(compiled.hash_of(b"\0".join([*map(str.encode, told), *texts])))


def is_current(library: str) -> bool:
    """Tell whether what is compiled in place is what would be compiled now."""
    return all(
        compiled.how(folder).compiled
        and compiled.read_manifest(folder).settings == settings(library)
        for folder in FOLDERS[library]
    )


GROUPS: Final = {
    library: sources
    for library, sources in ALL_GROUPS.items()
    if not (IN_PLACE and is_current(library))
}
"""Those that are to be compiled now."""

BUILDS: Final = {"build", "build_ext", "bdist_wheel", "editable_wheel", "install", "develop"}
"""The commands that compile; the others, such as those that only ask for metadata, need not."""


def tell(line: str) -> None:
    """Say what is being done: compiling takes minutes."""
    print(f"  mypyc: {line}\n", end="", flush=True)  # one piece, where threads print


def why_not() -> str:
    """Return the reason for which nothing is compiled, or ""."""
    if os.environ.get(compiled.INTERPRET) == "1":
        return f"it was installed with {compiled.INTERPRET}=1"
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(shlex.split(command)[0]) is None:
        return f"it was installed without a C compiler: there is no {shlex.split(command)[0]}"
    return ""


def flags(name: str) -> list[str]:
    """Return what the compiler of C is told besides about a package."""
    # The functions of mypyc's modules are exported symbols. Unless the compiler may assume that
    # nobody replaces them, it calls each small kernel through the linkage table instead of
    # inlining it, which makes an allocation four times as slow.
    told = ["-fno-semantic-interposition", *FLAGS.get(name, [])]
    # For this warning GCC looks up how lines are indented, among hundreds of thousands that nobody
    # indents for a reader: a third of the time that compiling takes.
    told.append("-Wno-misleading-indentation")
    # Half of what a replay does is reading fields of records; and what mypyc's code cannot tell of
    # a failure of must not fail.
    for header in HEADERS:
        told += ["-include", str(header)]
    return told


def rewrite(module: Extension, library: str) -> None:
    """Have what mypyc has written compile faster; the model's, also read and pass values faster."""
    marked = load(COMPILING / "toplevels.py").marked
    with_places = load(COMPILING / "fieldreads.py").with_places
    calls = load(COMPILING / "starcalls.py")
    module.include_dirs.append(str(COMPILING))
    for source in map(Path, module.sources):
        text = source.read_text(encoding="utf-8")
        changed = marked(text)
        if library in REWRITING:
            changed = calls.taken_directly(calls.without_lists(with_places(changed)))
        if changed != text:  # a source that is as it was needs not be compiled again
            source.write_text(changed, encoding="utf-8")


def extensions() -> tuple[list[Extension], str]:
    """Return the extension modules to build; or none, and why the source is to run interpreted."""
    reason = why_not()
    if reason:
        return [], reason
    from mypyc.build import mypycify

    tell("reading " + ", ".join(f"{name} ({len(them)} files)" for name, them in GROUPS.items()))
    modules: list[Extension] = []
    try:
        for name, sources in GROUPS.items():
            for module in mypycify(sources, opt_level="3", group_name=name):
                module.extra_compile_args = [*module.extra_compile_args, *flags(name)]
                module.depends += map(str, (*HEADERS, *REWRITING.get(name, [])))
                rewrite(module, name)
                modules.append(module)
    except SystemExit:  # mypyc has said what it cannot compile
        return [], "mypyc could not compile it when it was installed"
    return modules, ""


MODULES, REASON = extensions() if BUILDS.intersection(sys.argv) else ([], why_not())


def imported(source: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the sources of some packages that a source imports."""
    for node in ast.walk(ast.parse(source.read_bytes())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name, folder in product(names, folders):
            place = Path(folder.parts[0]).joinpath(*name.split("."))
            for found in (place.with_suffix(".py"), place / "__init__.py"):
                inside = found.is_relative_to(folder)
                if inside and found.is_file() and found.name != "compiled.py":
                    yield found


def manifests(library: str) -> dict[Path, object]:
    """Return what identifies the sources of each package that are compiled, or read meanwhile."""
    sources = [Path(source) for source in GROUPS[library]]
    seen, waiting = set(sources), list(sources)
    while waiting:
        for found in imported(waiting.pop(), FOLDERS[library]):
            if found not in seen:
                seen.add(found)
                waiting.append(found)

    def digests(some: set[Path], folder: Path, bodies: bool) -> dict[str, object]:
        return {
            source.relative_to(folder).as_posix(): compiled.digest(source, bodies=bodies)
            for source in sorted(some)
            if source.is_relative_to(folder)
        }

    return {
        folder: compiled.Manifest(
            digests(set(sources), folder, bodies=True),
            digests(seen - set(sources), folder, bodies=False),
            "",
            settings(library),
            library,
        )
        for folder in FOLDERS[library]
    }


class BuildPy(build_py):
    """Copies the sources, and notes that nothing is compiled so far."""

    def finalize_options(self) -> None:
        """Leave the benchmarks out of what users install."""
        super().finalize_options()
        if not FROM_SOURCES and self.packages:
            self.packages = [
                name for name in self.packages if name.partition(".")[0] != "spanbench"
            ]

    def run(self) -> None:
        """Run the command."""
        super().run()
        note_interpreted(self, REASON or "the build did not end")


class BuildExt(build_ext):
    """Compiles every module, or none."""

    def build_extension(self, ext: Extension) -> None:
        """Compile one library, or one of the small modules that lead to it."""
        if ext.name.endswith("__mypyc"):
            tell(f"compiling {ext.name.removesuffix('__mypyc')}")
        super().build_extension(ext)

    def run(self) -> None:
        """Run the command; a failure leaves the sources and the reason."""
        if REASON:
            note_interpreted(self, REASON)
            return
        self.parallel = self.parallel or os.cpu_count()
        started = time.perf_counter()
        noted: dict[Path, object] = {}
        for library in GROUPS:
            noted |= manifests(library)
        for folder in noted:
            # A build that is killed leaves libraries of which nobody knows what they were made of.
            (written_to(self, folder) / compiled.MANIFEST).unlink(missing_ok=True)
        try:
            super().run()
            for folder, known in noted.items():
                remove_left_over(self, folder)
                compiled.write_manifest(written_to(self, folder), known)
            check(self)
            tell(f"compiled in {time.perf_counter() - started:.0f} s")
        except Exception as problem:
            line = " ".join(str(problem).split())[:300]
            self.warn(f"nothing is compiled: {line}")
            note_interpreted(self, f"compiling failed when it was installed: {line}")


def written_to(command: build_py | build_ext, folder: Path) -> Path:
    """Return where a command writes what is of the package in a folder."""
    # `inplace` itself is cleared while the libraries are built.
    in_place = IN_PLACE or command.editable_mode
    return folder if in_place else Path(command.build_lib, *folder.parts[1:])


def remove_left_over(command: build_ext, folder: Path) -> None:
    """Remove what an earlier build has compiled in place, and this one has not.

    A library beside a source, of which nothing is noted, counts as a change: the whole package
    would run from its sources.
    """
    sources = map(Path, chain.from_iterable(GROUPS.values()))
    now = {one.relative_to(folder).as_posix() for one in sources if one.is_relative_to(folder)}
    place = written_to(command, folder)
    for name in compiled.extension_modules(place) - now:
        (place / name).with_suffix(compiled.EXTENSION_SUFFIXES[0]).unlink()


def note_interpreted(command: build_py | build_ext, reason: str) -> None:
    """Remove what is compiled from each package, and note the reason."""
    for folder in chain.from_iterable(FOLDERS[library] for library in GROUPS):
        place = written_to(command, folder)
        for name in compiled.extension_modules(place):
            (place / name).with_suffix(compiled.EXTENSION_SUFFIXES[0]).unlink()
        compiled.write_manifest(place, compiled.Manifest({}, {}, reason))


def check(command: build_ext) -> None:
    """Import all that was built, in a process of its own.

    Raises: RuntimeError if that fails, or the sources are imported instead.
    """
    sources = [Path(source) for source in chain.from_iterable(GROUPS.values())]
    names = [".".join(source.with_suffix("").parts[1:]) for source in sources]
    # The root of each package, or the one folder into which all are built.
    places = {written_to(command, Path(*source.parts[:2])).parent.resolve() for source in sources}
    script = (
        f"import importlib\nfor name in {names!r}:\n"
        "    assert not importlib.import_module(name).__file__.endswith('.py'), name"
    )
    # Where pip builds apart from all that is installed, what a build needs is on this path, too.
    path = [*map(str, sorted(places)), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise RuntimeError(f"what was built cannot be imported: {done.stderr.strip()[-200:]}")


setup(ext_modules=MODULES, cmdclass={"build_py": BuildPy, "build_ext": BuildExt})
