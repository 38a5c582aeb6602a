"""Dead letters from the newest to the oldest, for lists on a screen; replays go the other way."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from .letter_reader import LetterReader
from .letter_scan import place_of
from .letters import Letter, LetterFilter

#: Read at a time: Kafka reads forwards only.
_WINDOW = 200


def scan_back(
    reader: LetterReader,
    wanted: LetterFilter,
    routes: Mapping[str, str],
    *,
    cursor: str | None,
) -> Iterator[Letter]:
    """Yield the letters older than `cursor` that may be wanted, newest first in each partition.

    `routes` names the queue of each original topic.
    """
    before = place_of(cursor) if cursor else None
    for partition in sorted(reader.bounds, reverse=True):
        bounds, handled = reader.bounds[partition], reader.handled[partition]
        start, stop = bounds.start, bounds.stop
        if before is not None and partition >= before[0]:
            stop = min(stop, before[1]) if partition == before[0] else start
        if not wanted.include_handled:
            start = max(start, handled.next_offset)
        while stop > start:
            window = range(max(start, stop - _WINDOW), stop)
            for record in reversed(list(reader.read(partition, window))):
                letter = Letter(record, None, is_handled=record.offset in handled)
                if wanted.include_handled or not letter.is_handled:
                    yield replace(letter, queue=routes.get(letter.original_topic or ""))
            stop = window.start
