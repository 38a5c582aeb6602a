"""PATCH /api/v1/resumes/<id>: what a user corrects, as a client of the API sees it."""

from typing import Any

import pytest
import requests
from bson import ObjectId

from tests.services.client import ServiceClient, TestUser

DETAIL = {"name": "Nguyễn Văn A", "email": "a@example.com", "skill": ["Go"], "education": {}}


@pytest.fixture
def user(quiet: ServiceClient) -> TestUser:
    return quiet.new_user(
        resume=[{"_id": ObjectId(), "resume_detail": DETAIL, "version": 1, "created_at": None}]
    )


@pytest.fixture
def path(quiet: ServiceClient, user: TestUser) -> str:
    return f"/api/v1/resumes/{quiet.resumes_of(user)[0]['_id']}"


def patch(
    client: ServiceClient, user: TestUser, path: str, changes: Any, **headers: str
) -> requests.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.patch(
        f"{client.url}{path}", json=changes, headers={**user.headers, **sent}, timeout=10
    )


def test_a_field_is_corrected_from_the_version_that_was_seen(
    quiet: ServiceClient, user: TestUser, path: str
) -> None:
    seen = quiet.get(path, user)
    answer = patch(quiet, user, path, {"name": "Trần B"}, If_Match=seen.headers["ETag"])

    assert (seen.headers["ETag"], answer.headers["ETag"]) == ('"1"', '"2"')
    body = answer.json()
    assert (body["success"], body["resume"]["version"], body["doubtful"]) == (True, 2, [])
    assert body["resume"]["resume_detail"] == {**DETAIL, "name": "Trần B"}
    assert quiet.get(path, user).json() == body
    assert [
        v["made_by"]
        for v in quiet.database["resume_versions"].find(
            {"user_id": ObjectId(user.id)}, sort=[("version", 1)]
        )
    ] == ["parser", "user"]


def test_the_versions_that_were_kept_are_told(
    quiet: ServiceClient, user: TestUser, path: str
) -> None:
    quiet.get(path, user)
    patch(quiet, user, path, {"name": "B"}, If_Match='"1"')
    patch(quiet, user, path, {"skill": ["Go", "Kafka"], "email": ""}, If_Match='"2"')
    versions = quiet.get(f"{path}/versions", user).json()["versions"]

    assert [(v["version"], v["made_by"], v["changed"]) for v in versions] == [
        (3, "user", ["email", "skill"]),
        (2, "user", ["name"]),
        (1, "parser", []),
    ]
    assert versions[-1]["resume_detail"] == DETAIL
    assert quiet.get(f"{path}/versions", quiet.new_user()).status_code == 404


def test_another_tab_that_was_first_is_told_of(
    quiet: ServiceClient, quiet_other: ServiceClient, user: TestUser, path: str
) -> None:
    patch(quiet, user, path, {"name": "B"}, If_Match='"1"')
    late = patch(quiet_other, user, path, {"name": "C"}, If_Match='"1"')
    again = patch(quiet_other, user, path, {"name": "B"}, If_Match='"1"')

    assert (late.status_code, late.json()["code"]) == (412, "resume_changed")
    assert late.json()["version"] == 2
    assert (again.status_code, again.json()["resume"]["version"]) == (200, 2)
    assert patch(quiet, user, path, {"name": "C"}, If_Match="*").json()["resume"]["version"] == 3


def test_an_odd_address_is_stored_and_pointed_out(
    quiet: ServiceClient, user: TestUser, path: str
) -> None:
    answer = patch(quiet, user, path, {"email": "a at example"}, If_Match='"1"').json()

    assert answer["doubtful"] == ["email"]
    assert answer["resume"]["resume_detail"]["email"] == "a at example"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 428, "precondition_required"),
        ({"If_Match": '"x"'}, 400, "bad_request"),
        ({"If_Match": '"1", "2"'}, 400, "bad_request"),
        ({"If_Match": 'W/"1"'}, 400, "bad_request"),
        ({"If_Match": f'"{"1" * 5000}"'}, 400, "bad_request"),
        ({"If_Match": '"2"'}, 412, "resume_changed"),
    ],
)
def test_a_correction_says_which_version_it_is_of(
    quiet: ServiceClient,
    user: TestUser,
    path: str,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = patch(quiet, user, path, {"name": "B"}, **headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert quiet.resumes_of(user)[0]["version"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"name": 1}', 400, "correction_invalid"),
        (b'{"_id": "x"}', 400, "correction_invalid"),
        (b'{"\\ud800": "x"}', 400, "correction_invalid"),
        (b"[]", 400, "correction_invalid"),
        (b"null", 400, "correction_invalid"),
        (b"{", 400, "bad_request"),
        (b"\xff", 400, "bad_request"),
        (b'{"name":' + b"[" * 200_000, 400, "bad_request"),
        (b'{"name": "' + b"x" * 1024 * 1024 + b'"}', 413, "request_too_large"),
    ],
    ids=["type", "field", "surrogate", "list", "null", "cut", "no text", "deep", "large"],
)
def test_what_is_no_correction_is_refused(
    quiet: ServiceClient, user: TestUser, path: str, body: bytes, status: int, code: str
) -> None:
    headers = {**user.headers, "If-Match": '"1"', "Content-Type": "application/json"}
    answer = requests.patch(f"{quiet.url}{path}", data=body, headers=headers, timeout=10)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert quiet.resumes_of(user)[0]["resume_detail"] == DETAIL


def test_a_body_that_is_not_called_json_is_not_taken(
    quiet: ServiceClient, user: TestUser, path: str
) -> None:
    headers = {**user.headers, "If-Match": '"1"'}
    answer = requests.patch(f"{quiet.url}{path}", data=b"{}", headers=headers, timeout=10)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_anothers_resume_is_nobodys_to_correct(
    quiet: ServiceClient, user: TestUser, path: str
) -> None:
    foreign = patch(quiet, quiet.new_user(), path, {"name": "B"}, If_Match="*")
    missing = patch(quiet, user, f"/api/v1/resumes/{'6' * 24}", {"name": "B"}, If_Match="*")

    assert foreign.status_code == missing.status_code == 404
    assert requests.patch(f"{quiet.url}{path}", json={}, timeout=10).status_code == 401
    assert quiet.resumes_of(user)[0]["resume_detail"] == DETAIL
