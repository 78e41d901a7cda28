"""The C header `spanspec.h`, made from the types of the messages.

`python -m spanproof.doors.header` prints it: the functions that an implementation in C defines, and
the process that answers messages with them.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Final, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import fields

from spanproof.protocol import messages
from spanproof.protocol.lacks import CALLS
from spanproof.protocol.messages import REPLIES, VERSION, Ask, Done, Reply, Returned, op_of

MOST_PARAMETERS: Final = 6
"""What has more fields is given to its function as a struct."""

RUNTIME: Final = Path(__file__).parent / "c" / "runtime.c"
PLACE: Final = Path(__file__).parent / "c" / "spanspec.h"

WORDS: Final = "a list of words"
SIGNED: Final = "a number that may be below 0"
"""Kinds of fields that are no type of Python's."""

C_TYPES: Final[dict[object, str]] = {
    int: "uint64_t ",
    SIGNED: "int64_t ",
    bool: "int ",
    str: "const char *",
    WORDS: "const char *",
    msgspec.Raw: "const char *",
    list: "struct spanspec_bits ",
}
"""What a field of a kind is in C, as it stands before its name."""

GENERIC: Final[tuple[type[Ask], ...]] = (
    messages.Size,
    messages.Account,
    messages.NewSpan,
    messages.Allocate,
    messages.Mark,
    messages.Refill,
    messages.Retire,
    messages.Flush,
    messages.Sweep,
    messages.SpanState,
    messages.NewHeap,
    messages.HeapCall,
    messages.HeapBegin,
    messages.Turn,
    messages.HeapState,
)
"""Requests that are one function each; objects of the contract are in the memory of the process."""

HEAD: Final = f"""\
/* spanspec.h: an allocator in C against the specification, as a process or as a library.

   Made by `python -m spanproof.doors.header`, from the messages of protocol {VERSION}. Do not edit.

   Define the functions of one level, or of several; what you leave out is not asked for. Each that
   returns text returns NULL if all is well, and otherwise why the rules forbid what was asked.

   A process: define SPANSPEC_MAIN before you include this, in one file.
       cc -O2 -pthread -o mine mine.c          spanspec fuzz --exec ./mine
   A library: leave it out.
       cc -O2 -shared -fPIC -o mine.so mine.c  spanspec fuzz --lib ./mine.so */

#ifndef SPANSPEC_H
#define SPANSPEC_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define SPANSPEC_PROTOCOL {VERSION}
#define SPANSPEC_WORDS 16 /* of a bitmap: 1024 slots */
#define SPANSPEC_RUNS 8   /* of equal bytes, as which contents are shown */
#define SPANSPEC_WEAK __attribute__((weak))

/* A bitmap: bit i of the whole is bit i % 64 of word i / 64. */
struct spanspec_bits {{
    uint64_t word[SPANSPEC_WORDS];
}};

/* Who answers: its name; what objects are aligned to (8), a power of two; the bytes of the largest
   object that it makes (any), and of all that live at once (any), each counted as 64 at least, and
   with its alignment besides if that was asked for; the threads that may act at once (1), not of a
   library; what its contract or its heap lacks, which is not asked for. All may be left out. */
SPANSPEC_WEAK const char *spanspec_name(void);
SPANSPEC_WEAK uint64_t spanspec_alignment(void);
SPANSPEC_WEAK uint64_t spanspec_largest(void);
SPANSPEC_WEAK uint64_t spanspec_memory(void);
SPANSPEC_WEAK uint64_t spanspec_threads(void);
#define SPANSPEC_NO_REALLOC 1u
#define SPANSPEC_NO_ALIGN 2u
#define SPANSPEC_NO_ZERO 4u
#define SPANSPEC_NO_CYCLES 8u     /* of a heap: a collector, and sweeping */
#define SPANSPEC_NO_SPECIALS 16u  /* finalizers, and profile records */
#define SPANSPEC_NO_MANUAL 32u    /* manual spans */
#define SPANSPEC_NO_PROCS 64u     /* more than one P */
#define SPANSPEC_NO_SCAVENGER 128u
#define SPANSPEC_NO_PHYSICAL 256u /* physical pages of other sizes than 4096 bytes */
#define SPANSPEC_NO_ANSWERS 512u  /* an operating system that says other than `grant` */
SPANSPEC_WEAK unsigned spanspec_lacks(void);

/* Of a heap: whether its replies have events (0); which calls it has besides (none). */
SPANSPEC_WEAK int spanspec_shows_events(void);
#define SPANSPEC_FIND 1u
#define SPANSPEC_SET_GC_PERCENT 2u
#define SPANSPEC_FINISH_PACED 4u
SPANSPEC_WEAK unsigned spanspec_calls(void);

/* Text in replies: path and stop are words; events and state are JSON, NULL for none. A list of
   words, such as answers, is one text with spaces between. Text of a request lasts until the
   function returns; text of a reply has to last until the next one is called. */

/* The contract: NULL if there is no memory. `align` is a power of two, or 0 for what is promised
   anyway. Contents are filled and looked at by this header. */
SPANSPEC_WEAK void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero);
SPANSPEC_WEAK void *spanspec_realloc(void *object, uint64_t bytes);
SPANSPEC_WEAK void spanspec_free(void *object);

"""

