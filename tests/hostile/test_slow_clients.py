"""Clients that take their time: they hold a connection each, but nobody up, and not for ever."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.eventually import eventually
from tests.hostile.forms import CONTENT_TYPE
from tests.hostile.processes import held_connections
from tests.hostile.target import REQUEST_TIMEOUT_S, Target
from tests.hostile.wire import Wire, request
from tests.services.client import JOB_STATUS, UPLOAD, TestUser

#: The end of a body and that of its answer, and room for a busy machine.
WITHIN_S = 2 * REQUEST_TIMEOUT_S + 30

Slow = Callable[[Wire, Target, TestUser], None]


def says_nothing(_connection: Wire, _target: Target, _user: TestUser) -> None:
    """As a port scanner does."""


def drips_a_head(connection: Wire, _target: Target, _user: TestUser) -> None:
    connection.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Drip: ")


def drips_a_body(connection: Wire, _target: Target, user: TestUser) -> None:
    headers = (f"Authorization: Bearer {user.token}", CONTENT_TYPE)
    connection.send(request("POST", UPLOAD, *headers, "Content-Length: 1000000"))


def drips_chunks(connection: Wire, _target: Target, user: TestUser) -> None:
    headers = (f"Authorization: Bearer {user.token}", CONTENT_TYPE)
    connection.send(request("POST", UPLOAD, *headers, "Transfer-Encoding: chunked"), b"ffff\r\n")


def drips_a_body_that_nobody_wants(connection: Wire, _target: Target, _user: TestUser) -> None:
    connection.send(request("POST", UPLOAD, "Content-Length: 1000000"))


def never_reads(connection: Wire, _target: Target, _user: TestUser) -> None:
    """The answers fill both sides' buffers, and then the server's thread waits in its write."""
    connection.sock.settimeout(0.2)
    try:
        for _ in range(2_000):
            connection.sock.sendall(request("GET", "/?lang=vi") * 50)
    except TimeoutError:
        connection.sock.settimeout(30)


def held(target: Target, connections: list[Wire]) -> int:
    return held_connections(target.port, {connection.port for connection in connections})


@pytest.fixture
def crowd(target: Target) -> Iterator[Callable[[Slow, int], list[Wire]]]:
    with ExitStack() as opened:

        def gather(slow: Slow, clients: int) -> list[Wire]:
            user = target.new_user()
            crowd = [
                opened.enter_context(target.wire(4_096 if slow is never_reads else 0))
                for _ in range(clients)
            ]
            for connection in crowd:
                slow(connection, target, user)
            return crowd

        yield gather


#: Last those whose time is short and who must all be seen at the same moment.
CROWDS: dict[Slow, int] = {
    never_reads: 5,
    says_nothing: 50,
    drips_a_head: 200,
    drips_a_body_that_nobody_wants: 50,
    drips_chunks: 50,
    drips_a_body: 200,
}


def test_slow_clients_hold_nobody_up_and_are_cut_off(
    target: Target, crowd: Callable[[Slow, int], list[Wire]]
) -> None:
    """Slowloris: a server without a bound would hold all of these for ever."""
    user = target.new_user()
    crowds = {slow: crowd(slow, clients) for slow, clients in CROWDS.items()}
    [patient] = crowd(drips_a_body, 1)

    def left() -> dict[str, int]:
        """Go on dripping; return how many are still connected, of each kind."""
        for slow, connections in crowds.items():
            for connection in connections:
                if slow is not never_reads:
                    connection.send(b"x")
        counts = {slow.__name__: held(target, found) for slow, found in crowds.items()}
        return {name: count for name, count in counts.items() if count}

    patience = {slow.__name__: CROWDS[slow] for slow in (never_reads, drips_a_body, drips_chunks)}
    eventually(lambda: patience.items() <= left().items(), within_s=30, why="all are connected")
    for _ in range(10):
        assert target.ask(request("GET", "/livez")).status == 200
        assert target.get(f"{JOB_STATUS}?job_id={user.id}", user).status_code == 404
    eventually(lambda: left() == {}, within_s=WITHIN_S, why="the slow are cut off")
    answer = patient.answer()
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert answer.headers["connection"] == "close"
    assert patient.is_ended()


def test_a_client_that_leaves_in_its_body_leaves_nothing(
    target: Target, crowd: Callable[[Slow, int], list[Wire]]
) -> None:
    jobs = target.database["resume_parse_jobs"].count_documents({})
    connections = crowd(drips_a_body, 50)
    ports = {connection.port for connection in connections}
    for connection in connections:
        connection.reset()
    eventually(lambda: held_connections(target.port, ports) == 0)
    assert target.database["resume_parse_jobs"].count_documents({}) == jobs
