"""Web processes of the realtime layer, as few as the tests' different limits allow."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from bson import ObjectId
from pymongo.database import Database

from tests.integration.realtime.ws_client import Story, WebProcess


@pytest.fixture(scope="module")
def shared_database(mongo_uri: str) -> Iterator[Database[dict[str, Any]]]:
    """The database of a module's web processes."""
    with pymongo.MongoClient[dict[str, Any]](mongo_uri) as client:
        database = client[f"t_{uuid4().hex}"]
        yield database
        client.drop_database(database)


@pytest.fixture(scope="module")
def start_web(
    mongo_uri: str,
    shared_database: Database[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., WebProcess]]:
    """Start a web process with the given options; it is killed at the module's end."""
    folder: Path = tmp_path_factory.mktemp("web")
    with ExitStack() as stack:

        def start(**options: Any) -> WebProcess:
            log_path = folder / f"{uuid4().hex}.log"
            web = WebProcess(mongo_uri, shared_database.name, log_path, options)
            web.start()
            stack.callback(web.stop)
            return web

        yield start


@pytest.fixture
def user_id() -> str:
    return str(ObjectId())


@pytest.fixture
def story(shared_database: Database[dict[str, Any]], user_id: str) -> Story:
    """A job of the test's user."""
    return Story(shared_database, user_id)
