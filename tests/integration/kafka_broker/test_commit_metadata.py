"""The text beside the committed offset: what is done above it is not done again."""

import base64
import contextlib
from collections import Counter
from pathlib import Path

import dramatiq
import pytest
from kafka import KafkaConsumer
from kafka.structs import OffsetAndMetadata, TopicPartition

from tasks.kafka_broker import KafkaBroker, QueueOptions
from tasks.kafka_broker.progress import decode_done
from tests.eventually import eventually
from tests.integration.kafka_broker import noting_process
from tests.integration.kafka_broker.support import MakeBroker, StartProcess, StartWorker

#: Of OffsetCommit's metadata, Kafka's default for `offset.metadata.max.bytes`.
MAX_TEXT_BYTES = 4096


def _committed(broker: KafkaBroker, bootstrap: str) -> OffsetAndMetadata:
    queue = broker.queues["default"]
    with contextlib.closing(
        KafkaConsumer(bootstrap_servers=bootstrap, group_id=queue.group_id)
    ) as consumer:
        return consumer.committed(TopicPartition(queue.topic, 0), metadata=True)


def test_after_a_kill_only_the_task_that_ran_runs_again_and_not_the_thousands_done_above_it(
    kafka_bootstrap: str,
    topic_prefix: str,
    start_process: StartProcess,
    noted: Path,
    tmp_path: Path,
) -> None:
    """Without the text a slow task makes a crash repeat all that was done since it began."""
    # No shorter: a worker that stands still for so long is put out, and its tasks run again.
    options = {"num_partitions": 1, "session_timeout_ms": 6000, "heartbeat_interval_ms": 300}
    broker = noting_process.make_broker(kafka_bootstrap, topic_prefix, **options)
    go = noting_process.declare_go(broker, noted)
    count, may_end = 5000, tmp_path / "may end"
    broker.enqueue_many(
        go.message(number, until=str(may_end) if number in {2, 999} else "")
        for number in range(count)
    )
    first = start_process(**options)

    def done_above() -> int:
        commit = _committed(broker, kafka_bootstrap)
        return len(decode_done(commit.offset, commit.metadata)) if commit else 0

    eventually(lambda: done_above() == count - 4, within_s=30)
    commit = _committed(broker, kafka_bootstrap)
    assert commit.offset == 2
    assert len(commit.metadata) < MAX_TEXT_BYTES
    first.kill()
    first.wait()
    may_end.touch()
    start_process(**options)
    broker.join("default", timeout=60_000)
    broker.close()
    times = Counter(run.number for run in noting_process.runs(noted))
    assert times == Counter(range(count)) + Counter([2, 999])


TEXTS = {
    "none": "",
    "of another program": "checkpoint=17",
    "no base85": "v1:\x01\x02\x03",
    "cut": "v1:0",
    "of a later version": "v2:" + base64.b85encode(b"\xff").decode(),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_not_ours_is_ignored(
    make_broker: MakeBroker, start_worker: StartWorker, kafka_bootstrap: str, text: str
) -> None:
    """Whoever moves the group by hand may write what he likes; nothing is skipped for it."""
    broker = make_broker(queues={"default": QueueOptions(default_actor="go")})
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.append(number)

    broker.enqueue_many(go.message(number) for number in range(10))
    queue = broker.queues["default"]
    with contextlib.closing(
        KafkaConsumer(bootstrap_servers=kafka_bootstrap, group_id=queue.group_id)
    ) as consumer:
        consumer.commit({TopicPartition(queue.topic, 0): OffsetAndMetadata(4, text, -1)})
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert sorted(seen) == [4, 5, 6, 7, 8, 9]
