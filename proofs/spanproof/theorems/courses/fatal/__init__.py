"""States and requests that no course of ours makes, each of which a fatal check has to refuse."""

from spanproof.theorems.courses.fatal import machine, pages, rules, sharing, spans
from spanproof.theorems.courses.fatal.registry import PROVOKED

__all__ = ["PROVOKED", "machine", "pages", "rules", "sharing", "spans"]
