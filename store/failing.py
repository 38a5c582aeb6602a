"""End a job as failed: one transition with all that belongs to it, whoever gives the job up."""

from datetime import timedelta

from pymongo.client_session import ClientSession
from pymongo.database import Database

from resumes.job import JobStatus
from store.connection import Document
from store.transitions import FILES, from_now, transition

#: A worker failed the job, and its dead letter may not be written yet.
LETTER_DUE = "due"
LETTER_WRITTEN = "written"
#: How long whoever fails a job has to write its letter, before somebody else may.
LETTER_TIME_S = 20.0

_IS_INLINE = {"$eq": ["$storage", "inline"]}


def fail_job(  # noqa: PLR0913 - an end's circumstances, each named
    database: Database[Document],
    session: ClientSession,
    *,
    allowed: Document,
    reason: tuple[str, str],
    file_retention: timedelta,
    letter_in_s: float | None,
    trace: str = "",
) -> Document | None:
    """Fail the job that `allowed` matches; return it as it was before, None on a miss.

    `reason` is a code and a message for the user. The file stays for `file_retention`, since a
    replay needs it; `trace` goes into the event. With `letter_in_s` a dead letter is owed: by the
    caller for so long, then by whoever finds the job.
    """
    file_expires_at = from_now(file_retention.total_seconds())
    before = transition(
        database,
        session,
        allowed=allowed,
        to=JobStatus.FAILED,
        values={
            "error_code": reason[0],
            "error_message": reason[1],
            **({} if letter_in_s is None else {"dead_letter": LETTER_DUE}),
        },
        computed={
            "lease_until": "$$REMOVE",
            "next_retry_at": "$$REMOVE",
            "due_at": "$$REMOVE" if letter_in_s is None else from_now(letter_in_s),
            "file_expires_at": {"$cond": [_IS_INLINE, file_expires_at, "$$REMOVE"]},
        },
        event={"trace": trace} if trace else {},
    )
    if before is not None:
        database[FILES].update_one(
            {"_id": before["_id"]}, [{"$set": {"expires_at": file_expires_at}}], session=session
        )
    return before
