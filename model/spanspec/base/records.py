"""What the records of the model are: frozen structs.

A change is a new record, made by `msgspec.structs.replace`: a NamedTuple takes six times as long
to change a field, and three times as long to make.
"""

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """An immutable record; it never takes part in a reference cycle."""
