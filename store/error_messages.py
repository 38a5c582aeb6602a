"""Which error messages say a text: looked up first, so that no list searches jobs for it.

Most messages are ours, so a million jobs share a few. The index `newest_by_message` is asked for
each one once, by jumping from one to the next (DISTINCT_SCAN).
"""

import re
from collections.abc import Mapping
from typing import Any

from pymongo.collection import Collection

from resumes.job_filter import JobFilter
from store.connection import Document
from store.job_queries import MessagesFound

_INDEX = "newest_by_message"
_HAS_CODE = {"error_code": {"$gt": ""}}
_MAX_CODES = 20
#: Of a code; a parser that says something new of each file has more.
_MAX_MESSAGES = 1_000
#: Of codes and messages. MongoDB merges 200 walks of an index in their order, and each pair has one
#: for failed jobs and one for those that wait; of more it sorts all jobs in memory.
_MAX_PAIRS = 100


def messages_saying(jobs: Collection[Document], wanted: JobFilter) -> MessagesFound | None:
    """Return the codes and messages whose jobs may be meant; None: search the jobs themselves.

    That is so where other conditions leave few jobs, or where there are too many messages.
    """
    if not wanted.error_text or wanted.job_ids or wanted.user_id:
        return None
    codes = [wanted.error_code] if wanted.error_code else _values(jobs, "error_code", _HAS_CODE)
    if len(codes) > _MAX_CODES:
        return None
    says = re.compile(re.escape(wanted.error_text), re.IGNORECASE)
    found: dict[str, list[str]] = {}
    for code in codes:
        messages = _values(jobs, "error_message", {"error_code": code})
        if len(messages) > _MAX_MESSAGES:
            return None
        if saying := [message for message in messages if says.search(message)]:
            found[code] = saying
    messages = sorted(set().union(*found.values()))
    is_few = len(found) * len(messages) <= _MAX_PAIRS
    return MessagesFound(sorted(found), messages) if is_few else None


def _values(jobs: Collection[Document], name: str, among: Mapping[str, Any]) -> list[str]:
    """Return the different values of a field, up to one more than there may be."""
    pipeline: list[Mapping[str, Any]] = [
        {"$match": among},
        {"$group": {"_id": f"${name}"}},
        {"$limit": _MAX_MESSAGES + 1},
    ]
    return [found["_id"] or "" for found in jobs.aggregate(pipeline, hint=_INDEX)]
