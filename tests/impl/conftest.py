"""Fixtures that run each test on the package as installed and on its source, interpreted.

Where the package is compiled, the two are different programs made from the same text, and every
promise has to hold for both. Where it is not, the second would repeat the first and is left out.
"""

import importlib
import sys
from types import ModuleType

import pytest

import spanalloc
from spanalloc import Span, SpanError
from spanalloc.compiled import INTERPRET

NAME = "spanalloc"


def take_modules() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == NAME]
    return {name: sys.modules.pop(name) for name in names}


def load_interpreted() -> ModuleType:
    installed, finders = take_modules(), list(sys.meta_path)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(INTERPRET, "1")
            return importlib.import_module(NAME)
    finally:
        sys.meta_path[:] = finders
        take_modules()
        sys.modules.update(installed)


@pytest.fixture(scope="session")
def interpreted() -> ModuleType:
    return load_interpreted()


@pytest.fixture(
    scope="session",
    params=["compiled", "interpreted"] if spanalloc.COMPILED else ["interpreted"],
)
def package(request: pytest.FixtureRequest, interpreted: ModuleType) -> ModuleType:
    return spanalloc if request.param == "compiled" else interpreted


@pytest.fixture(scope="session")
def kernels(package: ModuleType) -> ModuleType:
    module: ModuleType = package.kernels
    return module


@pytest.fixture(scope="session")
def span_type(package: ModuleType) -> type[Span]:
    class_: type[Span] = package.Span
    return class_


@pytest.fixture(scope="session")
def span_error(package: ModuleType) -> type[SpanError]:
    class_: type[SpanError] = package.SpanError
    return class_
