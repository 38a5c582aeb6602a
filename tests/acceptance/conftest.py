"""A service without workers, for what is decided before the queue: jobs stay pending."""

from collections.abc import Iterator

import pytest

from tests.services.client import ServiceClient
from tests.services.clients import Mongo, client_of
from tests.services.stack import ServiceStack


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
