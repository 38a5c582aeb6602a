"""What a person may ask of an application's tasks: cancel one, have one at once, pause a lane.

For web processes and commands. Each answer says whether it was done, or why not; asking twice does
no harm.
"""

from typing import Any

from dramatiq.errors import BrokerConnectionError
from pymongo.database import Database

from ..broker import KafkaBroker
from ..config import QueueConfig
from ..errors import DecodeError, RecordTooLargeError
from ..waiting import WaitingTask, WaitingTasks
from .decisions import MAX_DECISIONS, Decision, Decisions, Kind
from .pauses import Lane, LanePauses


class NoSuchLaneError(KeyError):
    """There is no such queue or lane; the pages list those that there are."""

    def __str__(self) -> str:
        # KeyError's own would be in quotes.
        return str(self.args[0])


class Control:
    """One per process; safe for concurrent calls.

    Methods that act return "" when it was done, else why not. They raise pymongo's and dramatiq's
    errors when MongoDB or Kafka does not answer.
    """

    def __init__(self, broker: KafkaBroker, database: Database[Any]) -> None:
        self._broker = broker
        self._decisions = Decisions(database)
        self._pauses = LanePauses(database)

    # Tasks that wait

    def decisions(self, tasks: list[WaitingTask]) -> dict[str, Decision]:
        """Return what was decided of these tasks, by `copy_id`."""
        return self._decisions.of([task.copy_id for task in tasks])

    def cancel(self, task: WaitingTask, *, by: str, reason: str) -> str:
        """Let a waiting task never run.

        Workers hear of it within a second or two; one that begins before then runs to its end.
        """
        if refusal := self._why_not(task):
            return refusal
        is_new = self._decide(task, "cancelled", by=by, reason=reason)
        return "" if is_new else self._decided_before(task)

    def bring_forward(
        self, waiting: WaitingTasks, task: WaitingTask, *, by: str, reason: str
    ) -> str:
        """Let a delayed task run at once.

        First it is noted that this was asked for, so that a second click does nothing. Then a copy
        is sent, and only when Kafka has it may the delayed one be skipped: should we die in
        between, it runs when it is due, or twice, but is never lost.
        """
        if refusal := self._why_not(task):
            return refusal
        if task.kind == "queued":
            return "it is queued already, and runs as soon as a worker is free"
        if not self._decide(task, "brought_forward", by=by, reason=reason):
            return self._decided_before(task)
        try:
            waiting.bring_forward(task)
        except (BrokerConnectionError, DecodeError, RecordTooLargeError) as error:
            self._decisions.undo(task.copy_id, by)
            if isinstance(error, BrokerConnectionError):
                raise
            return f"it cannot be sent: {error}"
        self._decisions.make_final(task.copy_id)
        return ""

    def _why_not(self, task: WaitingTask) -> str:
        if not task.has_lasting_id:
            return "its record has no id of its own by which workers could know it again"
        if self._decisions.count() >= MAX_DECISIONS:
            return f"{MAX_DECISIONS} decisions are open already; they end by themselves"
        return ""

    def _decide(self, task: WaitingTask, kind: Kind, *, by: str, reason: str) -> bool:
        return self._decisions.decide(
            task.copy_id,
            kind,
            by=by,
            reason=reason,
            is_final=kind == "cancelled",
            due_at=task.due_at,
        )

    def _decided_before(self, task: WaitingTask) -> str:
        decision = self._decisions.of([task.copy_id]).get(task.copy_id)
        if decision is None:
            return "somebody else was dealing with it: try again"
        what = "cancelled" if decision.kind == "cancelled" else "brought forward"
        return f"it was {what} by {decision.by or 'somebody'} already"

    # Lanes

    def lanes(self) -> list[Lane]:
        """Return every lane of every declared queue."""
        return [lane for queue in self._broker.queues.values() for lane in self._lanes_of(queue)]

    def pause(self, queue_name: str, lane: str, *, by: str, reason: str) -> str:
        """Let workers begin no more tasks of a lane; those that run end, and nothing is lost."""
        topic = self._topic(queue_name, lane)
        return "" if self._pauses.pause(topic, by=by, reason=reason) else "it is paused already"

    def unpause(self, queue_name: str, lane: str, *, by: str, reason: str) -> str:
        """Let workers go on with a lane."""
        topic = self._topic(queue_name, lane)
        return "" if self._pauses.unpause(topic, by=by, reason=reason) else "it is not paused"

    def _lanes_of(self, queue: QueueConfig) -> list[Lane]:
        return self._pauses.lanes(queue.name, queue.lane_topics.items())

    def _topic(self, queue_name: str, lane: str) -> str:
        queue = self._broker.queues.get(queue_name)
        if queue is None or lane not in queue.lane_topics:
            raise NoSuchLaneError(f"there is no lane {lane} of a queue {queue_name}")
        return queue.lane_topics[lane]
