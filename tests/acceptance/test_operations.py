"""A parser outage as operators clear it up: look, dry run, replay, whatever dies meanwhile."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from bson import ObjectId

from resumes.operating import Role
from tests.eventually import eventually
from tests.services.client import ServiceClient, TestUser
from tests.services.clients import Mongo, client_of
from tests.services.operators import new_operator
from tests.services.parser_double import ParserDouble, completes, running_parser
from tests.services.stack import ServiceStack
from tests.services.topics import produce

ROOT = Path(__file__).parents[2]
API = "/api/v1/admin"
SPOILT = {"already_has_resume": 2, "file_gone": 1}


@pytest.fixture(scope="module")
def running_double() -> Iterator[ParserDouble]:
    """Not the session's: what another service's test left behind would call it, too."""
    with running_parser() as double:
        yield double


@pytest.fixture(scope="module")
def stack(
    kafka_bootstrap: str, mongo_uri: str, running_double: ParserDouble
) -> Iterator[ServiceStack]:
    env = {
        "RESUME_PARSER_URL": running_double.url,
        "KAFKA__TIMEOUT": "5s",
        "JOBS__RESCUE_AFTER": "6s",
        "JOBS__RESCUE_INTERVAL": "200ms",
        "JOBS__LEASE": "2s",
    }
    stack = ServiceStack(kafka_bootstrap, mongo_uri, env=env)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def client(stack: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(stack, 0, mongo)


class Admin:
    """A program with an operator's token."""

    def __init__(self, client: ServiceClient, role: Role = Role.OPERATOR) -> None:
        who = new_operator(client.database, role)
        form = {"name": who.name, "password": who.password, "next": ""}
        with requests.Session() as session:
            session.post(f"{client.url}/dashboard/sign-in", form, timeout=30, allow_redirects=False)
            token = session.cookies.get("operator")
        self.name = who.name
        self._url = client.url
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        return requests.request(
            method,
            path if path.startswith("http") else f"{self._url}{API}{path}",
            headers=self._headers,
            params=query,
            json=body,
            timeout=30,
        )

    def get(self, path: str, **query: str) -> Any:
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def start(self, **body: Any) -> dict[str, Any]:
        answer = self.ask("POST", "/operations", body)
        assert answer.status_code == 202, answer.text
        started: dict[str, Any] = answer.json()
        assert answer.headers["Location"].endswith(started["id"])
        return started

    def ended(self, operation_id: str, *, within_s: float = 60) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            operation: dict[str, Any] = self.get(f"/operations/{operation_id}")
            return operation if operation["status"] in {"done", "stopped"} else None

        operation = eventually(look, within_s=within_s, why="the operation ends")
        assert operation
        return operation

    def all(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Follow the links to the end."""
        answer = self.ask("GET", path, **query)
        items: list[dict[str, Any]] = answer.json()["items"]
        while following := answer.links.get("next"):
            answer = self.ask("GET", f"{self._url}{following['url']}")
            items += answer.json()["items"]
        return items


@pytest.fixture
def admin(client: ServiceClient) -> Admin:
    return Admin(client)


def fail_jobs(
    client: ServiceClient, double: ParserDouble, count: int, *, by_bad_answer: bool = False
) -> dict[str, TestUser]:
    refusal = {} if by_bad_answer else {"success": False, "message": "No."}
    double.behave = lambda request, _: request.json(200 if by_bad_answer else 422, refusal)
    users = [client.new_user() for _ in range(count)]
    with ThreadPoolExecutor(8) as pool:
        jobs = dict(zip(pool.map(client.accepted, users), users, strict=True))
    wanted = {"_id": {"$in": list(map(ObjectId, jobs))}, "letter_id": {"$exists": True}}
    found = client.database["resume_parse_jobs"]
    eventually(lambda: found.count_documents(wanted) == count, within_s=60, why="all have failed")
    double.behave = completes
    return jobs


def spoil(client: ServiceClient, jobs: dict[str, TestUser]) -> set[str]:
    """Make three ineligible; return them."""
    first, second, third = sorted(jobs)[:3]
    for job_id in (first, second):
        resume = {"$set": {"resume": [{"_id": ObjectId(), "resume_detail": {}}]}}
        client.database["user"].update_one({"_id": ObjectId(jobs[job_id].id)}, resume)
    client.database["resume_files"].delete_one({"_id": ObjectId(third)})
    return {first, second, third}


def failures(admin: Admin) -> dict[str, int]:
    groups = admin.get("/failure-groups")["items"]
    return {group["error_code"]: group["count"] for group in groups}


@pytest.mark.timeout(300)
def test_an_outage_is_cleared_up_though_the_worker_dies_in_the_middle(
    stack: ServiceStack, client: ServiceClient, admin: Admin, double: ParserDouble
) -> None:
    # With a code that no other test has: they share the service.
    jobs = fail_jobs(client, double, 60, by_bad_answer=True)
    spoilt = spoil(client, jobs)
    eligible = jobs.keys() - spoilt
    wanted = {"state": "failed", "error_code": "parser_bad_answer"}
    listed = admin.all("/jobs", **wanted, limit="25")
    assert {job["id"] for job in listed} == jobs.keys()
    eventually(lambda: failures(admin).get("parser_bad_answer") == 60, within_s=20)

    dry = admin.ended(admin.start(kind="replay", filter=wanted, dry_run=True)["id"])
    assert (dry["total"], dry["done"], dry["refused"]) == (60, 57, 3)
    assert dry["refusals"] == SPOILT
    assert {job["status"] for job in admin.all("/jobs", **wanted)} == {"failed"}

    asked = {
        "kind": "replay",
        "filter": wanted,
        "per_second": 5,
        "reason": "the parser was down",
        "after_dry_run": dry["id"],
        "request_id": "once",
    }
    started = admin.start(**asked)
    assert admin.start(**asked)["id"] == started["id"], "a double click"
    path = f"/operations/{started['id']}"
    eventually(lambda: 10 <= admin.get(path)["done"] < 57, within_s=30, why="it is on its way")
    stack.kill_worker(0)
    cut = admin.get(path)
    assert cut["status"] == "running"
    assert cut["done"] < 57
    stack.restart_worker(0)
    ended = admin.ended(started["id"], within_s=90)
    assert (ended["status"], ended["done"], ended["refused"]) == ("done", 57, 3)
    assert ended["refusals"] == SPOILT

    each_was_replayed_once(client, jobs, eligible)
    the_report_tells_it(admin, path, eligible, spoilt)

    def open_letters() -> set[str]:
        letters = admin.all("/letters")
        return {one["key"] for one in letters if one["key"] in jobs and not one["is_handled"]}

    eventually(lambda: open_letters() == spoilt, within_s=30, why="the others' are closed")
    the_audit_tells_it(admin)


def each_was_replayed_once(
    client: ServiceClient, jobs: dict[str, TestUser], job_ids: set[str]
) -> None:
    for job_id in job_ids:
        assert client.ended(jobs[job_id], job_id, within_s=60)["status"] == "completed"
        assert len(client.resumes_of(jobs[job_id])) == 1
    replays = {"reason": "replayed", "job_id": {"$in": list(map(ObjectId, jobs))}}
    events = client.database["job_events"].find(replays)
    assert sorted(str(event["job_id"]) for event in events) == sorted(job_ids)


def the_report_tells_it(admin: Admin, path: str, done: set[str], refused: set[str]) -> None:
    items = admin.all(f"{path}/items", limit="20")
    assert {item["job_id"]: item["outcome"] for item in items} == {
        **dict.fromkeys(done, "done"),
        **dict.fromkeys(refused, "refused"),
    }
    only_refused = admin.all(f"{path}/items", only_refused="1")
    assert {item["job_id"] for item in only_refused} == refused


def the_audit_tells_it(admin: Admin) -> None:
    mine = [entry for entry in admin.all("/audit") if entry["operator"] == admin.name]
    ended, started = [entry for entry in mine if entry["action"].startswith("operation.")]
    assert started["target"] == "all failed jobs with the error parser_bad_answer"
    assert started["reason"] == "the parser was down"
    assert (ended["details"]["done"], ended["details"]["refused"]) == (57, 3)


def test_an_operation_stops_when_it_is_told_to(
    client: ServiceClient, admin: Admin, double: ParserDouble
) -> None:
    jobs = fail_jobs(client, double, 12)
    started = admin.start(kind="replay", filter={"job_ids": list(jobs)}, per_second=1)
    path = f"/operations/{started['id']}"
    eventually(lambda: admin.get(path)["done"] >= 1, within_s=30)
    assert admin.ask("POST", f"{path}/stop").status_code == 200
    stopped = admin.ended(started["id"])
    assert stopped["status"] == "stopped"
    assert 1 <= stopped["done"] < 12
    keys = list(map(ObjectId, jobs))
    left = {"_id": {"$in": keys}, "status": "failed"}
    found = client.database["resume_parse_jobs"]
    assert found.count_documents(left) == 12 - stopped["done"]


def test_one_job_is_replayed_or_discarded_at_once(
    client: ServiceClient, admin: Admin, double: ParserDouble
) -> None:
    jobs = fail_jobs(client, double, 2)
    first, second = jobs
    assert admin.ask("POST", f"/jobs/{first}/replay", {"reason": "by hand"}).status_code == 200
    assert client.ended(jobs[first], first)["status"] == "completed"
    again = admin.ask("POST", f"/jobs/{first}/replay")
    assert (again.status_code, again.json()["code"]) == (409, "changed_meanwhile")
    assert admin.ask("POST", f"/jobs/{second}/discard").status_code == 200
    shown = admin.get(f"/jobs/{second}")
    assert (shown["state"], shown["has_file"]) == ("discarded", False)
    assert shown["steps"][-1]["operator"] == admin.name
    completed = admin.get(f"/jobs/{first}")
    assert "Nguyễn" not in json.dumps(completed, ensure_ascii=False)
    assert completed["cv_data"]["skills"] == ["Go", "Python"]


def test_a_viewer_looks_and_changes_nothing(client: ServiceClient, double: ParserDouble) -> None:
    [job_id] = fail_jobs(client, double, 1)
    viewer = Admin(client, Role.VIEWER)
    assert viewer.get(f"/jobs/{job_id}")["status"] == "failed"
    for path in (f"/jobs/{job_id}/replay", f"/jobs/{job_id}/discard", "/operations"):
        assert viewer.ask("POST", path, {}).status_code == 403
    assert requests.get(f"{client.url}{API}/jobs", timeout=30).status_code == 401


def test_a_record_of_no_job_is_looked_at_and_put_back(stack: ServiceStack, admin: Admin) -> None:
    produce(stack.kafka_bootstrap, stack.topic, b"\xff no JSON")

    def unjobbed() -> list[dict[str, Any]]:
        return [one for one in admin.all("/letters", unjobbed="1") if not one["is_handled"]]

    [letter] = eventually(unjobbed, within_s=30)
    shown = admin.get(f"/letters/{letter['id']}")
    assert shown["value"]["hex"] == b"\xff no JSON".hex()
    assert shown["value"]["text"].endswith(" no JSON")
    assert admin.ask("POST", f"/letters/{letter['id']}/replay").status_code == 200

    def died_again() -> dict[str, Any] | None:
        found = unjobbed()
        return found[0] if found and found[0]["id"] != letter["id"] else None

    second = eventually(died_again, within_s=30, why="it dies again")
    assert second
    assert admin.ask("POST", f"/letters/{second['id']}/discard").status_code == 200
    assert admin.ask("POST", f"/letters/{second['id']}/discard").status_code == 409
    assert unjobbed() == []


@pytest.fixture
def flask(stack: ServiceStack) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    env = {
        "APP_ENV": "development",
        "KAFKA_BROKERS": stack.kafka_bootstrap,
        "KAFKA_RESUME_PARSE_TOPIC": stack.topic,
        "KAFKA_CONSUMER_GROUP": stack.group_id,
        "DATABASE_SOURCE": stack.mongo_uri,
        "DATABASE_NAME": stack.database_name,
        "JWT_SECRET": stack.jwt_secret,
    }

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
            cwd=ROOT,
            env={**os.environ, **env},
            text=True,
            capture_output=True,
            timeout=90,
            check=False,
        )

    return run


@pytest.mark.timeout(300)
def test_commands_do_the_same(
    client: ServiceClient,
    double: ParserDouble,
    flask: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    jobs = fail_jobs(client, double, 3)
    assert flask("jobs", "file", max(jobs), "--output", "-").stdout.startswith("%PDF-")
    spoilt = min(jobs)
    client.database["resume_files"].delete_one({"_id": ObjectId(spoilt)})
    done = flask("jobs", "retry", *jobs, "--yes", "--reason", "by command", "--as", "ann")
    assert done.returncode == 1, done.stderr
    operation = json.loads(done.stdout)
    assert (operation["done"], operation["refusals"]) == (2, {"file_gone": 1})
    assert operation["id"] in flask("operations", "ls").stdout
    assert json.loads(flask("jobs", "show", spoilt).stdout)["state"] == "failed"
    assert spoilt in flask("jobs", "ls", "--state", "failed").stdout
    assert flask("jobs", "ls", spoilt).stdout.count("\n") == 1
    assert flask("jobs", "file", spoilt, "--output", "-").returncode == 1, "it is gone"
    unclear = flask("jobs", "discard", "--yes")
    assert unclear.returncode == 2
    assert "which jobs" in unclear.stderr
    assert flask("jobs", "discard", spoilt, "--yes").returncode == 0
    assert json.loads(flask("jobs", "show", spoilt).stdout)["state"] == "discarded"
