"""GET /ws on a real gunicorn gevent process over a real change stream."""

import json
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import websocket
from bson import ObjectId
from pymongo.database import Database

from tests.eventually import eventually
from tests.integration.realtime.failures import failing
from tests.integration.realtime.ws_app import UNLUCKY_USER
from tests.integration.realtime.ws_client import TIMEOUT_S, Story, WebProcess, token

HISTORY_LOST = 286
JOURNEY = ["pending", "processing", "completed"]


@pytest.fixture(scope="module")
def lenient_process(start_web: Callable[..., WebProcess]) -> WebProcess:
    """A process that waits for slow readers and keeps much for them."""
    return start_web(
        allowed_origins=["https://jobs.example"],
        max_connections_per_user=3,
        outbox_frames=1_000,
        send_deadline_s=60,
    )


@pytest.fixture(scope="module")
def strict_process(start_web: Callable[..., WebProcess]) -> WebProcess:
    """A process with little room."""
    return start_web(max_connections=2, outbox_frames=4, send_deadline_s=60)


@pytest.fixture
def web(lenient_process: WebProcess) -> Iterator[WebProcess]:
    yield lenient_process
    lenient_process.hang_up()


@pytest.fixture
def strict_web(strict_process: WebProcess) -> Iterator[WebProcess]:
    eventually(lambda: strict_process.has_connections(0), why="an earlier test's are gone")
    yield strict_process
    strict_process.hang_up()


# --- The handshake ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (426, {"Sec_WebSocket_Version": "12"}),
        (426, {"Sec_WebSocket_Version": ""}),
        (400, {"Sec_WebSocket_Key": ""}),
        (400, {"Sec_WebSocket_Key": "short"}),
        (400, {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=*"}),
        (400, {"Upgrade": ""}),
        (400, {"Connection": "close"}),
        (403, {"Origin": "https://evil.example"}),
        (403, {"Origin": "null"}),
    ],
)
def test_a_bad_handshake_is_refused_by_http(
    web: WebProcess, user_id: str, status: int, headers: dict[str, str]
) -> None:
    answer = web.refusal(f"/ws?token={token(user_id)}", **headers)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert status != 426 or answer.headers["Sec-WebSocket-Version"] == "13"


@pytest.mark.parametrize("query", ["", "?token=", "?token=nonsense", "?ticket=", "?ticket=unknown"])
def test_nobody_unknown_gets_past_the_handshake(web: WebProcess, query: str) -> None:
    answer = web.refusal(f"/ws{query}")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("origin", ["", "http://{host}", "https://{host}", "https://jobs.example"])
def test_our_own_and_the_allowed_origins_may_connect(
    web: WebProcess, user_id: str, origin: str
) -> None:
    own = origin.format(host=f"127.0.0.1:{web.port}")
    web.connect(user_id, origin=own, suppress_origin=not own)


def test_the_token_may_stand_in_the_header(web: WebProcess, user_id: str, story: Story) -> None:
    client = web.open("/ws", header=[f"Authorization: Bearer {token(user_id)}"])
    story.tell("pending")
    assert client.statuses(1) == ["pending"]


def test_compression_is_declined(web: WebProcess, user_id: str) -> None:
    client = web.connect(user_id, header=["Sec-WebSocket-Extensions: permessage-deflate"])
    assert "sec-websocket-extensions" not in (client.ws.getheaders() or {})


@pytest.mark.parametrize("host", ["\xff", "xn--a", "a..b", "x" * 70 + ".example"])
def test_a_strange_host_is_no_fault_of_ours(web: WebProcess, user_id: str, host: str) -> None:
    with web.raw(f"/ws?token={token(user_id)}", Host=host) as sock:
        status = sock.recv(100).split()[1]
    assert status in {b"101", b"400"}


def test_a_full_process_says_when_to_come_back(strict_web: WebProcess, user_id: str) -> None:
    for _ in range(2):
        strict_web.connect(user_id)
    answer = strict_web.refusal(f"/ws?token={token(user_id)}")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_user_with_too_many_connections_is_told_so(web: WebProcess, user_id: str) -> None:
    for _ in range(3):
        web.connect(user_id)
    assert web.open(f"/ws?token={token(user_id)}").close_code() == 4429


# --- What is delivered ---------------------------------------------------------------------------


