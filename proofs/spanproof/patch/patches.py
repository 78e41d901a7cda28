"""One piece of a module's source changed: what mutants and bugs are made of.

The piece is written as it stands in the source. It is looked for as it is written, and, if it is
not there, by its tokens: layout, comments, quotes, trailing commas and parentheses that say nothing
do not count, and local names of the function may be others, as long as they are so throughout.
"""

import ast
import builtins
import contextlib
import itertools
import keyword
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from spanproof.fingerprint.localnames import Local
from spanproof.fingerprint.modules import module_file, modules_of

Function = ast.FunctionDef | ast.AsyncFunctionDef

_TOKEN: Final = re.compile(
    r"""
    (?P<skip> \s+ | \#[^\n]* | \\\n )
    | (?P<string> [rbfuRBFU]{0,2}
        (?: '{3}.*?'{3} | "{3}.*?"{3} | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" ) )
    | (?P<name> [^\W\d]\w* )
    | (?P<number> \d[\w.]* )
    | (?P<op> \*\*=? | //=? | >>=? | <<=? | -> | := | [-+*/%&|^=<>!@]= | . )
    """,
    re.VERBOSE | re.DOTALL,
)


class DoesNotApply(ValueError):
    """A change has no place in the present source; the message says why, and where it looked."""


class Token(NamedTuple):
    """A token, where it stands in its text, and whether it is the name of an argument in a call."""

    kind: str
    text: str
    start: int
    end: int
    fixed: bool


class Match(NamedTuple):
    """Where a piece was found, and what its local names are there."""

    start: int
    end: int
    names: dict[str, str]


def place_of(name: str, package: str) -> str:
    """Return the file and line in a package of ours where a named change is written down."""
    for module in modules_of(package):
        path = module_file(module)
        if path is None:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if line.strip() == f'"{name}",':
                return f"{path}:{number}"
    return package


def patched(text: str, old: str, new: str, *, function: str | None = None, where: str = "") -> str:
    """Return a module's text with `new` in the place of `old`.

    With `function`, only the code of this function at the top level, or `Class.method`, is looked
    at, and the first place counts; without, the piece has to be in the module once. `where` names
    the module.

    Raises: DoesNotApply if the piece is not there, or its change is no Python, or changes nothing.
    """
    where = f"{where}.{function}" if function and where else where or function or "the module"
    tree = _parsed(text)
    start, end = 0, len(text)
    if function is not None:
        start, end = _code_of(text, tree, function, where)
        _refuse_unknown_names(text[start:end], tree, function, old, new, where)
    if not tokens(old):
        raise DoesNotApply(f"{_short(old)} is not in {where}: it is no code")
    places = [place.start() for place in _whole(old).finditer(text, start, end)]
    if len(places) == 1 or (places and function is not None):
        changed = text[: places[0]] + new + text[places[0] + len(old) :]
    elif places:
        raise DoesNotApply(f"{_short(old)} is in {where} {len(places)} times")
    else:
        changed = _by_syntax(text, tree, (start, end), old, new, where)
    try:
        after = ast.parse(changed)
    except SyntaxError as problem:
        raise DoesNotApply(
            f"{_short(old)} changed is no Python in {where}: {problem.msg}"
        ) from None
    if ast.dump(after) == _dumped(text):
        raise DoesNotApply(f"{_short(old)} changed is the same code in {where}")
    return changed


@lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module:
    """Return the syntax of a module, in which many pieces are looked for; nobody changes it."""
    return ast.parse(text)


@lru_cache(maxsize=64)
def _dumped(text: str) -> str:
    return ast.dump(_parsed(text))


def _whole(piece: str) -> re.Pattern[str]:
    """Return a pattern of a piece as it is written, from one end of a token to another."""
    before = r"(?<!\w)" if re.match(r"\w", piece) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", piece) else ""
    return re.compile(f"{before}{re.escape(piece)}{after}")


def _short(piece: str) -> str:
    words = " ".join(piece.split())
    return repr(words if len(words) <= 60 else f"{words[:57]}...")


