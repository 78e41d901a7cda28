"""Every known bug, side by side in processes of their own; what was found before is kept."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue
from spanproof.fingerprint.units import digest_of
from spanproof.mutation.knownbugs.catalogue import KnownBug
from spanproof.mutation.knownbugs.switch import FoundBy, find


def find_all(
    bugs: Sequence[KnownBug], book: Catalogue, cache: Cache, workers: int | None = None
) -> Iterator[tuple[KnownBug, FoundBy]]:
    """Yield each bug with what found it, as they are found, or why nobody could look."""
    waiting = []
    for bug in bugs:
        known = cache.get(_key(bug, book), FoundBy)
        if known is None:
            waiting.append(bug)
        else:
            yield bug, known
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        searches = {pool.submit(find, bug): bug for bug in waiting}
        try:
            for search in as_completed(searches):
                bug, found = searches[search], search.result()
                if found.by:
                    cache.put(_key(bug, book), found)
                yield bug, found
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _key(bug: KnownBug, book: Catalogue) -> str:
    return digest_of("known bug", book.world, bug.name)
