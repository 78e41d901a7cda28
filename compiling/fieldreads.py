"""Lets the C that mypyc writes read fields of records, and names of modules, by `fields.h`.

mypyc reads a field of a class that it does not compile as any attribute: it asks the object, gets a
reference, takes the integer or the boolean out of it, and gives the reference back. Here these
statements become one call, with a place for each of them in which it remembers where the field is.
A name of a module, its own or another, which mypyc looks up each time, is remembered so, too.
What has another form is left as it is, and does the same, but slower.
"""

import re
from collections.abc import Callable
from itertools import count
from typing import Final

INCLUDE: Final = '#include "fields.h"\n'

READ: Final = r"""    (?P<read>cpy_r_\w+) = CPyObject_GetAttr\((?P<record>\w+), (?P<name>\w+)\);
"""
CHECKED: Final = r"""(?P<done>    CPy_DECREF\(\w+\);
)?    if \(unlikely\((?P=read) == NULL\)\) \{
(?:        CPy_AddTraceback\([^\n]*\);
)?        goto \w+;
    \}
"""
INTEGER: Final = r"""    if \(likely\(PyLong_Check\((?P=read)\)\)\)
        (?P<value>cpy_r_\w+) = CPyTagged_FromObject\((?P=read)\);
    else \{
        CPy_TypeError\("int", (?P=read)\); (?P=value) = CPY_INT_TAG;
    \}
"""
BOOLEAN: Final = r"""    if \(unlikely\(!PyBool_Check\((?P=read)\)\)\) \{
        CPy_TypeError\("bool", (?P=read)\); (?P<value>cpy_r_\w+) = 2;
    \} else
        (?P=value) = (?P=read) == Py_True;
"""
RELEASED: Final = r"""    CPy_DECREF\((?P=read)\);
(?=(?:    CPy_DECREF\(\w+\);
)?    if \(unlikely\((?P=value) == (?:CPY_INT_TAG|2)\)\) )"""

GLOBAL: Final = re.compile(r"""(?P<read>    (?P<dict>cpy_r_\w+) = CPyStatic_\w*globals;
    (?P<name>cpy_r_\w+) = CPyStatics\[[^\n]*
)    (?P<value>cpy_r_\w+) = CPyDict_GetItem\((?P=dict), (?P=name)\);
""")

OF_GLOBAL: Final = re.compile(
    r"""    static Place (?P<place>place_\d+);
    (?P<read>\w+) = get_field\((?P<owner>\w+), (?P<name>\w+), &(?P=place)\);
"""
)
"""A read of a field, perhaps of what a name of the module has, such as another module."""

FROM_GLOBAL: Final = re.compile(
    r"^ +(cpy_r_\w+) = (?:get_global|CPyImport_GetModuleCache)\(", re.MULTILINE
)

# An error shows in the value, which mypyc looks at next, with the same traceback.
FORMS: Final = {
    "get_int": re.compile(READ + CHECKED + INTEGER + RELEASED),
    "get_bool": re.compile(READ + CHECKED + BOOLEAN + RELEASED),
    "get_field": re.compile(READ),
}
"""The statements that each function of `fields.h` stands for; the first form that fits counts."""


ASSIGNED: Final = re.compile(r"^ +(cpy_r_\w+) = (CPyStatics\[)?", re.MULTILINE)


def with_places(text: str) -> str:
    """Return what mypyc has written with each read of a field or name by a place of its own.

    Text that has been through this, or reads none, is returned as it is.
    """
    if INCLUDE in text or not any(form.search(text) for form in (FORMS["get_field"], GLOBAL)):
        return text
    numbers = count()
    head, last, code = text.rpartition("\n#include ")
    line, end, code = code.partition("\n")
    functions = [_in_function(one, numbers) for one in re.split(r"(?<=\n\}\n)", code)]
    return head + last + line + end + INCLUDE + "".join(functions)


def _in_function(code: str, numbers: "count[int]") -> str:
    """Return a function with places."""
    # A place remembers where one field is: that of a name which the program's text has. `getattr`
    # with a name that is computed, for each field of a record perhaps, reads another each time.
    assigned = ASSIGNED.findall(code)
    computed = {name for name, known in assigned if not known}
    named = {name for name, known in assigned if known} - computed

    def by(function: str) -> Callable[[re.Match[str]], str]:
        def read(found: re.Match[str]) -> str:
            said = found.groupdict()
            if said["name"] not in named:
                return found[0]
            place = f"place_{next(numbers)}"
            return (
                f"    static Place {place};\n"
                f"    {said.get('value') or said['read']} = "
                f"{function}({said['record']}, {said['name']}, &{place});\n"
                f"{said.get('done') or ''}"
            )

        return read

    def read_global(found: re.Match[str]) -> str:
        place = f"global_{next(numbers)}"
        return (
            f"{found['read']}    static Global {place};\n"
            f"    {found['value']} = get_global({found['dict']}, {found['name']}, &{place});\n"
        )

    for function, form in FORMS.items():
        code = form.sub(by(function), code)
    code = GLOBAL.sub(read_global, code)
    found_in_module = set(FROM_GLOBAL.findall(code))

    def read_name(found: re.Match[str]) -> str:
        if found["owner"] not in found_in_module:
            return found[0]
        place = found["place"].replace("place", "name")
        return (
            f"    static Name {place};\n"
            f"    {found['read']} = get_name({found['owner']}, {found['name']}, &{place});\n"
        )

    return OF_GLOBAL.sub(read_name, code)
