"""CONTRACT part 1: each row of the upload's table, on the running processes."""

import io
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib.parse import urlparse

import pytest
import requests
from bson import ObjectId

from tests.services.client import SMALL_PDF, UPLOAD, ServiceClient, TestUser

TEN_MB = 10 * 1024 * 1024


def pdf_of(size_bytes: int) -> bytes:
    return SMALL_PDF + b"\0" * (size_bytes - len(SMALL_PDF))


def assert_problem(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["success"], body["status"], body["code"]) == (False, status, code)
    assert body["title"] == HTTPStatus(status).phrase
    assert body["detail"] == body["message"] != ""
    assert body["instance"] == UPLOAD
    assert body["type"] == "about:blank"
    return body


def assert_rate_limit_headers(response: requests.Response) -> None:
    assert re.fullmatch(r'"daily";q=\d+;w=86400', response.headers["RateLimit-Policy"])
    assert re.fullmatch(r'"daily";r=\d+;t=\d+', response.headers["RateLimit"])


def test_an_accepted_upload_answers_as_the_contract_says(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    response = quiet.upload(user)
    assert response.status_code == 202
    body = response.json()
    assert body == {
        "success": True,
        "message": "Resume upload accepted. Processing will be done asynchronously.",
        "job_id": body["job_id"],
        "status": "pending",
    }
    assert re.fullmatch("[0-9a-f]{24}", body["job_id"])
    assert response.headers["Location"].endswith(f"job-status?job_id={body['job_id']}")
    assert response.headers["Retry-After"] == "2"
    assert_rate_limit_headers(response)
    assert quiet.get(response.headers["Location"], user).status_code == 200


def test_without_a_token_nothing_is_read_and_the_answer_is_401(quiet: ServiceClient) -> None:
    response = requests.post(f"{quiet.url}{UPLOAD}", files={"file": SMALL_PDF}, timeout=10)
    assert_problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "file_missing"),
        ({"resume": ("resume.pdf", SMALL_PDF)}, "file_missing"),
        ({"file": (None, SMALL_PDF)}, "file_missing"),
        ({"file": ("resume.pdf", b"")}, "file_empty"),
        ([("file", ("a.pdf", SMALL_PDF)), ("file", ("b.pdf", SMALL_PDF))], "several_files"),
        ([("file", ("a.pdf", SMALL_PDF)), ("more", ("b.pdf", SMALL_PDF))], "several_files"),
        ({"file": ("resume.pdf", b"PK\3\4 a zip", "application/pdf")}, "not_a_pdf"),
        ({"file": ("resume.pdf", b"<html>%PDF-1.7</html>")}, "not_a_pdf"),
        ({"file": ("resume.pdf", b"%PD")}, "not_a_pdf"),
    ],
)
def test_what_is_no_single_pdf_is_refused(quiet: ServiceClient, files: Any, code: str) -> None:
    user = quiet.new_user()
    response = requests.post(f"{quiet.url}{UPLOAD}", headers=user.headers, files=files, timeout=10)
    assert_problem(response, 400, code)
    assert_rate_limit_headers(response)
    assert quiet.database["resume_parse_jobs"].find_one({"user_id": ObjectId(user.id)}) is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"file": "x"}'),
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
        ("multipart/form-data; boundary=x", b""),
    ],
)
def test_a_body_that_is_no_multipart_is_refused(
    quiet: ServiceClient, content_type: str, body: bytes
) -> None:
    headers = {**quiet.new_user().headers, "Content-Type": content_type}
    response = requests.post(f"{quiet.url}{UPLOAD}", headers=headers, data=body, timeout=10)
    assert_problem(response, 400, "file_missing")


def test_names_and_declared_types_are_not_trusted(quiet: ServiceClient) -> None:
    response = requests.post(
        f"{quiet.url}{UPLOAD}",
        headers=quiet.new_user().headers,
        files={"file": ("../../photo.png", SMALL_PDF, "image/png")},
        timeout=10,
    )
    assert response.status_code == 202
    job = quiet.database["resume_parse_jobs"].find_one({"_id": ObjectId(response.json()["job_id"])})
    assert job
    assert job["file_name"] == "photo.png"


def test_exactly_10_mb_is_accepted_and_stored_whole(quiet: ServiceClient) -> None:
    job_id = quiet.accepted(quiet.new_user(), pdf_of(TEN_MB))
    file = quiet.database["resume_files"].find_one({"_id": ObjectId(job_id)})
    assert file
    assert file["data"] == pdf_of(TEN_MB)


@pytest.mark.parametrize("size_bytes", [TEN_MB + 1, TEN_MB + 100_000, 5 * TEN_MB])
def test_one_byte_more_is_refused(quiet: ServiceClient, size_bytes: int) -> None:
    assert_problem(quiet.upload(quiet.new_user(), pdf_of(size_bytes)), 400, "file_too_large")


