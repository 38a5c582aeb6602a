"""Choose the reader's language and hand out the page's texts in it.

The texts are data: `locales/<language>.json`, one flat object a language, every key in each of them
(tests/unit/webapp/test_i18n.py holds that). Loaded once per process and immutable from then on, so
any thread may read them. A text that is missing is a KeyError, never a blank on the page.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Request, request

LANGUAGES = ("en", "vi")
DEFAULT_LANGUAGE = "en"
LANGUAGE_COOKIE = "lang"

_LOCALES = Path(__file__).parent / "locales"
#: Texts that the scripts write, so that they travel to the browser.
_CLIENT_PREFIX = "client."
#: Problems that the browser finds before it asks us.
_CLIENT_PROBLEMS = ("several_files", "file_empty", "file_too_large", "not_a_pdf", "network")


@dataclass(frozen=True)
class Catalog:
    """The texts of one language; calling it gives one text with its `{placeholders}` filled."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: str) -> str:
        """Return the text of `key`; KeyError for one there is not."""
        return self.texts[key].format_map(values)

    def number(self, value: int) -> str:
        """Return the number as it is written in the language."""
        separator = {"vi": "."}.get(self.language, ",")
        return f"{value:,}".replace(",", separator)

    def knows_problem(self, code: str) -> bool:
        """True where the problem has texts of its own."""
        return f"problem.{code}.title" in self.texts

    def problem(self, code: str, message: str = "") -> str:
        """Return a problem's name and what to do next; `message` where its code is new to us."""
        if not self.knows_problem(code):
            return f"{self('problem.unknown.title')}. {message or self('problem.unknown.next')}"
        return f"{self(f'problem.{code}.title')}. {self(f'problem.{code}.next')}"

    def for_browser(self) -> dict[str, str]:
        """The texts the scripts need: they fill the placeholders themselves."""
        written = {key: text for key, text in self.texts.items() if key.startswith(_CLIENT_PREFIX)}
        return written | {f"problem.{code}": self.problem(code) for code in _CLIENT_PROBLEMS}


@cache
def load_catalogs() -> dict[str, Catalog]:
    """Read every language's texts from disk, once."""
    return {
        language: Catalog(
            language, json.loads((_LOCALES / f"{language}.json").read_text(encoding="utf-8"))
        )
        for language in LANGUAGES
    }


def reader_texts() -> Catalog:
    """Return the texts in the language of whoever makes the current request."""
    return load_catalogs()[choose_language(request)]


def choose_language(request: Request) -> str:
    """Take what the reader asked for: `?lang=`, else his earlier choice, else his browser's."""
    for wish in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in LANGUAGES:
            return wish
    return request.accept_languages.best_match(LANGUAGES) or DEFAULT_LANGUAGE
