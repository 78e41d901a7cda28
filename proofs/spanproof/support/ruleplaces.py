"""Which rules a place in the model's sources stands for."""

from spanspec.rules.book import definitions, modules


def rules_by_place() -> dict[tuple[str, str], frozenset[str]]:
    """Return the rules of each definition of the model, by file and qualified name.

    A method also exercises the rules that its class stands for.
    """
    found: dict[tuple[str, str], frozenset[str]] = {}
    for module, path in modules():
        for one in definitions(module, path):
            owner = one.name.rpartition(".")[0]
            inherited = found.get((str(path), owner), frozenset())
            found[str(path), one.name] = inherited | frozenset(one.rules)
    return found
