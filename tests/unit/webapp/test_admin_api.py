"""The admin API over its collaborators in memory: what it says, and what it refuses."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import Unauthorized

from resumes.job_filter import JobFilter
from resumes.operating import NewOperation, Operation, OperationKind, Operator, Refusal, Role
from resumes.operation_ports import Doing
from tests.unit.webapp.dashboard import in_memory
from webapp.admin_api import PREFIX, admin_blueprint
from webapp.errors import register_error_handlers


class Guard(in_memory.Guard):
    is_signed_in = True

    def require(self, role: Role) -> Operator:
        if not self.is_signed_in:
            raise Unauthorized
        return super().require(role)


class Actor:
    def __init__(self) -> None:
        self.done: list[tuple[OperationKind, str, Doing]] = []
        self.refusal: Refusal | None = None

    def act_alone(self, kind: OperationKind, job_id: str, doing: Doing) -> Refusal | None:
        if self.refusal is None:
            self.done.append((kind, job_id, doing))
        return self.refusal


class Letters(in_memory.Letters):
    def job_of(self, letter: Any) -> str | None:
        return "65f7a1234567890abcdef789" if letter.letter_id == "0:3" else None


class Operations(in_memory.MemoryOperations):
    asked: NewOperation | None = None

    def start(self, new: NewOperation, *, request_id: str) -> Operation:
        self.asked = new
        return super().start(new, request_id=request_id)


class Site:
    def __init__(self) -> None:
        self.guard, self.actor, self.audit = Guard(), Actor(), in_memory.MemoryAudit()
        self.reads = in_memory.Reads(in_memory.night())
        self.operations, self.letters = Operations(self.reads), Letters()
        app = Flask("test", static_folder=None)
        register_error_handlers(app)
        app.register_blueprint(
            admin_blueprint(
                guard=self.guard,
                reads=self.reads,
                jobs=self.actor,
                operations=self.operations,
                letters=self.letters,
                audit=self.audit,
            )
        )
        self.client: FlaskClient = app.test_client()

    def get(self, path: str) -> Any:
        return self.client.get(f"{PREFIX}{path}")

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(f"{PREFIX}{path}", json=body)


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_list_is_followed_by_its_links(site: Site) -> None:
    answer = site.get("/jobs?state=failed&error_code=scan_without_text&limit=5")
    seen = [job["id"] for job in answer.json["items"]]
    while "Link" in answer.headers:
        address = answer.headers["Link"].partition(">")[0][1:]
        assert "state=failed" in address
        assert "error_code=scan_without_text" in address
        answer = site.get(address.removeprefix(PREFIX))
        seen += [job["id"] for job in answer.json["items"]]
    assert answer.json["next_cursor"] is None
    assert len(seen) == len(set(seen)) == 12


@pytest.mark.parametrize("path", ["/jobs?limit=0", "/jobs?limit=x", "/jobs?limit=-1"])
def test_a_bad_limit_is_refused(site: Site, path: str) -> None:
    assert site.get(path).status_code == 400


def test_a_list_is_cut_at_two_hundred(site: Site) -> None:
    assert len(site.get("/jobs?limit=999").json["items"]) == 200


def test_an_unreadable_condition_is_named(site: Site) -> None:
    answer = site.get("/jobs?state=sleeping")
    assert (answer.status_code, answer.json["code"]) == (400, "filter_invalid")
    assert answer.content_type == "application/problem+json"
    assert "state" in answer.json["detail"]


def test_a_link_obeys_nobody_but_us(site: Site) -> None:
    answer = site.get("/jobs?limit=1&_external=1&_scheme=evil&_anchor=x")
    assert answer.headers["Link"].startswith(f"<{PREFIX}/jobs?")


def test_a_resume_is_masked(site: Site) -> None:
    [done] = site.get("/jobs?state=completed").json["items"]
    text = site.get(f"/jobs/{done['id']}").get_data(as_text=True)
    for secret in ("Nguyễn Văn An", "nguyen.van.an@example.com", "912 345 678"):
        assert secret not in text
    assert "Kafka" in text


def test_one_job_is_acted_on_with_a_reason(site: Site) -> None:
    job_id = in_memory.object_id(1)
    for way in ("replay", "retry-now", "discard"):
        assert site.post(f"/jobs/{job_id}/{way}", {"reason": " why "}).status_code == 200
    assert site.post(f"/jobs/{job_id}/replay").status_code == 200, "a body is not needed"
    kinds = [kind for kind, *_ in site.actor.done]
    assert kinds == [*OperationKind, OperationKind.REPLAY]
    assert site.actor.done[0][1:] == (job_id, Doing(site.guard.require(Role.OPERATOR).name, "why"))


@pytest.mark.parametrize("refusal", Refusal)
def test_each_refusal_is_a_problem_of_its_own(site: Site, refusal: Refusal) -> None:
    site.actor.refusal = refusal
    answer = site.post("/jobs/x/replay")
    expected = 404 if refusal is Refusal.UNKNOWN_JOB else 409
    assert (answer.status_code, answer.json["code"]) == (expected, str(refusal))
    assert answer.json["detail"]


def test_a_file_is_taken_with_a_reason_and_noted(site: Site) -> None:
    job_id = in_memory.object_id(1)
    answer = site.post(f"/jobs/{job_id}/file", {"reason": "why"})
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    [entry] = site.audit.noted
    assert (entry.action, entry.target, entry.reason) == ("file.downloaded", job_id, "why")
    for unknown in ("x", in_memory.object_id(0xFFFF), in_memory.object_id(630)):
        assert site.post(f"/jobs/{unknown}/file").status_code == 404


def test_an_operation_is_asked_for_in_full(site: Site) -> None:
    body = {
        "kind": "replay",
        "filter": {"state": "failed", "error_code": "x"},
        "dry_run": True,
        "per_second": 2.5,
        "max_count": 7,
        "reason": "outage",
        "request_id": "r",
    }
    answer = site.post("/operations", body)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{PREFIX}/operations/{answer.json['id']}"
    asked = site.operations.asked
    assert asked is not None
    assert asked.wanted == JobFilter.from_values({"state": "failed", "error_code": "x"})
    assert (asked.is_dry_run, asked.per_second, asked.max_count) == (True, 2.5, 7)
    assert site.post("/operations", body).json["id"] == answer.json["id"]
    named = {"kind": "discard", "filter": {"job_ids": ["a" * 24, "b" * 24]}}
    assert site.post("/operations", named).status_code == 202
    assert site.operations.asked is not None
    assert site.operations.asked.wanted.job_ids == {"a" * 24, "b" * 24}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"kind": "erase"},
        {"kind": ["replay"]},
        {"kind": "replay", "filter": []},
        {"kind": "replay", "filter": {"eror_code": "x"}},
        {"kind": "replay", "filter": {"state": {"$ne": None}}},
        {"kind": "replay", "dry_run": "no"},
        {"kind": "replay", "per_second": "fast"},
        {"kind": "replay", "per_second": True},
        {"kind": "replay", "per_second": 10**400},
        {"kind": "replay", "max_count": 1.5},
        {"kind": "replay", "max_count": True},
        {"kind": "replay", "reason": 7},
        {"kind": "replay", "reason": "x" * 501},
        {"kind": "replay", "request_id": "x" * 101},
    ],
)
def test_an_operation_that_cant_be_read_is_refused(site: Site, body: Any) -> None:
    answer = site.post("/operations", body)
    assert answer.status_code == 400
    assert answer.json["success"] is False
    assert site.operations.known == {}


def test_an_operation_is_watched_and_stopped(site: Site) -> None:
    site.operations.share = 0.5
    path = f"/operations/{site.post('/operations', {'kind': 'replay'}).json['id']}"
    assert site.get(path).json["status"] == "running"
    assert site.get("/operations").json["items"][0]["id"] == path.rpartition("/")[2]
    refused = site.get(f"{path}/items?only_refused=1").json["items"]
    assert {item["outcome"] for item in refused} == {"refused"}
    assert site.post(f"{path}/stop").json["status"] == "stopped"
    for missing in ("/operations/x", "/operations/x/items"):
        assert site.get(missing).status_code == 404
    assert site.post("/operations/x/stop").status_code == 404


def test_a_letter_of_a_job_is_left_to_the_job(site: Site) -> None:
    answer = site.post("/letters/0:3/replay")
    assert (answer.status_code, answer.json["code"]) == (409, "letter_has_job")
    assert answer.json["job_id"] == "65f7a1234567890abcdef789"
    assert site.audit.noted == []


def test_a_letter_of_no_job_is_shown_and_handled_once(site: Site) -> None:
    shown = site.get("/letters/3:17").json
    assert bytes.fromhex(shown["value"]["hex"]).startswith(b"not JSON")
    assert shown["value"]["text"].startswith("not JSON")
    assert site.post("/letters/3:17/discard", {"reason": "spam"}).status_code == 200
    assert site.post("/letters/3:17/discard").status_code == 409
    [entry] = site.audit.noted
    assert (entry.action, entry.target, entry.reason) == ("letter.discard", "3:17", "spam")
    assert site.get("/letters/4:2").json["value"]["hex"] is None
    assert site.get("/letters/9:9").status_code == 404


def test_who_is_not_signed_in_sees_nothing(site: Site) -> None:
    site.guard.is_signed_in = False
    paths = ("/jobs", "/jobs/x", "/failure-groups", "/operations", "/letters", "/audit")
    assert {site.get(path).status_code for path in paths} == {401}
    assert site.post("/operations", {"kind": "replay"}).status_code == 401


def test_a_viewer_sees_everything_and_does_nothing(site: Site) -> None:
    site.guard.operator = Operator("lan", Role.VIEWER)
    paths = ("/jobs", "/failure-groups", "/operations", "/letters?unjobbed=1", "/audit")
    assert {site.get(path).status_code for path in paths} == {200}
    ways = (
        "/operations",
        "/operations/x/stop",
        f"/jobs/{in_memory.object_id(1)}/file",
        "/jobs/x/replay",
        "/letters/3:17/replay",
    )
    assert {site.post(way, {"kind": "replay"}).status_code for way in ways} == {403}
    assert site.post(f"/jobs/{in_memory.object_id(1)}/file").status_code == 403
    assert site.actor.done == []
