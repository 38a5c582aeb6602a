"""What codes are called on the dashboard. Pure data."""

from dataclasses import dataclass, field

from resumes.operating import OperationKind, OperationStatus, Refusal


@dataclass(frozen=True)
class Deed:
    """What an operation does, in the forms that sentences need."""

    #: On a button.
    verb: str
    #: "497 ..." after it was done, and after a dry run.
    did: str
    can: str
    #: What it means for a job, for somebody who never did it.
    meaning: str


@dataclass(frozen=True)
class Words:
    """All of them."""

    deeds: dict[str, Deed]
    refusals: dict[str, str]
    statuses: dict[str, str]
    waits: dict[str, str] = field(default_factory=dict)


WORDS = Words(
    deeds={
        OperationKind.REPLAY: Deed(
            "Replay",
            "replayed",
            "can be replayed",
            "Each failed job goes back into the queue with a new budget of attempts.",
        ),
        OperationKind.RETRY_NOW: Deed(
            "Retry now",
            "retried at once",
            "can be retried now",
            "Each job that waits for its next attempt has it at once.",
        ),
        OperationKind.DISCARD: Deed(
            "Discard",
            "discarded",
            "can be discarded",
            "Each failed job is given up for good and its file is deleted. This can't be undone.",
        ),
    },
    refusals={
        Refusal.HAS_RESUME: "already has a resume",
        Refusal.FILE_GONE: "file gone",
        Refusal.IN_FLIGHT: "another job of the user is in flight",
        Refusal.NEWER_UPLOAD: "a newer upload of the same user",
        Refusal.USER_UNKNOWN: "user unknown",
        Refusal.CHANGED: "changed meanwhile",
        Refusal.DISCARDED: "discarded",
        Refusal.CANCELLED: "cancelled by its user",
        Refusal.UNKNOWN_JOB: "unknown job",
    },
    statuses={
        OperationStatus.QUEUED: "Waiting for a worker",
        OperationStatus.RUNNING: "Running",
        OperationStatus.STOPPING: "Stopping",
        OperationStatus.STOPPED: "Stopped",
        OperationStatus.DONE: "Done",
    },
    waits={
        "breaker_open": "It stands still while the parser is not available (breaker open).",
        "queue_unavailable": "It stands still while the queue can't be reached.",
    },
)