def _refuse_unknown_names(
    code: str, tree: ast.Module, function: str, old: str, new: str, where: str
) -> None:
    """Refuse a change to names that are nowhere: a variable of the function is called otherwise.

    Raises: DoesNotApply, naming them.
    """
    there = {name for node in tree.body for name in _bound(node)} | set(dir(builtins))
    for found in _named(tree, function):
        there |= Local.of(found).names
    there |= {token.text for piece in (code, old) for token in tokens(piece) if not token.fixed}
    named = {token.text for token in tokens(new) if token.kind == "name" and not token.fixed}
    unknown = sorted(named - there - {part for part in named if f"{part} :=" in new})
    if unknown:
        raise DoesNotApply(f"{', '.join(unknown)} for {_short(old)} is no name in {where}")


def _code_of(text: str, tree: ast.Module, function: str, where: str) -> tuple[int, int]:
    """Return where a function's code begins and ends, without its docstring."""
    found = _named(tree, function)
    if not found:
        raise DoesNotApply(f"there is no function {where}")
    return _span(text, found[-1])


def _named(tree: ast.Module, function: str) -> list[Function]:
    """Return the functions of a name at the top level, or those of a class: `Class.method`."""
    owner, _, name = function.rpartition(".")
    bodies = (
        [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == owner]
        if owner
        else [tree.body]
    )
    return [
        node for body in bodies for node in body if isinstance(node, Function) and node.name == name
    ]


def _span(text: str, node: Function) -> tuple[int, int]:
    """Return the offsets of a function's code: from its `def`, or behind its docstring, on."""
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))

    def offset(line: int, column: int) -> int:
        begin = lines[line - 1]
        return begin + len(text[begin:].encode()[:column].decode())

    start = offset(node.lineno, node.col_offset)
    if ast.get_docstring(node) is not None:
        docstring = node.body[0]
        start = offset(docstring.end_lineno or 0, docstring.end_col_offset or 0)
    return start, offset(node.end_lineno or 0, node.end_col_offset or 0)


def _functions(tree: ast.Module) -> Iterator[Function]:
    """Yield the functions of a module and the methods of its classes."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (part for part in node.body if isinstance(part, Function))


# --- by syntax ------------------------------------------------------------------------------------


def _by_syntax(
    text: str, tree: ast.Module, region: tuple[int, int], old: str, new: str, where: str
) -> str:
    piece = tokens(old)
    known = {name for node in tree.body for name in _bound(node)} | set(dir(builtins))
    found: list[Match] = []
    for function in _functions(tree):
        start, end = _span(text, function)
        if piece and region[0] <= start and end <= region[1]:
            local = Local.of(function).names
            source = [
                one._replace(start=one.start + start, end=one.end + start)
                for one in tokens(text[start:end])
            ]
            present = {one.text for one in source if one.kind == "name" and not one.fixed}
            silent = _silent(source)
            matches = [
                match
                for at in range(len(source))
                if (match := _match(piece, source, at, silent, local, present | known))
                if _depth(source, match) == _depth(piece)
            ]
            found += [
                match
                for match, after in itertools.zip_longest(matches, matches[1:])
                if after is None or after.start >= match.end  # the tightest of nested places
            ]
    if not found:
        raise DoesNotApply(f"{_short(old)} is not in {where}")
    readings = {tuple(sorted(match.names.items())) for match in found}
    if len(readings) > 1 or (len(found) > 1 and region == (0, len(text))):
        raise DoesNotApply(f"{len(found)} places in {where} look like {_short(old)}")
    match = found[0]
    return text[: match.start] + _fitted(text, match, old, new) + text[match.end :]


def _depth(source: Sequence[Token], match: Match | None = None) -> int:
    """Return how many more brackets open than close in tokens, or in the place of a match."""
    inside = [
        token.text
        for token in source
        if match is None or (match.start <= token.start and token.end <= match.end)
    ]
    return sum((text in ("(", "[", "{")) - (text in (")", "]", "}")) for text in inside)


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top level binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name for alias in names)
        case _:
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id


def tokens(text: str) -> list[Token]:
    """Return the tokens of a piece of Python, which need not be whole."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "skip":
            continue
        word = match.group()
        if kind == "name" and keyword.iskeyword(word):
            kind = "keyword"
        if kind == "string" and not re.match(r"\w*f", word, re.IGNORECASE):
            with contextlib.suppress(SyntaxError, ValueError):
                word = repr(ast.literal_eval(word))
        after = text[match.end() : match.end() + 2]
        named = after.startswith("=") and after != "=="  # no space: an argument's name
        found.append(Token(kind, word, match.start(), match.end(), kind == "name" and named))
    return [
        one._replace(fixed=one.fixed or (at > 0 and found[at - 1].text == "."))
        for at, one in enumerate(found)
    ]