@pytest.mark.parametrize(("size_bytes", "status"), [(TEN_MB, 202), (TEN_MB + 1, 400)])
def test_the_limit_is_the_same_for_chunked_bodies(
    quiet: ServiceClient, size_bytes: int, status: int
) -> None:
    form = requests.Request(
        "POST", "http://x", files={"file": ("resume.pdf", pdf_of(size_bytes))}
    ).prepare()
    assert isinstance(form.body, bytes)
    stream = io.BytesIO(form.body)
    response = requests.post(
        f"{quiet.url}{UPLOAD}",
        headers={**quiet.new_user().headers, "Content-Type": form.headers["Content-Type"]},
        data=iter(lambda: stream.read(65536), b""),
        timeout=20,
    )
    assert response.status_code == status, response.text


def test_a_broken_chunk_is_the_clients_error(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    address = urlparse(quiet.url)
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as raw:
        raw.sendall(
            f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nZZZ\r\n".encode()
        )
        assert b" 400 " in raw.recv(4096).split(b"\r\n")[0]


def test_a_compressed_body_is_not_taken(quiet: ServiceClient) -> None:
    response = requests.post(
        f"{quiet.url}{UPLOAD}",
        headers={**quiet.new_user().headers, "Content-Encoding": "gzip"},
        files={"file": ("resume.pdf", SMALL_PDF)},
        timeout=10,
    )
    assert_problem(response, 415, "unsupported_media_type")


def test_a_user_with_a_resume_is_refused(quiet: ServiceClient) -> None:
    user = quiet.new_user(resume=[{"_id": ObjectId()}])
    response = quiet.upload(user)
    assert_problem(response, 400, "resume_exists")
    assert_rate_limit_headers(response)


def test_a_second_upload_is_told_of_the_first(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    job_id = quiet.accepted(user)
    assert assert_problem(quiet.upload(user), 409, "job_in_flight")["job_id"] == job_id


def test_of_two_simultaneous_uploads_exactly_one_wins(
    quiet: ServiceClient, quiet_other: ServiceClient
) -> None:
    for _ in range(5):
        user = quiet.new_user()
        with ThreadPoolExecutor(8) as pool:
            clients = [quiet, quiet_other] * 4
            responses = list(pool.map(lambda client, u=user: client.upload(u), clients))
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [202] + [409] * 7


def test_a_repeated_idempotency_key_gives_the_first_answer_and_no_second_job(
    quiet: ServiceClient,
) -> None:
    user = quiet.new_user()
    first = quiet.upload(user, Idempotency_Key="once")
    again = quiet.upload(user, Idempotency_Key="once")
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert jobs_of(quiet, user) == 1
    assert again.headers["RateLimit"].startswith(first.headers["RateLimit"].split(";t=")[0])


def test_a_key_with_another_payload_is_refused(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    quiet.accepted(user, Idempotency_Key="once")
    response = quiet.upload(user, SMALL_PDF + b"other", Idempotency_Key="once")
    assert_problem(response, 422, "idempotency_key_reused")


def test_uploads_with_one_key_at_once_make_one_job(
    quiet: ServiceClient, quiet_other: ServiceClient
) -> None:
    user = quiet.new_user()
    with ThreadPoolExecutor(8) as pool:
        clients = [quiet, quiet_other] * 4
        responses = list(pool.map(lambda c: c.upload(user, Idempotency_Key="race"), clients))
    assert jobs_of(quiet, user) == 1
    assert {response.status_code for response in responses} <= {202, 409}
    accepted = {r.json()["job_id"] for r in responses if r.status_code == 202}
    assert len(accepted) == 1
    refused = {r.json()["code"] for r in responses if r.status_code == 409}
    assert refused <= {"idempotency_in_progress"}


def test_a_key_that_is_no_key_is_refused(quiet: ServiceClient) -> None:
    response = quiet.upload(quiet.new_user(), Idempotency_Key="x" * 256)
    assert_problem(response, 400, "idempotency_key_invalid")


def test_over_the_days_uploads_only_a_known_key_is_answered(quiet: ServiceClient) -> None:
    # The stack of these tests allows two uploads a day.
    user = quiet.new_user()
    for key in ("one", "two"):
        job_id = quiet.accepted(user, Idempotency_Key=key)
        quiet.database["resume_parse_jobs"].update_one(
            {"_id": ObjectId(job_id)}, {"$set": {"status": "failed"}}
        )
    response = quiet.upload(user)
    assert_problem(response, 429, "rate_limited")
    assert 0 < int(response.headers["Retry-After"]) <= 24 * 3600
    assert response.headers["RateLimit"].startswith('"daily";r=0;t=')
    repeated = quiet.upload(user, Idempotency_Key="two")
    assert (repeated.status_code, repeated.json()["job_id"]) == (202, job_id)


def test_refused_uploads_are_not_charged(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    for _ in range(3):
        assert quiet.upload(user, b"no pdf").status_code == 400
    assert quiet.upload(user).headers["RateLimit"].startswith('"daily";r=1;')


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_other_methods_are_refused_as_a_problem(quiet: ServiceClient, method: str) -> None:
    response = requests.request(method, f"{quiet.url}{UPLOAD}", timeout=10)
    assert_problem(response, 405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


def jobs_of(client: ServiceClient, user: TestUser) -> int:
    return client.database["resume_parse_jobs"].count_documents({"user_id": ObjectId(user.id)})
