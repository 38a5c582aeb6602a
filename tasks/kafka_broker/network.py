"""kafka-python's network client, which here says in time why it could not connect.

Used by every client from its own I/O thread, and read by `clients.py` after a failed start. Without
it 3.0.12 tries until its time is up and then only says "Unable to bootstrap": the reason stays in
its log, and of a refused password there is mostly not even that.
"""

import selectors
import ssl
from typing import Any

from kafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailedError
from kafka.net.compat import KafkaNetClient
from kafka.net.inet import create_connection
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport


class NetClient(KafkaNetClient):  # type: ignore[misc] # the driver is untyped
    """A network client whose `failure` is the last reason why a connection was not made."""

    def __init__(self, **config: Any) -> None:
        if config.get("selector") is NetworkSelector.DEFAULT_CONFIG["selector"]:
            # Chosen at kafka-python's import: it blocks all greenlets where gevent patched later,
            # as gunicorn's workers do with --preload.
            config["selector"] = selectors.DefaultSelector
        net = NetworkSelector(**config)
        connections = _Connections(net, **config)
        # 3.0.12 does not hand it on.
        connections.cluster.config["retry_backoff_ms"] = config["retry_backoff_ms"]
        super().__init__(net, connections, **config)

    @property
    def failure(self) -> BaseException | None:
        """The last reason, None when no connection failed."""
        failure: BaseException | None = self._manager.failure
        return failure


class _Connections(KafkaConnectionManager):  # type: ignore[misc]
    failure: BaseException | None = None

    async def _connect(self, node: Any, conn: Any, **options: Any) -> None:
        await super()._connect(node, conn, **options)
        if not conn.init_future.failed():
            return
        self.failure = conn.init_future.exception
        if isinstance(self.failure, SaslAuthenticationFailedError) and not self.cluster.brokers():
            # Raised by the next attempt: a wrong password is no outage, so why wait? 3.0.12 means
            # to note it, but `initialize` does not raise. A client that was connected before
            # goes on trying.
            self._auth_failures[node.node_id] = self.failure

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        sock = await create_connection(
            self._net,
            node.host,
            node.port,
            self.config["socket_options"],
            proxy_url=self.config["proxy_url"],
            timeout_at=timeout_at,
        )
        if not self.ssl_enabled:
            return _PlainTransport(self._net, sock, host=node.host)
        try:
            options = {name: value for name, value in self.config.items() if name[:4] == "ssl_"}
            transport = _TlsTransport(self._net, sock, host=node.host, **options)
        except OSError:
            # A certificate that can't be read; 3.0.12 leaves the socket to the garbage collector.
            sock.close()
            raise
        await transport.shake_hands(timeout_at)
        return transport


class _LastWords:
    """Hands on what was read together with the connection's end; the next read meets it again.

    Kafka refuses credentials and hangs up, and 3.0.12 drops the refusal.
    """

    def _sock_recv(self) -> tuple[bytes, BaseException | None]:
        data, error = super()._sock_recv()  # type: ignore[misc]
        return data, None if data else error


class _PlainTransport(_LastWords, KafkaTCPTransport):  # type: ignore[misc]
    pass


class _TlsTransport(_LastWords, KafkaSSLTransport):  # type: ignore[misc]
    async def shake_hands(self, timeout_at: float | None) -> None:
        """Do what 3.0.12's `handshake` does, within the time, and close the socket on failure."""
        try:
            while not self._is_hand_shaken():
                await self._net.wait_read(self._sock, timeout_at=timeout_at)
        except (OSError, KafkaError) as error:
            self.close()
            raise KafkaConnectionError(f"TLS handshake failed: {error}") from error

    def _is_hand_shaken(self) -> bool:
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            # Not SSLWantWriteError: what a client says fits into the socket's buffer.
            return False
        return True
