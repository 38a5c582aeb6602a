"""The worker, but that it ends at the point that `CRASH_AT` names, as `kill -9` would end it.

`python -m tests.chaos.crashing_worker` stands in for the Procfile's command. It is worker.py with
other classes for the parts that a job goes through: the product knows nothing of it.
"""

import sys
import threading
from typing import Any

import worker
from resumes.job import Claim
from store.work import MongoWorkStore
from tasks.kafka_broker import consuming
from tasks.kafka_broker.dead_letters import DeadLetters
from tasks.parser_client import GuardedParser
from tests.chaos.crash_points import CrashPoint

_POINT = CrashPoint()
#: The parser's double takes 20 ms for its answer.
_MID_PARSE_S = 0.01


class CrashingStore(MongoWorkStore):
    """Ends the process around what a worker writes."""

    def claim(self, *arguments: Any, **more: Any) -> Any:
        """Claim, or end before or after it."""
        _POINT("after_poll")
        claim = super().claim(*arguments, **more)
        if isinstance(claim, Claim):
            _POINT("after_claim")
        return claim

    def complete(self, *arguments: Any, **more: Any) -> None:
        """Complete, or end before or after it."""
        _POINT("before_complete")
        super().complete(*arguments, **more)
        _POINT("after_complete")

    def fail(self, *arguments: Any, **more: Any) -> None:
        """Fail, or end before or after it."""
        _POINT("before_fail")
        super().fail(*arguments, **more)
        _POINT("after_fail_before_dead_letter")

    def release(self, *arguments: Any, **more: Any) -> None:
        """Let the job wait, and perhaps end."""
        super().release(*arguments, **more)
        _POINT("after_release_before_retry_publish")


class CrashingParser(GuardedParser):
    """Ends the process while the parser is at work."""

    def parse(self, file_name: str, data: bytes) -> dict[str, Any]:
        """Parse, or end meanwhile."""
        timer = threading.Timer(_MID_PARSE_S, _POINT, ["mid_parse"])
        timer.start()
        try:
            return super().parse(file_name, data)
        finally:
            timer.cancel()


class CrashingLetters(DeadLetters):
    """Ends the process once Kafka has the letter."""

    def write(self, *arguments: Any, **more: Any) -> None:
        """Write, and perhaps end."""
        super().write(*arguments, **more)
        _POINT("after_dead_letter_before_ack")


if __name__ == "__main__":
    vars(worker).update(MongoWorkStore=CrashingStore, GuardedParser=CrashingParser)
    vars(consuming).update(DeadLetters=CrashingLetters)
    sys.exit(worker.main())
