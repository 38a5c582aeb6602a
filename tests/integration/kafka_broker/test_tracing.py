"""Spans of the real SDK around real sends and tasks, and what other programs see of them."""

import threading
import time
from collections.abc import Iterator, Sequence

import dramatiq
import pytest
from dramatiq.middleware import Middleware, SkipMessage, TimeLimitExceeded, raise_thread_exception
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tasks.kafka_broker import KafkaBroker
from tasks.kafka_broker.tracing import OpenTelemetry
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

_TRACE_ID, _SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Spans:
    """What was exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("test")

    def wait_for(self, count: int, kind: SpanKind) -> Sequence[ReadableSpan]:
        """Wait until so many spans of a kind ended; return them as they began."""

        def ended() -> list[ReadableSpan]:
            spans = [span for span in self._exporter.get_finished_spans() if span.kind is kind]
            return sorted(spans, key=lambda span: span.start_time or 0)

        eventually(lambda: len(ended()) >= count, within_s=15)
        assert len(ended()) == count
        return ended()


@pytest.fixture
def spans() -> Iterator[Spans]:
    spans = Spans()
    yield spans
    spans.provider.shutdown()


@pytest.fixture(params=["first", "last"])
def broker(request: pytest.FixtureRequest, make_broker: MakeBroker, spans: Spans) -> KafkaBroker:
    """With the middleware before all others, and after them."""
    broker: KafkaBroker = make_broker()
    tracing = OpenTelemetry(tracer_provider=spans.provider)
    first = type(broker.middleware[0])
    broker.add_middleware(tracing, **({"before": first} if request.param == "first" else {}))
    return broker


def _parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context
    return context.span_id


def _attempt(span: ReadableSpan) -> object:
    assert span.attributes
    return span.attributes["dramatiq.attempt"]


def _trace(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context
    return context.trace_id


def test_the_tasks_span_is_below_the_sends_and_the_senders(
    broker: KafkaBroker, spans: Spans, log: Log, start_worker: StartWorker
) -> None:
    current: list[int] = []

    @dramatiq.actor(broker=broker)
    def go() -> None:
        current.append(trace.get_current_span().get_span_context().span_id)

    with spans.tracer.start_as_current_span("request"):
        message = go.send()
    start_worker(broker)
    (request,) = spans.wait_for(1, SpanKind.INTERNAL)
    (send,) = spans.wait_for(1, SpanKind.PRODUCER)
    (process,) = spans.wait_for(1, SpanKind.CONSUMER)
    topic = broker.queues["default"].topic
    assert (send.name, process.name) == (f"send {topic}", f"process {topic}")
    assert (_parent(send), _parent(process)) == (_id(request), _id(send))
    assert {_trace(span) for span in (request, send, process)} == {_trace(request)}
    assert [link.context.span_id for link in process.links] == [_id(send)]
    assert current == [_id(process)]
    assert send.attributes
    assert process.attributes
    assert dict(process.attributes) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.message.id": message.message_id,
        "messaging.consumer.group.name": broker.queues["default"].group_id,
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "dramatiq.actor": "go",
        "dramatiq.attempt": 1,
    }
    assert send.attributes["messaging.operation.type"] == "send"
    (record,) = log.read(topic)
    header = dict(record.headers)["traceparent"].decode()
    assert header.startswith(f"00-{_trace(send):032x}-{_id(send):016x}-")


def test_a_task_that_raises_shows_its_error_and_each_attempt_in_one_trace(
    broker: KafkaBroker, spans: Spans, start_worker: StartWorker
) -> None:
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=1)
    def go() -> None:
        attempts.append(1)
        if len(attempts) < 2:
            raise ValueError("not yet")

    go.send()
    start_worker(broker)
    first, second = spans.wait_for(2, SpanKind.CONSUMER)
    assert _trace(first) == _trace(second)
    assert [
        span.attributes and span.attributes["dramatiq.attempt"] for span in (first, second)
    ] == [
        1,
        2,
    ]
    assert (first.status.status_code, second.status.status_code) == (
        StatusCode.ERROR,
        StatusCode.UNSET,
    )
    assert first.attributes
    assert first.attributes["error.type"] == "ValueError"
    assert [event.name for event in first.events] == ["exception"]
    _, retry = spans.wait_for(2, SpanKind.PRODUCER)
    assert (_parent(retry), _parent(second)) == (_id(first), _id(retry))


def test_what_a_task_sends_and_the_next_of_a_pipeline_are_below_it(
    broker: KafkaBroker, spans: Spans, start_worker: StartWorker
) -> None:
    @dramatiq.actor(broker=broker)
    def child(_: object = None) -> None: ...

    @dramatiq.actor(broker=broker)
    def parent() -> int:
        child.send()
        return 1

    dramatiq.pipeline([parent.message(), child.message()], broker=broker).run()  # type: ignore[no-untyped-call]
    start_worker(broker)
    process, *children = spans.wait_for(3, SpanKind.CONSUMER)
    _, *sends = spans.wait_for(3, SpanKind.PRODUCER)
    assert {_parent(send) for send in sends} == {_id(process)}
    assert {_parent(child) for child in children} == {_id(send) for send in sends}


def test_a_record_of_another_program_goes_on_with_its_trace(
    broker: KafkaBroker, spans: Spans, log: Log, start_worker: StartWorker
) -> None:
    states: list[str] = []

    @dramatiq.actor(broker=broker)
    def go() -> None:
        states.append(trace.get_current_span().get_span_context().trace_state.to_header())

    broker.ensure_topics()
    headers = [
        ("dramatiq-actor", b"go"),
        ("traceparent", f"00-{_TRACE_ID}-{_SPAN_ID}-01".encode()),
        ("tracestate", b"vendor=1"),
    ]
    log.write(broker.queues["default"].topic, b"{}", headers=headers)
    start_worker(broker)
    (process,) = spans.wait_for(1, SpanKind.CONSUMER)
    assert f"{_trace(process):032x}" == _TRACE_ID
    assert f"{_parent(process):016x}" == _SPAN_ID
    assert states == ["vendor=1"]


@pytest.mark.parametrize(
    "traceparent", [b"", b"\xff\xfe", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"nonsense"]
)
def test_a_record_with_a_broken_traceparent_begins_a_trace(
    traceparent: bytes,
    make_broker: MakeBroker,
    spans: Spans,
    log: Log,
    start_worker: StartWorker,
) -> None:
    broker = make_broker()
    broker.add_middleware(OpenTelemetry(tracer_provider=spans.provider))
    dramatiq.actor(broker=broker, actor_name="go")(lambda: None)
    broker.ensure_topics()
    topic = broker.queues["default"].topic
    log.write(topic, b"{}", headers=[("dramatiq-actor", b"go"), ("tracestate", b"vendor=1")])
    log.write(topic, b"{}", headers=[("dramatiq-actor", b"go"), ("traceparent", traceparent)])
    start_worker(broker)
    spans_of_tasks = spans.wait_for(1 if b"\xff" in traceparent else 2, SpanKind.CONSUMER)
    assert {_parent(process) for process in spans_of_tasks} == {None}


class _SkipMarked(Middleware):
    actor_options = {"skipped"}  # noqa: RUF012

    def before_process_message(
        self, broker: dramatiq.Broker, message: dramatiq.MessageProxy
    ) -> None:
        if broker.get_actor(message.actor_name).options.get("skipped"):
            raise SkipMessage


def test_no_context_is_left_behind_by_tasks_that_are_skipped_or_interrupted(
    broker: KafkaBroker, spans: Spans, start_worker: StartWorker
) -> None:
    """TimeLimit raises in the worker's thread from outside."""
    broker.add_middleware(_SkipMarked())
    outer: list[int] = []
    running: list[int] = []

    class Look(Middleware):
        def after_ack(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:  # noqa: ARG002
            outer.append(trace.get_current_span().get_span_context().span_id)

        after_nack = after_ack

    broker.add_middleware(Look())

    @dramatiq.actor(broker=broker, skipped=True)
    def skipped() -> None: ...

    @dramatiq.actor(broker=broker, max_retries=0)
    def too_long() -> None:
        running.append(threading.get_ident())
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.01)

    for actor in (skipped, too_long, skipped):
        actor.send()
    start_worker(broker, threads=1)
    eventually(lambda: running, within_s=10)
    raise_thread_exception(running[0], TimeLimitExceeded)  # type: ignore[no-untyped-call]
    first, second, third = spans.wait_for(3, SpanKind.CONSUMER)
    eventually(lambda: len(outer) == 3, within_s=10)
    assert outer == [0, 0, 0]
    assert [event.name for event in first.events] == ["skipped"]
    assert second.attributes
    assert second.attributes["error.type"] == "dramatiq.middleware.time_limit.TimeLimitExceeded"
    assert len({_trace(span) for span in (first, second, third)}) == 3