def _silent(source: Sequence[Token]) -> set[int]:
    """Return the places of tokens that only group or end: parentheses of no call, last commas."""
    silent: set[int] = set()
    open_at: list[int] = []
    for at, token in enumerate(source):
        if token.kind != "op":
            continue
        if token.text in ("(", "[", "{"):
            open_at.append(at)
        elif token.text in (")", "]", "}") and open_at:
            first = open_at.pop()
            before = source[first - 1] if first else None
            called = before is not None and (
                before.kind in ("name", "string") or before.text in (")", "]", "}")
            )
            if source[at - 1].text == ",":
                silent.add(at - 1)
            if token.text == ")" and not called and at > first + 1:
                silent |= {first, at}
    return silent


def _match(
    piece: Sequence[Token],
    source: Sequence[Token],
    at: int,
    silent: set[int],
    local: frozenset[str],
    known: set[str],
) -> Match | None:
    """Return the place of a piece that begins at a token of a function; None if it is not there."""
    names: dict[str, str] = {}
    place, first = 0, at
    grouping = _silent(piece)
    if at in silent and piece[0].text != source[at].text:
        return None
    while place < len(piece):
        if at >= len(source):
            if place in grouping:
                place += 1
                continue
            return None
        ours, theirs = piece[place], source[at]
        last = place == len(piece) - 1
        if last and ours.text == theirs.text and ours.kind == "name" == theirs.kind:
            ours = ours._replace(fixed=theirs.fixed)  # what would follow is not in the piece
        if _same(ours, theirs, names, local, known):
            place, at = place + 1, at + 1
        elif last and ours.text == "," and theirs.text in (")", "]", "}"):
            place += 1
        elif at in silent:
            at += 1
        elif place in grouping:
            place += 1
        else:
            return None
    skipped = [source[one].text for one in range(first, at) if one in silent]
    while at in silent and skipped.count("(") > skipped.count(")"):
        skipped.append(source[at].text)
        at += 1
    return Match(source[first].start, source[at - 1].end, names)


def _same(
    ours: Token, theirs: Token, names: dict[str, str], local: frozenset[str], known: set[str]
) -> bool:
    if ours.kind != theirs.kind:
        return False
    if ours.kind != "name" or ours.fixed or theirs.fixed:
        return ours.text == theirs.text and ours.fixed == theirs.fixed
    if ours.text not in names:
        renamed = ours.text != theirs.text
        if renamed and (ours.text in known or theirs.text not in local):
            return False
        if theirs.text in names.values():
            return False
        names[ours.text] = theirs.text
    return names[ours.text] == theirs.text


def _fitted(text: str, match: Match, old: str, new: str) -> str:
    """Return the new piece with the names and the indentation of the place it goes to."""
    made, at = "", 0
    for token in tokens(new):
        name = token.text
        if token.kind == "name" and not token.fixed:
            name = match.names.get(name, name)
        raw = new[token.start : token.end]
        made += new[at : token.start] + (name if token.kind == "name" else raw)
        at = token.end
    line = text[text.rfind("\n", 0, match.start) + 1 : match.start]
    wanted = len(line) if not line.strip() else len(line) - len(line.lstrip())
    shift = wanted - (len(old) - len(old.lstrip(" ")))
    first, *others = made.strip().split("\n")
    if not old.startswith(" "):
        shift = 0
    return "\n".join([first, *(_shifted(one, shift) for one in others)])


def _shifted(line: str, by: int) -> str:
    """Return a line with so many spaces more in front, or fewer."""
    return " " * by + line if by >= 0 else line[-by:]
