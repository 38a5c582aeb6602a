"""Operators look through dead letters, put them back and set them aside, on a real Kafka."""

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tasks.kafka_broker import KafkaBroker, QueueOptions, Retries
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.dead_letter_queue import DeadLetterQueue, Outcome, Page, dead_letter_queues
from tasks.kafka_broker.letter_scan import NoSuchLetterError
from tasks.kafka_broker.letters import LetterFilter
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

ALL = LetterFilter()


@pytest.fixture
def broker(make_broker: MakeBroker) -> KafkaBroker:
    broker = make_broker(queues={"default": QueueOptions(lanes=True)})
    broker.declare_queue("default")
    broker.ensure_topics()
    return broker


@pytest.fixture
def letters(broker: KafkaBroker, kafka_bootstrap: str) -> DeadLetterQueue:
    (queue,) = dead_letter_queues(Clients([kafka_bootstrap], {}), broker.queues.values())
    return queue


def _bury(log: Log, queue: DeadLetterQueue, *names: str, **headers: str) -> None:
    """Write letters as any program might that follows Spring's way."""
    origin = {"kafka_dlt-original-topic": queue.topic.removesuffix(".dlq"), **headers}
    for name in names:
        log.write(
            queue.topic,
            name.encode(),
            key=b"k",
            headers=[(header, value.encode()) for header, value in origin.items()],
        )


def _values(queue: DeadLetterQueue, wanted: LetterFilter = ALL, **options: Any) -> list[str]:
    return [_value(letter.record) for letter in queue.page(wanted, **options).letters]


def _value(record: Any) -> str:
    return str(record.value.decode(errors="replace"))


def _done(outcomes: Iterator[Outcome]) -> list[str]:
    return [_value(o.letter.record) for o in outcomes if o.refusal is None]


def _lane(log: Log, queue: DeadLetterQueue, suffix: str = "") -> list[Any]:
    return log.read(queue.topic.removesuffix(".dlq") + suffix)


def test_letters_are_paged_oldest_first_and_filtered(letters: DeadLetterQueue, log: Log) -> None:
    _bury(log, letters, "a", "b", "c", **{"dramatiq-actor": "x"})
    _bury(log, letters, "d", **{"dramatiq-actor": "y"})
    page = letters.page(ALL, limit=3)
    assert [_value(letter.record) for letter in page.letters] == ["a", "b", "c"]
    assert page.cursor == "0:3"
    assert _values(letters, cursor=page.cursor) == ["d"]
    assert letters.page(ALL, limit=4).cursor is None
    assert _values(letters, LetterFilter(actor="y")) == ["d"]
    assert _values(letters, LetterFilter(letter_ids=frozenset({"0:1", "0:3"}))) == ["b", "d"]
    now = datetime.now(UTC)
    assert len(_values(letters, LetterFilter(since=now - timedelta(hours=1)))) == 4
    assert _values(letters, LetterFilter(since=now + timedelta(hours=1))) == []
    assert letters.get("0:2").queue == "default"


def test_the_latest_letters_are_paged_newest_first(letters: DeadLetterQueue, log: Log) -> None:
    names = [f"{number:03d}" for number in range(450)]  # more than is read at a time
    _bury(log, letters, *names)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = letters.latest(ALL, limit=100, cursor=cursor)
        seen += [_value(letter.record) for letter in page.letters]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == names[::-1]
    handled = frozenset({"0:449", "0:0"})
    assert len(_done(letters.discard(LetterFilter(letter_ids=handled)))) == 2
    [newest] = letters.latest(ALL, limit=1).letters
    assert (_value(newest.record), newest.queue) == ("448", "default")
    everything = LetterFilter(include_handled=True)
    [first] = letters.latest(everything, limit=1).letters
    assert (_value(first.record), first.is_handled) == ("449", True)
    assert [_value(one.record) for one in letters.latest(everything, cursor="0:1").letters] == [
        "000"
    ]
    assert letters.latest(ALL, cursor="0:1") == Page([], None)
    with pytest.raises(NoSuchLetterError):
        letters.latest(ALL, cursor="x")


def test_letters_that_were_dealt_with_elsewhere_are_marked_unread(
    letters: DeadLetterQueue, log: Log
) -> None:
    _bury(log, letters, "a", "b", "c")
    assert letters.mark_handled(["0:2", "0:0", "0:9", "7:0"]) == frozenset()
    assert _values(letters) == ["b"]
    assert letters.count().unhandled == 1


def test_a_letter_that_cant_be_marked_yet_is_said(letters: DeadLetterQueue, log: Log) -> None:
    for number in range(24_001):
        log.producer.send(letters.topic, value=b"%d" % number)
    log.producer.flush(30)
    assert letters.mark_handled(["0:24000", "0:1"]) == {"0:24000"}
    assert letters.mark_handled(["0:24000", "0:0"]) == frozenset()
    assert letters.count().unhandled == 23_998


@pytest.mark.parametrize("place", ["0:4", "1:0", "0", "x:y", "", "-1:0", "0:٣"])
def test_a_place_without_a_letter_is_said_to_have_none(
    letters: DeadLetterQueue, log: Log, place: str
) -> None:
    _bury(log, letters, "a")
    with pytest.raises(NoSuchLetterError):
        letters.get(place)


