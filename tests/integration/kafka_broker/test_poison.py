"""Records that no task can be made of, and tasks that fail: into the dead-letter topic, once."""

import threading
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import ConnectionClosed

from tasks.kafka_broker import KafkaBroker, QueueOptions, Retries
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

_OURS = ("dramatiq-actor", b"go")

#: name: (value, headers, the start of the reason)
POISON: dict[str, tuple[bytes | None, list[tuple[str, bytes]], str]] = {
    "tombstone": (None, [], "the record has no value"),
    "empty": (b"", [], "value is not JSON"),
    "text": (b"hello", [], "value is not JSON"),
    "cut": (b'{"number": 1', [], "value is not JSON"),
    "two values": (b"{}{}", [], "value is not JSON"),
    "no utf-8": (b"\xff\xfe\x00", [], "value is not JSON"),
    "utf-16": ('{"number": 1}'.encode("utf-16"), [], "value is not JSON"),
    "NaN": (b'{"number": NaN}', [], "value is not JSON"),
    "deep": (b"[" * 50_000, [], "value is not JSON"),
    "endless number": (b'{"number": %s}' % (b"9" * 5000), [], "value is not JSON"),
    "list": (b"[1]", [], "value is JSON, but no object"),
    "null": (b"null", [], "value is JSON, but no object"),
    "string": (b'"number"', [], "value is JSON, but no object"),
    "wrong names": (b'{"nummer": 1}', [], "TypeError"),
    "missing name": (b"{}", [], "TypeError"),
    "huge": (b'{"nummer": "%s"}' % (b"x" * 1_000_000), [], "TypeError"),
    "unknown actor": (b"{}", [("dramatiq-actor", b"nobody")], "ActorNotFound"),
    "actor no utf-8": (b"{}", [("dramatiq-actor", b"\xff")], "header dramatiq-actor"),
    "other queue": (b"{}", [_OURS, ("dramatiq-queue", b"other")], "the record is of the queue"),
    "bad options": (b"{}", [_OURS, ("dramatiq-options", b"[]")], "header dramatiq-options"),
    "bad args": (b"{}", [_OURS, ("dramatiq-args", b"1")], "header dramatiq-args"),
    "bad time": (b"{}", [_OURS, ("dramatiq-timestamp", b"now")], "header dramatiq-timestamp"),
}


def _declare_go(broker: KafkaBroker) -> set[int]:
    seen: set[int] = set()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.add(number)

    broker.ensure_topics()
    return seen


def _reason(letter: Any) -> str:
    headers = dict(letter.headers)
    kind = headers["kafka_dlt-exception-fqcn"].decode().rpartition(".")[2]
    message: str = headers["kafka_dlt-exception-message"].decode()
    return message if kind == "DecodeError" else kind


