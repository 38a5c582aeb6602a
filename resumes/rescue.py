"""Use case: put jobs whose record is lost into the queue again.

Between MongoDB and Kafka there is no transaction, so a crash at the wrong moment leaves a job that
nobody will run: never published, its retry not sent, its lease expired with the record gone, its
record skipped by an operator who moved the offsets. All are one case here: **the job was due at a
time, and the workers are through with everything that was published until then.** So a backlog,
however long, is left alone: its jobs became due after the record that the workers are at.

Any number of processes may do this; each step is a compare-and-set.
"""

from dataclasses import dataclass

from resumes.errors import AttemptsExhaustedError
from resumes.ports import RescueStore, WatchedQueue

#: In one round; the next comes seconds later.
_BATCH = 200


@dataclass(frozen=True)
class Rescued:
    """What one round did."""

    published: int = 0
    given_up: int = 0
    files_cleared: int = 0


@dataclass(frozen=True)
class RescueJobs:
    """Do a round at a time.

    `grace_s`: how much later than due a job may still be helped by its own record. It covers the
    time that a publish may take, and clocks that differ.
    """

    jobs: RescueStore
    queue: WatchedQueue
    grace_s: float

    def run_once(self) -> Rescued:
        """Rescue what is lost now.

        Raises StoreUnavailableError, QueueUnavailableError or PublishFailedError; what was taken
        and not published is taken again when its time is over once more.
        """
        published = given_up = 0
        handled_until = self.queue.handled_until()
        for overdue in self.jobs.overdue(handled_until, grace_s=self.grace_s, limit=_BATCH):
            job = overdue.job
            if not job.status.is_terminal and overdue.rescues >= job.max_attempts:
                # The workers had its record that often and did not even begin: what remains is
                # to tell the user. A worker writes the dead letter, as for any other.
                error = AttemptsExhaustedError()
                given_up += self.jobs.give_up(overdue, error.code, str(error))
            elif self.jobs.take(overdue):
                self.queue.publish(job, "")
                published += 1
        return Rescued(published, given_up, self.jobs.clear_expired_files())
