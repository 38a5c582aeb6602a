"""Every way in which a resume's journey can go wrong, with advice a person can act on.

`code` is stable: API clients, the page's translations and the metrics' `reason` label use it.
Messages are shown to users, so they carry no internals.
"""

from typing import ClassVar


class ResumeError(Exception):
    """Base of all errors of the core; `str(error)` may be shown to the user."""

    code: ClassVar[str] = "internal_error"
    advice: ClassVar[str] = "Something went wrong on our side. Please try again later."

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.advice)


class StoreUnavailableError(ResumeError):
    """MongoDB did not answer in time; nothing is known about the write."""

    code = "unavailable"
    advice = "The service can't reach its database at the moment. Please try again in a minute."


class QueueUnavailableError(ResumeError):
    """Kafka did not answer in time."""

    code = "queue_unavailable"
    advice = "The queue can't be reached at the moment. It is tried again."


# --- An upload that is refused: nothing was stored ------------------------------------------


class UploadRefusedError(ResumeError):
    """Base of the refusals: the upload left nothing behind."""


class FileMissingError(UploadRefusedError):
    """No multipart field `file`."""

    code = "file_missing"
    advice = "Choose a PDF file to upload (multipart field 'file')."


class SeveralFilesError(UploadRefusedError):
    """More than one file in one upload."""

    code = "several_files"
    advice = "Upload one file at a time."


class FileEmptyError(UploadRefusedError):
    """Zero bytes."""

    code = "file_empty"
    advice = "The file is empty. Choose the PDF again."


class NotAPdfError(UploadRefusedError):
    """The content does not start as a PDF does; names and declared types are not trusted."""

    code = "not_a_pdf"
    advice = "The file is not a PDF. Export your resume as PDF and upload that."


class FileTooLargeError(UploadRefusedError):
    """More than MAX_FILE_BYTES."""

    code = "file_too_large"
    advice = "The file is larger than 10 MB. Export a smaller PDF, for example with fewer images."


class IdempotencyKeyInvalidError(UploadRefusedError):
    """An Idempotency-Key that is empty, too long or not printable ASCII."""

    code = "idempotency_key_invalid"
    advice = "Idempotency-Key must be 1 to 255 printable ASCII characters."


class ResumeAlreadyExists(UploadRefusedError):  # noqa: N818 - it names a state
    """The user has a resume, `resume_id`; the product keeps one per user."""

    code = "resume_exists"
    advice = "You already have a resume. Only one resume per user is kept."

    def __init__(self, resume_id: str) -> None:
        super().__init__()
        self.resume_id = resume_id


class DailyLimitReached(UploadRefusedError):  # noqa: N818 - it names a state
    """All of today's uploads are used up."""

    code = "rate_limited"
    advice = "You have used up today's uploads. Please try again tomorrow."


class JobInFlight(UploadRefusedError):  # noqa: N818 - it names a state
    """The user's earlier upload is still on its way; `job_id` says which."""

    code = "job_in_flight"
    advice = "Your earlier upload is still being processed."

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self.job_id = job_id


class IdempotencyKeyReused(UploadRefusedError):  # noqa: N818 - it names a state
    """The key came before with another file."""

    code = "idempotency_key_reused"
    advice = "This Idempotency-Key was used for another file. Use a new key for a new file."


class IdempotencyInProgress(UploadRefusedError):  # noqa: N818 - it names a state
    """The first upload with this key has not been answered yet."""

    code = "idempotency_in_progress"
    advice = "The first upload with this Idempotency-Key is still running. Try again shortly."


# --- A job that fails -------------------------------------------------------------------------


class PublishFailedError(ResumeError):
    """The queue did not acknowledge the job in time; the job is failed."""

    code = "publish_failed"
    advice = "Your file could not be queued for processing. Please upload it again."


class JobFailedError(ResumeError):
    """Base of what ends a job as `failed`."""


class ParserUnavailableError(JobFailedError):
    """Transient: the parser did not answer, or answered 5xx or 429, at every try.

    `retry_after_s` is what the parser asked for; `counts` is False for an attempt that met the
    open circuit breaker, or tested for all others whether the parser is back.
    """

    code = "parser_unavailable"
    advice = "The resume parser is not available at the moment. Please upload the file again later."

    def __init__(
        self, message: str = "", *, retry_after_s: float | None = None, counts: bool = True
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.counts = counts


class ParserRejectedError(JobFailedError):
    """Permanent: the parser read the request and refused this file."""

    code = "parser_rejected"
    advice = "The resume could not be read from this PDF. Export it as a text PDF and try again."


class ParserBadAnswerError(JobFailedError):
    """Permanent: the parser answered with something that is not its contract."""

    code = "parser_bad_answer"
    advice = "The resume parser gave an answer we can't use. Please contact support."


class FileLostError(JobFailedError):
    """The PDF's bytes are gone."""

    code = "file_lost"
    advice = "Your file is no longer stored. Please upload it again."


class UserUnknownError(JobFailedError):
    """The user was deleted while the job was under way."""

    code = "user_unknown"
    advice = "The user of this upload no longer exists."


class UserHasResumeError(JobFailedError):
    """Another resume reached the user's document while the job was under way."""

    code = "resume_exists"
    advice = ResumeAlreadyExists.advice


class AttemptsExhaustedError(JobFailedError):
    """Each attempt so far ended without a result: its worker died or was cut off."""

    code = "attempts_exhausted"
    advice = "Your file could not be processed after several attempts. Please contact support."


class LetterMissingError(JobFailedError):
    """The job failed before, and whoever failed it died before its dead letter was written.

    `code` and the message are those it failed with.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc] # of this one job


# --- A job that waits -------------------------------------------------------------------------


class RunLaterError(ResumeError):
    """Neither done nor failed: the job is pending, and its record must come again in `delay_s`."""

    code = "run_later"
    advice = "The job waits for its next attempt."

    def __init__(self, delay_s: float) -> None:
        super().__init__()
        self.delay_s = delay_s


# --- A record that is no job --------------------------------------------------------------------


class InvalidRecordError(ResumeError):
    """A queue record that names no job of ours; it belongs in the dead letters."""

    code = "invalid_record"
    advice = "The record names no known job."


class ClaimLostError(ResumeError):
    """The fence: another attempt owns the job now, so this one may change nothing."""

    code = "claim_lost"
    advice = "Another worker has taken this job over."


class StoppedEarlyError(ResumeError):
    """The process stops before the job's outcome is known; the record must be delivered again."""

    code = "interrupted"
    advice = "The worker stopped before the job was finished."
