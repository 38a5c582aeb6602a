"""The web process with one of its safeties switched off, to see that the checker finds it.

`BREAK=snapshot gunicorn -c gunicorn.conf.py tests.chaos.broken_web:app` stands in for the
Procfile's command. Only then is wsgi.py imported, so that it finds the other classes.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import realtime
from realtime import fan_out
from store import reads


class _NoSnapshot(reads.MongoJobReader):
    """Tells a client who connects nothing."""

    def snapshot(self, user_id: str, since: str | None) -> list[Any]:  # noqa: ARG002
        """Return nothing."""
        return []


class _Loudspeaker(fan_out.FanOut):
    """Tells everyone of everything."""

    def _deliver(self, user_id: str, document: Mapping[str, Any]) -> None:  # noqa: ARG002
        for listener in self._hub.users():
            super()._deliver(listener, document)


BREAKS: dict[str, Callable[[], None]] = {
    "snapshot": lambda: vars(reads).update(MongoJobReader=_NoSnapshot),
    "isolation": lambda: vars(realtime).update(FanOut=_Loudspeaker),
}

BREAKS[os.environ["BREAK"]]()

from wsgi import app  # noqa: E402  # after the classes that it is to find

__all__ = ["app"]
