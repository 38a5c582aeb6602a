"""Whose turn it is: lanes by weight, within a lane its partitions one after another.

Kafka knows no priority, so each lane is a topic of its own. Smooth weighted round robin (nginx's)
shares the workers 16 : 4 : 1 while all lanes have records, gives an idle lane's share to the others
at once, and starves nobody; with slow tasks a turn in 21 may still be long in coming, so a lane
that was not served for `AGEING_S` goes first. Not sooner: with tasks of that length each of the
lanes would have waited too long, and all would share alike. A lane whose topic is held takes no
part. Guarded by the lock of the `Inbox`.
"""

import time
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping

from .assignment import PartitionAssignment
from .codec import IncomingRecord
from .config import NORMAL

WEIGHTS = {"high": 16, NORMAL: 4, "low": 1}
AGEING_S = 30.0

Taken = tuple[IncomingRecord, PartitionAssignment]


class Lanes:
    """The partitions that are owned now, by lane; `lane_topics` maps a lane to its topic.

    `held`: topics of which nothing is handed out for now.
    """

    def __init__(
        self,
        lane_topics: Mapping[str, str],
        *,
        held: Container[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._by_topic = {
            topic: _Lane(topic, WEIGHTS[lane], held, clock()) for lane, topic in lane_topics.items()
        }
        self._lanes = list(self._by_topic.values())

    def __iter__(self) -> Iterator[PartitionAssignment]:
        for lane in self._lanes:
            yield from lane.turns

    def add(self, assignment: PartitionAssignment) -> None:
        """Let a partition take part."""
        self._lane_of(assignment).turns.append(assignment)

    def remove(self, assignment: PartitionAssignment) -> None:
        """Let it take part no longer."""
        self._lane_of(assignment).turns.remove(assignment)

    def _lane_of(self, assignment: PartitionAssignment) -> "_Lane":
        # A topic without a lane goes with the first.
        return self._by_topic.get(assignment.partition.topic, self._lanes[0])

    def wakes(self) -> list[float]:
        """Return when records become ready by time alone (monotonic seconds)."""
        return [
            at
            for lane in self._lanes
            if not lane.is_held
            for assignment in lane.turns
            if (at := assignment.wakes_at) is not None
        ]

    def pop(self, *, has_room: bool) -> Taken | None:
        """Take the record whose turn it is."""
        if len(self._lanes) == 1:
            (only,) = self._lanes
            return None if only.is_held else only.pop(has_room=has_room)
        ready = [lane for lane in self._lanes if lane.is_ready()]
        now = self._clock()
        for lane in sorted(ready, key=lambda lane: lane.rank(now)):
            taken = lane.pop(has_room=has_room)
            if taken is not None:
                _charge(lane, ready, now)
                return taken
            # Its records wait for something: it saves up no turns meanwhile.
            ready.remove(lane)
        return None


def _charge(served: "_Lane", ready: "list[_Lane]", now: float) -> None:
    """Let a lane pay for a turn that those in `ready` competed for."""
    for lane in ready:
        lane.credit += lane.weight
    served.credit -= sum(lane.weight for lane in ready)
    served.served_at = now


class _Lane:
    """One lane's partitions and its claim to the next turn."""

    def __init__(self, topic: str, weight: int, held: Container[str], now: float) -> None:
        self._topic = topic
        self._held = held
        self.turns: deque[PartitionAssignment] = deque()
        self.weight = weight
        self.credit = 0
        self.served_at = now

    @property
    def is_held(self) -> bool:
        return self._topic in self._held

    def is_ready(self) -> bool:
        return not self.is_held and any(a.waiting or a.wakes_at is not None for a in self.turns)

    def rank(self, now: float) -> tuple[float, int]:
        """Sort by this: those that waited too long first, the longest before the others."""
        is_aged = now - self.served_at >= AGEING_S
        return self.served_at if is_aged else now, -(self.credit + self.weight)

    def pop(self, *, has_room: bool) -> Taken | None:
        for _ in range(len(self.turns)):
            assignment = self.turns[0]
            self.turns.rotate(-1)
            record = assignment.pop(has_room=has_room)
            if record is not None:
                return record, assignment
        return None
