"""Celery on Redis: no results, and a task is acknowledged when it has ended."""

import contextlib
from collections.abc import Iterator

from celery import Celery  # type: ignore[import-not-found]

from bench.inside import run, work

_run = run.current()
app = Celery("bench", broker=f"redis://{_run.address}/0")
app.conf.update(task_default_queue=_run.queue, task_acks_late=True, task_ignore_result=True)
do = app.task(work.do)


@contextlib.contextmanager
def producer() -> Iterator[work.Producer]:
    """Send with `delay`: it has no bulk way."""

    def send_all(tasks: list[work.Task]) -> None:
        for task in tasks:
            do.delay(**task)

    yield work.Producer(lambda task: do.delay(**task), send_all)
    app.close()
