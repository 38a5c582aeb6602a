"""Records as kafka-python's consumer returns them, without a Kafka."""

from collections.abc import Sequence

from kafka.consumer.fetcher import ConsumerRecord


def make_record(
    value: bytes | None = b"{}",
    *,
    offset: int = 0,
    partition: int = 0,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    topic: str = "tasks",
) -> ConsumerRecord:
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        leader_epoch=-1,
        offset=offset,
        timestamp=1_700_000_000_000,
        timestamp_type=0,
        key=key,
        value=value,
        headers=list(headers),
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        serialized_header_size=-1,
    )
