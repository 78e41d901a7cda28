"""The rule book: from a rule's id to what it says and the functions that are it.

Functions cite their rules in the docstring, in a line that begins with `Rules:`, or in
parentheses at the end of a sentence; this module collects the citations.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import spanspec
from spanspec.rules import RULES, Rule

BY_ID: Final = {rule.id: rule for rule in RULES}
"""Every modelled rule by id."""

RULE_ID: Final = re.compile(
    r"\b(?:CONST|SC|SPAN|MAL|MC|CEN|SWP|HEAP|TREAP|AR|OS|SCAV|T|I|CONC)-\d+\b"
)
"""What a rule id looks like."""


def rule(identifier: str) -> Rule:
    """Return a modelled rule by id, in any letter case.

    Raises: KeyError if the model has no such rule.
    """
    return BY_ID[identifier.upper()]


def cited(text: str | None) -> tuple[str, ...]:
    """Return the rule ids that a docstring cites, in order of appearance."""
    return tuple(dict.fromkeys(RULE_ID.findall(text or "")))


def modules() -> Iterator[str]:
    """Yield the names of the model's modules."""
    for found in pkgutil.walk_packages(spanspec.__path__, "spanspec."):
        yield found.name


@cache
def functions_of_rules() -> dict[str, tuple[Callable[..., object], ...]]:
    """Return, for each cited rule, the model functions whose docstrings cite it."""
    found: dict[str, list[Callable[..., object]]] = {}
    for name in modules():
        module = importlib.import_module(name)
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == name:
                for identifier in cited(function.__doc__):
                    found.setdefault(identifier, []).append(function)
    return {identifier: tuple(functions) for identifier, functions in found.items()}