TAIL: Final = """\
#ifdef __cplusplus
}
#endif

#endif /* SPANSPEC_H */
"""


def text() -> str:
    """Return the header."""
    before, main, after = RUNTIME.read_text(encoding="utf-8").partition("/* Requests. */\n")
    assert main
    return "".join(
        [
            HEAD,
            *declarations(),
            before,
            *names(),
            *lacks(),
            *defaults(),
            *fillers(),
            *dispatch(),
            main,
            after,
            "\n",
            TAIL,
        ]
    )


def declarations() -> Iterator[str]:
    """Yield the structs of replies, and the functions."""
    told: set[type[Reply]] = set()
    for asked in GENERIC:
        reply = REPLIES[asked]
        if reply is not Done and reply not in told:
            told.add(reply)
            yield from struct(reply, summary(reply))
        given = given_as(asked)
        if given is asked:
            yield from struct(
                asked, "The fields of a request; those that it is not about are 0, percent is 100."
            )
        yield f"/* {summary(asked)} */\n"
        yield f"SPANSPEC_WEAK const char *{function_of(asked)}({parameters(asked)});\n\n"


def struct(one: type[msgspec.Struct], says: str) -> Iterator[str]:
    """Yield the struct that a message is."""
    yield f"/* {says} */\nstruct {struct_of(one)} {{\n"
    for name, kind in typed(one):
        yield from (f"    {line};\n" for line in members(name, kind))
    yield "};\n\n"


def names() -> Iterator[str]:
    """Yield the fields of requests, by their numbers: numbers first, then texts."""
    for what, prefix, kinds in (
        ("FIELDS", "SS", (int, bool, SIGNED)),
        ("TEXTS", "SS_TEXT", (str, WORDS)),
    ):
        found = dict.fromkeys(
            name for asked in REPLIES for name, kind in typed(asked) if kind in kinds
        )
        yield f"/* The {what.lower()} of requests. */\n\nenum {{\n"
        for name in found:
            yield f"    {prefix}_{name},\n"
        table = {"FIELDS": "ss_names", "TEXTS": "ss_text_names"}[what]
        yield f"    SS_{what}\n}};\n\nstatic const char *const {table}[SS_{what}] = {{\n"
        for name in found:
            yield f'    "{name}",\n'
        yield "};\n\n"


def lacks() -> Iterator[str]:
    """Yield what an implementation may lack, by its bit, and the calls that a heap lacks then."""
    words = get_args(messages.Lack)
    yield "/* What may be lacking, and calls that a heap lacks then. */\n\n"
    yield f"enum {{ SS_LACKS = {len(words)} }};\n\n"
    yield "static const char *const ss_lacks[SS_LACKS] = {\n"
    yield from (f'    "{word}",\n' for word in words)
    yield "};\n\nstatic const struct {\n    unsigned lack;\n    const char *call;\n"
    yield "} ss_lacking[] = {\n"
    for word, calls in CALLS.items():
        yield from (f'    {{{words.index(word)}, "{call}"}},\n' for call in calls)
    yield "};\n\n"


def defaults() -> Iterator[str]:
    """Yield the function that sets what is left out of a request, where that is not 0."""
    yield "static void ss_set_defaults(uint64_t *field) {\n"
    for name, value in sorted({*left_out()}):
        yield f"    field[SS_{name}] = {value};\n"
    yield "}\n\n"


def left_out() -> Iterator[tuple[str, int]]:
    """Yield the numbers of requests that may be left out, and are not 0 then."""
    for asked in GENERIC:
        for field in fields(asked):
            if field.default not in (0, "", msgspec.NODEFAULT):
                yield field.name, int(field.default)


def fillers() -> Iterator[str]:
    """Yield a function for each struct of a request, that fills it."""
    for asked in dict.fromkeys(one for one in map(given_as, GENERIC) if one is not None):
        name = struct_of(asked)
        yield (
            f"static struct {name} {filler_of(asked)}(const uint64_t *field,\n"
            f"    const char *const *text) {{\n    struct {name} ask = SS_NOTHING;\n"
        )
        for field, kind in typed(asked):
            yield f"    ask.{field} = {value_of(field, kind)};\n"
        yield "    return ask;\n}\n\n"


def dispatch() -> Iterator[str]:
    """Yield the function that calls what a request asks for, and writes the reply."""
    yield (
        "/* Call the function of a request, and write what it says; tell whether there is one. */\n"
        "static int ss_dispatch(const char *op, const uint64_t *field, const char *const *text,\n"
        "                       struct ss_text *out, const char **refused, const char **events) {\n"
        "    (void)events;\n"
    )
    for asked in GENERIC:
        reply = REPLIES[asked]
        function = function_of(asked)
        yield f'    if (strcmp(op, "{op_of(asked)}") == 0 && {function}) {{\n'
        arguments = [value_of(name, kind) for name, kind in typed(asked)]
        given = given_as(asked)
        if given is not None:
            yield f"        struct {struct_of(given)} ask = {filler_of(given)}(field, text);\n"
            arguments = ["&ask"]
        if reply is not Done:
            yield f"        struct {struct_of(reply)} reply = SS_NOTHING;\n"
            arguments.append("&reply")
        yield f"        *refused = {function}({', '.join(arguments)});\n"
        if issubclass(reply, Returned):
            yield "        *events = reply.events;\n"
        for name, kind in typed(reply) if reply is not Done else ():
            yield from (f"        {line}\n" for line in written(name, kind))
        yield "        return 1;\n    }\n"
    yield "    return 0;\n}\n\n"


