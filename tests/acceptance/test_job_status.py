"""CONTRACT part 6: polling; and the stored resume."""

import pytest
from bson import ObjectId

from tests.services.client import JOB_STATUS, ServiceClient, random_id


def test_a_pending_job_is_told_with_every_member(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    status = quiet.status(user, job_id := quiet.accepted(user))
    assert status["success"] is True
    assert status["job_id"] == job_id
    assert status["status"] == "pending"
    assert (status["error_message"], status["resume_id"], status["cv_data"]) == ("", "", None)
    assert status["created_at"] <= status["updated_at"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?job_id=",
        "?job_id=xyz",
        "?job_id[$ne]=1",
        f"?job_id={'A' * 24}",
        "?job_id=%00",
        f"?job_id={'6' * 24}&job_id={'7' * 24}",
        f"?job_id={'6' * 25}",
        '?job_id={"$gt":""}',
    ],
)
def test_a_missing_or_malformed_id_is_refused(quiet: ServiceClient, query: str) -> None:
    response = quiet.get(f"{JOB_STATUS}{query}", quiet.new_user())
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_another_users_job_looks_like_one_that_does_not_exist(quiet: ServiceClient) -> None:
    owner, other = quiet.new_user(), quiet.new_user()
    job_id = quiet.accepted(owner)
    foreign = quiet.get(f"{JOB_STATUS}?job_id={job_id}", other)
    missing = quiet.get(f"{JOB_STATUS}?job_id={random_id()}", other)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()


def test_a_poll_with_the_etag_gets_304_until_something_changes(quiet: ServiceClient) -> None:
    user = quiet.new_user()
    path = f"{JOB_STATUS}?job_id={quiet.accepted(user)}"
    etag = quiet.get(path, user).headers["ETag"]
    unchanged = quiet.get(path, user, If_None_Match=etag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["ETag"] == etag
    quiet.database["resume_parse_jobs"].update_one(
        {"user_id": ObjectId(user.id)}, {"$inc": {"rev": 1}}
    )
    changed = quiet.get(path, user, If_None_Match=etag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != etag


@pytest.mark.parametrize("resume_id", ["x", "6" * 24, "job-statu"])
def test_a_resume_that_is_not_the_users_is_not_found(quiet: ServiceClient, resume_id: str) -> None:
    response = quiet.get(f"/api/v1/resumes/{resume_id}", quiet.new_user())
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_an_unknown_address_is_a_problem(quiet: ServiceClient) -> None:
    response = quiet.get("/api/v1/nothing/here")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
