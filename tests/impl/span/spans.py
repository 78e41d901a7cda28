"""Spans of small objects, and objects in them, as tests of spans need them."""

from spanalloc import Span
from spanalloc.base.sizeclass import CLASS_PAGES

BASE = 0xC000000000


def small_span(span_type: type[Span], sizeclass: int, sg: int = 0) -> Span:
    return span_type(BASE, sizeclass * 2, CLASS_PAGES[sizeclass], sg)


def cached_span(span_type: type[Span], sizeclass: int, sg: int = 0) -> Span:
    span = small_span(span_type, sizeclass, sg)
    span.cache(sg)
    return span


def take(span: Span, count: int) -> list[int]:
    return [span.malloc() for _ in range(count)]
