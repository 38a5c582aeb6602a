"""The pages' shells, their assets and what may be kept of them."""

import gzip
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.pages import assets_version, pages_blueprint

GZIP = {"Accept-Encoding": "gzip"}
STATIC = Path(__file__).parents[3] / "webapp" / "static"
RESUME = "/resumes/65f7a1234567890abcdef789"


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("test", static_folder=None)
    app.register_blueprint(pages_blueprint())
    return app.test_client()


@pytest.mark.parametrize("path", ["/", RESUME])
@pytest.mark.parametrize(
    ("language", "word"), [("en", "Please sign in"), ("vi", "Vui lòng đăng nhập")]
)
def test_a_page_is_in_the_language_it_says(
    client: FlaskClient, path: str, language: str, word: str
) -> None:
    response = client.get(path, headers={"Accept-Language": language})

    assert response.status_code == 200
    assert word in response.text
    assert f'<html lang="{language}">' in response.text
    assert response.headers["Content-Language"] == language
    assert set(response.vary) >= {"Accept-Language", "Cookie"}


def test_a_language_chosen_by_link_is_remembered(client: FlaskClient) -> None:
    client.get("/?lang=vi")

    assert '<html lang="vi">' in client.get("/").text


def test_the_language_links_keep_the_rest_of_the_address(client: FlaskClient) -> None:
    assert 'href="/?job=abc&amp;lang=vi"' in client.get("/?job=abc&lang=en").text
    assert f'href="{RESUME}?lang=vi"' in client.get(RESUME).text


def test_a_language_link_stays_on_this_site_whatever_the_address_says(client: FlaskClient) -> None:
    html = client.get(f"{RESUME}?_external=1&_scheme=javascript&resume_id=1").text

    assert f'href="{RESUME}?_external=1&amp;_scheme=javascript' in html


@pytest.mark.parametrize("path", ["/", RESUME])
def test_a_page_holds_no_script_or_style_of_its_own(client: FlaskClient, path: str) -> None:
    html = client.get(path + "?lang=</script><script>alert(1)</script>").text

    assert "<style" not in html
    assert " style=" not in html
    assert html.count("<script") == 3
    assert '<script type="application/json"' in html
    assert '<script type="module" src="/assets/' in html
    assert '<script defer src="/assets/' in html


def test_assets_are_kept_for_a_year_under_their_own_version_alone(client: FlaskClient) -> None:
    with client.get(f"/assets/{assets_version(STATIC)}/js/page.js") as now:
        assert now.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert now.mimetype == "text/javascript"
    with client.get("/assets/older/js/page.js") as other:
        assert other.headers["Cache-Control"] == "no-cache"


def test_assets_travel_compressed_to_who_takes_them_so(client: FlaskClient) -> None:
    address = f"/assets/{assets_version(STATIC)}/vendor/pico/pico.jade.min.css"
    with client.get(address) as plain, client.get(address, headers=GZIP) as packed:
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 4
        assert packed.mimetype == plain.mimetype == "text/css"
        assert plain.vary.as_set() == packed.vary.as_set() == {"accept-encoding"}


def test_fonts_travel_as_they_are(client: FlaskClient) -> None:
    font = "plus-jakarta-sans-latin-wght-normal.woff2"
    with client.get(f"/assets/x/vendor/plus-jakarta-sans/{font}", headers=GZIP) as answer:
        assert "Content-Encoding" not in answer.headers


def test_nothing_beside_the_assets_is_served(client: FlaskClient) -> None:
    assert client.get("/assets/x/../../pages.py").status_code == 404


def test_the_version_changes_with_any_asset(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    before = assets_version(tmp_path)
    (tmp_path / "a.js").write_text("2")

    assert assets_version(tmp_path) != before


def test_there_is_an_icon_for_pages_that_name_none(client: FlaskClient) -> None:
    with client.get("/favicon.ico") as icon:
        assert icon.mimetype == "image/svg+xml"
