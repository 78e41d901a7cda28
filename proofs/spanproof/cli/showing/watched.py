"""The lives of watched spans and pages, printed: `spanspec check --watch`."""

from collections.abc import Iterator, Sequence

from spanproof.cli.output import Unusable
from spanproof.replay.watched import History, HistoryEntry, View, WatchedThing, subject
from spanspec.base.wording import counted


def subjects(watch: Sequence[str]) -> list[WatchedThing]:
    """Return what the arguments ask to watch.

    Raises: Unusable if one of them is no span and no page.
    """
    try:
        return [subject(text) for text in watch]
    except ValueError as problem:
        raise Unusable(str(problem)) from None


def history_lines(history: History) -> Iterator[str]:
    """Yield the history of a span or page as text: what happened, and what became of it."""
    if not history.entries:
        yield f"{history.subject}: nothing touched it"
        return
    events = sum(entry.events for entry in history.entries)
    yield f"{history.subject}: {counted(events, 'event')} touched it"
    yield f"          at first: {in_words(history.entries[0].before)}"
    for entry in history.entries:
        lines = str(entry.line) if entry.last == entry.line else f"{entry.line}-{entry.last}"
        yield f"{lines:>15}  {entry.kind:<2}  {entry.what}"
        for line in changes(entry):
            yield f"{'':21}{line}"


def in_words(view: View) -> str:
    """Return a view with all that applies, such as `in use, pages 4..4, sweepgen sg+3, ...`."""
    told = {name: value for name, value in view._asdict().items() if value is not None}
    state = told.pop("state")
    return ", ".join((state, *(f"{named(name)} {value}" for name, value in told.items())))


def changes(entry: HistoryEntry) -> Iterator[str]:
    """Yield what an event changed, and the whole view if the span is another one or its state."""
    before, after = entry.before._asdict(), entry.after._asdict()
    if (before["state"], before["span"]) != (after["state"], after["span"]):
        yield in_words(entry.after)
        return
    told = [
        f"{named(name)} {shown(before[name])} -> {shown(after[name])}"
        for name in before
        if before[name] != after[name]
    ]
    if told:
        yield ", ".join(told)


def named(field: str) -> str:
    """Return the runtime's name of a field of a view."""
    return {"alloc_count": "allocCount", "cached_by": "cached by P"}.get(field, field)


def shown(value: object) -> str:
    """Return a value of a view; none of it as a word."""
    return "none" if value is None else str(value)


def history_json(history: History) -> dict[str, object]:
    """Return the life of a span or page as a JSON document."""
    return {
        history.subject.thing: history.subject.number,
        "life": [
            {
                **entry._asdict(),
                "before": seen_json(entry.before),
                "after": seen_json(entry.after),
            }
            for entry in history.entries
        ],
    }


def seen_json(view: View) -> dict[str, object]:
    """Return a view as a JSON document, without what does not apply."""
    return {name: value for name, value in view._asdict().items() if value is not None}
