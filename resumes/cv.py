"""From the parser's `cv_data` to the stored `resume_detail` (the seed's phase 6). Pure.

The parser is another team's service: a member that is absent or of the wrong type becomes empty,
never an exception.
"""

import re
from collections.abc import Callable
from typing import Any

#: Sorts a post that goes on behind every year.
_OPEN_END = 9999
_OPEN_WORDS = re.compile(
    r"present|current|now\b|today|ongoing|hiện|\bnay\b|heute|jetzt|aujourd|en cours|actual",
    re.IGNORECASE,
)
#: Of nested lists and objects: each function that walks through them does so by recursion.
_MAX_DEPTH = 100
_TRAILING_DASH = re.compile(r"[-\u2013\u2014]\s*$")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def resume_detail(cv_data: object) -> dict[str, Any]:
    """Return the stored shape: `skill`, one `education`, one `experience`, no `gpa`."""
    cv = cv_data if isinstance(cv_data, dict) else {}
    education = _most_recent(cv.get("education"), _graduation_year)
    experience = _most_recent(cv.get("experience"), _end_year)
    return {
        "name": _text(cv.get("name")),
        "email": _text(cv.get("email")),
        "phone": _text(cv.get("phone")),
        "summary": _text(cv.get("summary")),
        "skill": _texts(cv.get("skills")),
        "education": {
            "degree": _text(education.get("degree")),
            "institution": _text(education.get("institution")),
            "graduation_year": _year_text(education.get("graduation_year")),
        },
        "experience": {
            "title": _text(experience.get("title")),
            "company": _text(experience.get("company")),
            "duration": _text(experience.get("duration")),
            "responsibilities": _texts(experience.get("responsibilities")),
            "achievements": _texts(experience.get("achievements")),
        },
        "certifications": _texts(cv.get("certifications")),
        "languages": _texts(cv.get("languages")),
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _year_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else ""
    return str(value)


def _graduation_year(entry: dict[str, Any]) -> int:
    years = _YEAR.findall(_year_text(entry.get("graduation_year")))
    return int(years[-1]) if years else 0


def _end_year(entry: dict[str, Any]) -> int:
    duration = _text(entry.get("duration"))
    years = _YEAR.findall(duration)
    if _OPEN_WORDS.search(duration) or (years and _TRAILING_DASH.search(duration)):
        return _OPEN_END
    return int(years[-1]) if years else 0


def _most_recent(entries: object, year_of: Callable[[dict[str, Any]], int]) -> dict[str, Any]:
    """Return the entry that ended last; `max` keeps the first listed on a tie."""
    objects = (
        [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    return max(objects, key=year_of, default={})


def storable(value: Any, depth: int = 0) -> Any:
    """Return JSON `value` without lone surrogates: JSON can escape them, UTF-8 can't hold them.

    Raises ValueError where it is nested deeper than anything that is done with it bears.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item, depth + 1) for key, item in value.items()}
    return value
