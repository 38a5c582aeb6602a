"""A schedule: which message, when, and how late it may still be sent. Pure; all times are aware."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dramatiq import Message
from dramatiq.common import current_millis

from .triggers import Trigger

#: Makes message ids of schedules; must never change.
_MESSAGE_IDS = uuid.UUID("5c0a3c5e-6a62-4a4c-9d5f-0a3d0f4f5d1b")


class ScheduleError(ValueError):
    """A schedule is declared wrongly; correct it in the code."""


@dataclass(frozen=True)
class Due:
    """What a schedule owes at some moment."""

    #: The due time to fire for; None when all that was missed is too old.
    fire_for: datetime | None
    #: Up to here the schedule is done once this is dealt with.
    until: datetime
    #: True when older due times are dropped.
    has_missed: bool


@dataclass(frozen=True)
class Schedule:
    """Sends `message` whenever `trigger` is due, up to `misfire_grace` late."""

    name: str
    trigger: Trigger
    message: Message[Any]
    misfire_grace: timedelta

    def due(self, last: datetime, now: datetime) -> Due | None:
        """Return what is owed at `now` by a schedule that is done up to `last`.

        Several due times that passed while nobody looked are fired as one, for the latest.
        """
        moment = self.trigger.next_after(last)
        if moment > now:
            return None
        oldest = now - self.misfire_grace
        has_missed = moment <= oldest
        if has_missed:
            moment = self.trigger.next_after(oldest)
        latest = None
        while moment <= now:
            latest, moment = moment, self.trigger.next_after(moment)
        return Due(fire_for=latest, until=latest or now, has_missed=has_missed)

    def message_for(self, moment: datetime) -> Message[Any]:
        """Return the message to send for a due time; its id is the same whoever makes it."""
        return self.message.copy(
            message_id=str(uuid.uuid5(_MESSAGE_IDS, f"{self.name}@{moment.isoformat()}")),
            message_timestamp=current_millis(),
            options={"schedule": self.name, "scheduled_for": moment.isoformat()},
        )
