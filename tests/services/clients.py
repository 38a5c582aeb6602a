"""Clients of the whole service, of one whose parser obeys tests, and of one without workers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.services.client import ServiceClient, wait_until_all_ended
from tests.services.parser_double import ParserDouble, running_parser
from tests.services.stack import ServiceStack
from tests.services.topics import TopicReader, lag_of

Mongo = MongoClient[dict[str, Any]]


@pytest.fixture(scope="session")
def mongo(mongo_uri: str) -> Iterator[Mongo]:
    with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client


def client_of(stack: ServiceStack, web: int, mongo: Mongo) -> ServiceClient:
    return ServiceClient(stack.web_urls[web], stack.jwt_secret, mongo[stack.database_name])


# The whole service: two web processes, two workers, the bundled parser.


@pytest.fixture
def client(service: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(service, 0, mongo)


@pytest.fixture
def other(service: ServiceStack, mongo: Mongo) -> ServiceClient:
    """The second web process."""
    return client_of(service, 1, mongo)


@pytest.fixture
def topic(service: ServiceStack) -> TopicReader:
    return TopicReader(service.kafka_bootstrap, service.topic)


@pytest.fixture
def dead_letters(service: ServiceStack) -> TopicReader:
    return TopicReader(service.kafka_bootstrap, f"{service.topic}.dlq")


@pytest.fixture
def lag(service: ServiceStack) -> Callable[[], int]:
    return lambda: lag_of(service.kafka_bootstrap, service.group_id, service.topic)


# A worker whose parser does what a test says.


@pytest.fixture(scope="session")
def running_double() -> Iterator[ParserDouble]:
    with running_parser() as double:
        yield double


@pytest.fixture(scope="session")
def double_stack(
    kafka_bootstrap: str, mongo_uri: str, running_double: ParserDouble
) -> Iterator[ServiceStack]:
    env = {
        "RESUME_PARSER_URL": running_double.url,
        # Retries within a test's time; a breaker that opened would be another test's.
        "JOBS__MAX_ATTEMPTS": "3",
        "JOBS__RETRY_BACKOFF_MIN": "100ms",
        "JOBS__RETRY_BACKOFF_MAX": "5s",
        "SERVICES__PARSER_BREAKER_FAILURES": "1000",
    }
    stack = ServiceStack(kafka_bootstrap, mongo_uri, env=env)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def double(running_double: ParserDouble) -> ParserDouble:
    running_double.reset()
    return running_double


@pytest.fixture
def doubled(double_stack: ServiceStack, mongo: Mongo, double: ParserDouble) -> ServiceClient:
    """Nothing that an earlier test left is counted among the calls of this one."""
    client = client_of(double_stack, 0, mongo)
    wait_until_all_ended(client.database)
    double.reset()
    return client


@pytest.fixture
def double_dead_letters(double_stack: ServiceStack) -> TopicReader:
    return TopicReader(double_stack.kafka_bootstrap, f"{double_stack.topic}.dlq")


# A service without workers, for what is decided before the queue: jobs stay pending.


@pytest.fixture(scope="session")
def quiet_stack(kafka_bootstrap: str, mongo_uri: str) -> Iterator[ServiceStack]:
    env = {"LIMITS__UPLOADS_PER_DAY": "2", "APP__TRUSTED_PROXIES": "1"}
    stack = ServiceStack(kafka_bootstrap, mongo_uri, web=2, workers=0, env=env)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def quiet(quiet_stack: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(quiet_stack, 0, mongo)


@pytest.fixture
def quiet_other(quiet_stack: ServiceStack, mongo: Mongo) -> ServiceClient:
    return client_of(quiet_stack, 1, mongo)
