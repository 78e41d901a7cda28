"""Records of all kinds that compiled code meets."""

import msgspec


class Plain(msgspec.Struct, frozen=True, gc=False):
    a: int
    b: object = None
    c: int = 3

    def f(self, x: int) -> object:
        return self.a, x


class Collected(msgspec.Struct, frozen=True):
    a: int
    b: object = None


class Inner(msgspec.Struct, gc=False):
    f: bool = True


class ReadIn(msgspec.Struct, gc=False):
    a: int
    f: bool = False
    b: object = None


def told(*given: object, **named: object) -> tuple[object, ...]:
    return *given, *named.items()


class Three(msgspec.Struct, frozen=True, gc=False):
    a: int
    b: object
    c: object = None
