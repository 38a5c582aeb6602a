"""dramatiq on Kafka: a broker whose queues are topics, with an acknowledgement for each message.

Generic: it imports nothing of this service and could be lifted out of it. docs/broker.md says what
it promises and how records look.
"""

from .broker import KafkaBroker
from .config import QueueOptions
from .dead_letter_queue import DeadLetterQueue
from .errors import (
    DecodeError,
    LaneNotDeclaredError,
    PartlyEnqueuedError,
    PutBack,
    RecordTooLargeError,
    RejectedError,
)
from .letters import LetterFilter
from .observer import BrokerObserver, PartitionState, Rebalance
from .retries import Retries

__all__ = [
    "BrokerObserver",
    "DeadLetterQueue",
    "DecodeError",
    "KafkaBroker",
    "LaneNotDeclaredError",
    "LetterFilter",
    "PartitionState",
    "PartlyEnqueuedError",
    "PutBack",
    "QueueOptions",
    "Rebalance",
    "RecordTooLargeError",
    "RejectedError",
    "Retries",
]
