"""The page speaks both languages completely, and picks the one its reader wants."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest
from flask import Flask, request

from resumes import errors
from webapp.i18n import DEFAULT_LANGUAGE, LANGUAGES, choose_language, load_catalogs

WEBAPP = Path(__file__).parents[3] / "webapp"
CATALOGS = load_catalogs()
OTHERS = [language for language in LANGUAGES if language != DEFAULT_LANGUAGE]

#: No reader of the page meets these: the worker and the dead letters do.
INTERNAL_CODES = {
    "invalid_record",
    "claim_lost",
    "interrupted",
    "run_later",
    "queue_unavailable",
}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def codes_of(error: type[errors.ResumeError]) -> set[str]:
    return {error.code}.union(*(codes_of(child) for child in error.__subclasses__()))


def source(pattern: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(WEBAPP.glob(pattern)))


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_exactly_the_texts_of_the_default_one(language: str) -> None:
    assert set(CATALOGS[language].texts) == set(CATALOGS[DEFAULT_LANGUAGE].texts)


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_the_same_placeholders(language: str) -> None:
    for key, text in CATALOGS[DEFAULT_LANGUAGE].texts.items():
        assert placeholders(CATALOGS[language].texts[key]) == placeholders(text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_written_twice(language: str) -> None:
    pairs = json.loads(
        (WEBAPP / "locales" / f"{language}.json").read_text(encoding="utf-8"),
        object_pairs_hook=list,
    )

    assert len({key for key, _ in pairs}) == len(pairs)
    assert all(text.strip() for _, text in pairs)


def test_every_problem_a_reader_can_meet_has_a_title_and_a_next_step() -> None:
    texts = CATALOGS[DEFAULT_LANGUAGE].texts
    by_http = {"unauthorized", "bad_request", "not_found", "method_not_allowed", "forbidden"}

    for code in (codes_of(errors.ResumeError) | by_http | {"network"}) - INTERNAL_CODES:
        assert {f"problem.{code}.title", f"problem.{code}.next"} <= set(texts)


def test_every_text_is_used_and_every_text_used_exists() -> None:
    catalog = CATALOGS[DEFAULT_LANGUAGE]
    pages, python = source("templates/*.html") + source("static/js/*.js"), source("*.py")
    used = set(re.findall(r"""\bt\(["']([a-z_.]+[a-z_])["']""", pages))
    families = set(re.findall(r"""["'`]([a-z_.]+\.)(?:["']\s*~|\$?\{)""", pages + python))
    quoted = set(re.findall(r"""["']([a-z_.]+)["']""", pages + python))
    texts = set(catalog.texts)

    assert used <= texts | set(catalog.for_browser())
    unused = texts - used - quoted
    assert {text for text in unused if not text.startswith(tuple(families))} == set()


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/", {}, "en"),
        ("/", {"Accept-Language": "vi-VN,vi;q=0.9,en;q=0.8"}, "vi"),
        ("/", {"Accept-Language": "fr, vi;q=0.5, en;q=0.4"}, "vi"),
        ("/", {"Accept-Language": "fr"}, "en"),
        ("/", {"Accept-Language": "vi", "Cookie": "lang=en"}, "en"),
        ("/?lang=vi", {"Accept-Language": "en", "Cookie": "lang=en"}, "vi"),
        ("/?lang=xx", {"Cookie": "lang=vi"}, "vi"),
        ("/", {"Accept-Language": "en", "Cookie": "lang=<script>"}, "en"),
    ],
)
def test_the_reader_gets_the_language_he_asked_for(
    path: str, headers: dict[str, str], language: str
) -> None:
    with Flask("test").test_request_context(path, headers=headers):
        assert choose_language(request) == language
