"""What an operator does with dead letters: look through them, put them back, set them aside.

For command lines and web processes alike (gevent included): each call makes its own short-lived
clients and holds nothing afterwards. A letter never leaves its topic before Kafka's retention
removes it; that it was handled is noted beside it, after its replay was acknowledged. So the worst
that a crash or a second operator can do is to replay a letter twice.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass

from . import progress
from .clients import Clients
from .config import MAX_DEAD_LETTER_BYTES, QueueConfig
from .errors import RecordTooLargeError
from .letter_reader import LetterReader
from .letter_scan import NoSuchLetterError, place_of, scan
from .letters import Letter, LetterFilter, replayed
from .letters_back import scan_back
from .observer import BrokerObserver
from .pace import Pace
from .producer import Publisher

#: How many records one `page` reads at most, however few of them match.
_MAX_SCANNED = 10_000


@dataclass(frozen=True)
class Page:
    """Some letters, oldest first, and where to read on; `cursor` is None at the end."""

    letters: list[Letter]
    cursor: str | None


@dataclass(frozen=True)
class Counts:
    """How many letters a topic holds, and how many of them nobody dealt with."""

    total: int
    unhandled: int


@dataclass(frozen=True)
class Outcome:
    """What became of one letter; `refusal` says why nothing did, and what to do."""

    letter: Letter
    refusal: str | None


class DeadLetterQueue:
    """The letters of one dead-letter topic.

    `routes` maps each topic that letters may go back to onto its queue's name. Every method raises
    dramatiq's ConnectionFailed or ConnectionClosed when Kafka does not answer within `timeout_s`.
    """

    def __init__(
        self, clients: Clients, topic: str, routes: Mapping[str, str], *, timeout_s: float = 10.0
    ) -> None:
        self.topic = topic
        self.queue_names = sorted(set(routes.values()))
        self._clients = clients
        self._routes = routes
        self._timeout_s = timeout_s

    def page(self, wanted: LetterFilter, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Return the next letters that are wanted; a page may be short and not the last."""
        letters: list[Letter] = []
        with self._open() as reader:
            for number, letter in enumerate(scan(reader, wanted, self._routes, cursor=cursor)):
                if len(letters) == limit or number == _MAX_SCANNED:
                    return Page(letters, letter.letter_id)
                if wanted.matches(letter):
                    letters.append(letter)
        return Page(letters, None)

    def latest(self, wanted: LetterFilter, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Do the same from the newest to the oldest; its cursors are its own."""
        letters: list[Letter] = []
        last: str | None = None
        with self._open() as reader:
            for number, letter in enumerate(scan_back(reader, wanted, self._routes, cursor=cursor)):
                if len(letters) == limit or number == _MAX_SCANNED:
                    return Page(letters, last)
                last = letter.letter_id
                if wanted.matches(letter):
                    letters.append(letter)
        return Page(letters, None)

    def get(self, letter_id: str) -> Letter:
        """Return one letter; raise NoSuchLetterError when it is not there (any more)."""
        wanted = LetterFilter(letter_ids=frozenset({letter_id}), include_handled=True)
        for letter in self.page(wanted).letters:
            return letter
        raise NoSuchLetterError(f"no letter at {letter_id} in {self.topic}")

    def count(self) -> Counts:
        """Count letters by their offsets."""
        with self._open() as reader:
            bounds = reader.bounds.items()
            unhandled = (
                bound.stop
                - max(bound.start, reader.handled[partition].next_offset)
                - len(reader.handled[partition])
                for partition, bound in bounds
            )
            return Counts(sum(len(bound) for _, bound in bounds), sum(unhandled))

    def replay(
        self,
        wanted: LetterFilter,
        *,
        max_count: int | None = None,
        per_second: float = 100.0,
        max_replays: int = 3,
        dry_run: bool = False,
    ) -> Generator[Outcome, None, None]:
        """Put letters back, each to the topic that it died in first, with a new attempt budget.

        Works while it is iterated over. A letter that was replayed `max_replays` times is refused.
        Letters that die again meanwhile are not replayed a second time.
        """
        pace = Pace(per_second)
        publisher = Publisher(
            self._clients,
            timeout_s=self._timeout_s,
            observer=BrokerObserver(),
            max_request_bytes=MAX_DEAD_LETTER_BYTES,
        )

        def put_back(letter: Letter) -> str | None:
            refusal = self._why_not(letter, max_replays)
            if refusal is not None or dry_run:
                return refusal
            pace.wait()
            return _publish(publisher, letter)

        with closing(publisher):
            yield from self._handle(wanted, put_back, max_count=max_count, dry_run=dry_run)

    def discard(
        self, wanted: LetterFilter, *, max_count: int | None = None, dry_run: bool = False
    ) -> Generator[Outcome, None, None]:
        """Set letters aside without a replay; works while it is iterated over."""
        return self._handle(wanted, lambda _: None, max_count=max_count, dry_run=dry_run)

    def mark_handled(self, letter_ids: Iterable[str]) -> frozenset[str]:
        """Note that these letters were dealt with elsewhere; return those it can't note yet.

        They lie too far above the oldest unhandled one. What Kafka has no more is passed over.
        """
        too_far = set()
        with self._open() as reader:
            for partition, offset in sorted(map(place_of, letter_ids)):
                if offset not in reader.bounds.get(partition, ()):
                    continue
                if reader.handled[partition].has_room_for(offset):
                    reader.mark(partition, range(offset, offset + 1))
                else:
                    too_far.add(f"{partition}:{offset}")
        return frozenset(too_far)

    def _handle(
        self,
        wanted: LetterFilter,
        act: Callable[[Letter], str | None],
        *,
        max_count: int | None,
        dry_run: bool,
    ) -> Generator[Outcome, None, None]:
        count = 0
        with self._open() as reader:
            for letter in scan(reader, wanted, self._routes, closes_gaps=not dry_run):
                if count == max_count:
                    return
                if not wanted.matches(letter):
                    continue
                refusal = _why_not_now(reader, wanted, letter) or act(letter)
                if refusal is None:
                    count += 1
                    if not dry_run:
                        offset = letter.record.offset
                        reader.mark(letter.record.partition, range(offset, offset + 1))
                yield Outcome(letter, refusal)

    def _why_not(self, letter: Letter, max_replays: int) -> str | None:
        origin = letter.original_topic
        if origin is None:
            return "no header says which topic it came from: send it again by hand"
        if origin not in self._routes:
            return f"it came from {origin}, which is no topic of this queue: replay it there"
        if letter.replays >= max_replays:
            return (
                f"it was replayed {letter.replays} times already:"
                " mend what kills it, then raise the cap of replays"
            )
        return None

    def _open(self) -> LetterReader:
        return LetterReader(self._clients, self.topic, timeout_s=self._timeout_s)


def dead_letter_queues(
    clients: Clients, queues: Iterable[QueueConfig], *, timeout_s: float = 10.0
) -> list[DeadLetterQueue]:
    """Return the dead-letter queues of these queues; queues may share one."""
    routes: dict[str, dict[str, str]] = {}
    for queue in queues:
        lanes = dict.fromkeys(queue.lane_topics.values(), queue.name)
        routes.setdefault(queue.dead_letter_topic, {}).update(lanes)
    return [
        DeadLetterQueue(clients, topic, route, timeout_s=timeout_s)
        for topic, route in sorted(routes.items())
    ]


def _why_not_now(reader: LetterReader, wanted: LetterFilter, letter: Letter) -> str | None:
    if letter.is_handled and not wanted.include_handled:
        return "it was replayed or discarded before: include handled letters to do it again"
    handled = reader.handled[letter.record.partition]
    if not handled.has_room_for(letter.record.offset):
        oldest = f"{letter.record.partition}:{handled.next_offset}"
        return (
            f"it lies {progress.MAX_BITS} or more above the oldest unhandled letter:"
            f" replay or discard from {oldest} on first"
        )
    return None


def _publish(publisher: Publisher, letter: Letter) -> str | None:
    topic = letter.original_topic or ""
    try:
        publisher.publish(replayed(letter, topic))
    except RecordTooLargeError:
        return f"with its headers it is too large for {topic}: raise its max.message.bytes"
    return None
