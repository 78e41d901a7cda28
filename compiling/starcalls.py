"""Lets the C that mypyc writes call `f(*some, name=value)` as it calls `f(one, name=value)`.

Where a call has a star, mypyc makes a list of the arguments, a tuple of that, and a dict of those
that are named, which the callee takes apart again. Where each star is of a tuple of known length,
as most are in the model, the number of arguments is known: here they are put into one tuple, those
that are named behind the others, and passed by `PyObject_Vectorcall`, with names that never change.

What is told to several callees is put before what was chosen, `(one,) + chosen`, as one tuple.

A function that mypyc has compiled, and that Python calls, takes its arguments out of their array by
one with any number of parameters; where all are there by their places, they are taken directly.

What has another form is left as it is, and does the same, but slower.
"""

import re
from itertools import count
from typing import Final

INCLUDE: Final = '#include "starcalls.h"\n'

VARIABLE: Final = r"cpy_r_\w+"

MADE: Final = re.compile(rf"    (?P<list>{VARIABLE}) = PyList_New\(0\);\n")
"""Where mypyc begins to collect arguments, or makes any other list."""

PARTS: Final = r"""(?x)
    (?P<spread>
    [ ]{4}(?P<tuple>cpy_r_\w+)[ ]=[ ]PyTuple_New\((?P<length>\d+)\);\n
    [ ]{4}if[ ]\(unlikely\((?P=tuple)[ ]==[ ]NULL\)\)\n
    [ ]{8}CPyError_OutOfMemory\(\);\n
    (?P<items>(?:[ ]{4}PyObject[ ]\*\w+[ ]=[^\n]*;\n[ ]{4}PyTuple_SET_ITEM\((?P=tuple),[^\n]*\n)*)
    [ ]{4}(?P<extended>cpy_r_\w+)[ ]=[ ]CPyList_Extend\(LIST,[ ](?P=tuple)\);\n
    [ ]{4}CPy_DECREF\((?P=tuple)\);\n
    )|(?P<one>
    [ ]{4}(?P<status>cpy_r_\w+)[ ]=[ ]PyList_Append\(LIST,[ ](?P<item>\w+)\);\n
    )|(?P<end>
    [ ]{4}(?P<arguments>cpy_r_\w+)[ ]=[ ]PyList_AsTuple\(LIST\);\n
    )|(?P<other>[^\n]*\bLIST\b[^\n]*\n)
"""
"""What is done with the list, up to where it becomes a tuple."""

CALL: Final = r"""(?x)
    (?P<build>
    [ ]{4}(?P<dict>cpy_r_\w+)[ ]=[ ]CPyDict_Build\(\d+,[ ](?P<pairs>[^\n]*)\);\n
    )|(?P<call>
    [ ]{4}(?P<result>cpy_r_\w+)[ ]=[ ]PyObject_Call(?:Object)?\(
    (?P<callee>\w+),[ ]TUPLE(?:,[ ](?P<named>\w+))?\);\n
    )|(?P<other>[^\n]*\bTUPLE\b[^\n]*\n)
"""
"""What is done with the tuple, up to the call."""

UNUSUAL: Final = re.compile(
    r"if \(unlikely\(\w+ == NULL\)\) \{|CPy_DECREF\(\w+\);|CPy_DecRef\(\w+\);"
)
"""Lines with the list or the tuple that stay as they are: one is held to NULL, or is let go of."""


BEFORE: Final = re.compile(r"""    (?P<one>cpy_r_\w+) = PyTuple_New\(1\);
    if \(unlikely\((?P=one) == NULL\)\)
        CPyError_OutOfMemory\(\);
    PyObject \*(?P<item>\w+) = (?P<first>[^\n]*);
    PyTuple_SET_ITEM\((?P=one), 0, (?P=item)\);
    (?P<made>cpy_r_\w+) = PySequence_Concat\((?P=one), (?P<rest>\w+)\);
    CPy_DECREF\((?P=one)\);
""")
"""Where mypyc makes a tuple of one, to put it before another one."""

