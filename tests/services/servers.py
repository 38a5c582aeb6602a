"""Session fixtures: one Kafka and one mongod for the whole run, started when a test first asks.

`TEST_KAFKA_BROKERS` and `TEST_MONGO_URI` name servers to use instead. Data lives in pytest's own
temporary directory, the ports are free ones, and both servers die with pytest however it ends.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from typing import Protocol

import pytest

from devstack import ports
from devstack.kafka import Kafka
from devstack.mongod import Mongod

_REPORTED_LINES = 40


class Reported(Protocol):
    """Something that runs and keeps a log."""

    name: str

    def log_tail(self) -> str: ...


#: What is running, for the report of a failed test.
reported: list[Reported] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001  # the hook's signature
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for logger in reported:
            tail = "\n".join(logger.log_tail().splitlines()[-_REPORTED_LINES:])
            report.sections.append((f"log of {logger.name}", tail))
    return report


def _run(server: Kafka | Mongod) -> Iterator[None]:
    """Start `server`, and stop it when the fixture that yields from this is done."""
    server.start()
    reported.append(server)
    try:
        yield
    finally:
        reported.remove(server)
        server.stop()
        shutil.rmtree(server.data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of our own; ask for `kafka_bootstrap` unless you mean to stop it."""
    server = Kafka(tmp_path_factory.mktemp("kafka"), ports.free_port())
    for _ in _run(server):
        yield server


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A server of our own; ask for `mongo_uri` unless you mean to stop it."""
    server = Mongod(tmp_path_factory.mktemp("mongod"), ports.free_port(), test_commands=True)
    for _ in _run(server):
        yield server


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> str:
    """host:port of Kafka."""
    external = os.environ.get("TEST_KAFKA_BROKERS")
    return external or str(request.getfixturevalue("kafka").bootstrap)


@pytest.fixture(scope="session")
def mongo_uri(request: pytest.FixtureRequest) -> str:
    """The connection string of a replica set."""
    external = os.environ.get("TEST_MONGO_URI")
    return external or str(request.getfixturevalue("mongod").uri)