def test_a_topic_that_does_not_exist_has_no_letters(kafka_bootstrap: str) -> None:
    queue = DeadLetterQueue(Clients([kafka_bootstrap], {}), "nowhere.dlq", {})
    assert queue.page(ALL).letters == []
    assert queue.count().total == 0


def test_a_failed_task_is_put_back_runs_again_and_its_next_letter_tells_of_the_first(
    make_broker: MakeBroker, start_worker: StartWorker, kafka_bootstrap: str
) -> None:
    broker = make_broker(middleware=[Retries(max_retries=0)])
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def fail(number: int) -> None:
        runs.append(number)
        raise ValueError("bad")

    message = fail.send(7)
    start_worker(broker)
    (queue,) = dead_letter_queues(Clients([kafka_bootstrap], {}), broker.queues.values())
    for replays in range(3):
        eventually(lambda: queue.count().unhandled == 1)
        (letter,) = queue.page(ALL).letters
        assert (letter.actor, letter.message_id) == ("fail", message.message_id)
        assert letter.headers["kafka_dlt-original-offset"] == 0
        assert letter.replays == replays
        assert len(_done(queue.replay(ALL))) == 1
    eventually(lambda: queue.count().unhandled == 1)
    assert runs == [7, 7, 7, 7]
    (refused,) = queue.replay(ALL)
    assert "replayed 3 times already" in str(refused.refusal)
    assert len(_done(queue.replay(ALL, max_replays=4))) == 1


def test_who_hears_of_a_task_that_is_given_up_hears_where_its_letter_lies(
    make_broker: MakeBroker, start_worker: StartWorker, kafka_bootstrap: str
) -> None:
    places: list[str | None] = []

    class Notes(Middleware):
        def after_nack(self, broker: dramatiq.Broker, message: Any) -> None:  # noqa: ARG002
            places.append(message.letter_id)

    broker = make_broker(middleware=[Retries(max_retries=0), Notes()])

    @dramatiq.actor(broker=broker)
    def fail(number: int) -> None:
        raise ValueError(number)

    for number in range(3):
        fail.send(number)
    start_worker(broker)
    eventually(lambda: len(places) == 3)
    (queue,) = dead_letter_queues(Clients([kafka_bootstrap], {}), broker.queues.values())
    assert sorted(map(str, places)) == [one.letter_id for one in queue.page(ALL).letters]


def test_a_replay_goes_back_to_its_lane_byte_for_byte_and_is_done_once(
    letters: DeadLetterQueue, broker: KafkaBroker, log: Log
) -> None:
    low = broker.queues["default"].lane_topics["low"]
    log.write(
        letters.topic,
        b"\xff\x00 no task",
        key=b"\x00k",
        headers=[("kafka_dlt-original-topic", low.encode()), ("own", b"\xfe")],
    )
    assert len(_done(letters.replay(ALL))) == 1
    assert list(letters.replay(ALL)) == []
    assert _lane(log, letters) == []
    (record,) = _lane(log, letters, ".low")
    assert (record.key, record.value) == (b"\x00k", b"\xff\x00 no task")
    assert ("own", b"\xfe") in record.headers
    assert dict(record.headers)["dramatiq-replays"] == b"1"


def test_what_was_handled_is_remembered_and_can_be_asked_for(
    letters: DeadLetterQueue, log: Log
) -> None:
    _bury(log, letters, "a", "b", "c", "d")
    assert _done(letters.discard(LetterFilter(letter_ids=frozenset({"0:2"})))) == ["c"]
    assert _done(letters.replay(ALL, max_count=1)) == ["a"]
    assert _values(letters) == ["b", "d"]
    assert (letters.count().total, letters.count().unhandled) == (4, 2)
    everything = LetterFilter(include_handled=True)
    assert [letter.is_handled for letter in letters.page(everything).letters] == [
        True,
        False,
        True,
        False,
    ]
    (refused,) = letters.replay(LetterFilter(letter_ids=frozenset({"0:2"})))
    assert "was replayed or discarded before" in str(refused.refusal)
    again = LetterFilter(letter_ids=frozenset({"0:2"}), include_handled=True)
    assert _done(letters.replay(again)) == ["c"]


def test_a_dry_run_changes_nothing(letters: DeadLetterQueue, log: Log) -> None:
    _bury(log, letters, "a", "b")
    assert _done(letters.replay(ALL, dry_run=True)) == ["a", "b"]
    assert _done(letters.discard(ALL, dry_run=True)) == ["a", "b"]
    assert _lane(log, letters) == []
    assert _values(letters) == ["a", "b"]


@pytest.mark.parametrize(
    ("origin", "advice"), [(None, "by hand"), ("secrets", "no topic of this queue")]
)
def test_a_letter_goes_to_no_topic_that_is_not_its_queues(
    letters: DeadLetterQueue, log: Log, origin: str | None, advice: str
) -> None:
    """Whoever can write to a queue must not choose, by a header, where an operator writes."""
    headers = [("kafka_dlt-original-topic", origin.encode())] if origin else []
    log.write(letters.topic, b"x", headers=headers)
    (refused,) = letters.replay(ALL)
    assert advice in str(refused.refusal)
    assert letters.count().unhandled == 1


