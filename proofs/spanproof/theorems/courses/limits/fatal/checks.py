"""A fatal check of the runtime, and what runs into it."""

from collections.abc import Callable

Checks = tuple[tuple[str, Callable[[], object]], ...]
"""Functions that have to run into a fatal check, each behind the id of its rule."""
