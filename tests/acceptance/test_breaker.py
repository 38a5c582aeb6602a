"""CONTRACT part 5, the breaker's row: a parser that is down costs no attempts and gets no crowd."""

from collections.abc import Iterator

import pytest
import requests

from tests.eventually import eventually
from tests.services.client import ServiceClient
from tests.services.clients import Mongo, client_of
from tests.services.parser_double import CV_DATA, ParserDouble, Request, completes, running_parser
from tests.services.stack import ServiceStack

JOBS = 12


@pytest.fixture(scope="module")
def parser() -> Iterator[ParserDouble]:
    with running_parser() as double:
        yield double


@pytest.fixture(scope="module")
def stack(kafka_bootstrap: str, mongo_uri: str, parser: ParserDouble) -> Iterator[ServiceStack]:
    env = {
        "RESUME_PARSER_URL": parser.url,
        "KAFKA__NUM_PARTITIONS": "2",
        "JOBS__MAX_ATTEMPTS": "2",
        "JOBS__RETRY_BACKOFF_MAX": "1s",
        "SERVICES__PARSER_BREAKER_FAILURES": "3",
        "SERVICES__PARSER_BREAKER_PAUSE": "1s",
    }
    stack = ServiceStack(kafka_bootstrap, mongo_uri, workers=2, env=env)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def client(stack: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(stack, 0, mongo)


def refuses(request: Request, _number: int) -> None:
    request.json(503, {})


def test_an_outage_costs_no_attempts_and_all_complete_after_it(
    client: ServiceClient, parser: ParserDouble, stack: ServiceStack
) -> None:
    parser.behave = refuses
    users = [client.new_user() for _ in range(JOBS)]
    jobs = {client.accepted(user): user for user in users}
    breakers = client.database["circuit_breakers"]
    eventually(lambda: breakers.find_one({"state": "open"}), within_s=20, why="it opens")
    # Uploads are accepted all the while, and single calls test whether the parser is back.
    late = client.new_user()
    jobs[client.accepted(late)] = late
    calls = parser.calls
    eventually(lambda: parser.calls >= calls + 3, within_s=30, why="probes are made")
    assert any(
        f"resume_parser_breaker_state {state}" in requests.get(f"{url}/metrics", timeout=10).text
        for url in stack.worker_urls
        for state in ("1.0", "2.0")
    )
    parser.behave = completes
    for job_id, user in jobs.items():
        ended = client.ended(user, job_id, within_s=60)
        assert (ended["status"], ended["cv_data"]) == ("completed", CV_DATA)
    assert breakers.find_one({})["state"] == "closed"  # type: ignore[index]
    counted = client.database["resume_parse_jobs"].find({}, {"attempt": 1, "forgiven": 1})
    assert all(job["attempt"] - job.get("forgiven", 0) <= 2 for job in counted)
