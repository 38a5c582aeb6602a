"""Read a piece of a partition once, as a command does that looks and goes.

Not for workers: those read on and on, in a group. The consumer is the caller's, in one thread.
"""

import time
from collections.abc import Iterator
from typing import Any

from kafka.structs import TopicPartition

from .codec import IncomingRecord
from .errors import connection_closed

_POLL_S = 0.5


def read_range(
    consumer: Any, partition: TopicPartition, offsets: range, *, timeout_s: float
) -> Iterator[IncomingRecord]:
    """Yield the records that lie in `offsets`, which must end at the end of the log or before.

    Raise ConnectionClosed when nothing comes for `timeout_s`.
    """
    position = offsets.start
    consumer.assign([partition])
    consumer.seek(partition, position)
    deadline = time.monotonic() + timeout_s
    while position < offsets.stop:
        for record in consumer.poll(1000 * _POLL_S).get(partition, ()):
            if record.offset >= offsets.stop:
                return
            yield record
        # Not the last record's offset + 1: the end of a log may be a transaction's marker.
        reached = consumer.position(partition, timeout_ms=1000 * timeout_s)
        if reached != position:
            position, deadline = reached, time.monotonic() + timeout_s
        elif time.monotonic() >= deadline:
            late = TimeoutError(f"no record within {timeout_s} s")
            raise connection_closed(f"reading {partition.topic}", late)
