"""Each field of the state is read by some rule: what is only written stands for no rule."""

import ast
from pathlib import Path

import spanspec

FOLDER = Path(spanspec.__path__[0])

STATES = {
    "heap/state/state.py": ("HeapState", "Mcache", "Mcentral"),
    "pages/pageheap.py": ("PageHeap",),
    "pages/tables/records.py": ("Arena", "Tiling"),
    "heap/decisions.py": ("Decisions",),
    "pages/tables/statistics.py": ("HeapStatistics",),
    "span/mspan.py": ("Mspan",),
    "pages/tables/runs.py": ("PageRun",),
    "heap/state/pacing.py": ("SweepPace", "Debt"),
    "pages/courses/scavengeline.py": ("Line",),
    "pages/courses/bgscavenge.py": ("Scavenger",),
    "span/tiny.py": ("TinyBlock",),
    "span/specials.py": ("Special",),
    "span/markbits.py": ("Generation", "BitsArenas", "SpanBits"),
    "pages/memory/persistent.py": ("Chunk", "AllSpans", "AllArenas", "Metadata"),
}
"""The classes that hold what the rules speak of, by module."""


def fields_of(tree: ast.ClassDef) -> set[str]:
    """Return the names of the fields of a record, or of what a class's methods assign."""
    found = {
        statement.target.id
        for statement in tree.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
    found |= {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return found


def fields_read_by(source: str) -> set[str]:
    """Return the names of all attributes that a module reads."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def fields_read(folder: Path) -> set[str]:
    """Return the names of all attributes that the modules of a folder read."""
    sources = (path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    return set[str]().union(*map(fields_read_by, sources))


def unread_fields(source: str, classes: tuple[str, ...], read: set[str]) -> set[str]:
    """Return the fields of some classes of a module that are not among those read."""
    trees = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    assert set(classes) <= set(trees)
    return {field for name in classes for field in fields_of(trees[name])} - read


def test_each_field_of_the_state_is_read_somewhere_in_the_model() -> None:
    read = fields_read(FOLDER)
    unread = {
        module: unread_fields((FOLDER / module).read_text(encoding="utf-8"), classes, read)
        for module, classes in STATES.items()
    }
    assert {module: fields for module, fields in unread.items() if fields} == {}


NOT_SAVED = {
    "HeapState": {
        "allp": "its number is, and its table as `mcache_of`; the rest is that number at rest",
        "lists": "saved of each class, as what `central` shows of them",
        "page_marks": "saved of each span: whether its page counts as marked in this cycle",
        "sharing": "its parts are, but for ghosts; nobody is at work between operations",
        "slots": "another name for a table of sharing",
        "step_counts": "counted for tests",
    },
    "Mcache": {
        "identity": "saved as the key of its table",
        "first_slot": "follows from the identity",
        "may_allocate": "a guard that need not be asked again; without it, it is",
    },
    "Mcentral": {},
    "PageHeap": {
        "phys": "never changes",
        "os": "not of the heap",
        "goals": "the inputs",
        "tiling": "its tables are; the rest are ghosts, or follow from the arenas",
        "unscavenged_huge": "follows from the free runs",
    },
    "Decisions": {
        "state": "the heap",
        "telling": "counts what was told",
    },
}
"""Fields that a snapshot does without, and why nothing is lost."""


def test_a_snapshot_has_each_field_of_the_state() -> None:
    read = fields_read_by((FOLDER / "heap/snapshot.py").read_text(encoding="utf-8"))
    for module, classes in STATES.items():
        for name in set(classes) & set(NOT_SAVED):
            source = (FOLDER / module).read_text(encoding="utf-8")
            missing = unread_fields(source, (name,), read)
            assert missing == set(NOT_SAVED[name]), name


def test_a_counter_that_is_only_counted_would_be_noticed() -> None:
    source = "class Counts:\n    def __init__(self):\n        self.seen = self.kept = 0\n"
    source += "    def more(self):\n        self.seen += 1\n"
    read = {node.attr for node in ast.walk(ast.parse("x.kept")) if isinstance(node, ast.Attribute)}
    assert unread_fields(source, ("Counts",), read) == {"seen"}
