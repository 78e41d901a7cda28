"""All obligations, with what each rests on."""

import pytest

from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import (
    Catalogue,
    catalogue,
)


@pytest.fixture(scope="module")
def book() -> Catalogue:
    return catalogue(Cache())
