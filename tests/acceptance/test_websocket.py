"""CONTRACT part 4: what the browser is told, on the running processes."""

import json
from pathlib import Path

import pytest
import requests
import websocket
from bson import ObjectId

from tests.eventually import eventually
from tests.services.client import ServiceClient
from tests.services.stack import ServiceStack

PDF = (Path(__file__).parents[2] / "samples" / "resume.pdf").read_bytes()
MEMBERS = {"job_id", "status", "error_message", "resume_id", "cv_data"}


def test_every_step_is_told_in_order_with_all_members(client: ServiceClient) -> None:
    user = client.new_user()
    with client.socket(user) as frames:
        payloads = frames.until_ended(job_id := client.accepted(user, PDF))
    assert [payload["status"] for payload in payloads] == ["pending", "processing", "completed"]
    for payload in payloads:
        assert set(payload) == MEMBERS
        assert payload["job_id"] == job_id
        assert payload["error_message"] == ""
    assert [payload["cv_data"] is None for payload in payloads] == [True, True, False]
    assert payloads[-1]["resume_id"] == str(client.resumes_of(user)[0]["_id"])
    assert payloads[-1]["cv_data"] == client.status(user, job_id)["cv_data"]


def test_both_web_processes_deliver_to_every_connection_of_the_user(
    client: ServiceClient, other: ServiceClient
) -> None:
    user = client.new_user()
    with client.socket(user) as one, client.socket(user) as two, other.socket(user) as three:
        job_id = client.accepted(user, PDF)
        told = [frames.until_ended(job_id) for frames in (one, two, three)]
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == 3


def test_a_user_hears_of_his_own_jobs_only(client: ServiceClient, other: ServiceClient) -> None:
    user, stranger = client.new_user(), client.new_user()
    with other.socket(stranger) as frames:
        client.ended(user, client.accepted(user, PDF))
        own_job = other.accepted(stranger, PDF)
        while (payload := frames.next()["payload"])["status"] != "completed":
            assert payload["job_id"] == own_job
        assert payload["job_id"] == own_job


def test_who_connects_late_is_told_the_present_state(client: ServiceClient) -> None:
    user = client.new_user()
    client.ended(user, job_id := client.accepted(user, PDF))
    with client.socket(user) as frames:
        payload = frames.next()["payload"]
    assert (payload["job_id"], payload["status"]) == (job_id, "completed")
    assert payload["cv_data"]


def test_without_any_client_the_job_goes_on_and_it_is_logged(
    client: ServiceClient, service: ServiceStack
) -> None:
    user = client.new_user()
    client.ended(user, job_id := client.accepted(user, PDF))
    eventually(
        lambda: [
            line
            for line in service.log_tail().splitlines()
            if "ws.no_client" in line and job_id in line
        ],
        why="the log says that nobody was connected",
    )


@pytest.mark.parametrize("query", ["", "token=", "token=garbage", "ticket=garbage", "token=a.b.c"])
def test_a_bad_token_is_refused_before_the_upgrade(client: ServiceClient, query: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(f"{client.url.replace('http', 'ws', 1)}/ws?{query}", timeout=10)
    assert refused.value.status_code == 401
    assert json.loads(refused.value.resp_body or b"{}")["code"] == "unauthorized"


def test_an_expired_token_is_refused_and_one_that_expires_closes_with_4401(
    client: ServiceClient,
) -> None:
    import time

    user = client.new_user()
    expired = client.token(sub=user.id, exp=time.time() - 1)
    with (
        pytest.raises(websocket.WebSocketBadStatusException),
        client.socket(user, f"token={expired}"),
    ):
        pass
    with client.socket(user, f"token={client.token(sub=user.id, exp=time.time() + 5)}") as frames:
        opcode, data = frames.connection.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    assert int.from_bytes(data[:2]) == 4401


def test_a_ticket_opens_one_socket(client: ServiceClient, other: ServiceClient) -> None:
    user = client.new_user()
    answer = requests.post(f"{client.url}/api/v1/ws-ticket", headers=user.headers, timeout=10)
    assert answer.status_code == 201
    query = f"ticket={answer.json()['ticket']}"
    with other.socket(user, query) as frames:
        job_id = client.accepted(user, PDF)
        assert frames.until_ended(job_id)[-1]["status"] == "completed"
    with pytest.raises(websocket.WebSocketBadStatusException), client.socket(user, query):
        pass


def test_the_authorization_header_will_do(client: ServiceClient) -> None:
    user = client.new_user()
    with client.socket(user, "x=1", header=[f"Authorization: Bearer {user.token}"]) as frames:
        job_id = client.accepted(user, PDF)
        assert frames.until_ended(job_id)[-1]["status"] == "completed"


def test_a_foreign_origin_is_refused(client: ServiceClient) -> None:
    user = client.new_user()
    with (
        pytest.raises(websocket.WebSocketBadStatusException) as refused,
        client.socket(user, origin="https://evil.example"),
    ):
        pass
    assert refused.value.status_code == 403


def test_since_an_event_only_what_followed_is_told(client: ServiceClient) -> None:
    user = client.new_user()
    with client.socket(user) as frames:
        client.accepted(user, b"%PDF-1.7 garbage")
        while (frame := frames.next())["payload"]["status"] != "failed":
            pass
    client.database["resume_parse_jobs"].update_one(
        {"user_id": ObjectId(user.id)},
        [{"$set": {"updated_at": {"$subtract": ["$updated_at", 60_000]}}}],
    )
    job_id = client.accepted(user, PDF)
    client.ended(user, job_id)
    with client.socket(user, f"token={user.token}&since={frame['id']}") as frames:
        assert frames.next()["payload"]["job_id"] == job_id


def test_no_token_stands_in_any_log(client: ServiceClient, service: ServiceStack) -> None:
    user = client.new_user()
    with client.socket(user) as frames:
        frames.until_ended(client.accepted(user, PDF))
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(
            f"{client.url.replace('http', 'ws', 1)}/ws?token=secret-of-the-test", timeout=10
        )
    log = service.log_tail()
    assert user.token not in log
    assert "secret-of-the-test" not in log
