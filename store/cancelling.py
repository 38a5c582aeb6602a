"""Take a pending job back for its user: the core's CancelStore on MongoDB."""

from datetime import timedelta

from bson import ObjectId
from pymongo.client_session import ClientSession

from resumes.job import JobStatus
from store.failing import fail_job
from store.reads import MongoJobReader
from store.transitions import FILES, JOBS, in_transaction


class MongoUserJobs(MongoJobReader):
    """A user's jobs, to read and to cancel; one per web process, safe for concurrent calls."""

    def cancel(self, job_id: str, user_id: str, code: str, message: str) -> bool:
        """End the user's pending job and drop its file; False when he has no pending one.

        No dead letter is owed, and the record that is still on its way finds the job ended.
        """
        allowed = {
            "_id": ObjectId(job_id),
            "user_id": ObjectId(user_id),
            "status": str(JobStatus.PENDING),
        }

        def work(session: ClientSession) -> bool:
            before = fail_job(
                self._database,
                session,
                allowed=allowed,
                reason=(code, message),
                file_retention=timedelta(0),
                letter_in_s=None,
            )
            if before is None:
                return False
            # Not left to the retention: who takes a resume back wants it gone.
            self._database[FILES].delete_one({"_id": before["_id"]}, session=session)
            self._database[JOBS].update_one(
                {"_id": before["_id"]},
                {"$unset": {"file_data": "", "file_expires_at": ""}},
                session=session,
            )
            return True

        return in_transaction(self._database, work)
