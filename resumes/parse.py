"""Use case: run one job. Claim -> load the file -> parser -> convert -> complete, retry or fail.

Runs in a worker thread, once per record; a record may come twice, at any distance. Promises: each
job is completed at most once (the claim's `attempt` is the fence), and every outcome is written
before the caller sends or acknowledges anything.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from resumes.backoff import Backoff
from resumes.cv import resume_detail
from resumes.errors import (
    AttemptsExhaustedError,
    ClaimLostError,
    FileLostError,
    InvalidRecordError,
    JobFailedError,
    LetterMissingError,
    ParserUnavailableError,
    RunLaterError,
    StoppedEarlyError,
    StoreUnavailableError,
)
from resumes.job import Claim, is_object_id, resume_id_of
from resumes.ports import (
    Busy,
    ClaimMiss,
    JobRecord,
    Leases,
    Letters,
    NotDue,
    Parser,
    Unlettered,
    WorkStore,
)
from resumes.traces import trace_of

#: How often a held job is looked at while it is open whether its holder is alive.
_LOOK_INTERVAL_S = 0.5
#: How long a task waits in its thread for a parser that is closed off. As long as the thread has
#: nothing else to do, this keeps a backlog where it is, instead of sending it round and round.
_WAIT_IN_PLACE_S = 1.0
#: Beyond the breaker's own time, so that not all come back in the moment in which it is tried.
_SPREAD_S = 10.0
#: A file that breaks the parser opens the breaker itself, if it is the only one that comes: it must
#: not be the probe for ever.
_MAX_FORGIVEN = 100
_STORE_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0)

T = TypeVar("T")


class ParseOutcome(Enum):
    """How a run ended that did not raise."""

    COMPLETED = "completed"
    #: Finished before, or another attempt is at it: acknowledged without effect.
    SKIPPED = "skipped"


@dataclass(frozen=True)
class ParseResume:
    """Run jobs; one per worker process, safe for concurrent calls.

    `pause(seconds)` waits and returns True when the process is stopping.
    """

    jobs: WorkStore
    parser: Parser
    leases: Leases
    letters: Letters
    backoff: Backoff
    worker: str
    pause: Callable[[float], bool]
    on_claimed: Callable[[Claim], None]

    def run(self, job_id: str, record: JobRecord | None = None) -> ParseOutcome:
        """Bring the job to its end, or one attempt further; `record` goes into its history.

        Raises InvalidRecordError (no such job), JobFailedError (the job is failed and needs its
        dead letter), RunLaterError (the job is pending), StoppedEarlyError (deliver again),
        StoreUnavailableError or QueueUnavailableError (try again).
        """
        if not is_object_id(job_id):
            raise InvalidRecordError("The record's job_id is not an id.")
        self._wait_for_parser(job_id)
        claim = self._claim(job_id, record)
        if claim is None:
            return ParseOutcome.SKIPPED
        self.on_claimed(claim)
        try:
            with self.leases.keep(claim):
                return self._run_claimed(claim)
        except ClaimLostError:
            # Someone took the job over while we were cut off: his result counts, not ours.
            return ParseOutcome.SKIPPED

    def _wait_for_parser(self, job_id: str) -> None:
        """Let the job wait while the parser is closed off; that is no attempt."""
        closed_for_s = self.parser.closed_for_s()
        if not closed_for_s:
            return
        if self.pause(min(closed_for_s, _WAIT_IN_PLACE_S)):
            raise StoppedEarlyError
        closed_for_s = self.parser.closed_for_s()
        delay_s = closed_for_s + _SPREAD_S * random.random()  # noqa: S311 - no secret
        if closed_for_s and self.jobs.postpone(job_id, delay_s):
            raise RunLaterError(delay_s)

    def _claim(self, job_id: str, record: JobRecord | None) -> Claim | None:
        held_before: Busy | None = None
        while True:
            claim = self.jobs.claim(job_id, self.worker, record)
            if isinstance(claim, Claim):
                return claim
            if not isinstance(claim, Busy):
                self._see_to(job_id, claim)
                return None
            # Held by another attempt. A live holder renews its lease, a dead one (kill -9) lets
            # it run out: see which, since Kafka may redeliver before the lease has expired.
            if held_before is not None and claim != held_before:
                return None
            held_before = claim
            if self.pause(_LOOK_INTERVAL_S):
                raise StoppedEarlyError

    def _see_to(self, job_id: str, miss: NotDue | Unlettered | ClaimMiss) -> None:
        """Return when the record has nothing to do; raise what is left to do otherwise."""
        match miss:
            case ClaimMiss.UNKNOWN:
                raise InvalidRecordError("The record's job_id names no job.")
            case ClaimMiss.EXHAUSTED:
                error = AttemptsExhaustedError()
                if self.jobs.give_up(job_id, error.code, str(error)):
                    raise error
                raise RunLaterError(_LOOK_INTERVAL_S)
            case NotDue():
                # A duplicate, or a clock that is ahead of the database's.
                raise RunLaterError(miss.wait_s)
            case Unlettered():
                letter_id = self.letters.find(job_id, since=miss.failed_at)
                if letter_id is None:
                    raise LetterMissingError(miss.code, miss.message)
                self.jobs.note_letter(job_id, letter_id)
            case ClaimMiss.FINISHED:
                pass

    def _run_claimed(self, claim: Claim) -> ParseOutcome:
        try:
            cv_data = self._parse(claim)
            detail, resume_id = resume_detail(cv_data), resume_id_of(claim.job_id)
            self._persist(lambda: self.jobs.complete(claim, resume_id, detail, cv_data))
        except ParserUnavailableError as error:
            counts = error.counts or claim.forgiven >= _MAX_FORGIVEN
            if counts and claim.is_last:
                self._fail(claim, error)
            self._release(claim, error, counts=counts)
        except JobFailedError as error:
            self._fail(claim, error)
        return ParseOutcome.COMPLETED

    def _parse(self, claim: Claim) -> dict[str, Any]:
        data = self._persist(lambda: self.jobs.load_file(claim.job_id))
        if data is None:
            raise FileLostError
        return self.parser.parse(claim.file_name, data)

    def _fail(self, claim: Claim, error: JobFailedError) -> None:
        trace = trace_of(error)
        self._persist(lambda: self.jobs.fail(claim, error.code, str(error), trace=trace))
        raise error

    def _release(self, claim: Claim, error: ParserUnavailableError, *, counts: bool) -> None:
        attempts = claim.counted - claim.counted_before if counts else 1
        delay_s = self.backoff.delay_s(attempts, error.retry_after_s)
        code, message, trace = error.code, str(error), trace_of(error)
        self._persist(
            lambda: self.jobs.release(
                claim, code, message, delay_s=delay_s, counts=counts, trace=trace
            )
        )
        raise RunLaterError(delay_s) from error

    def _persist(self, operation: Callable[[], T]) -> T:
        """Try until the store has it: an outage must not cost the attempt that was made."""
        outages = 0
        while True:
            try:
                return operation()
            except StoreUnavailableError:
                pause_s = _STORE_PAUSES_S[min(outages, len(_STORE_PAUSES_S) - 1)]
                outages += 1
                if self.pause(pause_s):
                    raise
            except ClaimLostError:
                if outages:
                    # It may have been our own write that nobody confirmed: look again.
                    raise StoreUnavailableError from None
                raise
