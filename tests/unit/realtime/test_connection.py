"""The outbox, the order of frames and the ends of one connection, without a network."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from realtime.connection import Connection
from realtime.frames import Frame
from realtime.options import Options

TIMEOUT_S = 10


def ended_thread() -> threading.Thread:
    thread = threading.Thread()
    thread.start()
    return thread


class NoSocket:
    """A socket that is never written to."""

    on_close: Callable[[], object] = bool

    def abort(self) -> None:
        self.on_close()


@dataclass
class Wire:
    """What simple-websocket's `Server` is to a connection; `on_send` may make trouble."""

    on_send: Callable[[str], None] = lambda _text: None
    connected: bool = True
    close_reason: int = 1005
    close_message: str | None = None
    sent: list[str] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)
    event: threading.Event = field(default_factory=threading.Event)
    sock: Any = field(default_factory=NoSocket)
    input_buffer: Any = field(default_factory=list)
    thread: threading.Thread = field(default_factory=ended_thread)

    def send(self, data: str) -> None:
        self.on_send(data)
        self.sent.append(data)

    def close(self, reason: int, message: str) -> None:
        self.closed.append((reason, message))
        self.connected = False


def frame(rev: int, job_id: str = "j") -> Frame:
    return Frame(job_id, rev, f"{job_id}{rev}")


def connection(lives_s: float = 3_600, **options: Any) -> Connection:
    return Connection(expires_at=time.time() + lives_s, options=Options(**options))


def run_to_end(connection: Connection, wire: Wire, snapshot: list[Frame]) -> int:
    connection.run(wire, snapshot)
    return connection.finish()


def test_the_snapshot_goes_before_what_was_offered_meanwhile() -> None:
    wire = Wire()
    subject = connection(lives_s=2)
    subject.offer(frame(3))
    assert run_to_end(subject, wire, [frame(2)]) == 4401
    assert wire.sent == ["j2", "j3"]


def test_what_the_snapshot_said_is_not_said_again() -> None:
    wire = Wire()
    subject = connection()
    wire.on_send = lambda text: subject.close(1000, "") if text == "j3" else None
    for rev in [1, 2, 3]:
        subject.offer(frame(rev))
    run_to_end(subject, wire, [frame(2)])
    assert wire.sent == ["j2", "j3"]


frames = st.lists(st.builds(frame, st.integers(1, 5), st.sampled_from("abc")), max_size=30)


@given(snapshot=frames, offered=frames)
def test_whatever_comes_a_job_never_goes_back(snapshot: list[Frame], offered: list[Frame]) -> None:
    wire = Wire()
    subject = connection()
    for each in offered:
        subject.offer(each)
    # Ends after what was offered: the last frame of all closes the connection.
    wire.on_send = lambda text: subject.close(1000, "") if text == "z1" else None
    subject.offer(frame(1, "z"))
    subject.run(wire, snapshot)
    by_job: dict[str, list[int]] = {}
    for text in wire.sent:
        by_job.setdefault(text[0], []).append(int(text[1:]))
    for job_id, revs in by_job.items():
        given_revs = [each.rev for each in snapshot + offered if each.job_id == job_id] or [1]
        assert revs == sorted(set(revs))
        assert revs[-1] == max(given_revs)


def test_a_full_outbox_closes_the_connection_and_takes_no_more() -> None:
    wire = Wire()
    subject = connection(outbox_frames=2)
    assert [subject.offer(frame(rev)) for rev in [1, 2, 3, 4]] == [True, True, False, False]
    assert run_to_end(subject, wire, []) == 1013
    assert wire.sent == []
    assert wire.closed == [(1013, "too slow")]


def test_a_missed_send_deadline_is_being_too_slow() -> None:
    def time_out(_text: str) -> None:
        raise TimeoutError

    assert run_to_end(connection(), Wire(on_send=time_out), [frame(1)]) == 1013


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionClosed, LocalProtocolError])
def test_a_peer_that_is_gone_ends_the_run(error: type[Exception]) -> None:
    wire = Wire()

    def lose(_text: str) -> None:
        wire.connected = False
        raise error

    wire.on_send = lose
    assert run_to_end(connection(), wire, [frame(1)]) == 1006


@pytest.mark.parametrize("code", [1000, 1001, 1005])
def test_a_peer_s_goodbye_is_reported_as_his(code: int) -> None:
    wire = Wire(connected=False, close_reason=code, close_message="")
    assert run_to_end(connection(), wire, []) == code
    assert wire.closed == []


def test_the_first_reason_to_close_counts() -> None:
    wire = Wire()
    subject = connection()
    subject.close(4429, "first")
    subject.close(1012, "second")
    assert run_to_end(subject, wire, []) == 4429
    assert wire.closed == [(4429, "first")]


def test_a_close_stops_the_snapshot() -> None:
    wire = Wire()
    subject = connection()

    def snapshot() -> Iterator[Frame]:
        yield frame(1)
        subject.close(1012, "restart")
        yield frame(2)

    subject.run(wire, snapshot())
    assert wire.sent == ["j1"]


def test_an_expired_token_closes_even_who_has_frames_waiting() -> None:
    wire = Wire()
    subject = connection(lives_s=-1)
    subject.offer(frame(1))
    assert run_to_end(subject, wire, []) == 4401
    assert wire.sent == []


def test_an_error_of_ours_is_called_one() -> None:
    wire = Wire()
    subject = connection()

    def fail(_text: str) -> None:
        raise KeyError("a defect")

    wire.on_send = fail
    with pytest.raises(KeyError):
        subject.run(wire, [frame(1)])
    assert subject.finish() == 1011


def _offer(subject: Connection, _wire: Wire) -> None:
    subject.offer(frame(1))


def _close(subject: Connection, _wire: Wire) -> None:
    subject.close(1012, "restart")


def _hang_up(_subject: Connection, wire: Wire) -> None:
    wire.connected = False
    wire.sock.on_close()


@pytest.mark.parametrize("wake", [_offer, _close, _hang_up])
def test_a_waiting_writer_is_woken(wake: Callable[[Connection, Wire], None]) -> None:
    wire = Wire()
    subject = connection()
    wire.on_send = lambda _text: subject.close(1000, "")
    writer = threading.Thread(target=subject.run, args=(wire, []))
    writer.start()
    wake(subject, wire)
    writer.join(TIMEOUT_S)
    assert not writer.is_alive()


def test_the_client_s_messages_are_counted_and_not_kept() -> None:
    wire = Wire()
    subject = connection(client_messages_per_minute=3)

    def speak(text: str) -> None:
        for _ in range(3 if text == "j1" else 1):
            wire.input_buffer.append("hello")

    wire.on_send = speak
    assert run_to_end(subject, wire, [frame(1), frame(2), frame(3)]) == 1008
    assert wire.sent == ["j1", "j2"]


def test_what_the_client_sends_is_weighed_whatever_it_is() -> None:
    """Pings and empty fragments are no messages, yet they cost CPU."""
    wire = Wire()
    subject = connection(client_bytes_per_minute=10)
    wire.on_send = lambda text: wire.sock.on_received(10 if text == "j1" else 1)
    assert run_to_end(subject, wire, [frame(1), frame(2), frame(3)]) == 1008
    assert wire.sent == ["j1", "j2"]