@cache
def typed(one: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    """Return the fields of a message but its number, each with its plain type.

    Of a number that may be absent it is `None`, of a bitmap `list`, of one of several words `str`,
    of a list of words `WORDS`, of what is passed on as it is written `msgspec.Raw`, of a number
    that may be below 0 `SIGNED`. A library is asked for it with each message, so it is kept.
    """
    hints = get_type_hints(one, include_extras=True)
    return tuple(
        [(field.name, plain_type(hints[field.name])) for field in fields(one) if field.name != "n"]
    )


def plain_type(hint: object) -> object:
    """Return which of few kinds a type is."""
    if get_origin(hint) is Annotated:
        inner, *meta = get_args(hint)
        natural = any(isinstance(one, msgspec.Meta) and one.ge is not None for one in meta)
        return int if natural else plain_type(inner)
    options = get_args(hint)
    if type(None) in options:
        kinds = [plain_type(one) for one in options if one is not type(None)]
        return str if str in kinds else None
    if options and all(isinstance(one, str) for one in options):
        return str
    if get_origin(hint) is list:
        return {int: list, str: WORDS}.get(cast("type", plain_type(options[0])), msgspec.Raw)
    if get_origin(hint) is dict:
        return msgspec.Raw
    return SIGNED if hint is int else get_origin(hint) or hint


def members(name: str, kind: object) -> Sequence[str]:
    """Return the members of a struct that a field is."""
    if kind is None:
        return [f"uint64_t {name}", f"int has_{name}"]
    return [f"{C_TYPES[kind]}{name}"]


def written(name: str, kind: object) -> Iterator[str]:
    """Yield the statements that write a field of a reply."""
    value = f"reply.{name}"
    if kind is msgspec.Raw:
        yield f"if ({value} != NULL) {{"
        yield f'    ss_put(out, ",\\"{name}\\":");'
        yield f"    ss_put(out, {value});"
        yield "}"
        return
    yield f'ss_put(out, ",\\"{name}\\":");'
    if kind is None:
        yield f"if (reply.has_{name})"
        yield f"    ss_put_number(out, {value});"
        yield "else"
        yield '    ss_put(out, "null");'
    elif kind is str:
        yield f"if ({value} != NULL)"
        yield f"    ss_put_string(out, {value});"
        yield "else"
        yield '    ss_put(out, "null");'
    elif kind is bool:
        yield f'ss_put(out, {value} ? "true" : "false");'
    elif kind is int:
        yield f"ss_put_number(out, {value});"
    elif kind is SIGNED:
        yield f"ss_put_signed(out, {value});"
    else:
        yield f"ss_put_bits(out, &{value});"


def value_of(name: str, kind: object) -> str:
    """Return the expression that a field of a request is, where it is given to a function."""
    if kind in (str, WORDS):
        return f"text[SS_TEXT_{name}]"
    if kind is SIGNED:
        return f"(int64_t)field[SS_{name}]"
    return f"field[SS_{name}]" + (" != 0" if kind is bool else "")


def given_as(asked: type[Ask]) -> type[Ask] | None:
    """Return the request whose struct is given to the function of one; None if its fields are."""
    if len(typed(asked)) <= MOST_PARAMETERS:
        return None
    return next(one for one in reversed(asked.__mro__) if one in GENERIC)


def parameters(asked: type[Ask]) -> str:
    """Return the parameters of a function."""
    given = given_as(asked)
    them = [f"{C_TYPES[kind]}{name}" for name, kind in typed(asked)]
    if given is not None:
        them = [f"const struct {struct_of(given)} *ask"]
    if REPLIES[asked] is not Done:
        them.append(f"struct {struct_of(REPLIES[asked])} *reply")
    return ", ".join(them) or "void"


def function_of(asked: type[Ask]) -> str:
    """Return the name of the function of a request."""
    return f"spanspec_{op_of(asked)}"


def struct_of(message: type[msgspec.Struct]) -> str:
    """Return the name of the struct of a message."""
    name = "".join(f"_{one.lower()}" if one.isupper() else one for one in message.__name__)
    return f"spanspec{name}"


def filler_of(asked: type[Ask]) -> str:
    """Return the name of the function that fills the struct of a request."""
    return f"ss_{op_of(asked)}_asked"


def summary(one: type[msgspec.Struct]) -> str:
    """Return what a message means, as text of a comment."""
    lines = (one.__doc__ or "").replace("`", "").strip().splitlines()
    return "\n   ".join(line.strip() for line in lines).replace("   \n", "\n")


if __name__ == "__main__":
    sys.stdout.write(text())
