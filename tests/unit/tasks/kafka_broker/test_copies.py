"""What is said of one copy of a message must not hit another."""

from typing import Any

from dramatiq import Message

from tasks.kafka_broker.codec import encode
from tasks.kafka_broker.config import NORMAL, QueueConfig, QueueOptions, resolve
from tasks.kafka_broker.copies import copy_id
from tasks.kafka_broker.delays import delayed
from tasks.kafka_broker.waiting import WaitingTask, brought_forward
from tests.unit.tasks.kafka_broker.records import make_record


def _message(**options: object) -> Message[Any]:
    return Message(
        queue_name="mails",
        actor_name="go",
        args=(1,),
        kwargs={"to": "ann"},
        options=dict(options),
        message_id="m-1",
        message_timestamp=1,
    )


def _queue(*, lanes: bool = False) -> QueueConfig:
    options = QueueOptions(lanes=lanes)
    return resolve(options, "mails", namespace="", group_id="g", num_partitions=1)


def test_each_attempt_of_a_message_is_another_copy() -> None:
    names = {copy_id(_message()), copy_id(_message(retries=1)), copy_id(_message(retries=2))}
    assert len(names) == 3


def test_what_is_brought_forward_goes_to_its_lane_as_another_copy_with_all_that_it_was() -> None:
    message = _message(retries=2, tenant="a")
    out = encode(message, "mails.high")
    out = out._replace(headers=[*out.headers, ("foreign", b"x")], key=b"k")
    waits = delayed(out, delay_topic="mails.delay", until_ms=10**15, now_ms=0)
    record = make_record(
        waits.value, topic="mails.delay", partition=8, key=waits.key, headers=waits.headers
    )
    task = WaitingTask("retrying", message, record, None, has_lasting_id=True)
    sent = brought_forward(task, _queue(lanes=True))
    assert (sent.topic, sent.key, sent.partition, sent.value) == (
        "mails.high",
        b"k",
        None,
        out.value,
    )
    headers = dict(sent.headers)
    assert headers["foreign"] == b"x"
    assert not [name for name in headers if name.startswith("dramatiq-delay")]
    assert headers["dramatiq-args"] == b"[1]"
    again = _message(retries=2, tenant="a", brought_forward=1)
    assert headers["dramatiq-options"] == dict(encode(again, NORMAL).headers)["dramatiq-options"]
    assert copy_id(again) != copy_id(message)


def test_a_task_tells_its_attempt_and_how_the_last_one_ended() -> None:
    message = _message(retries=2, traceback="Traceback ...\n  File\nValueError: no\n")
    task = WaitingTask("retrying", message, make_record(), None, has_lasting_id=True)
    assert (task.attempt, task.error) == (3, "ValueError: no")
    first = WaitingTask("scheduled", _message(), make_record(), None, has_lasting_id=True)
    assert (first.attempt, first.error) == (1, "")
