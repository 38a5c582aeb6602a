"""F30: who runs an operator's operation dies, and so does who would notice it."""

import functools
import time
from typing import Any

import requests

from tests.chaos.scenario import Act, Scenario
from tests.chaos.site import Site
from tests.services.operators import new_operator

_FAILED = 200
#: 200 jobs last 20 seconds: longer than the first ones that are killed need to come back.
_PER_SECOND = 10
#: What the parser's "garbage" ends a job with, and nothing else does here.
_CODE = "parser_bad_answer"
_DOWN_S = 2.0
#: A dead worker's lease is over after 15 s; if its record is lost, the rescuer sends it 10 s later.
_ENDS_WITHIN_S = 90
_TIMEOUT_S = 30


def kill_among_replays(site: Site, *, victims: tuple[tuple[str, ...], ...]) -> None:
    """Replay all that failed and, while that goes on, kill some processes, one group after another.

    Returns once the operation has ended.
    """
    failed = _fail_some(site)
    operation_id = _start_replay(site)
    for number, names in enumerate(victims, 1):
        share = number / (len(victims) + 2)
        site.until(
            lambda share=share: _reported(site) >= share * failed,  # type: ignore[misc]
            within_s=_ENDS_WITHIN_S,
            why=f"{share:.0%} of the jobs are replayed",
        )
        for name in names:
            site.stack.kill(name)
        left = site.database["operation_items"].count_documents({"outcome": "waiting"})
        assert left, "the operation had just ended"
        site.prove(f"{' and '.join(names)} were killed when {left} of {failed} were to be replayed")
        site.wait(_DOWN_S)
        for name in names:
            site.stack.restart(name)
    began = time.monotonic()
    operations = site.database["operations"]
    site.until(
        lambda: operations.count_documents({"status": "done"}) == 1,
        within_s=_ENDS_WITHIN_S,
        why="the operation ends",
    )
    site.prove(f"operation {operation_id} ended {time.monotonic() - began:.0f} s after the last")


def _fail_some(site: Site) -> int:
    """Let so many jobs fail, each with its dead letter, and the others go on."""
    jobs = site.database["resume_parse_jobs"]
    site.parser.set_mode("garbage")
    site.until(
        lambda: jobs.count_documents({"error_code": _CODE}) >= _FAILED,
        within_s=60,
        why="jobs fail",
    )
    site.parser.set_mode("")
    site.wait(1)  # until the last calls are answered
    unlettered = {"error_code": _CODE, "letter_id": {"$exists": False}}
    site.until(
        lambda: not jobs.count_documents(unlettered), within_s=30, why="the letters are written"
    )
    return jobs.count_documents({"error_code": _CODE})


def _start_replay(site: Site) -> str:
    """Start it as a program does, and return its id."""
    url, who = site.stack.web_urls[0], new_operator(site.database)
    with requests.Session() as session:
        form = {"name": who.name, "password": who.password, "next": ""}
        session.post(
            f"{url}/dashboard/sign-in", form, timeout=_TIMEOUT_S, allow_redirects=False
        ).raise_for_status()
        token = session.cookies["operator"]
    asked = {"kind": "replay", "filter": {"error_code": _CODE}, "per_second": _PER_SECOND}
    answer = requests.post(
        f"{url}/api/v1/admin/operations",
        json=asked,
        headers={"Authorization": f"Bearer {token}"},
        timeout=_TIMEOUT_S,
    )
    answer.raise_for_status()
    started: dict[str, Any] = answer.json()
    return str(started["id"])


def _reported(site: Site) -> int:
    reported = {"outcome": {"$in": ["done", "refused"]}}
    return site.database["operation_items"].count_documents(reported)


def _killing(*victims: tuple[str, ...]) -> Act:
    return functools.partial(kill_among_replays, victims=victims)


#: Long enough for the load to go on meanwhile.
_STRETCH = 2.0

SCENARIOS = (
    Scenario(
        "replay-kill-worker-and-rescuer",
        "F30",
        _killing(("worker.1", "rescuer.1"), ("worker.2",)),
        stretch=_STRETCH,
    ),
    Scenario(
        "replay-kill-all-workers",
        "F30",
        _killing(("worker.1", "worker.2", "rescuer.1")),
        stretch=_STRETCH,
    ),
)
