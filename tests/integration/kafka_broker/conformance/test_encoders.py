"""`dramatiq.set_encoder`: pickles, and an encoder of one's own."""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq.encoder import Encoder, PickleEncoder

from tasks.kafka_broker import KafkaBroker
from tests.integration.kafka_broker.support import Log

Done = Callable[[], None]


class DateEncoder(Encoder):
    """JSON with dates; refuses to read one of them."""

    def encode(self, data: dict[str, Any]) -> bytes:
        return json.dumps(data, default=lambda date: {"date": date.isoformat()}).encode()

    def decode(self, data: bytes) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(data, object_hook=self._date)
        return fields

    @staticmethod
    def _date(value: dict[str, Any]) -> Any:
        if set(value) != {"date"}:
            return value
        if value["date"].startswith("1999"):
            raise RuntimeError("too long ago")
        return dt.date.fromisoformat(value["date"])


@pytest.fixture(autouse=True)
def _own_encoder() -> Iterator[None]:
    before = dramatiq.get_encoder()
    yield
    dramatiq.set_encoder(before)


@pytest.mark.parametrize("encoder", [PickleEncoder(), DateEncoder()])
def test_arguments_and_options_are_what_the_encoder_makes_of_them(
    done: Done, encoder: Encoder
) -> None:
    dramatiq.set_encoder(encoder)
    seen: list[object] = []

    @dramatiq.actor(max_retries=1, min_backoff=1)
    def go(day: dt.date, *, until: dt.date) -> None:
        seen.append((day, until))
        if len(seen) == 1:
            raise ValueError("once more, through the encoder")

    today, tomorrow = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
    go.send_with_options(args=(today,), kwargs={"until": tomorrow}, delay=10)
    done()
    assert seen == [(today, tomorrow)] * 2


def test_what_the_encoder_cannot_read_is_a_dead_letter(
    broker: KafkaBroker, done: Done, log: Log
) -> None:
    dramatiq.set_encoder(DateEncoder())
    ran: list[object] = []

    @dramatiq.actor
    def go(day: dt.date) -> None:
        ran.append(day)

    go.send(dt.date(1999, 1, 1))
    go.send(dt.date(2000, 1, 1))
    done()
    assert ran == [dt.date(2000, 1, 1)]
    letter = max(log.read(broker.queues["default"].dead_letter_topic), key=lambda r: r.offset)
    assert b"too long ago" in dict(letter.headers)["kafka_dlt-exception-message"]
