"""The names a queue gets on Kafka."""

from tasks.kafka_broker.config import QueueOptions, resolve


def test_names_come_from_the_namespace_and_the_queue() -> None:
    queue = resolve(QueueOptions(), "mails", namespace="shop", group_id="crew", num_partitions=3)
    assert queue.topic == "shop.mails"
    assert queue.dead_letter_topic == "shop.mails.dlq"
    assert queue.group_id == "crew.shop.mails"
    assert queue.num_partitions == 3


def test_without_a_namespace_the_topic_is_the_queue() -> None:
    queue = resolve(QueueOptions(), "mails", namespace="", group_id="crew", num_partitions=3)
    assert queue.topic == "mails"


def test_what_is_given_is_taken_as_it_is() -> None:
    options = QueueOptions(
        topic="resume-parse-jobs",
        group_id="resume-parser-group",
        num_partitions=5,
        dead_letter_topic="graveyard",
    )
    queue = resolve(options, "parse", namespace="ns", group_id="crew", num_partitions=3)
    assert queue.topic == "resume-parse-jobs"
    assert queue.group_id == "resume-parser-group"
    assert queue.num_partitions == 5
    assert queue.dead_letter_topic == "graveyard"
