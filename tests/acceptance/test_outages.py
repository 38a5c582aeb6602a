"""CONTRACT part 1, the rows of outages: Kafka or MongoDB does not answer. Servers of its own."""

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from bson import ObjectId

from devstack.kafka import Kafka
from devstack.mongod import Mongod
from devstack.ports import free_port
from tests.eventually import eventually
from tests.services.client import ServiceClient
from tests.services.stack import ServiceStack

PUBLISH_TIMEOUT = "5s"


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    kafka = Kafka(tmp_path_factory.mktemp("own-kafka"), free_port())
    kafka.start()
    yield kafka
    kafka.kill()


@pytest.fixture(scope="module")
def own_mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("own-mongod"), free_port())
    mongod.start()
    yield mongod
    mongod.kill()


@pytest.fixture(scope="module")
def stack(own_kafka: Kafka, own_mongod: Mongod) -> Iterator[ServiceStack]:
    stack = ServiceStack(
        own_kafka.bootstrap,
        own_mongod.uri,
        web=1,
        workers=1,
        env={"KAFKA__TIMEOUT": PUBLISH_TIMEOUT},
    )
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def outage(stack: ServiceStack, own_mongod: Mongod) -> Iterator[ServiceClient]:
    with pymongo.MongoClient[dict[str, Any]](own_mongod.uri, tz_aware=True) as mongo:
        yield ServiceClient(stack.web_urls[0], stack.jwt_secret, mongo[stack.database_name])


def is_ready(client: ServiceClient) -> bool:
    return client.get("/readyz").status_code == 200


@pytest.mark.timeout(180)
def test_without_kafka_an_upload_answers_500_and_its_job_is_failed(
    outage: ServiceClient, own_kafka: Kafka, stack: ServiceStack
) -> None:
    warm = outage.new_user()
    outage.ended(warm, outage.accepted(warm))  # the producer has connected before
    own_kafka.kill()
    user = outage.new_user()
    response = outage.upload(user, Idempotency_Key="again")
    assert (response.status_code, response.json()["code"]) == (500, "publish_failed")
    job = outage.database["resume_parse_jobs"].find_one({"user_id": ObjectId(user.id)})
    assert job
    assert job["status"] == "failed"
    assert job["error_message"]
    assert outage.get("/livez").status_code == 200
    eventually(lambda: outage.get("/readyz").status_code == 503, within_s=10)

    own_kafka.start()
    eventually(lambda: is_ready(outage), within_s=60, why="the web process finds Kafka again")
    # The same key may be tried again, the day was not charged, and the worker came back by itself.
    job_id = outage.accepted(user, Idempotency_Key="again")
    assert outage.ended(user, job_id, within_s=60)["status"] == "failed"  # no real PDF
    assert "Traceback" not in stack.log_tail()


@pytest.mark.timeout(180)
def test_without_mongodb_an_upload_answers_503_and_the_worker_comes_back(
    outage: ServiceClient, own_mongod: Mongod
) -> None:
    user = outage.new_user()
    own_mongod.kill()
    response = outage.upload(user)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert int(response.headers["Retry-After"]) > 0
    assert outage.get("/livez").status_code == 200

    own_mongod.start()
    eventually(lambda: is_ready(outage), within_s=60, why="the web process finds MongoDB again")
    with outage.socket(user) as frames:
        payloads = frames.until_ended(outage.accepted(user))
    assert payloads[-1]["status"] == "failed"  # no real PDF, but it was parsed and told
