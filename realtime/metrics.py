"""What the realtime layer counts; defined once per process, safe in multiprocess mode."""

from prometheus_client import Counter, Gauge

connections = Gauge(
    "websocket_connections", "Open WebSocket connections.", multiprocess_mode="livesum"
)
messages_sent = Counter("websocket_messages_sent", "Job frames written to WebSockets.")
#: `reason`: the HTTP status of a refused handshake, or the close code (1006: the peer vanished).
connection_errors = Counter(
    "websocket_connection_errors", "WebSockets refused, or closed for a fault.", ["reason"]
)
#: The stream's age is `time() - this`; a gauge of the age itself would need a custom collector.
stream_last_answer = Gauge(
    "change_stream_last_answer_timestamp_seconds",
    "When MongoDB last answered the change stream, POSIX seconds; the oldest process counts.",
    multiprocess_mode="livemin",
)
stream_reconnects = Counter("change_stream_reconnects", "Change streams opened again by token.")
stream_resyncs = Counter(
    "change_stream_resyncs", "Times the connected users were resynced, as events may be missing."
)
