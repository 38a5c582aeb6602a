"""Use case: accept an upload. Validate -> open the job -> publish; failed publish -> job failed.

Runs in the web process, once per request. Promises: an accepted upload is durable and was
acknowledged by the queue; a refused one left nothing behind.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from resumes.errors import (
    DailyLimitReached,
    FileEmptyError,
    FileMissingError,
    FileTooLargeError,
    IdempotencyInProgress,
    IdempotencyKeyInvalidError,
    IdempotencyKeyReused,
    NotAPdfError,
    PublishFailedError,
    SeveralFilesError,
    StoreUnavailableError,
)
from resumes.job import MAX_FILE_BYTES, Job
from resumes.ports import EarlierUpload, NewJob, ParseQueue, UploadStore
from resumes.quota import Quota, QuotaRule

#: At byte 0: a header further in is legal, but is also how files that are two formats at once
#: are made, and next to no real PDF needs it.
_PDF_MAGIC = b"%PDF-"
_HASH_CHUNK_BYTES = 1024 * 1024
_MAX_KEY_LENGTH = 255
_MAX_NAME_LENGTH = 255


@dataclass(frozen=True)
class UploadedFile:
    """A file of the request, spooled by the web layer; `content` is seekable."""

    name: str
    content: IO[bytes]


class SubmitResume:
    """Accept uploads; one per process, safe for concurrent calls."""

    def __init__(
        self,
        *,
        uploads: UploadStore,
        queue: ParseQueue,
        quota: QuotaRule,
        max_attempts: int,
        now: Callable[[], datetime],
    ) -> None:
        self._uploads = uploads
        self._queue = queue
        self._quota = quota
        self._max_attempts = max_attempts
        self._now = now

    def quota_of(self, user_id: str) -> Quota:
        """Return what is left of the user's day."""
        now = self._now()
        used = self._uploads.uploads_used(user_id, self._quota.day(now))
        return Quota(self._quota.limit, used, self._quota.resets_in_s(now))

    def check_rate(self, user_id: str, quota: Quota, idempotency_key: str | None) -> None:
        """Refuse a user whose day is used up, unless the key repeats an earlier upload."""
        if quota.remaining > 0:
            return
        if idempotency_key and self._uploads.earlier_upload(user_id, idempotency_key):
            return
        raise DailyLimitReached

    def submit(
        self,
        user_id: str,
        files: Sequence[UploadedFile],
        *,
        idempotency_key: str | None,
        traceparent: str,
    ) -> str:
        """Return the id of the accepted job; the same id again for a repeated key.

        Raises UploadRefusedError, PublishFailedError or StoreUnavailableError.
        """
        file = _single(files)
        size_bytes, sha256 = _inspect(file.content)
        if earlier := self._earlier(user_id, idempotency_key):
            return _replay(earlier, sha256)
        self._uploads.check_no_resume(user_id)
        new_job = NewJob(
            user_id=user_id,
            file_name=clean_file_name(file.name),
            size_bytes=size_bytes,
            sha256=sha256,
            max_attempts=self._max_attempts,
            day=self._quota.day(self._now()),
            daily_limit=self._quota.limit,
            idempotency_key=idempotency_key,
            traceparent=traceparent,
        )
        try:
            job = self._uploads.open(new_job, file.content.read())
        except IdempotencyInProgress:
            # Another upload with this key won the race; by now it may even be answered.
            winner = self._earlier(user_id, idempotency_key)
            if winner is None:
                raise
            return _replay(winner, sha256)
        self._publish(job, traceparent)
        self._mark_answered(user_id, idempotency_key)
        return job.id

    def _earlier(self, user_id: str, key: str | None) -> EarlierUpload | None:
        return self._uploads.earlier_upload(user_id, key) if key else None

    def _publish(self, job: Job, traceparent: str) -> None:
        try:
            self._queue.publish(job, traceparent)
        except PublishFailedError as error:
            # The record may have arrived all the same. If a worker took it, the upload is
            # accepted; if not, a worker that reads it later finds the job failed and drops it.
            if self._uploads.fail_publish(job.id, error.code, str(error)):
                raise

    def _mark_answered(self, user_id: str, key: str | None) -> None:
        if key is None:
            return
        try:
            self._uploads.mark_answered(user_id, key)
        except StoreUnavailableError:
            # The job is durable and queued, so the upload is accepted; an unmarked key counts as
            # answered once the first upload can no longer be running.
            return


def check_idempotency_key(key: str | None) -> None:
    """Refuse a key that is not 1 to 255 printable ASCII characters."""
    if key is None:
        return
    if not (0 < len(key) <= _MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalidError


def clean_file_name(name: str) -> str:
    """Return the last path component, NFC, without control characters; never empty."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    normal = unicodedata.normalize("NFC", last.encode("utf-8", "ignore").decode())
    visible = "".join(c for c in normal if unicodedata.category(c)[0] != "C").strip()
    return visible[-_MAX_NAME_LENGTH:] if visible.strip(". ") else "resume.pdf"


def _single(files: Sequence[UploadedFile]) -> UploadedFile:
    if not files:
        raise FileMissingError
    if len(files) > 1:
        raise SeveralFilesError
    return files[0]


def _inspect(content: IO[bytes]) -> tuple[int, str]:
    """Return size and SHA-256 of what is a PDF of allowed size; leave it at its start."""
    digest = hashlib.sha256()
    size_bytes = 0
    while chunk := content.read(_HASH_CHUNK_BYTES):
        if size_bytes == 0 and not chunk.startswith(_PDF_MAGIC):
            raise NotAPdfError
        size_bytes += len(chunk)
        if size_bytes > MAX_FILE_BYTES:
            raise FileTooLargeError
        digest.update(chunk)
    if size_bytes == 0:
        raise FileEmptyError
    content.seek(0)
    return size_bytes, digest.hexdigest()


def _replay(earlier: EarlierUpload, sha256: str) -> str:
    if earlier.sha256 != sha256:
        raise IdempotencyKeyReused
    if earlier.is_running:
        raise IdempotencyInProgress
    return earlier.job_id
