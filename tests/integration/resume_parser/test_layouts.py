"""Whole resumes, drawn as PDFs in several languages and layouts, through the pure parser."""

from collections.abc import Callable

import pytest

from resume_parser.parse import read_cv
from resume_parser.pdf import read_pages
from tests.integration.resume_parser import layouts

CASES = [
    (
        layouts.german_table,
        "Jürgen Weiß",
        "juergen.weiss@example.com",
        [
            ("Softwareentwickler", "Beispiel Systeme GmbH", "2019-03 - Present"),
            ("Fachinformatiker", "Muster & Söhne KG", "2015-08 - 2019-02"),
        ],
        ("Bachelor of Science Informatik", "Technische Hochschule Köln", 2015, 1.7),
        ["Deutsch (Muttersprache)", "Englisch (verhandlungssicher)"],
    ),
    (
        layouts.french_sidebar,
        "Élodie Marchand",
        "elodie.marchand@example.com",
        [
            ("Cheffe de projet marketing", "Agence Exemple", "2020-01 - Present"),
            ("Chargée de communication", "Société Modèle", "2016-09 - 2019-12"),
        ],
        ("Master Marketing digital", "Université Lumière Lyon 2", 2016, None),
        ["Français (langue maternelle)", "Anglais (courant)"],
    ),
    (
        layouts.spanish_plain,
        "Lucía Fernández Ortega",
        "lucia.fernandez@example.com",
        [
            ("Contable senior", "Ejemplo y Asociados", "2018-01 - Present"),
            ("Auxiliar administrativa", "Grupo Muestra", "2013-03 - 2017-05"),
        ],
        ("Grado en Administración de Empresas", "Universidad de Ejemplo", 2012, None),
        ["Español (nativo)", "Inglés (B2)"],
    ),
    (
        layouts.english_ruled,
        "Martha Quill",
        "m.quill@example.org",
        [
            ("Operations Analyst", "Sample Harbor Logistics", "2021-07 - Present"),
            ("Purchasing Assistant", "Fictional Foods, Inc.", "2019-06 - 2021-06"),
        ],
        ("Bachelor of Arts in Economics", "Placeholder State University", 2019, 3.62),
        ["English (native)", "Portuguese (fluent)"],
    ),
]


@pytest.mark.parametrize(
    ("draw", "name", "email", "jobs", "degree", "languages"),
    CASES,
    ids=[case[0].__name__ for case in CASES],
)
def test_a_resume_is_read_in_its_layout_and_language(
    draw: Callable[[], bytes],
    name: str,
    email: str,
    jobs: list[tuple[str, str, str]],
    degree: tuple[str, str, int, float | None],
    languages: list[str],
) -> None:
    cv_data = read_cv(read_pages(draw()))

    assert (cv_data["name"], cv_data["email"]) == (name, email)
    assert cv_data["phone"]
    found = [(job["title"], job["company"], job["duration"]) for job in cv_data["experience"]]
    assert found == jobs
    assert all(job["responsibilities"] for job in cv_data["experience"])
    assert [tuple(education.values()) for education in cv_data["education"]] == [degree]
    assert cv_data["languages"] == languages