def test_each_poison_record_is_buried_once_as_it_was_and_its_neighbours_are_done(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker(
        queues={"default": QueueOptions(default_actor="go")}, middleware=[Retries(max_retries=0)]
    )
    seen = _declare_go(broker)
    queue = broker.queues["default"]
    for number, (name, (value, headers, _)) in enumerate(POISON.items()):
        log.write(queue.topic, value, key=name.encode(), headers=headers)
        log.write(queue.topic, b'{"number": %d}' % number)
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert seen == set(range(len(POISON)))
    letters = log.read(queue.dead_letter_topic)
    assert sorted(letter.key.decode() for letter in letters) == sorted(POISON)
    for letter in letters:
        value, headers, reason = POISON[letter.key.decode()]
        assert letter.value == value
        assert letter.headers[: len(headers)] == headers
        assert _reason(letter).startswith(reason)


def test_records_of_a_queue_this_worker_does_not_have_kill_no_thread(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """Trap 2: dramatiq's worker thread dies of a queue name that is not among its consumers."""
    broker = make_broker()
    seen = _declare_go(broker)
    queue = broker.queues["default"]
    for _ in range(3):
        log.write(queue.topic, b'{"number": 0}', headers=[_OURS, ("dramatiq-queue", b"other")])
    log.write(queue.topic, b'{"number": 1}', headers=[_OURS])
    worker = start_worker(broker, threads=2)
    broker.join("default", timeout=30_000)
    assert seen == {1}
    assert all(thread.is_alive() for thread in worker.workers)


def test_bytes_that_cannot_be_decoded_are_no_reason_to_raise(
    make_broker: MakeBroker, log: Log
) -> None:
    """Trap 5: dramatiq restarts a consumer that raises, which would read the record for ever."""
    broker = make_broker()
    _declare_go(broker)
    queue = broker.queues["default"]
    log.write(queue.topic, b"\xff")
    consumer = broker.consume("default", prefetch=1, timeout=100)
    eventually(lambda: next(consumer) is None and log.committed(broker) == {0: 1})
    assert len(log.read(queue.dead_letter_topic)) == 1


def test_a_failed_task_is_buried_with_its_error(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker(middleware=[Retries(max_retries=0)])

    @dramatiq.actor(broker=broker)
    def fail() -> None:
        raise RuntimeError("no route to mongodb://joe:secret@db/x")

    message = fail.send()
    start_worker(broker)
    broker.join("default", timeout=10_000)
    (letter,) = log.read(broker.queues["default"].dead_letter_topic)
    headers = dict(letter.headers)
    assert headers["kafka_dlt-exception-message"] == b"no route to mongodb://***@db/x"
    assert headers["dramatiq-message-id"] == message.message_id.encode()
    assert headers["dramatiq-actor"] == b"fail"
    assert headers["kafka_dlt-original-offset"] == bytes(8)


class _NoUtf8(str):
    """A header's name as some programs write it."""

    __slots__ = ()

    def encode(self, encoding: str = "", errors: str = "") -> bytes:  # noqa: ARG002
        return b"\xff\xfe"


def test_a_header_whose_name_is_no_utf_8_stops_nothing(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """kafka-python raises, at each attempt to read on."""
    broker = make_broker(queues={"default": QueueOptions(default_actor="go")})
    seen = _declare_go(broker)
    topic = broker.queues["default"].topic
    log.write(topic, b'{"number": 1}', headers=[(_NoUtf8("name"), b"value")])
    log.write(topic, b'{"number": 2}')
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert seen == {1, 2}


@pytest.fixture
def without_dead_letter_topic(make_broker: MakeBroker, log: Log) -> KafkaBroker:
    """A broker whose dead letters cannot be written until `_restore` was called."""
    broker = make_broker(publish_timeout_s=1.0)
    broker.declare_queue("default")
    broker.ensure_topics()
    topic = broker.queues["default"].dead_letter_topic
    log.admin.delete_topics([topic])
    eventually(lambda: topic not in log.admin.list_topics(), within_s=20)
    return broker


def _restore(broker: KafkaBroker, log: Log) -> None:
    topic = broker.queues["default"].dead_letter_topic
    log.admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)


def test_poison_that_cannot_be_buried_stays_and_is_tried_again(
    without_dead_letter_topic: KafkaBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = without_dead_letter_topic
    seen = _declare_go(broker)
    log.write(broker.queues["default"].topic, b"poison")
    log.write(broker.queues["default"].topic, b'{"number": 1}', headers=[_OURS])
    start_worker(broker)
    eventually(lambda: seen == {1}, within_s=20)
    assert log.committed(broker).get(0, 0) == 0
    _restore(broker, log)
    eventually(lambda: log.committed(broker) == {0: 2}, within_s=20)
    assert len(log.read(broker.queues["default"].dead_letter_topic)) == 1


def test_a_failed_task_is_not_done_before_its_dead_letter_is_written(
    without_dead_letter_topic: KafkaBroker, log: Log
) -> None:
    """Trap 8: an offset that moves first loses the task when the letter cannot be written."""
    broker = without_dead_letter_topic
    _declare_go(broker)
    log.write(broker.queues["default"].topic, b'{"number": 1}', headers=[_OURS])
    consumer = broker.consume("default", prefetch=1, timeout=100)
    message: Any = eventually(lambda: next(consumer))
    message.fail()
    message.stuff_exception(ValueError("bad"))
    with pytest.raises(ConnectionClosed, match="dlq"):
        consumer.nack(message)
    assert log.committed(broker).get(0, 0) == 0
    _restore(broker, log)

    def buries() -> bool:
        try:
            consumer.nack(message)
        except ConnectionClosed:  # it does not know of the topic yet
            return False
        return True

    eventually(buries, within_s=20)
    eventually(lambda: log.committed(broker) == {0: 1})
    assert len(log.read(broker.queues["default"].dead_letter_topic)) == 1


def test_a_task_that_lost_its_partition_buries_nothing(make_broker: MakeBroker, log: Log) -> None:
    """The next owner runs it again, and may well succeed."""
    broker = make_broker()
    _declare_go(broker)
    log.write(broker.queues["default"].topic, b'{"number": 1}', headers=[_OURS])
    consumer = broker.consume("default", prefetch=1, timeout=100)
    message: Any = eventually(lambda: next(consumer))
    closing = threading.Thread(target=consumer.close)
    closing.start()
    closing.join(30)
    message.fail()
    consumer.nack(message)
    assert log.read(broker.queues["default"].dead_letter_topic) == []