def test_a_job_is_followed_to_its_end(web: WebProcess, user_id: str, story: Story) -> None:
    client = web.connect(user_id)
    for status in ["pending", "processing"]:
        story.tell(status)
    story.tell("completed", resume_id="r1", cv_data={"name": "Nguyễn Văn A"})
    payloads = [client.payload() for _ in JOURNEY]
    assert [payload["status"] for payload in payloads] == JOURNEY
    empty = {"error_message": "", "resume_id": "", "cv_data": None}
    assert payloads[0] == {"job_id": str(story.job_id), "status": "pending", **empty}
    assert payloads[2] == {
        "job_id": str(story.job_id),
        "status": "completed",
        "error_message": "",
        "resume_id": "r1",
        "cv_data": {"name": "Nguyễn Văn A"},
    }


def test_frames_are_readable_utf_8(web: WebProcess, user_id: str, story: Story) -> None:
    client = web.connect(user_id)
    story.tell("failed", error_message="Không đọc được")
    assert "Không đọc được" in client.ws.recv()


def test_every_tab_of_a_user_hears_the_same_and_others_nothing(
    web: WebProcess, user_id: str, story: Story
) -> None:
    other_user = str(ObjectId())
    tabs = [web.connect(user_id), web.connect(user_id)]
    stranger = web.connect(other_user)
    for status in JOURNEY:
        story.tell(status)
    own = Story(story.database, other_user)
    own.tell("pending")
    assert [tab.statuses(3) for tab in tabs] == [JOURNEY, JOURNEY]
    assert stranger.payload()["job_id"] == str(own.job_id)


def test_two_web_processes_both_deliver(
    web: WebProcess, strict_web: WebProcess, user_id: str, story: Story
) -> None:
    clients = [web.connect(user_id), strict_web.connect(user_id)]
    for status in JOURNEY:
        story.tell(status)
    assert [client.statuses(3) for client in clients] == [JOURNEY, JOURNEY]


def test_who_connects_is_told_the_present_state(
    web: WebProcess, user_id: str, story: Story
) -> None:
    for status in JOURNEY:
        story.tell(status)
    younger = Story(story.database, user_id)
    younger.tell("pending")
    client = web.connect(user_id)
    assert client.statuses(2) == ["completed", "pending"]


def test_since_leaves_out_what_the_client_knows(
    web: WebProcess, user_id: str, story: Story
) -> None:
    known = story.tell("completed")
    younger = Story(story.database, user_id)
    younger.tell("pending")
    client = web.connect(user_id, f"&since={known}")
    assert client.payload()["job_id"] == str(younger.job_id)


def test_a_malformed_since_means_the_whole_snapshot(
    web: WebProcess, user_id: str, story: Story
) -> None:
    story.tell("processing")
    client = web.connect(user_id, "&since=zzz")
    assert client.statuses(1) == ["processing"]


def test_a_status_never_goes_back(web: WebProcess, user_id: str, story: Story) -> None:
    """An event that is late, or comes again after a resume, must not undo what was shown."""
    client = web.connect(user_id)
    story.tell("pending")
    story.tell("completed", rev=3)
    story.tell("processing", rev=2)
    story.tell("completed", rev=3)
    marker = Story(story.database, user_id)
    marker.tell("pending")
    assert client.statuses(3) == ["pending", "completed", "pending"]


def test_what_a_lost_stream_missed_is_told_by_a_resync(
    web: WebProcess, user_id: str, story: Story
) -> None:
    client = web.connect(user_id)
    mongo = story.database.client
    losses = web.log().count("change_stream.lost")
    with failing(mongo, web.app_name, ["getMore", "aggregate"], errorCode=HISTORY_LOST):
        eventually(lambda: web.log().count("change_stream.lost") > losses)
        for status in JOURNEY:
            story.tell(status)
    assert client.statuses(1) == ["completed"]


def test_no_client_is_logged_and_no_trouble(web: WebProcess, story: Story) -> None:
    story.tell("pending")
    eventually(lambda: "ws.no_client" in web.log() and str(story.job_id) in web.log())
    eventually(web.is_healthy)


def test_without_the_database_nobody_is_upgraded_and_nobody_stays_subscribed(
    web: WebProcess,
) -> None:
    assert web.refusal(f"/ws?token={token(UNLUCKY_USER)}").status_code == 503
    eventually(lambda: web.has_connections(0))


