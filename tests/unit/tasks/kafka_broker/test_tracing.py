import subprocess
import sys
from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq import Message, MessageProxy
from dramatiq.brokers.stub import StubBroker
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tasks.kafka_broker.tracing import OpenTelemetry

_TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_TRACEPARENT = f"00-{_TRACE_ID}-00f067aa0ba902b7-01"

_WITHOUT_THE_LIBRARY = """
import sys
sys.modules["opentelemetry"] = None
import tasks.kafka_broker
try:
    import tasks.kafka_broker.tracing
except ModuleNotFoundError as error:
    assert "pip install opentelemetry-api" in str(error), error
else:
    raise AssertionError("it was imported")
"""


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def broker(exporter: InMemorySpanExporter) -> Iterator[StubBroker]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    broker = StubBroker(middleware=[OpenTelemetry(tracer_provider=provider)])
    yield broker
    broker.close()
    provider.shutdown()


def _message(**options: object) -> Message[None]:
    return Message(queue_name="default", actor_name="go", args=(), kwargs={}, options=options)


def test_the_library_is_optional_and_its_lack_is_said_in_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_THE_LIBRARY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_it_works_with_the_stub_broker(broker: StubBroker, exporter: InMemorySpanExporter) -> None:
    dramatiq.actor(broker=broker, actor_name="go")(lambda: None).send()
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=1)
    worker.start()
    broker.join("default")
    worker.stop()
    send, process = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
    assert (send.name, process.name) == ("send default", "process default")
    assert process.parent
    assert send.context
    assert process.parent.span_id == send.context.span_id
    assert send.attributes
    assert send.attributes["messaging.system"] == "stub"


def test_a_message_that_brings_its_trace_stays_in_it(broker: StubBroker) -> None:
    message = _message(traceparent=_TRACEPARENT, tracestate="vendor=1")
    broker.emit_before("enqueue", message, None)
    version, trace_id, span_id, _ = message.options["traceparent"].split("-")
    assert (version, trace_id) == ("00", _TRACE_ID)
    assert span_id not in _TRACEPARENT
    assert message.options["tracestate"] == "vendor=1"


def test_a_current_span_comes_before_the_trace_of_a_copied_message(
    broker: StubBroker, exporter: InMemorySpanExporter
) -> None:
    message = _message(traceparent=_TRACEPARENT, tracestate="vendor=1", baggage="user=1")
    with TracerProvider().get_tracer("test").start_as_current_span("request") as request:
        broker.emit_before("enqueue", message, 50)
    broker.emit_after("enqueue", message, 50)
    (send,) = exporter.get_finished_spans()
    assert send.parent
    assert send.parent.span_id == request.get_span_context().span_id
    assert send.attributes
    assert send.attributes["dramatiq.delay_ms"] == 50
    assert message.options.keys() == {"traceparent"}


def test_without_an_sdk_a_trace_is_handed_on_as_it_is() -> None:
    broker = StubBroker(middleware=[OpenTelemetry(tracer_provider=trace.NoOpTracerProvider())])
    message = _message(traceparent=_TRACEPARENT)
    broker.emit_before("enqueue", message, None)
    assert message.options == {"traceparent": _TRACEPARENT}


def test_options_that_are_no_text_begin_a_trace(
    broker: StubBroker, exporter: InMemorySpanExporter
) -> None:
    message = MessageProxy(_message(traceparent=1, tracestate=["a"], baggage={}))
    broker.emit_before("process_message", message)
    broker.emit_before("ack", message)
    (process,) = exporter.get_finished_spans()
    assert process.parent is None


def test_a_span_that_an_interrupt_left_open_ends_with_the_next_task(
    broker: StubBroker, exporter: InMemorySpanExporter
) -> None:
    outer = context.get_current()
    broker.emit_before("process_message", MessageProxy(_message()))
    broker.emit_before("process_message", MessageProxy(_message()))
    assert len(exporter.get_finished_spans()) == 1
    broker.emit_before("nack", MessageProxy(_message()))
    broker.emit_before("ack", MessageProxy(_message()))
    assert len(exporter.get_finished_spans()) == 2
    assert context.get_current() == outer


def test_a_message_that_never_began_has_no_span(
    broker: StubBroker, exporter: InMemorySpanExporter
) -> None:
    message = MessageProxy(_message())
    broker.emit_after("process_message", message, exception=ValueError())
    broker.emit_after("skip_message", message)
    broker.emit_before("nack", message)
    broker.emit_after("enqueue", _message(), None)
    assert exporter.get_finished_spans() == ()
