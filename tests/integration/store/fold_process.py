"""Fold, and die at a point: `python fold_process.py <MongoDB's uri> <database> <number>`.

The number counts the moments before and after each command to MongoDB.
"""

import os
import signal
import sys
import threading
from typing import Any

import pymongo
from pymongo.monitoring import CommandListener

from store.statistics import StatisticsFold


class Death(CommandListener):
    def __init__(self, moments: int) -> None:
        self._moments_left = moments

    def started(self, _event: Any) -> None:
        self._come_nearer()

    def succeeded(self, _event: Any) -> None:
        self._come_nearer()

    def failed(self, _event: Any) -> None:
        self._come_nearer()

    def _come_nearer(self) -> None:
        self._moments_left -= 1
        if not self._moments_left:
            os.kill(os.getpid(), signal.SIGKILL)


def main(uri: str, name: str, moments: str) -> None:
    client = pymongo.MongoClient[dict[str, Any]](
        uri, tz_aware=True, timeoutMS=10_000, event_listeners=[Death(int(moments))]
    )
    fold = StatisticsFold(client[name], on_folded=lambda _: None, pause_s=0.02)
    fold.run_until(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
