"""What the tests of the running service share."""

import pytest

from tests.eventually import eventually
from tests.services.client import ServiceClient
from tests.services.clients import Mongo, client_of
from tests.services.parser_double import ParserDouble
from tests.services.stack import ServiceStack

UNFINISHED = {"status": {"$in": ["pending", "processing"]}}


@pytest.fixture
def doubled(double_stack: ServiceStack, mongo: Mongo, double: ParserDouble) -> ServiceClient:
    """Nothing that an earlier test left is counted among the calls of this one."""
    client = client_of(double_stack, 0, mongo)
    jobs = client.database["resume_parse_jobs"]
    eventually(lambda: jobs.count_documents(UNFINISHED) == 0, within_s=60, why="all jobs end")
    double.reset()
    return client
