"""Each fault of the proxy does to real sockets what it says, and healing undoes it."""

import contextlib
import secrets
import select
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from devstack import ports
from tests.eventually import eventually
from tests.services.tcp_proxy import TcpProxy

AN_HOUR_S = 3600.0
MIB = 2**20


class Echo(socketserver.ThreadingTCPServer):
    """Sends back what it gets."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # of five, a connection that comes sixth waits for seconds

    def __init__(self) -> None:
        super().__init__((ports.LOOPBACK, 0), _EchoHandler)
        self.received_bytes = 0
        self.open = 0
        self.lock = threading.Lock()

    def count(self, *, received_bytes: int = 0, opened: int = 0) -> None:
        with self.lock:
            self.received_bytes += received_bytes
            self.open += opened


class _EchoHandler(socketserver.BaseRequestHandler):
    server: Echo

    def handle(self) -> None:
        self.server.count(opened=1)
        with contextlib.suppress(ConnectionError):
            while data := self.request.recv(65536):
                self.server.count(received_bytes=len(data))
                self.request.sendall(data)
        self.server.count(opened=-1)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy(("127.0.0.1", echo.server_address[1])) as proxy:
        yield proxy


def client(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection((ports.LOOPBACK, proxy.port), timeout=30)


def ask(connection: socket.socket, data: bytes = b"ping") -> bytes:
    connection.sendall(data)
    return receive(connection, len(data))


def receive(connection: socket.socket, n_bytes: int) -> bytes:
    """Return as many bytes, or fewer where the connection ends."""
    data = b""
    while len(data) < n_bytes and (more := connection.recv(n_bytes - len(data))):
        data += more
    return data


def works(proxy: TcpProxy) -> bool:
    with client(proxy) as connection:
        return ask(connection) == b"ping"


def is_silent(connection: socket.socket) -> bool:
    """Tell whether there is nothing to read now, not even an end."""
    return not select.select([connection], [], [], 0)[0]


def test_bytes_pass_unchanged_and_so_does_the_end_of_each_way(proxy: TcpProxy) -> None:
    data = secrets.token_bytes(3 * MIB)
    with client(proxy) as connection, ThreadPoolExecutor(1) as reader:
        answer = reader.submit(receive, connection, len(data) + 1)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        assert answer.result() == data
    assert (proxy.connections, proxy.bytes, proxy.hits) == (1, 2 * len(data), 0)


def test_connections_do_not_wait_for_each_other(proxy: TcpProxy) -> None:
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(client(proxy)) for _ in range(100)]
        answers = [ask(connection, b"%d" % n) for n, connection in enumerate(connections)]
    assert answers == [b"%d" % n for n in range(100)]
    assert proxy.connections == 100


def test_the_upstream_may_be_named_in_one_word_and_the_port_chosen(echo: Echo) -> None:
    port = ports.free_port()
    with TcpProxy(f"127.0.0.1:{echo.server_address[1]}", port=port) as proxy:
        assert proxy.address == f"127.0.0.1:{port}"
        assert works(proxy)


def test_a_client_that_does_not_read_slows_its_server_down(proxy: TcpProxy, echo: Echo) -> None:
    """Unbounded buffers would let a test's proxy grow, and hide a slow reader from the server."""
    with client(proxy) as connection:
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.sendall(bytes(200 * MIB))
        assert echo.received_bytes < 100 * MIB


def test_delayed_bytes_arrive_when_they_are_due_or_when_it_heals(proxy: TcpProxy) -> None:
    with client(proxy) as connection:

        def is_delayed_each_way() -> bool:
            before = proxy.hits
            assert ask(connection) == b"ping"
            # Fewer where the proxy itself took as long: the bytes are due by then.
            return proxy.hits == before + 2

        proxy.delay(0.05)
        eventually(is_delayed_each_way)
        proxy.delay(AN_HOUR_S)
        before = proxy.hits
        connection.sendall(b"late")
        eventually(lambda: proxy.hits == before + 1)
        assert is_silent(connection)
        proxy.heal()
        assert receive(connection, 4) == b"late"


def test_jitter_does_not_reorder(proxy: TcpProxy) -> None:
    proxy.delay(0.01, jitter_s=0.01)
    sent = b"".join(b"%03d." % n for n in range(200))
    with client(proxy) as connection:
        for n in range(200):
            connection.sendall(b"%03d." % n)
        assert receive(connection, len(sent)) == sent
    assert proxy.hits


def test_a_reset_breaks_off_all_connections_until_it_heals(proxy: TcpProxy, echo: Echo) -> None:
    with client(proxy) as connection:
        assert ask(connection) == b"ping"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionResetError), client(proxy) as connection:
        connection.recv(1)
    assert proxy.hits == 2
    eventually(lambda: echo.open == 0)
    proxy.heal()
    assert works(proxy)


