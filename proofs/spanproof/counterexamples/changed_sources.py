"""Running rules of changed sources: every function sees the changed ones, however deep."""

from collections.abc import Callable
from types import FunctionType
from typing import cast

from spanproof.symbolic.reading.sources import VARIANT, SourceTree, execute
from spanproof.symbolic.text.modules import is_ours


class Running:
    """The functions of a source tree, ready to be called."""

    def __init__(self, sources: SourceTree) -> None:
        self._sources = sources
        self._namespaces: dict[str, dict[str, object]] = {}
        self._affected: dict[str, bool] = {}

    def function(self, rule: Callable[..., object]) -> Callable[..., object]:
        """Return a rule as the sources have it."""
        module = rule.__module__.removesuffix(VARIANT)
        if not self.is_affected(module):
            return rule
        return cast(Callable[..., object], self.namespace(module)[rule.__name__])

    def is_affected(self, module: str) -> bool:
        """Tell whether a module is changed, or takes something from one that is."""
        if module not in self._affected:
            self._affected[module] = False  # as long as a circle of imports is being followed
            source = self._sources.module(module)
            self._affected[module] = module in self._sources.changed or any(
                self.is_affected(owner)
                for owner, name in source.imported.values()
                if is_ours(owner) and callable(source.namespace.get(name))
            )
        return self._affected[module]

    def namespace(self, module: str) -> dict[str, object]:
        """Return what the names of an affected module mean, with changed functions in place."""
        if module not in self._namespaces:
            source = self._sources.module(module)
            if module.startswith("spanproof."):
                namespace = dict(source.namespace)
                for name, value in source.namespace.items():
                    if isinstance(value, FunctionType) and value.__module__ == module:
                        copy = FunctionType(value.__code__, namespace, name, value.__defaults__)
                        namespace[name] = copy
            else:
                namespace = execute(module, source.path, source.text)
            self._namespaces[module] = namespace
            for bound, (owner, name) in source.imported.items():
                if not isinstance(namespace.get(bound), type) and self.is_affected(owner):
                    namespace[bound] = self.namespace(owner).get(name, namespace.get(bound))
        return self._namespaces[module]
