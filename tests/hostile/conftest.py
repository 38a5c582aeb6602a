"""One stack for all attacks: small limits, secrets to look for, and a parser that obeys the tests.

After each module it must be unharmed: the same processes, answering, with no bug and no secret in
what they have logged.
"""

import secrets
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
import requests

from tests.eventually import eventually
from tests.hostile.processes import processes_of, resident_bytes, web_worker_of
from tests.hostile.target import (
    AUDIENCE,
    DATABASE_PASSWORD,
    ISSUER,
    REQUEST_TIMEOUT_S,
    SOCKETS_PER_PROCESS,
    Target,
    leaked,
)
from tests.services.client import wait_until_all_ended
from tests.services.clients import Mongo
from tests.services.parser_double import ParserDouble
from tests.services.stack import ServiceStack

#: Room for caches that fill and pages that a peak leaves behind; modules with worst cases repeat
#: them and state a bound of their own.
MODULE_GROWTH_BYTES = 64 * 1024 * 1024


@pytest.fixture(scope="session")
def target_stack(
    kafka_bootstrap: str, mongo_uri: str, mongo: Mongo, running_double: ParserDouble
) -> Iterator[ServiceStack]:
    name = f"hostile-{secrets.token_hex(4)}"
    mongo.admin.command("createUser", name, pwd=DATABASE_PASSWORD, roles=["root"])
    uri = urlsplit(mongo_uri)
    with_password = f"{name}:{DATABASE_PASSWORD}@{uri.netloc.rpartition('@')[2]}"
    env = {
        "AUTH__JWT_ISSUER": ISSUER,
        "AUTH__JWT_AUDIENCE": AUDIENCE,
        "LIMITS__SOCKETS_PER_PROCESS": str(SOCKETS_PER_PROCESS),
        "REQUEST_TIMEOUT_S": str(REQUEST_TIMEOUT_S),
        "RESUME_PARSER_URL": running_double.url,
    }
    stack = ServiceStack(
        kafka_bootstrap, uri._replace(netloc=with_password).geturl(), web=1, workers=1, env=env
    )
    stack.start()
    # It is ready with the first of its two workers.
    eventually(lambda: _parser_processes(stack) == 3, within_s=30, why="the parser is complete")
    yield stack
    stack.stop()
    mongo.admin.command("dropUser", name)


def _parser_processes(stack: ServiceStack) -> int:
    return sum("resume_parser" in command for command in processes_of(stack).values())


@pytest.fixture
def target(
    target_stack: ServiceStack,
    mongo: Mongo,
    double: ParserDouble,  # noqa: ARG001  # reset: it behaves until the test says otherwise
) -> Target:
    return Target(
        target_stack.web_urls[0], target_stack.jwt_secret, mongo[target_stack.database_name]
    )


@pytest.fixture(scope="session")
def web_pid(target_stack: ServiceStack) -> int:
    return web_worker_of(target_stack)


@pytest.fixture(autouse=True, scope="module")
def unharmed(target_stack: ServiceStack, web_pid: int, mongo: Mongo) -> Iterator[None]:
    """Whatever a module does, the service goes on as if nothing had been."""
    before, resident = processes_of(target_stack), resident_bytes(web_pid)
    yield
    assert resident_bytes(web_pid) - resident < MODULE_GROWTH_BYTES
    assert processes_of(target_stack).keys() == before.keys(), "a process died"
    # Other modules count what calls the parser's double.
    wait_until_all_ended(mongo[target_stack.database_name])
    for url in (*target_stack.web_urls, *target_stack.worker_urls):
        for probe in ("/livez", "/readyz"):
            eventually(partial(_answers, f"{url}{probe}"), within_s=30, why=f"{url}{probe}")
    log = target_stack.log_tail()
    assert leaked(log, target_stack.jwt_secret) == []
    bugs = [line for line in log.splitlines() if "Traceback" in line or '.bug"' in line]
    assert bugs == []


def _answers(url: str) -> bool:
    return requests.get(url, timeout=10).status_code == 200
