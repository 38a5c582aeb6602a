"""One connection through a `TcpProxy`, and the faults that it obeys.

Each way has a task that reads and a task that writes, with a bounded queue between them, so that a
delay keeps back bytes without slowing the reader down. All of it lives in the proxy's thread.
"""

import asyncio
import contextlib
import dataclasses
import enum
import random
import socket
import struct

CHUNK_BYTES = 64 * 1024
_CHUNKS = 16  # each way
_LINGER_NOT = struct.pack("ii", 1, 0)  # what makes the kernel close with RST
_THROTTLED_EVERY_S = 0.05

Queue = asyncio.Queue[tuple[float, bytes]]


class Mode(enum.Enum):
    """What becomes of a connection."""

    PASS = enum.auto()
    RESET = enum.auto()
    REFUSE = enum.auto()
    BLACKHOLE = enum.auto()
    HALF_OPEN = enum.auto()


@dataclasses.dataclass(frozen=True)
class Faults:
    """What is wrong with the network; nothing by default."""

    mode: Mode = Mode.PASS
    delay_s: float = 0
    jitter_s: float = 0
    bytes_per_s: float | None = None
    cut_after: int | None = None


class Network:
    """The faults of one proxy, and what its connections have counted."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.connections = 0
        self.bytes = 0
        self.hits = 0
        self._changed = asyncio.Event()

    def change(self, faults: Faults) -> None:
        """Put the faults in force and wake whoever waits because of the old ones."""
        self.faults = faults
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def is_silent(self) -> bool:
        """True while no byte gets through, and no end of a connection either."""
        return self.faults.mode in {Mode.BLACKHOLE, Mode.HALF_OPEN}

    @property
    def part_bytes(self) -> int:
        """How much to send at once."""
        rate = self.faults.bytes_per_s
        return max(1, int(rate * _THROTTLED_EVERY_S)) if rate else CHUNK_BYTES

    async def hold(self, received_at: float) -> None:
        """Wait until what was received then, in the loop's time, is due."""
        now = asyncio.get_running_loop().time
        share, is_hit = random.uniform(-1, 1), False
        while True:
            delay_s = self.faults.delay_s + share * self.faults.jitter_s
            if (left_s := received_at + delay_s - now()) <= 0:
                return
            self.hits += not is_hit
            is_hit = True
            await self._wait(left_s)

    async def pace(self, sent: int) -> None:
        """Wait until more than the `sent` bytes may follow."""
        if self.faults.bytes_per_s:
            self.hits += 1
            await self._wait(sent / self.faults.bytes_per_s)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


class Connection:
    """A client's connection and ours to the upstream; `task` ends when both are closed."""

    def __init__(
        self,
        network: Network,
        upstream: tuple[str, int],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._network = network
        self._address = upstream
        self._client_reader = reader
        self._client = _tuned(writer)
        self._upstream: asyncio.StreamWriter | None = None
        self._answered_bytes = 0
        # It has lost bytes, or its other end: it may never carry bytes again.
        self._is_severed = False
        self.task = asyncio.create_task(self._run())

    def obey(self) -> bool:
        """Do what changed faults ask of an open connection; return True when that ends it."""
        self._answered_bytes = 0
        mode = self._network.faults.mode
        if mode is Mode.HALF_OPEN:
            self._sever()
        if mode is Mode.RESET:
            self._network.hits += 1
        elif self._network.is_silent or not self._is_severed:
            return False
        self._end(hard=True)
        return True

    def close(self) -> None:
        """End it as a program does that closes its socket."""
        self._end(hard=False)

    async def _run(self) -> None:
        try:
            upstream_reader = await self._connect()
            async with asyncio.TaskGroup() as group:
                self._pump(group, self._client_reader, is_answer=False)
                if upstream_reader:
                    self._pump(group, upstream_reader, is_answer=True)
        except* OSError:
            # One end broke off: to the other it must not look like an end in order.
            self._abort(hard=True)
        finally:
            self._abort(hard=False)
            for writer in self._writers():
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _connect(self) -> asyncio.StreamReader | None:
        """Connect to the upstream and return its reader; None where that is out of reach."""
        if not self._network.is_silent:
            try:
                reader, writer = await asyncio.open_connection(*self._address, limit=CHUNK_BYTES)
            except OSError:
                if not self._network.is_silent:
                    raise
            else:
                self._upstream = _tuned(writer)
                if self._network.faults.mode is Mode.HALF_OPEN:
                    self._sever()
                return reader
        self._network.hits += 1
        self._is_severed = True
        return None

    def _pump(
        self, group: asyncio.TaskGroup, reader: asyncio.StreamReader, *, is_answer: bool
    ) -> None:
        queue: Queue = asyncio.Queue(_CHUNKS)
        group.create_task(self._read(reader, queue))
        group.create_task(self._write(queue, is_answer=is_answer))

    async def _read(self, reader: asyncio.StreamReader, queue: Queue) -> None:
        now = asyncio.get_running_loop().time
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK_BYTES)
            except OSError:
                if not self._swallows():
                    raise
                data = b""
            await queue.put((now(), data))

    async def _write(self, queue: Queue, *, is_answer: bool) -> None:
        writer = self._client if is_answer else self._upstream
        data = b"-"
        while data:
            received_at, data = await queue.get()
            await self._network.hold(received_at)
            if data:
                await self._send(data, writer, is_answer=is_answer)
            elif writer and not self._swallows():
                writer.write_eof()

    async def _send(
        self, data: bytes, writer: asyncio.StreamWriter | None, *, is_answer: bool
    ) -> None:
        left = memoryview(data)
        while left:
            part = left[: self._network.part_bytes]
            limit = self._network.faults.cut_after if is_answer else None
            if limit is not None:
                part = part[: limit - self._answered_bytes]
            if self._swallows() or writer is None:
                return
            await self._put(part, writer)
            left = left[len(part) :]
            if limit is not None:
                self._answered_bytes += len(part)
                if self._answered_bytes == limit:
                    self._network.hits += 1
                    self.close()
                    return
            await self._network.pace(len(part))

    async def _put(self, part: memoryview, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(part)
            await writer.drain()
        except OSError:
            if not self._swallows():
                raise
        else:
            self._network.bytes += len(part)

    def _swallows(self) -> bool:
        """Tell whether what is to be sent is lost instead."""
        if self._network.is_silent:
            self._network.hits += 1
            self._is_severed = True
        return self._is_severed

    def _sever(self) -> None:
        """Close the upstream's side only."""
        self._network.hits += 1
        self._is_severed = True
        if self._upstream:
            self._upstream.close()

    def _end(self, *, hard: bool) -> None:
        self._abort(hard=hard)
        self.task.cancel()

    def _abort(self, *, hard: bool) -> None:
        for writer in self._writers():
            abort(writer, hard=hard)

    def _writers(self) -> list[asyncio.StreamWriter]:
        return [writer for writer in (self._client, self._upstream) if writer]


def abort(writer: asyncio.StreamWriter, *, hard: bool) -> None:
    """Close the connection at once, with RST when `hard`."""
    if hard and not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


def _tuned(writer: asyncio.StreamWriter) -> asyncio.StreamWriter:
    """Return it with no buffer that it could leave behind: `drain` returns when all is sent."""
    writer.transport.set_write_buffer_limits(high=0)
    return writer
