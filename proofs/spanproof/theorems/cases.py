"""Cases that are tried one after another, and fatal checks that have to fire in them."""

from collections import Counter
from collections.abc import Callable, Sequence

from spanproof.prove.exploration import Ran
from spanproof.simulate.exhaustive.trying import Wrong, promise

Case = Callable[[Counter[str]], None]
"""Something to be tried, which counts what it has met."""


def every_case(cases: Sequence[tuple[str, Case]]) -> Ran:
    """Try cases until one is wrong."""
    met: Counter[str] = Counter()
    for number, (name, case) in enumerate(cases):
        try:
            case(met)
        except Wrong as problem:
            return Ran(number + 1, met, str(problem), name)
        except Exception as problem:
            return Ran(number + 1, met, f"{type(problem).__name__}: {problem}", name)
    return Ran(len(cases), met)


def refuses(check: str, act: Callable[[], object]) -> None:
    """Require that a fatal check fires."""
    try:
        act()
    except AssertionError as fatal:
        promise(str(fatal).startswith(check), f"{check} is expected, {fatal}")
        return
    raise Wrong(f"{check} does not fire")
