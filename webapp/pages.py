"""The pages people see: upload (`/`) and a stored resume (`/resumes/<id>`), and their assets.

The server renders the shell in the reader's language; the page asks the API for its parts with his
token (`webapp.panels`), so nothing here reads a database, and every answer may go to anybody.
Assets live below `/assets/<version>/`, where the version is a hash over all of them: browsers keep
them for a year, and modules that import each other by relative paths still change together.
"""

import gzip
import hashlib
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, send_from_directory, url_for

from resumes.job import is_object_id
from webapp.i18n import LANGUAGE_COOKIE, LANGUAGES, reader_texts
from webapp.panels import problem_view

_STATIC = Path(__file__).parent / "static"
_YEAR_S = 365 * 24 * 3600
_VERSION_LENGTH = 12


def pages_blueprint() -> Blueprint:
    """Build the blueprint of the pages; hashes the assets once."""
    pages = Blueprint("pages", __name__, template_folder="templates")
    version = assets_version(_STATIC)
    compressed = _compressed(_STATIC)

    def asset(version_asked: str, filename: str) -> Response:
        response = send_from_directory(_STATIC, filename)
        if filename in compressed:
            response.vary.add("Accept-Encoding")
            if request.accept_encodings["gzip"] and response.status_code == HTTPStatus.OK:
                response.close()
                response.set_data(compressed[filename])
                response.headers["Content-Encoding"] = "gzip"
                response.set_etag(f"{version}-gzip")
        if version_asked == version:
            response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        return response

    # Also for the other blueprints' templates.
    @pages.app_context_processor
    def addresses() -> dict[str, object]:
        return {"asset": partial(url_for, "pages.asset", version_asked=version)}

    def favicon() -> Response:
        return send_from_directory(_STATIC, "favicon.svg", max_age=_YEAR_S)

    pages.add_url_rule("/", "upload", _upload)
    pages.add_url_rule("/resumes/<resume_id>", "resume", _resume)
    pages.add_url_rule("/assets/<version_asked>/<path:filename>", "asset", asset)
    # Browsers ask for it by this name where a page names no icon: the JSON answers.
    pages.add_url_rule("/favicon.ico", "favicon", favicon)
    return pages


def assets_version(folder: Path) -> str:
    """Hash the names and contents of every file below `folder`."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:_VERSION_LENGTH]


def _compressed(folder: Path) -> dict[str, bytes]:
    """Return the texts below `folder`, compressed once and for all; fonts are compressed already.

    Pages are not: what they hold for the signed in, and what an address puts into them, would show
    in their length (the BREACH attack).
    """
    return {
        path.relative_to(folder).as_posix(): gzip.compress(path.read_bytes(), mtime=0)
        for path in folder.rglob("*")
        if path.suffix in {".css", ".js", ".svg"}
    }


def _language_links() -> dict[str, str]:
    """Return the present address once per language, everything else in it kept."""
    query = request.args.to_dict()
    return {
        language: f"{request.path}?{urlencode({**query, 'lang': language})}"
        for language in LANGUAGES
    }


def _upload() -> Response:
    job_id = request.args.get("job")
    job_id = job_id if is_object_id(job_id) else None
    return _page("upload.html", job_id=job_id, reason=None, problem=problem_view("network"))


def _resume(resume_id: str) -> Response:
    return _page("resume.html", resume_id=resume_id)


def _page(template: str, **values: object) -> Response:
    texts = reader_texts()
    language = texts.language
    response = Response(
        render_template(template, t=texts, language_links=_language_links(), **values)
    )
    response.headers["Content-Language"] = language
    response.headers["Cache-Control"] = "no-cache"
    response.vary.update(("Accept-Language", "Cookie"))
    if request.args.get("lang") == language:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, samesite="Lax")
    return response
