"""Whatever a parser or another service wrote, a resume is shown as texts, lists and entries."""

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from resumes.correct import FIELDS
from webapp.resume_view import editable_texts, view_of
from webapp.stored_panel import form_changes

PARSED = {
    "name": "Nguyễn Văn A",
    "email": "a@example.com",
    "phone": "0901 234 567",
    "summary": "Builds.\nTests.",
    "skills": ["Go", "Kafka"],
    "experience": [
        {"title": "Developer", "company": "UIT", "duration": "2020-2024", "achievements": ["Prize"]}
    ],
    "education": [{"degree": "Bachelor", "gpa": 3.5, "graduation_year": 2020}],
    "languages": [],
    "certifications": None,
}


def test_a_parsed_resume_is_shown_whole() -> None:
    view = view_of(PARSED)

    assert (view.name, view.skill, view.languages) == ("Nguyễn Văn A", ["Go", "Kafka"], [])
    assert view.experience == [
        {"title": "Developer", "company": "UIT", "duration": "2020-2024", "achievements": ["Prize"]}
    ]
    assert view.education == [{"degree": "Bachelor", "gpa": "3.5", "graduation_year": "2020"}]
    assert not view.is_bare


def test_a_stored_resume_has_one_object_where_the_parser_gives_a_list() -> None:
    stored = {"skill": ["Go"], "education": {"degree": "Bachelor"}, "experience": {"title": ""}}
    view = view_of(stored)

    assert view.skill == ["Go"]
    assert view.education == [{"degree": "Bachelor"}]
    assert view.experience == []


@pytest.mark.parametrize(
    "value", [None, "", [], {}, [None, ""], {"a": []}, [{}], [[], [{"a": None}]]], ids=repr
)
def test_nothing_in_any_shape_shows_nothing(value: object) -> None:
    view = view_of(dict.fromkeys(FIELDS, value))

    assert view.is_bare
    assert view.name == view.email == view.phone == ""


@pytest.mark.parametrize(
    "value",
    [0, 1.5, True, "text", ["a", ["b", {"c": "d"}]], {"a": {"b": ["c"]}}, [[["deep"]]]],
    ids=repr,
)
def test_any_other_value_is_text_in_every_field(value: object) -> None:
    view = view_of(dict.fromkeys(FIELDS, value))
    texts = [view.name, view.summary, *view.skill]

    assert all(texts)
    assert all(isinstance(text, str) for text in texts)
    for entry in (*view.experience, *view.education):
        assert all(isinstance(member, str | list) for member in entry.values())


def test_an_entry_that_is_no_object_is_its_title() -> None:
    view = view_of({"experience": ["Developer at UIT"], "education": ["Bachelor", ""]})

    assert view.experience == [{"title": "Developer at UIT"}]
    assert view.education == [{"degree": "Bachelor"}]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_the_dialogs_hold_comes_back_as_it_was(newline: str) -> None:
    detail: dict[str, Any] = {
        "name": "A",
        "skill": ["Go", "Kafka"],
        "experience": {"title": "Developer", "achievements": ["One", "Two"]},
    }
    texts = editable_texts(detail)
    sent = MultiDict((name, text.replace("\n", newline)) for name, text in texts.items())
    changes = form_changes(sent)

    assert changes["name"] == "A"
    assert changes["skill"] == ["Go", "Kafka"]
    assert changes["experience"]["achievements"] == ["One", "Two"]
    assert set(changes) == set(FIELDS)


def test_a_form_changes_only_what_it_names() -> None:
    assert form_changes(MultiDict({"experience.title": "Lead", "other": "x"})) == {
        "experience": {"title": "Lead"}
    }
    assert form_changes(MultiDict()) == {}
