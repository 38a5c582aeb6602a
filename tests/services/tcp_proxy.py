"""A TCP proxy on the loopback whose network goes bad on request.

One background thread carries all connections. Faults are switched from any thread, and the method
returns when its fault is in force; they add up until `heal`. Bytes keep their order, buffers are
bounded, and a slow reader slows its writer, as without a proxy. A connection that lost bytes is
reset once bytes pass again: TCP never delivers a stream with a gap.
"""

import asyncio
import dataclasses
import socket
import threading
from types import TracebackType
from typing import Any, Self

from devstack import ports
from tests.services.proxied_connection import (
    CHUNK_BYTES,
    Connection,
    Faults,
    Mode,
    Network,
    abort,
)


class TcpProxy:
    """Listens on `port` (a free one by default, known before `start`) for `upstream`, host:port.

    While it is stopped, connections are refused as those to a machine without the program.
    """

    def __init__(self, upstream: tuple[str, int] | str, *, port: int = 0) -> None:
        if isinstance(upstream, str):
            host, _, number = upstream.rpartition(":")
            upstream = (host, int(number))
        self.port = port or ports.free_port()
        self._upstream = upstream
        self._network = Network()
        self._connections: set[Connection] = set()
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were accepted, ever."""
        return self._network.connections

    @property
    def bytes(self) -> int:
        """How many bytes were passed on, ever, both ways together."""
        return self._network.bytes

    @property
    def hits(self) -> int:
        """How often a fault bit, ever: a connection broken or silent, bytes delayed or lost."""
        return self._network.hits

    def start(self) -> None:
        """Listen, with no faults; harmless when it does already."""
        if self._loop:
            return
        listener = socket.create_server((ports.LOOPBACK, self.port))
        self._network.change(Faults())
        self._ending = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, listener), name=f"proxy-{self.port}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection; harmless when it does not run."""
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()
            self._loop = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def heal(self) -> None:
        """Undo all faults, and reset the connections that lost bytes to one."""
        self._put_in_force(Faults())

    def delay(self, seconds: float, jitter_s: float = 0) -> None:
        """Pass all bytes on later, by `seconds` plus or minus up to `jitter_s`, each way."""
        self._add(delay_s=seconds, jitter_s=jitter_s)

    def reset(self) -> None:
        """Break off (RST) the open connections, and new ones at once."""
        self._add(mode=Mode.RESET)

    def refuse(self) -> None:
        """Close new connections at once; those that are open go on."""
        self._add(mode=Mode.REFUSE)

    def blackhole(self) -> None:
        """Lose all bytes, both ways, and nobody hears that the other end has closed."""
        self._add(mode=Mode.BLACKHOLE)

    def half_open(self) -> None:
        """Close the upstream's side of every connection; the client's stays open and silent."""
        self._add(mode=Mode.HALF_OPEN)

    def cut_after(self, n_bytes: int) -> None:
        """Close each connection when `n_bytes` of the answer have passed from now on."""
        self._add(cut_after=n_bytes)

    def throttle(self, bytes_per_s: float) -> None:
        """Pass on so many bytes a second, for each connection and each way."""
        self._add(bytes_per_s=bytes_per_s)

    def _add(self, **changes: Any) -> None:
        self._put_in_force(dataclasses.replace(self._network.faults, **changes))

    def _put_in_force(self, faults: Faults) -> None:
        if self._loop:
            asyncio.run_coroutine_threadsafe(self._obey(faults), self._loop).result()
        else:
            raise RuntimeError("the proxy does not run")

    async def _obey(self, faults: Faults) -> None:
        self._network.change(faults)
        ended = [each.task for each in self._connections if each.obey()]
        await asyncio.gather(*ended, return_exceptions=True)

    def _run(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        try:
            loop.run_until_complete(self._serve(listener))
        finally:
            loop.close()

    async def _serve(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._accept, sock=listener, limit=CHUNK_BYTES)
        await self._ending.wait()
        server.close()
        for connection in self._connections:
            connection.close()
        await asyncio.gather(*(each.task for each in self._connections), return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)  # the loop closes what was aborted last in its next round

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._network.connections += 1
        mode = self._network.faults.mode
        if mode in {Mode.REFUSE, Mode.RESET} or self._ending.is_set():
            self._network.hits += 1
            abort(writer, hard=mode is Mode.RESET)
            return
        connection = Connection(self._network, self._upstream, reader, writer)
        self._connections.add(connection)
        connection.task.add_done_callback(lambda _: self._connections.discard(connection))
