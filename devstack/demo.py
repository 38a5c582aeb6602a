"""`make demo`: the main job without a browser, on a stack of its own; fails unless all is right.

A new user opens a WebSocket, uploads samples/resume.pdf and watches it become a resume. Works
beside a `make run`: free ports, servers of its own, and data that is thrown away.
"""

import concurrent.futures
import contextlib
import json
import os
import secrets
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pymongo
import requests
import websocket
from bson import ObjectId

from devstack import ports, procfile, stack
from devstack.errors import DevstackError
from devstack.process import ROOT

_SAMPLE = ROOT / "samples" / "resume.pdf"
_EXPECTED = ROOT / "samples" / "resume.expected.json"
_STATUSES = ["pending", "processing", "completed"]
_PAYLOAD = {"job_id", "status", "error_message", "resume_id", "cv_data"}
_DATABASE = "demo"
_WITHIN_S = 60  # for each frame, and for each answer


def demo() -> None:
    """Print the job's whole way; raise DevstackError with what was wrong."""
    with tempfile.TemporaryDirectory(prefix="resume-demo-") as folder:
        data_dir = Path(folder)
        web = ports.free_port(procfile.PORT_STEP, 2 * procfile.PORT_STEP)
        at = stack.Ports(web, kafka=ports.free_port(), mongo=ports.free_port())
        email = f"demo-{secrets.token_hex(4)}@example.test"
        log_path = data_dir / "service.log"
        try:
            with stack.started(data_dir, at, _own_env(), email=email, log_path=log_path) as running:
                _upload_and_watch(running)
        except DevstackError:
            if log_path.exists():  # it is thrown away with the rest
                sys.stderr.write(log_path.read_text(errors="replace"))
            raise
    print("all as it should be")


def _own_env() -> dict[str, str]:
    """Return our environment less what leads to other servers than the demo's own."""
    elsewhere = ("KAFKA_", "DATABASE_", "RESUME_PARSER_")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(elsewhere)}
    return ours | {"DATABASE_NAME": _DATABASE}


def _upload_and_watch(running: stack.Stack) -> None:
    user = running.user
    print(f"{user.email} uploads {_SAMPLE.relative_to(ROOT)} to {running.url}", flush=True)
    try:
        completed = _follow_upload(running.url, user.token)
        _check_resume(running, completed)
    except (websocket.WebSocketException, LookupError, TypeError, ValueError) as error:
        raise DevstackError(f"an answer is not as the contract says: {error!r}") from error


def _follow_upload(url: str, token: str) -> dict[str, Any]:
    """Upload the sample, print each frame, and return the last one's payload."""
    address = f"{url.replace('http', 'ws', 1)}/ws?token={token}"
    # A thread reads, so that a frame that comes before the answer gets its true time. The socket
    # is closed before the thread is waited for: that ends it.
    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        contextlib.closing(websocket.create_connection(address, timeout=_WITHIN_S)) as socket,
    ):
        start = time.monotonic()
        frames = pool.submit(_print_frames, socket, start)
        job_id = _upload(url, token)
        print(f"{_since(start)}  202, job {job_id}", flush=True)
        return _check_frames(frames.result(), job_id)


def _upload(url: str, token: str) -> str:
    with _SAMPLE.open("rb") as file:
        answer = requests.post(
            f"{url}/api/v1/resumes/upload",
            headers={"Authorization": f"Bearer {token}"},
            files={"file": (_SAMPLE.name, file, "application/pdf")},
            timeout=_WITHIN_S,
        )
    accepted = answer.status_code == HTTPStatus.ACCEPTED
    _require(accepted, f"the upload was refused: {answer.text}")
    return str(answer.json()["job_id"])


def _print_frames(socket: websocket.WebSocket, start: float) -> list[dict[str, Any]]:
    """Print and return what comes, up to the job's end."""
    payloads: list[dict[str, Any]] = []
    while not payloads or payloads[-1].get("status") not in {"completed", "failed"}:
        text = socket.recv()
        print(f"{_since(start)}  {text!s}", flush=True)
        payloads.append(json.loads(text)["payload"])
    return payloads


def _check_frames(payloads: list[dict[str, Any]], job_id: str) -> dict[str, Any]:
    """Return the last payload, all of them being as the contract says."""
    statuses = [payload["status"] for payload in payloads]
    _require(statuses == _STATUSES, f"the statuses were {', '.join(statuses)}")
    for payload in payloads:
        _require(set(payload) == _PAYLOAD, f"a payload has the members {', '.join(payload)}")
        _require(payload["job_id"] == job_id, f"a frame is of another job, {payload['job_id']}")
    *_, completed = payloads
    _require_same(completed["cv_data"], json.loads(_EXPECTED.read_text()), "cv_data")
    return completed


def _check_resume(running: stack.Stack, completed: dict[str, Any]) -> None:
    """Print the resume as the API shows it, and compare it with what MongoDB holds."""
    answer = requests.get(
        f"{running.url}/api/v1/resumes/{completed['resume_id']}",
        headers={"Authorization": f"Bearer {running.user.token}"},
        timeout=_WITHIN_S,
    )
    _require(answer.ok, f"the stored resume is not to be had: {answer.text}")
    shown = answer.json()["resume"]
    print(json.dumps(shown, ensure_ascii=False, indent=2))
    with pymongo.MongoClient[dict[str, Any]](running.env["DATABASE_SOURCE"]) as client:
        user = client[_DATABASE]["user"].find_one({"_id": ObjectId(running.user.id)}) or {}
    _require(len(user.get("resume", [])) == 1, "user.resume does not hold one resume")
    [stored] = user["resume"]
    _require(str(stored["_id"]) == completed["resume_id"], "user.resume is another resume")
    for resume, where in ((stored, "user.resume"), (shown, "the API's resume")):
        _require(resume["version"] == 1 and bool(resume["created_at"]), f"{where}: no version 1")
        _require_same(resume["resume_detail"], _detail(completed["cv_data"]), where)


def _detail(cv_data: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be stored of the sample's `cv_data`, which lists the latest entry first."""
    same = ("name", "email", "phone", "summary", "certifications", "languages")
    education = {name: v for name, v in cv_data["education"][0].items() if name != "gpa"}
    return {name: cv_data[name] for name in same} | {
        "skill": cv_data["skills"],
        "education": education | {"graduation_year": str(education["graduation_year"])},
        "experience": cv_data["experience"][0],
    }


def _require_same(found: dict[str, Any], expected: dict[str, Any], what: str) -> None:
    wrong = [name for name in found | expected if found.get(name) != expected.get(name)]
    _require(not wrong, f"{what}: not as expected: {', '.join(wrong)}")


def _since(start: float) -> str:
    return f"{(time.monotonic() - start) * 1000:7.0f} ms"


def _require(holds: bool, why: str) -> None:  # noqa: FBT001  # an assertion in words
    if not holds:
        raise DevstackError(why)