def test_a_malformed_event_holds_nobody_up(web: WebProcess, user_id: str, story: Story) -> None:
    client = web.connect(user_id)
    story.tell("no status of ours")
    story.database.job_events.insert_one({"nothing": "in it"})
    story.tell("processing")
    assert client.statuses(1) == ["processing"]


# --- Slow clients ---------------------------------------------------------------------------------


def test_a_slow_reader_gets_each_frame_whole(web: WebProcess, user_id: str, story: Story) -> None:
    """simple-websocket's `send` tore frames under gevent; pings cut in between."""
    client = web.connect(user_id, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)])
    story.tell("processing", cv_data=None, error_message="x" * 4_000_000)
    for number in range(2, 300):
        story.tell("processing", error_message=f"{number} " + "y" * 10_000)
    # By now the server is stuck in the first frame; pings of ours make it write from two threads.
    for _ in range(20):
        client.ws.ping("p")
    lengths = [len(client.payload()["error_message"]) for _ in range(299)]
    assert lengths[0] == 4_000_000
    assert lengths[1:] == [10_001 + len(str(number)) for number in range(2, 300)]


def test_a_slow_reader_delays_nobody_else(web: WebProcess, user_id: str, story: Story) -> None:
    web.connect(user_id, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)])
    other = Story(story.database, str(ObjectId()))
    quick = web.connect(other.user_id)
    for _ in range(5):
        story.tell("processing", error_message="x" * 2_000_000)
        other.tell("processing")
    # The first has read nothing yet.
    assert quick.statuses(5) == ["processing"] * 5


def test_who_is_too_slow_is_closed_and_never_misses_a_frame_silently(
    strict_web: WebProcess, user_id: str, story: Story
) -> None:
    client = strict_web.connect(user_id, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)])
    for number in range(20):
        story.tell("processing", error_message=f"{number} " + "x" * 1_000_000)
    watcher = Story(story.database, str(ObjectId()))
    observer = strict_web.connect(watcher.user_id)
    watcher.tell("pending")
    assert observer.statuses(1) == ["pending"]  # so all events before it have been published
    payloads, code = client.payloads_until_close()
    numbers = [int(payload["error_message"].split()[0]) for payload in payloads]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) < 20
    assert code == 1013


def test_who_never_reads_is_cut(
    start_web: Callable[..., WebProcess], user_id: str, story: Story
) -> None:
    web = start_web(send_deadline_s=0.5)
    client = web.connect(user_id, sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)])
    story.tell("processing", error_message="x" * 8_000_000)
    eventually(lambda: web.has_connections(0))
    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
        client.ws.recv()


# --- Ends -----------------------------------------------------------------------------------------


def test_the_connection_ends_with_its_token(web: WebProcess, user_id: str) -> None:
    assert web.open(f"/ws?token={token(user_id, lives_s=0.5)}").close_code() == 4401


def test_a_client_that_floods_is_closed(web: WebProcess, user_id: str) -> None:
    client = web.connect(user_id)
    frame = websocket.ABNF.create_frame("spam", websocket.ABNF.OPCODE_TEXT).format()
    assert client.ws.sock
    client.ws.sock.sendall(frame * 5_000)
    assert client.close_code() == 1008


def test_a_few_messages_of_the_client_are_ignored(
    web: WebProcess, user_id: str, story: Story
) -> None:
    client = web.connect(user_id)
    for _ in range(20):
        client.ws.send('{"type": "ping"}')
    story.tell("pending")
    assert client.statuses(1) == ["pending"]


@pytest.mark.parametrize("size_bytes", [4_097, 3_000_000])
def test_an_oversized_message_is_refused(web: WebProcess, user_id: str, size_bytes: int) -> None:
    client = web.connect(user_id)
    # Who is refused may be cut off before all of it is out.
    with suppress(ConnectionError, websocket.WebSocketConnectionClosedException):
        client.ws.send("x" * size_bytes)
    assert client.close_code() == 1009


def _leave_with_close_frame(sock: socket.socket) -> None:
    sock.sendall(b"\x88\x80\x00\x00\x00\x00")


def _leave_with_fin(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_WR)


