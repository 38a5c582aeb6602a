"""The service as a stranger uses it: HTTP and WebSocket, with users put into the database."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jwt
import requests
import websocket
from bson import ObjectId
from pymongo.database import Database

from tests.eventually import eventually

#: Starts as a PDF does, which is all the web process looks at; real parsing needs a real PDF.
SMALL_PDF = b"%PDF-1.7\n% not more than a beginning\n"
UPLOAD = "/api/v1/resumes/upload"
JOB_STATUS = "/api/v1/resumes/job-status"
_TIMEOUT_S = 40


@dataclass(frozen=True)
class TestUser:
    """Someone with a valid token."""

    __test__ = False

    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class ServiceClient:
    """Calls one web process; `database` is where its users live."""

    def __init__(self, url: str, jwt_secret: str, database: Database[Any]) -> None:
        self.url = url
        self.database = database
        self._jwt_secret = jwt_secret
        self.secret = jwt_secret.encode()

    def token(self, **claims: Any) -> str:
        values = {"exp": time.time() + 600, **claims}
        return jwt.encode({k: v for k, v in values.items() if v is not None}, self._jwt_secret)

    def new_user(self, **fields: Any) -> TestUser:
        user_id = str(self.database["user"].insert_one({"resume": None, **fields}).inserted_id)
        return TestUser(user_id, self.token(sub=user_id))

    def upload(
        self, user: TestUser, data: Any = SMALL_PDF, *, name: str = "resume.pdf", **headers: str
    ) -> requests.Response:
        sent = {header.replace("_", "-"): value for header, value in headers.items()}
        return requests.post(
            f"{self.url}{UPLOAD}",
            headers={**user.headers, **sent},
            files={"file": (name, data, "application/pdf")},
            timeout=_TIMEOUT_S,
        )

    def accepted(self, user: TestUser, data: Any = SMALL_PDF, **kwargs: Any) -> str:
        response = self.upload(user, data, **kwargs)
        assert response.status_code == 202, response.text
        return str(response.json()["job_id"])

    def get(self, path: str, user: TestUser | None = None, **headers: str) -> requests.Response:
        sent = {header.replace("_", "-"): value for header, value in headers.items()}
        return requests.get(
            f"{self.url}{path}",
            headers={**(user.headers if user else {}), **sent},
            timeout=_TIMEOUT_S,
        )

    def status(self, user: TestUser, job_id: str) -> dict[str, Any]:
        response = self.get(f"{JOB_STATUS}?job_id={job_id}", user)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def ended(self, user: TestUser, job_id: str, *, within_s: float = 30) -> dict[str, Any]:
        """Return the job's status once it is terminal."""

        def terminal() -> dict[str, Any] | None:
            status = self.status(user, job_id)
            return status if status["status"] in {"completed", "failed"} else None

        status = eventually(terminal, within_s=within_s, why=f"job {job_id} ends")
        assert status
        return status

    def resumes_of(self, user: TestUser) -> list[dict[str, Any]]:
        document = self.database["user"].find_one({"_id": ObjectId(user.id)})
        return list((document or {}).get("resume") or [])

    @contextmanager
    def socket(self, user: TestUser, query: str = "", **options: Any) -> Iterator["Frames"]:
        connection = websocket.create_connection(
            f"{self.url.replace('http', 'ws', 1)}/ws?{query or f'token={user.token}'}",
            timeout=_TIMEOUT_S,
            **options,
        )
        try:
            yield Frames(connection)
        finally:
            connection.close()
            # `close` leaves the socket open when the server closed first.
            connection.shutdown()  # type: ignore[no-untyped-call]


def wait_until_all_ended(database: Database[Any]) -> None:
    """Wait until no job is pending or processing."""
    unfinished = {"status": {"$in": ["pending", "processing"]}}
    jobs = database["resume_parse_jobs"]
    eventually(lambda: jobs.count_documents(unfinished) == 0, within_s=60, why="all jobs end")


class Frames:
    """The frames that one socket receives."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self.connection = connection

    def next(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.connection.recv())
        return frame

    def until_ended(self, job_id: str) -> list[dict[str, Any]]:
        """Return the job's payloads up to its terminal one."""
        payloads: list[dict[str, Any]] = []
        while not payloads or payloads[-1]["status"] not in {"completed", "failed"}:
            payload = self.next()["payload"]
            if payload["job_id"] == job_id:
                payloads.append(payload)
        return payloads


def random_id() -> str:
    return secrets.token_hex(12)
