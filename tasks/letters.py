"""The dead letters of the jobs' queue as operators look through them, the newest first."""

from collections.abc import Callable, Collection, Iterable

from resumes.job import is_object_id
from tasks.kafka_broker import DeadLetterQueue, KafkaBroker, LetterFilter
from tasks.kafka_broker.dead_letter_queue import Outcome
from tasks.kafka_broker.letter_scan import NoSuchLetterError
from tasks.kafka_broker.letters import Letter
from tasks.queue import queue_errors

#: How many are looked through for some without a job, before the answer says where to go on.
_SCANNED = 5_000
#: A letter that was replayed so often is refused.
_MAX_REPLAYS = 3


class LettersBrowser:
    """One per process; safe for concurrent calls. Each method may raise QueueUnavailableError.

    `known_jobs(ids)` returns those that are jobs of ours.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        queue_name: str,
        known_jobs: Callable[[Collection[str]], set[str]],
    ) -> None:
        self._broker = broker
        self._queue_name = queue_name
        self._known_jobs = known_jobs

    def page(
        self, cursor: str | None, limit: int, *, unjobbed_only: bool
    ) -> tuple[list[Letter], str | None]:
        """Return some letters, the newest first, and where the next begin.

        `unjobbed_only`: those that belong to no job, and that nobody dealt with.
        """
        if not unjobbed_only:
            return self._latest(cursor, limit, LetterFilter(include_handled=True))
        page, cursor = self._latest(cursor, _SCANNED, LetterFilter())
        jobs = self._known_jobs({key for one in page if (key := one.key) and is_object_id(key)})
        unjobbed = [one for one in page if one.key not in jobs]
        if len(unjobbed) > limit:
            return unjobbed[:limit], unjobbed[limit - 1].letter_id
        return unjobbed, cursor

    def get(self, letter_id: str) -> Letter | None:
        """Return one of them."""
        try:
            with queue_errors():
                return self._queue().get(letter_id)
        except NoSuchLetterError:
            return None

    def job_of(self, letter: Letter) -> str | None:
        """Return the job that it belongs to, None when that is none of ours."""
        key = letter.key
        return key if key is not None and is_object_id(key) and self._known_jobs({key}) else None

    def replay(self, letter_id: str) -> bool:
        """Put it back where it came from; False when it was dealt with, or can't go back."""
        return self._handle(
            letter_id, lambda queue, one: queue.replay(one, max_replays=_MAX_REPLAYS)
        )

    def discard(self, letter_id: str) -> bool:
        """Give it up for good; False when it was dealt with."""
        return self._handle(letter_id, lambda queue, one: queue.discard(one))

    def _handle(
        self, letter_id: str, act: Callable[[DeadLetterQueue, LetterFilter], Iterable[Outcome]]
    ) -> bool:
        wanted = LetterFilter(letter_ids=frozenset({letter_id}))
        try:
            with queue_errors():
                outcomes = list(act(self._queue(), wanted))
        except NoSuchLetterError:
            return False
        return any(outcome.refusal is None for outcome in outcomes)

    def _latest(
        self, cursor: str | None, limit: int, wanted: LetterFilter
    ) -> tuple[list[Letter], str | None]:
        try:
            with queue_errors():
                page = self._queue().latest(wanted, limit=limit, cursor=cursor)
        except NoSuchLetterError:
            return [], None
        return page.letters, page.cursor

    def _queue(self) -> DeadLetterQueue:
        return self._broker.dead_letters(self._queue_name)
