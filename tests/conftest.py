"""What every test may ask for: a database and names of its own; and the markers, by folder."""

import gc
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from pymongo.database import Database

pytest_plugins = [
    "tests.services.servers",
    "tests.services.secure_kafka",
    "tests.services.stack",
    "tests.services.clients",
]

_TESTS = Path(__file__).parent
# kafka-python leaves sockets of connections that were refused, or given up on their way, to the
# garbage collector, which may come during another test or after the last one.
_LEFT_SOCKET = r"unclosed .socket\.socket"
_MARKED_FOLDERS = {"integration", "acceptance", "browser", "hostile", "chaos", "architecture"}
#: Services that many files share. One takes seconds to start and a tenth of a core when idle, so
#: each runs in one process of xdist alone; and after what needs none of them.
_SHARED_STACKS = ("target_stack", "service", "double_stack", "quiet_stack")
_ORDER = ("unit", "architecture", "integration", *_SHARED_STACKS)


def pytest_configure(config: pytest.Config) -> None:
    # How long an example takes says more about the machine's other work than about the code.
    hypothesis.settings.register_profile(
        "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("untimed")
    # kafka-python reads its schemas with what 3.11 deprecates (importlib.resources.read_text).
    config.addinivalue_line(
        "filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning"
    )
    config.addinivalue_line("filterwarnings", f"ignore:{_LEFT_SOCKET}:ResourceWarning")


def pytest_sessionfinish() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _LEFT_SOCKET, ResourceWarning)
        gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = _folder(item)
        if folder in _MARKED_FOLDERS:
            item.add_marker(folder)
        group = _shared_stack(item) or str(item.path.relative_to(_TESTS))
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_place)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0]


def _shared_stack(item: pytest.Item) -> str | None:
    wanted = getattr(item, "fixturenames", ())
    return next((stack for stack in _SHARED_STACKS if stack in wanted), None)


def _place(item: pytest.Item) -> int:
    kind = _shared_stack(item) or _folder(item)
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


@pytest.fixture
def topic_prefix() -> str:
    """A start for topic and group names that no other test uses."""
    return f"t-{secrets.token_hex(6)}"


@pytest.fixture
def database_name() -> str:
    """A database name that no other test uses."""
    return f"t_{secrets.token_hex(6)}"


@pytest.fixture
def database(mongo_uri: str, database_name: str) -> "Iterator[Database[dict[str, Any]]]":
    """An empty database, dropped after the test."""
    import pymongo

    with pymongo.MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client[database_name]
        client.drop_database(database_name)
