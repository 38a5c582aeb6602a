"""Sends what is due: one thread per worker, of which one at a time holds a schedule's lease.

Owned by the worker process. A due time is claimed in MongoDB before its message is sent, so that no
two runners ever send for the same one. A failed send gives the claim back and is tried again soon.
A process that dies between the claim and the send loses that one fire (docs/adr/0010).
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from dramatiq import Broker
from pymongo.errors import PyMongoError

from .schedule import Due, Schedule
from .store import ScheduleState, ScheduleStore

log = logging.getLogger(__name__)

#: Looks per lease: two may fail before the lease runs out.
_LOOKS_PER_LEASE = 3
#: How soon what went wrong is tried again.
_RETRY_S = 1.0
#: A send may be waiting for the broker while the worker stops; the thread is a daemon.
_STOP_WITHIN_S = 5.0


class Runner:
    """`start` and `stop` once each; `tick` is what the thread does, for tests to call instead."""

    def __init__(
        self,
        broker: Broker,
        schedules: Mapping[str, Schedule],
        store: ScheduleStore,
        *,
        lease_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._broker = broker
        self._schedules = schedules
        self._store = store
        self._look_interval = timedelta(seconds=lease_s / _LOOKS_PER_LEASE)
        self._clock = clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dramatiq-periodic", daemon=True)

    def start(self) -> None:
        """Begin to look for what is due."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more and let another runner take over at once."""
        self._stopped.set()
        self._thread.join(_STOP_WITHIN_S)

    def tick(self) -> float:
        """Send what is due now and return how many seconds later to look again."""
        now = self._clock()
        schedules = dict(self._schedules)
        looks = [now + self._look_interval]
        states = self._store.hold(schedules) if schedules else {}
        for name, schedule in schedules.items():
            state = states.get(name)
            if state is None:
                self._store.begin(name, str(schedule.trigger), now)
                looks.append(now)  # to take the lease
            elif state.is_ours and not self._stopped.is_set():
                looks.append(self._attend(schedule, state, now))
        return max(0.0, (min(looks) - self._clock()).total_seconds())

    def _attend(self, schedule: Schedule, state: ScheduleState, now: datetime) -> datetime:
        """Do what one schedule owes and return when to look at it again."""
        if state.trigger != str(schedule.trigger):
            self._store.begin_again(state, str(schedule.trigger), now)
            return schedule.trigger.next_after(now)
        due = schedule.due(state.last, now)
        if due is None:
            return schedule.trigger.next_after(state.last)
        if self._store.claim(state, due.until) and not self._fire(schedule, state, due):
            return now + timedelta(seconds=_RETRY_S)
        return schedule.trigger.next_after(due.until)

    def _fire(self, schedule: Schedule, state: ScheduleState, due: Due) -> bool:
        """Send for a claimed due time; False when the send failed and the claim was given back."""
        if due.has_missed:
            log.warning(
                "schedule %r: what was due after %s is missed, as it is more than %s late",
                schedule.name,
                state.last,
                schedule.misfire_grace,
            )
        if due.fire_for is None:
            return True
        try:
            self._broker.enqueue(schedule.message_for(due.fire_for))
        except Exception:
            log.exception("schedule %r: not sent for %s, try again", schedule.name, due.fire_for)
            self._store.give_back(state, due.until)
            return False
        log.info("schedule %r: sent for %s", schedule.name, due.fire_for)
        return True

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stopped.wait(wait_s):
            try:
                wait_s = self.tick()
            except Exception:
                log.exception("schedules: nothing can be sent, try again")
                wait_s = _RETRY_S
        try:
            self._store.release(self._schedules.keys())
        except PyMongoError:
            log.warning("schedules: the leases could not be released and run out by themselves")
