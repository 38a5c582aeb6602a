"""A resume without what leads to the person: his name, e-mail and phone. Pure.

Operators see this; the rest of it (what the parser found and where) is what they need.
"""

import re
from typing import Any

from webapp.resume_view import text_of

_DOTS = "•••"
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<!\w)\+?\d(?:[\s().-]{0,2}\d){8,14}(?!\w)")
#: Shorter ones are words of a language too.
_MIN_NAME_LENGTH = 3


def masked(cv_data: dict[str, Any]) -> dict[str, Any]:
    """Return a copy with his name, e-mails and phones masked, wherever they stand in it."""
    own = text_of(cv_data.get("name"))
    hidden = {field: _masked_in(value, own) for field, value in cv_data.items()}
    if own:
        hidden["name"] = _initials(own)
    for field in ("email", "phone"):
        if hidden.get(field) == cv_data.get(field) and text_of(cv_data.get(field)):
            hidden[field] = _DOTS  # it looks like no address or number, and may still be his
    return hidden


def _masked_in(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {_masked_text(key, name): _masked_in(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked_in(item, name) for item in value]
    text = text_of(value)
    masked_text = _masked_text(text, name)
    return value if masked_text == text else masked_text


def _masked_text(text: str, name: str) -> str:
    text = _MAIL.sub(lambda found: f"{found[0][0]}{_DOTS}@{_DOTS}", text)
    text = _PHONE.sub(lambda found: f"{_DOTS} {found[0][-2:]}", text)
    if len(name) < _MIN_NAME_LENGTH:
        return text
    return re.sub(re.escape(name), _initials(name), text, flags=re.IGNORECASE)


def _initials(name: str) -> str:
    return " ".join(word[0] + _DOTS for word in name.split())
