"""The rescuer process: an upload ends, also without its record, and the figures tell of it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
import requests
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from resumes.ports import NewJob
from store.statistics_reads import MongoStatistics
from store.uploads import MongoUploadStore
from tests.eventually import eventually
from tests.services.client import SMALL_PDF, ServiceClient, TestUser
from tests.services.clients import Mongo, client_of
from tests.services.parser_double import ParserDouble, running_parser
from tests.services.stack import ServiceStack
from tests.services.topics import TopicReader


@pytest.fixture(scope="module")
def running_double() -> Iterator[ParserDouble]:
    """Not the session's: what another service's test left behind would call it, too."""
    with running_parser() as double:
        yield double


@pytest.fixture
def stack(kafka_bootstrap: str, mongo_uri: str, double: ParserDouble) -> Iterator[ServiceStack]:
    env = {
        "RESUME_PARSER_URL": double.url,
        "KAFKA__TIMEOUT": "5s",
        "JOBS__RESCUE_AFTER": "6s",
        "JOBS__RESCUE_INTERVAL": "200ms",
    }
    stack = ServiceStack(kafka_bootstrap, mongo_uri, env=env)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def client(stack: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(stack, 0, mongo)


def open_without_a_record(client: ServiceClient, user: TestUser) -> str:
    """Leave behind what a web process does that is killed before it publishes."""
    retention = timedelta(days=30)
    uploads = MongoUploadStore(
        client.database,
        storage_kind="mongo",
        answer_timeout=retention,
        failed_file_retention=retention,
    )
    size = len(SMALL_PDF)
    return uploads.open(NewJob(user.id, "r.pdf", size, "0" * 64, 5, "2026-11-25", 20), SMALL_PDF).id


def rounds(stack: ServiceStack) -> float:
    text = requests.get(f"{stack.rescuer_url}/metrics", timeout=10).text
    [value] = [
        line.split()[-1]
        for line in text.splitlines()
        if line.startswith('resume_rescue_rounds_total{outcome="whole"}')
    ] or ["0"]
    return float(value)


def test_a_job_whose_record_never_reached_kafka_is_run(
    client: ServiceClient, double: ParserDouble
) -> None:
    user = client.new_user()
    with client.socket(user) as frames:
        job_id = open_without_a_record(client, user)
        payloads = frames.until_ended(job_id)
    assert payloads[-1]["status"] == "completed"
    assert double.calls == 1


def test_jobs_whose_records_were_skipped_are_run(
    client: ServiceClient, stack: ServiceStack, double: ParserDouble
) -> None:
    warm = client.new_user()
    client.ended(warm, client.accepted(warm))
    stack.kill_worker(0)
    users = [client.new_user() for _ in range(5)]
    jobs = {client.accepted(user): user for user in users}
    skip_all(stack)
    stack.restart_worker(0)
    for job_id, user in jobs.items():
        assert client.ended(user, job_id, within_s=60)["status"] == "completed"
    assert double.calls == 6


def skip_all(stack: ServiceStack) -> None:
    """Move the group's position behind all records, as an operator may."""
    end = len(TopicReader(stack.kafka_bootstrap, stack.topic).records())
    offsets = {TopicPartition(stack.topic, 0): OffsetAndMetadata(end, "", -1)}
    with closing(KafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)) as admin:

        def moved() -> bool:
            results = admin.alter_group_offsets(stack.group_id, offsets)
            return all(error is NoError for error in results.values())

        eventually(moved, within_s=30, why="the group is empty once the dead worker is noticed")


def test_a_backlog_is_not_published_again(
    client: ServiceClient, stack: ServiceStack, double: ParserDouble
) -> None:
    stack.kill_worker(0)
    jobs = {}
    for _ in range(10):
        user = client.new_user()
        jobs[client.accepted(user)] = user
    done = rounds(stack)
    # For longer than a job may be overdue.
    eventually(lambda: rounds(stack) >= done + 40, within_s=60, why="it looks again and again")
    assert len(TopicReader(stack.kafka_bootstrap, stack.topic).records()) == len(jobs)
    stack.restart_worker(0)
    for job_id, user in jobs.items():
        assert client.ended(user, job_id, within_s=60)["status"] == "completed"
    assert double.calls == len(jobs)


def test_the_rescuer_keeps_the_figures(client: ServiceClient, stack: ServiceStack) -> None:
    user = client.new_user()
    client.ended(user, client.accepted(user))
    statistics = MongoStatistics(client.database)
    eventually(lambda: statistics.totals().completed == 1, within_s=30)
    last = statistics.minutes(last=5)
    assert sum(minute.created for minute in last) == sum(minute.completed for minute in last) == 1
    ready = requests.get(f"{stack.rescuer_url}/readyz", timeout=10).json()
    assert ready["checks"]["statistics"] is True