TAKEN: Final = re.compile(
    r"(?<!else )if \(!CPyArg_ParseStackAndKeywordsSimple"
    r"\(args, nargs, kwnames, &parser, (?P<places>[^)]*)\)\)"
)
"""Where a function takes its arguments, each of which has a place."""


def taken_directly(text: str) -> str:
    """Return what mypyc has written with arguments taken as they are, if all come by place.

    Text that has been through this is returned as it is.
    """

    def taken(found: re.Match[str]) -> str:
        names = found["places"].replace("&", "").split(", ")
        some = " ".join(f"{name} = args[{number}];" for number, name in enumerate(names))
        return f"if (likely(kwnames == NULL && nargs == {len(names)})) {{ {some} }} else {found[0]}"

    return TAKEN.sub(taken, text)


def without_lists(text: str) -> str:
    """Return what mypyc has written with the arguments of calls with stars in one tuple.

    Text that has been through this, or has no such call, is returned as it is.
    """
    if INCLUDE in text:
        return text
    head, last, code = text.rpartition("\n#include ")
    line, end, code = code.partition("\n")
    numbers = count()
    functions = [_in_function(one, numbers) for one in re.split(r"(?<=\n\}\n)", code)]
    changed = "".join(functions)
    return text if changed == code else head + last + line + end + INCLUDE + changed


def _in_function(code: str, numbers: "count[int]") -> str:
    """Return a function with each call that has the form."""
    code = BEFORE.sub(r"    \g<made> = tuple_before(\g<first>, \g<rest>);\n", code)
    at = 0
    while found := MADE.search(code, at):
        at = found.end()
        call = _call(code[found.start() :], found["list"], numbers)
        if call is not None:
            code = code[: found.start()] + call
    return code


def _call(code: str, made: str, numbers: "count[int]") -> str | None:
    """Return what begins with the list of a call, with one tuple instead.

    None if it has another form, or is no call.
    """
    done: list[str] = []
    size, behind = 0, MADE.match(code).end()  # type: ignore[union-attr]
    arguments = ""
    for part in re.compile(PARTS.replace("LIST", made)).finditer(code, behind):
        done.append(code[behind : part.start()])
        behind = part.end()
        if part["spread"]:
            length = int(part["length"])
            items = part["items"]
            if items.count("PyTuple_SET_ITEM") != length:
                return None
            for number in range(length):
                old, new = f"({part['tuple']}, {number},", f"({made}, {size + number},"
                if items.count(old) != 1:
                    return None
                items = items.replace(old, new)
            done.append(f"{items}    {part['extended']} = Py_NewRef(Py_None);\n")
            size += length
        elif part["one"]:
            done.append(f"    {part['status']} = put_argument({made}, {size}, {part['item']});\n")
            size += 1
        elif part["end"]:
            arguments = part["arguments"]
            done.append(f"    {arguments} = Py_NewRef({made});\n")
            break
        elif UNUSUAL.search(part["other"]):
            done.append(part["other"])
        else:
            return None
    if not arguments:
        return None
    named: dict[str, str] = {}
    for part in re.compile(CALL.replace("TUPLE", arguments)).finditer(code, behind):
        done.append(code[behind : part.start()])
        behind = part.end()
        if part["build"]:
            pairs = part["pairs"].split(", ")
            # Nothing else is built between the arguments and the call.
            if named:
                return None
            named[part["dict"]] = names = f"names_{next(numbers)}"
            done += [
                f"    put_argument({arguments}, {size + number}, {value});\n"
                for number, value in enumerate(pairs[1::2])
            ]
            size += len(pairs) // 2
            told = ", ".join(pairs[::2])
            done.append(
                f"    static PyObject *{names};\n"
                f"    {part['dict']} = names_of(&{names}, {len(pairs) // 2}, {told});\n"
            )
        elif part["call"]:
            if list(named) != ([part["named"]] if part["named"] else []):
                return None
            told = part["named"] or "NULL"
            done.append(
                f"    {part['result']} = call_with({part['callee']}, {arguments}, {told});\n"
            )
            begun = f"    {made} = PyTuple_New({size});\n"
            return begun + "".join(done) + code[behind:]
        elif UNUSUAL.search(part["other"]):
            done.append(part["other"])
        else:
            return None
    return None
