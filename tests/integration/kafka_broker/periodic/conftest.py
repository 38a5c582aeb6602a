"""Schedules of processes that share a MongoDB, and a clock that the test sets.

pytest loads this file before it knows which warnings to ignore, so it imports no driver.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pymongo.database import Database

    from tasks.kafka_broker.periodic import Periodic
    from tests.integration.kafka_broker.periodic.support import Broker, Clock, MakePeriodic


@pytest.fixture
def clock() -> "Clock":
    from tests.integration.kafka_broker.periodic.support import Clock

    return Clock()


@pytest.fixture
def broker() -> "Broker":
    from tests.integration.kafka_broker.periodic.support import Broker

    return Broker()


@pytest.fixture
def make_periodic(broker: "Broker", database: "Database[Any]", clock: "Clock") -> "MakePeriodic":
    """One application's schedules, as each of its processes makes them."""
    from tasks.kafka_broker.periodic import Periodic
    from tests.integration.kafka_broker.periodic.support import LEASE_S

    def make(**options: Any) -> "Periodic":
        settings: dict[str, Any] = {"lease_s": LEASE_S, "clock": clock}
        return Periodic(broker, database, **(settings | options))

    return make


@pytest.fixture
def periodic(make_periodic: "MakePeriodic") -> "Periodic":
    """One schedule, due at every full minute."""
    from tasks.kafka_broker.periodic import every
    from tests.integration.kafka_broker.periodic.support import message

    periodic = make_periodic()
    periodic.add("minutely", every(minutes=1), message())
    return periodic