def test_a_letter_that_does_not_fit_any_more_is_refused_and_others_go_on(
    letters: DeadLetterQueue, log: Log
) -> None:
    _bury(log, letters, "x" * 1_048_588, "small")
    first, second = letters.replay(ALL)
    assert "raise its max.message.bytes" in str(first.refusal)
    assert second.refusal is None
    assert [_value(record) for record in _lane(log, letters)] == ["small"]
    assert letters.count().unhandled == 1


def test_a_letter_is_not_handled_before_kafka_has_its_replay(
    letters: DeadLetterQueue, broker: KafkaBroker, kafka_bootstrap: str, log: Log
) -> None:
    _bury(log, letters, "a", "b")
    topic = broker.queues["default"].topic
    log.admin.delete_topics([topic])
    eventually(lambda: topic not in log.admin.list_topics())
    routes = {topic: "default"}
    impatient = DeadLetterQueue(
        Clients([kafka_bootstrap], {}), letters.topic, routes, timeout_s=1.0
    )
    with pytest.raises(ConnectionClosed):
        list(impatient.replay(ALL))
    assert _values(letters) == ["a", "b"]


def test_a_letter_too_far_above_the_oldest_unhandled_one_is_refused(
    letters: DeadLetterQueue, log: Log
) -> None:
    _bury(log, letters, "oldest")
    for number in range(24_000):
        log.producer.send(letters.topic, value=b"%d" % number)
    log.producer.flush(30)
    (refused,) = letters.discard(LetterFilter(letter_ids=frozenset({"0:24000"})))
    assert "replay or discard from 0:0 on first" in str(refused.refusal)
    assert len(_done(letters.discard(LetterFilter(letter_ids=frozenset({"0:23999"}))))) == 1
    assert len(_done(letters.discard(ALL))) == 24_000
    assert letters.count().unhandled == 0


def test_two_operators_keep_each_others_marks(letters: DeadLetterQueue, log: Log) -> None:
    _bury(log, letters, "a", "b", "c")
    one = letters.discard(LetterFilter(letter_ids=frozenset({"0:0", "0:2"})))
    other = letters.discard(LetterFilter(letter_ids=frozenset({"0:1"})))
    next(one)
    assert _done(other) == ["b"]
    assert _done(one) == ["c"]
    assert letters.count().unhandled == 0


def test_two_operators_at_once_may_replay_a_letter_twice_but_lose_none(
    letters: DeadLetterQueue, log: Log
) -> None:
    _bury(log, letters, "a", "b", "c", "d")
    for _ in itertools.zip_longest(letters.replay(ALL), letters.replay(ALL)):
        pass
    assert letters.count().unhandled == 0
    assert {_value(record) for record in _lane(log, letters)} == {"a", "b", "c", "d"}


def test_what_was_replayed_before_a_break_is_remembered(letters: DeadLetterQueue, log: Log) -> None:
    _bury(log, letters, "a", "b")
    outcomes = letters.replay(ALL)
    next(outcomes)
    outcomes.close()
    assert _values(letters) == ["b"]


def test_markers_of_transactions_hold_nothing_back(
    letters: DeadLetterQueue, kafka_bootstrap: str
) -> None:
    """Spring may write letters in transactions, each of which takes an offset of its own."""
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=letters.topic)
    with contextlib.closing(producer):
        producer.init_transactions()
        for value in (b"a", b"b"):
            producer.begin_transaction()
            producer.send(letters.topic, value=value)
            producer.commit_transaction()
    assert _done(letters.discard(ALL)) == ["a", "b"]
    with contextlib.closing(
        KafkaConsumer(bootstrap_servers=kafka_bootstrap, group_id=f"{letters.topic}.handled")
    ) as consumer:
        assert consumer.committed(TopicPartition(letters.topic, 0)) == 4


_UNDER_GEVENT = """
from gevent import monkey
monkey.patch_all()
import sys
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.dead_letter_queue import DeadLetterQueue
from tasks.kafka_broker.letters import LetterFilter

bootstrap, topic = sys.argv[1:]
queue = DeadLetterQueue(Clients([bootstrap], {}), topic + ".dlq", {topic: "default"})
assert len(queue.page(LetterFilter()).letters) == 2
assert [outcome.refusal for outcome in queue.replay(LetterFilter())] == [None, None]
assert queue.count().unhandled == 0
"""


def test_a_web_process_under_gevent_can_look_and_replay(
    letters: DeadLetterQueue, kafka_bootstrap: str, log: Log
) -> None:
    _bury(log, letters, "a", "b")
    topic = letters.topic.removesuffix(".dlq")
    done = subprocess.run(
        [sys.executable, "-c", _UNDER_GEVENT, kafka_bootstrap, topic],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr
    assert [_value(record) for record in _lane(log, letters)] == ["a", "b"]
