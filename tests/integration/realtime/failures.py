"""A mongod that fails on demand (its test commands are on)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient


@contextmanager
def failing(
    client: MongoClient[Any], app_name: str, commands: list[str], times: int = 0, **failure: Any
) -> Iterator[None]:
    """Have mongod fail an app's commands so many times, 0: for as long as this is open."""
    mode = {"times": times} if times else "alwaysOn"
    data = {"failCommands": commands, "appName": app_name, **failure}
    client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)
    try:
        yield
    finally:
        client.admin.command("configureFailPoint", "failCommand", mode="off")
