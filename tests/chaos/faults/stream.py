"""F24: the change stream that the WebSockets hang on is broken off, or has lost its place.

By MongoDB's own fail points, in the server, for the service's connections alone. The workers ask
for no more of a cursor (`getMore`): it is the streams that are hit.
"""

import functools
from collections.abc import Mapping
from typing import Any

from tests.chaos.scenario import Scenario
from tests.chaos.site import Site

_APP_NAME = "resume-service"
_TIMES = 6
_WITHIN_S = 30

_FAILURES: Mapping[str, Mapping[str, Any]] = {
    "history-lost": {"failCommands": ["getMore"], "errorCode": 286},
    "cursor-killed": {"failCommands": ["getMore"], "errorCode": 237},
    "interrupted": {"failCommands": ["getMore"], "errorCode": 11600},
    "connection-cut": {"failCommands": ["getMore"], "closeConnection": True},
}


def break_stream(kind: str, site: Site) -> None:
    """Have the next answers of the streams be this error."""
    admin = site.database.client.admin
    data = {**_FAILURES[kind], "appName": _APP_NAME}
    admin.command({"configureFailPoint": "failCommand", "mode": {"times": _TIMES}, "data": data})
    site.wait(_WITHIN_S / 5)
    done = admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert done["count"], "no stream asked"
    site.prove(f"{done['count']} answers were errors")


SCENARIOS = tuple(
    Scenario(f"stream-{kind}", "F24", functools.partial(break_stream, kind)) for kind in _FAILURES
)
