"""What a queue is on Kafka: its topics, its consumer group and its limits.

Pure values. `QueueOptions` is what a user writes, `QueueConfig` what the broker works with.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

#: An operator needs time to look at a dead letter, more than Kafka's default of a week.
DEAD_LETTER_RETENTION_MS = 30 * 24 * 3600 * 1000

#: From most to least urgent. A message without the option `lane` is `normal`.
LANES = ("high", "normal", "low")
NORMAL = "normal"

#: Room for any record Kafka took with its own limit of 1 MiB, and for the headers that it gains.
MAX_DEAD_LETTER_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class QueueOptions:
    """How one queue lies on Kafka; None means "derive it" or "as the Kafka cluster is set up"."""

    #: `<namespace>.<queue>` by default.
    topic: str | None = None
    #: `<broker's group_id>.<topic>` by default: a group per queue, so that a rebalance of one queue
    #: does not stop the others.
    group_id: str | None = None
    num_partitions: int | None = None
    #: How many records of one partition may be with the workers of its owner at a time. None: as
    #: many as the workers prefetch.
    max_in_flight_per_partition: int | None = None
    #: True: a topic for each of `LANES`, more urgent ones served more often.
    lanes: bool = False
    #: "key": records of one key run one after another, in the order of the log.
    ordering: Literal["key"] | None = None
    #: The actor that gets records whose headers name none, such as those of other programs.
    default_actor: str | None = None
    replication_factor: int | None = None
    retention_ms: int | None = None
    #: `<topic>.dlq` by default.
    dead_letter_topic: str | None = None
    dead_letter_retention_ms: int = DEAD_LETTER_RETENTION_MS


@dataclass(frozen=True)
class QueueConfig:
    """A queue with all its names known."""

    name: str
    topic: str
    group_id: str
    num_partitions: int
    dead_letter_topic: str
    options: QueueOptions

    @cached_property
    def lane_topics(self) -> dict[str, str]:
        """The topic of each lane; the normal one is `topic`, and without lanes the only one."""
        if not self.options.lanes:
            return {NORMAL: self.topic}
        return {lane: self.topic if lane == NORMAL else f"{self.topic}.{lane}" for lane in LANES}

    @property
    def delay_topic(self) -> str:
        """Where messages wait that may not run yet."""
        return f"{self.topic}.delay"


def resolve(
    options: QueueOptions, queue_name: str, *, namespace: str, group_id: str, num_partitions: int
) -> QueueConfig:
    """Fill in what `options` leaves open."""
    topic = options.topic or (f"{namespace}.{queue_name}" if namespace else queue_name)
    return QueueConfig(
        name=queue_name,
        topic=topic,
        group_id=options.group_id or f"{group_id}.{topic}",
        num_partitions=options.num_partitions or num_partitions,
        dead_letter_topic=options.dead_letter_topic or f"{topic}.dlq",
        options=options,
    )
