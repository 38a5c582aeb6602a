"""The smallest web process with a realtime side: the real layer, a stub for each of its neighbours.

Run by gunicorn's gevent worker (tests/integration/realtime/conftest.py). A token is
`<user id>.<expiry>`; a job's whole story is in `job_events`, `cv_data` included.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pymongo
from bson import ObjectId
from flask import Flask, Response, jsonify, request
from pymongo.collection import Collection
from werkzeug.exceptions import HTTPException, ServiceUnavailable, Unauthorized

import realtime
from resumes.errors import StoreUnavailableError
from resumes.events import JobEvent
from resumes.identity import Identity
from resumes.job import JobStatus

#: The user for whom the database is down.
UNLUCKY_USER = "f" * 24


class EventJobs:
    """The `Jobs` port over nothing but `job_events`."""

    def __init__(self, events: Collection[dict[str, Any]]) -> None:
        self._events = events
        self.snapshots: Counter[str] = Counter()

    def event_from_document(self, document: Mapping[str, Any]) -> JobEvent:
        return JobEvent(
            id=str(document["_id"]),
            job_id=str(document["job_id"]),
            user_id=str(document["user_id"]),
            status=JobStatus(document["to"]),
            rev=document["rev"],
            error_message=document.get("error_message", ""),
            resume_id=document.get("resume_id", ""),
            cv_data=document.get("cv_data"),
        )

    def snapshot(self, user_id: str, since: str | None) -> list[JobEvent]:
        if user_id == UNLUCKY_USER:
            raise StoreUnavailableError
        documents = self._events.find({"user_id": ObjectId(user_id)})
        last = {
            str(document["job_id"]): self.event_from_document(document) for document in documents
        }
        self.snapshots[user_id] += 1
        return [event for event in last.values() if event.id > (since or "")]


def authenticate(places: Sequence[str]) -> Identity:
    tokens = {
        "headers": request.headers.get("Authorization", "").removeprefix("Bearer "),
        "query_string": request.args.get("token", ""),
    }
    token = next((tokens[place] for place in places if tokens[place]), "")
    user_id, _, expires_at = token.partition(".")
    if not expires_at:
        raise Unauthorized
    return Identity(user_id, float(expires_at))


def problem(error: HTTPException) -> Response:
    body = {"title": error.name, "status": error.code, "success": False}
    extra = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return Response(json.dumps(body), error.code, extra, content_type="application/problem+json")


def create_app() -> Flask:
    logging.basicConfig(level=logging.INFO)
    client = pymongo.MongoClient[dict[str, Any]](
        os.environ["TEST_URI"], appname=os.environ["TEST_APP_NAME"], timeoutMS=10_000
    )
    database = client[os.environ["TEST_DATABASE"]]
    jobs = EventJobs(database.job_events)
    app = Flask(__name__)
    app.register_error_handler(HTTPException, problem)
    app.register_error_handler(StoreUnavailableError, lambda _: problem(ServiceUnavailable()))
    side = realtime.register(
        app,
        authenticate=authenticate,
        jobs=jobs,
        events=database.job_events,
        tickets=realtime.MongoTicketStore(database.ws_tickets),
        options=realtime.Options(**json.loads(os.environ["TEST_OPTIONS"])),
    )

    @app.get("/state")
    def state() -> Response:
        return jsonify(
            connections=side.connections(), healthy=side.healthy(), snapshots=jobs.snapshots
        )

    return app
