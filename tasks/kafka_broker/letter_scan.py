"""Which records of a dead-letter topic are read for a question, and what letters they are.

Between what a person asks (`LetterFilter`) and what Kafka can do (read a partition from an offset
on): places are read alone, a time starts at its offset, and what was handled below all else is not
read at all.
"""

import re
from collections.abc import Iterator, Mapping

from .codec import IncomingRecord
from .errors import KafkaBrokerError
from .letter_reader import LetterReader
from .letters import Letter, LetterFilter

_PLACE = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)

Place = tuple[int, int]


class NoSuchLetterError(KafkaBrokerError):
    """No letter lies at that place: list them anew; Kafka removes them after their retention."""


def scan(
    reader: LetterReader,
    wanted: LetterFilter,
    routes: Mapping[str, str],
    *,
    cursor: str | None = None,
    closes_gaps: bool = False,
) -> Iterator[Letter]:
    """Yield the letters that may be wanted, oldest first in each partition.

    `routes` names the queue of each original topic. `closes_gaps`: mark offsets without a record as
    handled, or they would hold back for ever what is remembered.
    """
    for partition, offsets in _places(reader, wanted, cursor):
        position = offsets.start
        for record in reader.read(partition, offsets):
            if closes_gaps and record.offset > position:
                reader.mark(partition, range(position, record.offset))
            position = record.offset + 1
            is_handled = record.offset in reader.handled[partition]
            if not is_handled or wanted.include_handled or wanted.letter_ids:
                yield _letter(record, routes, is_handled=is_handled)
        if closes_gaps and position < offsets.stop:
            reader.mark(partition, range(position, offsets.stop))


def _letter(record: IncomingRecord, routes: Mapping[str, str], *, is_handled: bool) -> Letter:
    unrouted = Letter(record, None, is_handled)
    return Letter(record, routes.get(unrouted.original_topic or ""), is_handled)


def _places(
    reader: LetterReader, wanted: LetterFilter, cursor: str | None
) -> Iterator[tuple[int, range]]:
    """Say what is to be read: partitions and the offsets in them."""
    first = place_of(cursor) if cursor else (0, 0)
    if wanted.letter_ids:
        for partition, offset in _named_places(reader, wanted.letter_ids):
            if (partition, offset) >= first:
                yield partition, range(offset, offset + 1)
        return
    starts = _starts(reader, wanted)
    for partition, bounds in reader.bounds.items():
        if partition >= first[0]:
            after_cursor = first[1] if partition == first[0] else 0
            start = max(bounds.start, starts[partition], after_cursor)
            yield partition, range(start, max(start, bounds.stop))


def _named_places(reader: LetterReader, letter_ids: frozenset[str]) -> list[Place]:
    places = sorted(place_of(text) for text in letter_ids)
    for partition, offset in places:
        if offset not in reader.bounds.get(partition, ()):
            raise NoSuchLetterError(f"no letter lies at {partition}:{offset}; list them anew")
    return places


def _starts(reader: LetterReader, wanted: LetterFilter) -> dict[int, int]:
    starts = dict.fromkeys(reader.bounds, 0)
    if wanted.since is not None:
        starts = reader.offsets_since(int(wanted.since.timestamp() * 1000))
    if wanted.include_handled:
        return starts
    return {
        partition: max(start, reader.handled[partition].next_offset)
        for partition, start in starts.items()
    }


def place_of(text: str) -> Place:
    """Read `partition:offset`; raise NoSuchLetterError for anything else."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise NoSuchLetterError(f"{text!r} is no place of a letter; one looks like 0:17")
    return int(found[1]), int(found[2])