def test_refusing_closes_new_connections_only(proxy: TcpProxy) -> None:
    with client(proxy) as old:
        assert ask(old) == b"ping"
        proxy.refuse()
        with client(proxy) as new:
            assert new.recv(1) == b""
        assert proxy.hits == 1
        assert ask(old) == b"ping"
    proxy.heal()
    assert works(proxy)


def test_a_black_hole_swallows_both_ways_and_hides_every_end(proxy: TcpProxy, echo: Echo) -> None:
    with client(proxy) as open_before, client(proxy) as idle, client(proxy) as closing:
        assert ask(open_before) == ask(idle) == ask(closing) == b"ping"
        proxy.blackhole()
        with client(proxy) as new:
            for connection in (open_before, new):
                connection.sendall(b"lost")
            closing.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            closing.close()  # with a reset
            # The two that sent, the one that closed, and the new one for itself.
            eventually(lambda: proxy.hits >= 4)
            assert is_silent(open_before)
            assert is_silent(new)
            assert echo.received_bytes == 3 * len(b"ping")
            assert echo.open == 3
            proxy.heal()
            for connection in (open_before, new):
                with pytest.raises(ConnectionResetError):
                    connection.recv(1)
        assert ask(idle) == b"ping"  # it has lost nothing
    assert works(proxy)


def test_what_is_on_its_way_when_the_black_hole_opens_is_lost(proxy: TcpProxy, echo: Echo) -> None:
    with client(proxy) as connection:
        proxy.throttle(1 / AN_HOUR_S)
        connection.sendall(b"ping")
        assert receive(connection, 1) == b"p"
        eventually(lambda: proxy.hits == 2)  # each way waits to pass on more
        proxy.blackhole()
        eventually(lambda: proxy.hits == 3)
        proxy.heal()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert echo.received_bytes == 1


def test_a_half_open_connection_is_closed_for_the_server_only(proxy: TcpProxy, echo: Echo) -> None:
    with client(proxy) as open_before:
        assert ask(open_before) == b"ping"
        proxy.half_open()
        eventually(lambda: echo.open == 0)
        with client(proxy) as new:
            for connection in (open_before, new):
                connection.sendall(b"lost")
            eventually(lambda: proxy.hits >= 4)
            assert is_silent(open_before)
            assert is_silent(new)
            assert echo.received_bytes == len(b"ping")
            proxy.heal()
            for connection in (open_before, new):
                with pytest.raises(ConnectionResetError):
                    connection.recv(1)
    assert works(proxy)


@pytest.mark.parametrize("n_bytes", [0, 5])
def test_a_cut_lets_so_many_bytes_of_the_answer_pass(proxy: TcpProxy, n_bytes: int) -> None:
    with client(proxy) as open_before, client(proxy) as new:
        assert ask(open_before) == b"ping"
        proxy.cut_after(6)
        assert ask(open_before) == b"ping"
        proxy.cut_after(n_bytes)
        for connection in (open_before, new):
            connection.sendall(b"0123456789")
            assert receive(connection, 10) == b"0123456789"[:n_bytes]
    assert proxy.hits == 2
    proxy.heal()
    assert works(proxy)


def test_a_throttled_connection_trickles_until_it_heals(proxy: TcpProxy) -> None:
    with client(proxy) as connection:
        proxy.throttle(1 / AN_HOUR_S)
        connection.sendall(b"0123456789")
        assert receive(connection, 1) == b"0"
        assert is_silent(connection)
        proxy.heal()
        assert receive(connection, 9) == b"123456789"
        proxy.throttle(100)
        assert ask(connection, b"0123456789") == b"0123456789"


def test_without_its_server_a_connection_breaks_off() -> None:
    with TcpProxy(("127.0.0.1", ports.free_port())) as proxy:
        with pytest.raises(ConnectionResetError), client(proxy) as connection:
            connection.recv(1)
        assert proxy.connections == 1


def test_a_server_that_breaks_off_breaks_off_the_client() -> None:
    """An end in order would look to the client like the whole answer."""
    with (
        socket.create_server((ports.LOOPBACK, 0)) as listener,
        TcpProxy(listener.getsockname()) as proxy,
        client(proxy) as connection,
    ):
        accepted, _ = listener.accept()
        connection.sendall(b"ping")
        assert accepted.recv(1, socket.MSG_PEEK) == b"p"
        accepted.close()  # with bytes that it has not read: a reset
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_it_stops_with_all_its_connections_and_starts_again(proxy: TcpProxy) -> None:
    with client(proxy) as connection:
        assert ask(connection) == b"ping"
        proxy.blackhole()
        proxy.stop()
        proxy.stop()
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        client(proxy)
    with pytest.raises(RuntimeError, match="does not run"):
        proxy.heal()
    names = {thread.name for thread in threading.enumerate()}
    assert f"proxy-{proxy.port}" not in names
    proxy.start()
    assert works(proxy)
