"""Choose the reader's language and hand out the page's texts in it.

The texts are data: `locales/<language>.json`, one flat object a language, every key in each of them
(tests/unit/webapp/test_i18n.py holds that). Loaded once per process and immutable from then on, so
any thread may read them. A text that is missing is a KeyError, never a blank on the page.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Request

LANGUAGES = ("en", "vi")
DEFAULT_LANGUAGE = "en"
LANGUAGE_COOKIE = "lang"

_LOCALES = Path(__file__).parent / "locales"
#: Texts the templates alone use; all others travel to the browser as well.
_SERVER_ONLY_PREFIX = "page."


@dataclass(frozen=True)
class Catalog:
    """The texts of one language; calling it gives one text with its `{placeholders}` filled."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: str) -> str:
        """Return the text of `key`; KeyError for one there is not."""
        return self.texts[key].format_map(values)

    def for_browser(self) -> dict[str, str]:
        """The texts the scripts need: they fill the placeholders themselves."""
        return {
            key: text for key, text in self.texts.items() if not key.startswith(_SERVER_ONLY_PREFIX)
        }


def load_catalogs() -> dict[str, Catalog]:
    """Read every language's texts from disk."""
    return {
        language: Catalog(
            language, json.loads((_LOCALES / f"{language}.json").read_text(encoding="utf-8"))
        )
        for language in LANGUAGES
    }


def choose_language(request: Request) -> str:
    """Take what the reader asked for: `?lang=`, else his earlier choice, else his browser's."""
    for wish in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in LANGUAGES:
            return wish
    return request.accept_languages.best_match(LANGUAGES) or DEFAULT_LANGUAGE
