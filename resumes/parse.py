"""Use case: run one job. Claim -> load the file -> parser -> convert -> complete, or fail.

Runs in a worker thread, once per record; a record may come twice, at any distance. Promises: each
job is completed at most once (the claim's `attempt` is the fence), and every outcome is written
before the caller acknowledges the record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from resumes.cv import resume_detail
from resumes.errors import (
    AttemptsExhaustedError,
    ClaimLostError,
    FileLostError,
    InvalidRecordError,
    JobFailedError,
    StoppedEarlyError,
)
from resumes.job import Claim, is_object_id, resume_id_of
from resumes.ports import Busy, ClaimMiss, Leases, Parser, WorkStore

#: How often a held job is looked at while it is open whether its holder is alive.
_LOOK_INTERVAL_S = 0.5


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
    worker: str
    pause: Callable[[float], bool]
    on_claimed: Callable[[Claim], None]

    def run(self, job_id: str) -> ParseOutcome:
        """Bring the job to its end.

        Raises InvalidRecordError (no such job), JobFailedError (the job is now failed),
        StoppedEarlyError (deliver again) or StoreUnavailableError (try again).
        """
        claim = self._claim(job_id)
        if claim is None:
            return ParseOutcome.SKIPPED
        self.on_claimed(claim)
        try:
            with self.leases.keep(claim):
                return self._run_claimed(claim)
        except ClaimLostError:
            # Someone took the job over while we were cut off: his result counts, not ours.
            return ParseOutcome.SKIPPED

    def _claim(self, job_id: str) -> Claim | None:
        if not is_object_id(job_id):
            raise InvalidRecordError("The record's job_id is not an id.")
        held_before: Busy | None = None
        while True:
            claim = self.jobs.claim(job_id, self.worker)
            if claim is ClaimMiss.UNKNOWN:
                raise InvalidRecordError("The record's job_id names no job.")
            if claim is ClaimMiss.FINISHED:
                return None
            if isinstance(claim, Claim):
                return claim
            # Held by another attempt. A live holder renews its lease, a dead one (kill -9) lets
            # it run out: see which, since Kafka may redeliver before the lease has expired.
            if held_before is not None and claim != held_before:
                return None
            held_before = claim
            if self.pause(_LOOK_INTERVAL_S):
                raise StoppedEarlyError

    def _run_claimed(self, claim: Claim) -> ParseOutcome:
        try:
            cv_data = self._parse(claim)
            detail = resume_detail(cv_data)
            self.jobs.complete(claim, resume_id_of(claim.job_id), detail, cv_data)
        except JobFailedError as error:
            self.jobs.fail(claim, error.code, str(error))
            raise
        return ParseOutcome.COMPLETED

    def _parse(self, claim: Claim) -> dict[str, Any]:
        if claim.attempt > claim.max_attempts:
            raise AttemptsExhaustedError
        data = self.jobs.load_file(claim.job_id)
        if data is None:
            raise FileLostError
        return self.parser.parse(claim.file_name, data)
