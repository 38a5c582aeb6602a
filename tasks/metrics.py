"""The worker's metrics; docs/metrics.md lists all of them."""

from collections.abc import Collection

from prometheus_client import Counter, Gauge, Histogram

from tasks.kafka_broker import BrokerObserver, PartitionState, Rebalance

JOBS_PROCESSED = Counter(
    "resume_jobs_processed_total",
    "Jobs brought to an end by this worker: completed, or failed with the reason's code.",
    ["status", "reason"],
)
JOB_SECONDS = Histogram(
    "resume_job_processing_seconds",
    "From claim to completed or failed.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
PARSER_CALLS = Counter("resume_parser_calls_total", "Calls of the parser by result.", ["result"])
PARSER_SECONDS = Histogram(
    "resume_parser_seconds",
    "One call of the parser.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
JOBS_RETRIED = Counter(
    "resume_jobs_retried_total",
    "Jobs that wait for another attempt, by the reason's code.",
    ["reason"],
)
JOBS_RESCUED = Counter(
    "resume_jobs_rescued_total",
    "Jobs that the rescuer found without a record, by what it did: published or given_up.",
    ["action"],
)
RESCUE_ROUNDS = Counter("resume_rescue_rounds_total", "Rounds of the rescuer.", ["outcome"])
STATISTICS_EVENTS = Counter(
    "resume_statistics_events_total", "Events that this rescuer counted into the kept figures."
)
STATISTICS_LAST_ANSWER = Gauge(
    "resume_statistics_last_answer_timestamp_seconds",
    "When MongoDB last told this rescuer what happened, or that nothing did.",
    multiprocess_mode="mostrecent",
)
BREAKER_STATE = Gauge(
    "resume_parser_breaker_state",
    "The parser's circuit breaker: 0 closed, 1 half-open (a probe tests), 2 open.",
    multiprocess_mode="mostrecent",
)
BREAKER_CHANGES = Counter(
    "resume_parser_breaker_changes_total", "Changes of the breaker seen, by the new state.", ["to"]
)
RECORDS_PUBLISHED = Counter("kafka_records_published_total", "Acknowledged records.", ["topic"])
PUBLISH_FAILURES = Counter("kafka_publish_failures_total", "Records not acknowledged.", ["topic"])
PUBLISH_SECONDS = Histogram(
    "kafka_publish_seconds",
    "From enqueue to Kafka's acknowledgement.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30),
)
RECORDS_DELIVERED = Counter(
    "kafka_records_delivered_total", "Records handed to workers.", ["topic", "partition"]
)
RECORDS_FINISHED = Counter(
    "kafka_records_finished_total", "Records that are done.", ["topic", "partition"]
)
RECORDS_PUT_BACK = Counter(
    "kafka_records_put_back_total", "Records left for another try.", ["topic", "partition"]
)
DEAD_LETTERS = Counter("kafka_dead_letters_total", "Dead letters by error.", ["topic", "reason"])
CONSUMER_LAG = Gauge(
    "kafka_consumer_lag",
    "Records of an owned partition that are not done; 0 once it is no longer owned.",
    ["topic", "partition"],
    multiprocess_mode="mostrecent",
)
COMMITTED_OFFSET = Gauge(
    "kafka_committed_offset",
    "The group's position.",
    ["topic", "partition"],
    multiprocess_mode="mostrecent",
)
RETRIES = Counter("kafka_retries_total", "Failed messages sent once more.", ["topic"])
IN_FLIGHT = Gauge(
    "kafka_in_flight",
    "Records with the workers.",
    ["topic", "partition"],
    multiprocess_mode="mostrecent",
)
OLDEST_RUNNING_SECONDS = Gauge(
    "kafka_oldest_running_seconds",
    "How long the oldest running task has been running.",
    ["topic", "partition"],
    multiprocess_mode="mostrecent",
)
SPAN = Gauge(
    "kafka_span",
    "Offsets between what is committed and what was read.",
    ["topic", "partition"],
    multiprocess_mode="mostrecent",
)
COMMIT_AGE_SECONDS = Gauge(
    "kafka_commit_age_seconds",
    "How long progress has been waiting to be committed.",
    ["topic", "partition"],
    multiprocess_mode="mostrecent",
)
PAUSED = Gauge(
    "kafka_partition_paused",
    "1 while reading of a partition is paused.",
    ["topic", "partition"],
    multiprocess_mode="mostrecent",
)
REBALANCES = Counter("kafka_rebalances_total", "Assignment changes by kind.", ["topic", "change"])

_OF_THE_OWNER = (CONSUMER_LAG, IN_FLIGHT, OLDEST_RUNNING_SECONDS, SPAN, COMMIT_AGE_SECONDS, PAUSED)
#: Not a mark such as -1: the new owner shows the partition too, and the sum must be right.
_NOT_OWNED = 0


class PrometheusObserver(BrokerObserver):
    """Count what the broker does."""

    def on_published(self, topic: str, duration_s: float) -> None:
        """Kafka acknowledged a record."""
        RECORDS_PUBLISHED.labels(topic).inc()
        PUBLISH_SECONDS.observe(duration_s)

    def on_publish_failed(self, topic: str, error: BaseException) -> None:  # noqa: ARG002
        """A record was not acknowledged in time."""
        PUBLISH_FAILURES.labels(topic).inc()

    def on_delivered(self, topic: str, partition: int) -> None:
        """A record was handed to the workers."""
        RECORDS_DELIVERED.labels(topic, partition).inc()

    def on_finished(self, topic: str, partition: int, duration_s: float) -> None:  # noqa: ARG002
        """A record is done."""
        RECORDS_FINISHED.labels(topic, partition).inc()

    def on_put_back(self, topic: str, partition: int) -> None:
        """A record was left uncommitted by its task."""
        RECORDS_PUT_BACK.labels(topic, partition).inc()

    def on_dead_letter(self, topic: str, partition: int, reason: str) -> None:  # noqa: ARG002
        """A record was written to the dead-letter topic."""
        DEAD_LETTERS.labels(topic, reason).inc()

    def on_commit(self, topic: str, partition: int, next_offset: int) -> None:
        """The group's position moved."""
        COMMITTED_OFFSET.labels(topic, partition).set(next_offset)

    def on_retry(self, topic: str, delay_ms: int) -> None:  # noqa: ARG002
        """A failed message was sent once more."""
        RETRIES.labels(topic).inc()

    def on_partition(self, state: PartitionState) -> None:
        """How an owned partition does."""
        place = (state.topic, state.partition)
        if state.lag is not None:
            CONSUMER_LAG.labels(*place).set(state.lag)
        IN_FLIGHT.labels(*place).set(state.in_flight)
        OLDEST_RUNNING_SECONDS.labels(*place).set(state.oldest_running_s)
        SPAN.labels(*place).set(state.span)
        COMMIT_AGE_SECONDS.labels(*place).set(state.commit_age_s)
        PAUSED.labels(*place).set(state.is_paused)

    def on_rebalance(self, topic: str, change: Rebalance, partitions: Collection[int]) -> None:
        """Partitions came or went."""
        REBALANCES.labels(topic, change).inc()
        if change == "assigned":
            return
        for partition in partitions:
            for gauge in _OF_THE_OWNER:
                gauge.labels(topic, partition).set(_NOT_OWNED)
