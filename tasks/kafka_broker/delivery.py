"""One record on its way through the workers, with all that its end needs to know.

It knows its own assignment and inbox: dramatiq gives a message to the queue's present consumer,
which may not be the one that it came from.
"""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .codec import IncomingRecord

if TYPE_CHECKING:
    from .assignment import PartitionAssignment


class Owner(Protocol):
    """The inbox that handed a record out."""

    def begin(self, delivery: "Delivery") -> bool:
        """Claim the right to run a record; False when it is another owner's by now."""

    def finish(self, delivery: "Delivery") -> bool:
        """Mark a record done; False when that no longer matters."""

    def put_back(self, delivery: "Delivery") -> None:
        """Leave a record unfinished."""


@dataclass(slots=True, eq=False)
class Delivery:
    """A record that was handed out."""

    record: IncomingRecord
    assignment: "PartitionAssignment"
    inbox: Owner
    #: Where the record stands now: it moves when it is carried forward.
    offset: int
    taken_at: float = field(default_factory=time.monotonic)