def _leave_with_reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (_leave_with_close_frame, 1005),
        (_leave_with_fin, 1006),
        (_leave_with_reset, 1006),
    ],
)
def test_who_has_left_leaves_the_hub(
    strict_web: WebProcess, user_id: str, leave: Callable[[socket.socket], None], code: int
) -> None:
    sock = strict_web.raw(f"/ws?token={token(user_id)}")
    assert b"101" in sock.recv(100)
    eventually(lambda: strict_web.has_connections(1))
    leave(sock)
    eventually(lambda: strict_web.has_connections(0))
    eventually(lambda: f"code={code} user_id={user_id}" in strict_web.log())


def test_who_falls_silent_leaves_the_hub(
    start_web: Callable[..., WebProcess], user_id: str
) -> None:
    """Neither reads nor answers a ping, as behind a dead link."""
    web = start_web(ping_interval_s=0.5)
    sock = web.raw(f"/ws?token={token(user_id)}")
    assert b"101" in sock.recv(100)
    eventually(lambda: f"code=1006 user_id={user_id}" in web.log())
    eventually(lambda: web.has_connections(0))


def test_who_leaves_before_the_upgrade_is_no_error(web: WebProcess, user_id: str) -> None:
    for _ in range(20):
        _leave_with_reset(web.raw(f"/ws?token={token(user_id)}"))
    eventually(lambda: web.has_connections(0))
    assert "Exception on /ws" not in web.log()


def test_a_restart_tells_every_client_and_is_not_held_up(
    start_web: Callable[..., WebProcess], user_id: str
) -> None:
    web = start_web()
    clients = [web.connect(user_id) for _ in range(5)]
    web.raw(f"/ws?token={token(user_id)}")  # will not answer the close frame
    eventually(lambda: web.has_connections(6))
    web.process.terminate()
    assert [client.close_code() for client in clients] == [1012] * 5
    # gunicorn would wait for `graceful_timeout`, here 60 s.
    assert web.process.wait(timeout=TIMEOUT_S) == 0


# --- Tickets --------------------------------------------------------------------------------------


def _ticket(web: WebProcess, user_id: str) -> str:
    headers = {"Authorization": f"Bearer {token(user_id)}"}
    answer = requests.post(web.url("/api/v1/ws-ticket"), headers=headers, timeout=TIMEOUT_S)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert body == {"success": True, "ticket": body["ticket"], "expires_in": 30}
    return str(body["ticket"])


def test_a_ticket_opens_one_connection_in_whichever_process(
    web: WebProcess, strict_web: WebProcess, user_id: str, story: Story
) -> None:
    ticket = _ticket(web, user_id)
    client = strict_web.open(f"/ws?ticket={ticket}")
    story.tell("pending")
    assert client.statuses(1) == ["pending"]
    assert web.refusal(f"/ws?ticket={ticket}").status_code == 401


def test_of_many_uses_of_a_ticket_at_once_one_succeeds(web: WebProcess, user_id: str) -> None:
    path = f"/ws?ticket={_ticket(web, user_id)}"

    def status(_: int) -> bytes:
        with web.raw(path) as sock:
            return sock.recv(100).split()[1]

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(status, range(8)))
    assert sorted(statuses) == [b"101", *[b"401"] * 7]


def test_an_expired_ticket_is_worth_nothing(
    web: WebProcess, user_id: str, shared_database: Database[dict[str, Any]]
) -> None:
    ticket = _ticket(web, user_id)
    # The sweep of the TTL index comes once a minute, so the document may still be there.
    shared_database.ws_tickets.update_many({}, {"$set": {"expires_at": datetime.now(UTC)}})
    assert web.refusal(f"/ws?ticket={ticket}").status_code == 401


def test_a_ticket_is_not_stored_as_it_is(
    web: WebProcess, user_id: str, shared_database: Database[dict[str, Any]]
) -> None:
    ticket = _ticket(web, user_id)
    stored = json.dumps(list(shared_database.ws_tickets.find()), default=str)
    assert user_id in stored
    assert ticket not in stored


def test_a_ticket_carries_its_token_s_end(web: WebProcess, user_id: str) -> None:
    headers = {"Authorization": f"Bearer {token(user_id, lives_s=1)}"}
    answer = requests.post(web.url("/api/v1/ws-ticket"), headers=headers, timeout=TIMEOUT_S)
    assert web.open(f"/ws?ticket={answer.json()['ticket']}").close_code() == 4401


def test_a_ticket_needs_the_header(web: WebProcess, user_id: str) -> None:
    url = web.url(f"/api/v1/ws-ticket?token={token(user_id)}")
    assert requests.post(url, timeout=TIMEOUT_S).status_code == 401
