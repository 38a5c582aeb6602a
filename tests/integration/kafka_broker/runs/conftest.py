"""Brokers whose workers record and obey, as an application sets them up.

pytest loads this file before it knows which warnings to ignore, so it imports no driver.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pymongo.database import Database

    from tasks.kafka_broker import KafkaBroker
    from tests.integration.kafka_broker.support import MakeBroker


@pytest.fixture
def make_watched(make_broker: "MakeBroker", database: "Database[Any]") -> "MakeBroker":
    """Make brokers with both middlewares, quick to look."""
    from tasks.kafka_broker.control import ObeyControl
    from tasks.kafka_broker.runs import RunRecorder

    def make(
        *, keeps_arguments: bool = False, asks_every_s: float = 0.1, **options: Any
    ) -> "KafkaBroker":
        broker = make_broker(**options)
        broker.add_middleware(ObeyControl(database, interval_s=asks_every_s))
        recorder = RunRecorder(database, keeps_arguments=keeps_arguments, interval_s=0.1)
        broker.add_middleware(recorder)
        return broker

    return make
