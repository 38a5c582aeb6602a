"""Wait until a queue's work is done, or drop it: what tests do to queues, and operators at times.

Both look at Kafka, so they see the whole group, whichever process does the work, and the messages
that are delayed.
"""

import time

from dramatiq.errors import QueueJoinTimeout

from .backlog import Backlog
from .clients import Clients
from .config import QueueConfig
from .delays import delay_queue

_INTERVAL_S = 0.02


def wait_until_done(
    clients: Clients, queue: QueueConfig, *, delay_group_id: str, timeout_s: float | None
) -> None:
    """Return when the group is done with all that is on Kafka; QueueJoinTimeout if it takes long.

    A dead letter counts as done.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    with Backlog(clients, queue, delay_queue(queue, delay_group_id)) as backlog:
        while remaining := backlog.count_unfinished():
            if deadline is not None and time.monotonic() >= deadline:
                left = f"{remaining} messages on queue {queue.name!r} are left"
                raise QueueJoinTimeout(left)  # type: ignore[no-untyped-call]
            time.sleep(_INTERVAL_S)


def drop(clients: Clients, queue: QueueConfig, *, delay_group_id: str) -> None:
    """Delete all messages of the queue that are on Kafka now, delayed ones as well."""
    with Backlog(clients, queue, delay_queue(queue, delay_group_id)) as backlog:
        backlog.drop()
