"""OpenTelemetry spans around each `send` and each task, joined through the record's headers.

A middleware, so it runs in the threads that send and in the worker's threads. The trace context
travels as W3C's Trace Context says (w3.org/TR/trace-context, `traceparent`): in the message's
options, from where the broker puts it into the headers. Names and kinds are those of
OpenTelemetry's semantic conventions for messaging. Needs opentelemetry-api; there are spans once
the application has set up an SDK.
"""

import threading
from dataclasses import dataclass
from typing import Any

from dramatiq import Broker, Message, MessageProxy
from dramatiq.middleware import Middleware

from .broker import KafkaBroker
from .config import NORMAL
from .message import KafkaMessage

try:
    from opentelemetry import context, propagate, trace
    from opentelemetry.context import Context
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tasks.kafka_broker.tracing needs opentelemetry-api: pip install opentelemetry-api",
        name=error.name,
    ) from error

# Where the span waits for `after_enqueue`: on the message, since a `send` that fails has no such
# hook, and its span must go with the message instead of staying in a table for ever.
_SPAN = "_opentelemetry_span"


class OpenTelemetry(Middleware):
    """Traces messages: `broker.add_middleware(OpenTelemetry())`, at any place among the others.

    A `send` is a PRODUCER span, below the current span or else the message's own `traceparent`. A
    task is a CONSUMER span below the one that sent it, and linked to it. It is current while the
    task runs and until the record is acknowledged, so that what the task sends, its retries,
    callbacks and the next task of a pipeline stay in the trace. `dramatiq.attempt` counts from 1.
    What a task raises is recorded, and its span's status is ERROR. A `send` that fails has no span
    of its own: dramatiq does not tell; the exception reaches the span around it.
    """

    def __init__(self, *, tracer_provider: trace.TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer(__name__, tracer_provider=tracer_provider)
        self._thread = threading.local()

    # Sending

    def before_enqueue(self, broker: Broker, message: Message[Any], delay: int | None) -> None:
        """Begin a span and write its context into the message."""
        parent = context.get_current()
        if not trace.get_current_span(parent).get_span_context().is_valid:
            parent = propagate.extract(_carrier(message), parent)
        topic = _topic(broker, message)
        span = self._tracer.start_span(
            f"send {topic}",
            parent,
            kind=trace.SpanKind.PRODUCER,
            attributes=_attributes(broker, message, topic, "send")
            | ({"dramatiq.delay_ms": delay} if delay else {}),
        )
        vars(message)[_SPAN] = span
        for name in propagate.get_global_textmap().fields:
            message.options.pop(name, None)
        propagate.inject(message.options, trace.set_span_in_context(span, parent))

    def after_enqueue(
        self,
        broker: Broker,  # noqa: ARG002 - dramatiq's signature
        message: Message[Any],
        delay: int | None,  # noqa: ARG002
    ) -> None:
        """End the span: Kafka has the message."""
        span = vars(message).pop(_SPAN, None)
        if span is not None:
            span.end()

    # Running

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Begin a span below the sender's and make it current in this thread."""
        # A time limit or a shutdown may interrupt any line, so the one before may not have ended.
        self._end()
        parent = propagate.extract(_carrier(message), Context())
        sender = trace.get_current_span(parent).get_span_context()
        topic = _topic(broker, message)
        span = self._tracer.start_span(
            f"process {topic}",
            parent,
            kind=trace.SpanKind.CONSUMER,
            links=[trace.Link(sender)] if sender.is_valid else [],
            attributes=_attributes(broker, message, topic, "process") | _place(broker, message),
        )
        # Noted first: an interrupt after the next line still finds what to undo.
        self._thread.running = _Running(span, outer=context.get_current())
        context.attach(trace.set_span_in_context(span, parent))

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002
        message: MessageProxy,  # noqa: ARG002
        *,
        result: Any = None,  # noqa: ARG002
        exception: BaseException | None = None,
    ) -> None:
        """Record what the task raised."""
        running = self._running()
        if running is None or exception is None:
            return
        running.span.record_exception(exception)
        running.span.set_attribute("error.type", _name(exception))
        running.span.set_status(trace.StatusCode.ERROR, f"{type(exception).__name__}: {exception}")

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Note that the task did not run."""
        running = self._running()
        if running is not None:
            running.span.add_event("skipped")

    # Not `after_process_message`: other middleware sends retries and callbacks there, and the order
    # of its hooks is the application's.

    def before_ack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """End the task's span."""
        self._end()

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """End the task's span."""
        self._end()

    def _running(self) -> "_Running | None":
        running: _Running | None = getattr(self._thread, "running", None)
        return running

    def _end(self) -> None:
        running = self._running()
        if running is None:
            return
        self._thread.running = None
        # Not `detach`: its token is lost when an interrupt comes before it was stored.
        context.attach(running.outer)
        running.span.end()


@dataclass(frozen=True)
class _Running:
    """A task's span, and what was current in its thread before."""

    span: trace.Span
    outer: Context


def _carrier(message: Message[Any] | MessageProxy) -> dict[str, str]:
    """Return the texts among which propagators look for theirs."""
    headers = message.record.headers if isinstance(message, KafkaMessage) else []
    texts = {name: value.decode(errors="replace") for name, value in headers if value}
    # A foreign record's options are anything; propagators trip over what is no text.
    return texts | {name: text for name, text in message.options.items() if isinstance(text, str)}


def _topic(broker: Broker, message: Message[Any] | MessageProxy) -> str:
    if isinstance(message, KafkaMessage):
        return message.record.topic
    queue = broker.queues.get(message.queue_name) if isinstance(broker, KafkaBroker) else None
    if queue is None:
        return message.queue_name
    return queue.lane_topics.get(message.options.get("lane", NORMAL), queue.topic)


def _attributes(
    broker: Broker, message: Message[Any] | MessageProxy, topic: str, operation: str
) -> dict[str, str | int]:
    retries = message.options.get("retries")
    return {
        "messaging.system": type(broker).__name__.removesuffix("Broker").lower(),
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": message.message_id,
        "dramatiq.actor": message.actor_name,
        "dramatiq.attempt": retries + 1 if isinstance(retries, int) else 1,
    }


def _place(broker: Broker, message: MessageProxy) -> dict[str, str | int]:
    if not (isinstance(broker, KafkaBroker) and isinstance(message, KafkaMessage)):
        return {}
    return {
        "messaging.consumer.group.name": broker.queues[message.queue_name].group_id,
        "messaging.destination.partition.id": str(message.record.partition),
        "messaging.kafka.offset": message.record.offset,
    }


def _name(exception: BaseException) -> str:
    kind = type(exception)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return module + kind.__qualname__
