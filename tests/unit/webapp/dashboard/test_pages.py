"""The pages an operator reads."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from resumes.operating import Operator, Role
from tests.unit.webapp.dashboard.in_memory import CV_DATA, FILES, TRACE, object_id
from tests.unit.webapp.dashboard.site import Site, with_operations

STATIC = Path(__file__).parents[4] / "webapp" / "static"
FAILED, COMPLETED = object_id(3), object_id(630)
PAGES = [
    "/dashboard",
    "/dashboard?span=day",
    "/dashboard/jobs",
    "/dashboard/jobs?state=failed&error_code=parser_unavailable&cursor=50",
    f"/dashboard/jobs/{FAILED}",
    f"/dashboard/jobs/{COMPLETED}",
    "/dashboard/failures",
    "/dashboard/operations",
    "/dashboard/operations/new?kind=replay&state=failed",
    "/dashboard/operations/65f7a10000000000000b0000",
    "/dashboard/operations/65f7a10000000000000b0001",
    "/dashboard/letters",
    "/dashboard/letters?all=1",
    "/dashboard/letters/3:17",
    "/dashboard/letters/4:2",
    "/dashboard/lanes",
    "/dashboard/audit",
]


@pytest.fixture
def viewer(site: Site) -> FlaskClient:
    site.guard.operator = Operator("an.vo", Role.VIEWER)
    return site.app.test_client()


@pytest.mark.parametrize("address", PAGES)
def test_a_page_obeys_the_policy_and_is_kept_by_nobody(
    site: Site, client: FlaskClient, address: str
) -> None:
    with_operations(site)
    answer = client.get(address)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)|hx-on|js:", answer.text)
    assert "None" not in answer.text
    for form in re.findall(r'<form[^>]* method="post".*?</form>', answer.text, re.DOTALL):
        assert 'name="csrf_token" value="the-csrf-token"' in form


@pytest.mark.parametrize("address", PAGES)
def test_an_id_stands_once_in_a_page(site: Site, client: FlaskClient, address: str) -> None:
    with_operations(site)
    ids = re.findall(r'\sid="([^"]*)"', client.get(address).text)

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("address", PAGES)
def test_who_may_only_look_is_offered_nothing_to_do(
    site: Site, viewer: FlaskClient, address: str
) -> None:
    with_operations(site)
    answer = viewer.get(address)
    forms = re.findall(r'<form[^>]* method="post" action="([^"]*)"', answer.text)

    assert forms == ([] if "/new" in address else ["/dashboard/sign-out"])
    assert answer.status_code == (403 if "/new" in address else 200)


@pytest.mark.parametrize(
    "address", [page for page in PAGES if "/operations/" not in page and "/jobs/" not in page]
)
def test_a_page_of_a_new_service_is_no_blank(address: str) -> None:
    empty = Site(listed=[])
    empty.letters.known.clear()
    empty.queue.alive = []
    if address.startswith("/dashboard/letters/"):
        return
    answer = empty.app.test_client().get(address)

    assert answer.status_code == 200
    assert 'class="empty"' in answer.text or "lanes" in address


def test_the_overview_shows_how_things_stand(client: FlaskClient) -> None:
    html = client.get("/dashboard").text
    figures = dict(
        re.findall(
            r"<dt>(?:<a[^>]*>)?([^<]*)(?:</a>)?</dt>\s*<dd>([^<]*?) ?(?:<small>.*?</small>)?</dd>",
            html,
        )
    )

    assert figures["Completed"] == "1,000,000"
    assert figures["Failed"] == "513"
    assert figures["Dead letters"] == "2"
    assert figures["Parser breaker"] == "open"
    assert "for 21 min 50 s" in html
    assert figures["Workers alive"] == "2"
    assert "<title>(5) Overview" in html
    assert html.count('scope="row" data-value') == 60


def test_the_overview_is_there_when_kafka_is_not(site: Site, client: FlaskClient) -> None:
    site.queue.is_reachable = site.letters.is_reachable = False
    html = client.get("/dashboard").text

    assert html.count("Kafka can&#39;t be reached.") == 2
    assert "513" in html
    assert client.get("/dashboard/letters").status_code == 503
    assert client.get(f"/dashboard/jobs/{FAILED}").status_code == 200


def test_a_row_of_the_list_says_what_went_wrong(client: FlaskClient) -> None:
    html = client.get("/dashboard/jobs?state=failed&error_code=scan_without_text").text
    rows = html.split("<tbody>")[1]

    assert rows.count("<tr ") == 12
    assert "scan without text: The PDF is a scan" in rows
    assert "5/5" in rows
    assert "<strong>12</strong> failed jobs" in html


def test_the_next_page_keeps_the_filter(client: FlaskClient) -> None:
    first = client.get("/dashboard/jobs?state=failed&error_code=parser_unavailable").text
    [older] = re.findall(r'<a href="([^"]*)" rel="next"', first)

    assert "state=failed" in older
    assert "error_code=parser_unavailable" in older
    second = client.get(older.replace("&amp;", "&")).text
    assert set(re.findall(r'id="job-(\w+)"', first)).isdisjoint(
        re.findall(r'id="job-(\w+)"', second)
    )
    assert "First page" in second


def test_a_condition_that_cannot_be_read_is_answered_with_advice(client: FlaskClient) -> None:
    answer = client.get("/dashboard/jobs?state=lost&user_id=me")

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "<tbody>" not in answer.text


def test_the_filter_form_shows_what_is_filtered(client: FlaskClient) -> None:
    html = client.get("/dashboard/jobs?state=failed&since=2026-11-25T08:00&min_attempts=2").text

    assert '<option value="failed" selected>' in html
    assert 'value="2026-11-25T08:00"' in html
    assert 'max="99999" value="2"' in html


def test_jobs_are_found_by_their_ids(client: FlaskClient) -> None:
    answer = client.get(f"/dashboard/jobs?job_ids={FAILED},{COMPLETED}")
    rows = re.findall(r'<tr id="job-(\w+)"', answer.text)

    assert sorted(rows) == sorted([FAILED, COMPLETED])
    assert f'name="job_ids" value="{FAILED},{COMPLETED}"' in answer.text


def test_a_job_has_its_timeline_with_traces_for_operators(site: Site, client: FlaskClient) -> None:
    html = client.get(f"/dashboard/jobs/{FAILED}").text

    assert html.count("<li data-state") == 11
    assert html.count("parser_client.py") >= 5
    assert "resume-parse-jobs 3:18204" in html
    assert "Similar failures" in html
    site.guard.operator = Operator("an.vo", Role.VIEWER)
    assert TRACE.split(chr(34))[1] not in client.get(f"/dashboard/jobs/{FAILED}").text


def test_a_resume_is_masked_until_an_operator_asks(site: Site, client: FlaskClient) -> None:
    address = f"/dashboard/jobs/{COMPLETED}"
    assert "Nguyễn Văn An" not in client.get(address).text

    shown = client.post(f"{address}/resume", data={"reason": "A call from him"})

    assert "Nguyễn Văn An" in shown.text
    assert "hx-get" not in shown.text
    [entry] = site.audit.noted
    assert (entry.operator, entry.action) == ("minh.tran", "resume.revealed")
    assert (entry.target, entry.reason) == (COMPLETED, "A call from him")


@pytest.mark.parametrize("value", [7, 1.5, True, "Go", {"a": ["Go"]}, [[["Go"]]], [None, 7], [{}]])
def test_a_resume_of_odd_types_is_shown_as_text(
    site: Site, client: FlaskClient, value: object
) -> None:
    [done] = [listed for listed in site.listed if listed.job.id == COMPLETED]
    post = dict.fromkeys(("title", "duration", "responsibilities"), value)
    odd = dict.fromkeys(CV_DATA, value) | {"experience": [post, value]}
    site.listed[site.listed.index(done)] = replace(done, job=replace(done.job, cv_data=odd))

    address = f"/dashboard/jobs/{COMPLETED}"
    assert client.get(address).status_code == 200
    assert client.post(f"{address}/resume", data={"reason": "A call"}).status_code == 200


def test_a_viewer_is_shown_no_resume_and_nothing_is_noted(site: Site, viewer: FlaskClient) -> None:
    answer = viewer.post(f"/dashboard/jobs/{COMPLETED}/resume")

    assert answer.status_code == 403
    assert "Nguyễn" not in answer.text
    assert site.audit.noted == []


def test_a_file_is_handed_out_to_operators_as_a_file_and_noted(
    site: Site, client: FlaskClient
) -> None:
    answer = client.post(f"/dashboard/jobs/{FAILED}/file", data={"reason": "To try it by hand"})

    assert (answer.status_code, answer.data) == (200, b"%PDF-1.7 ...")
    assert answer.headers["Content-Disposition"] == f"attachment; filename={FAILED}.pdf"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    [entry] = site.audit.noted
    assert (entry.operator, entry.action) == ("minh.tran", "file.downloaded")
    assert (entry.target, entry.reason) == (FAILED, "To try it by hand")


@pytest.mark.parametrize("job_id", [COMPLETED, object_id(0xFFFF), "x"])
def test_a_file_that_is_gone_is_not_handed_out(
    site: Site, client: FlaskClient, job_id: str
) -> None:
    assert client.post(f"/dashboard/jobs/{job_id}/file").status_code == 404
    assert site.audit.noted == []


def test_a_viewer_gets_no_file(site: Site, viewer: FlaskClient) -> None:
    assert viewer.post(f"/dashboard/jobs/{FAILED}/file").status_code == 403
    assert "Download" not in viewer.get(f"/dashboard/jobs/{FAILED}").text
    assert site.audit.noted == []


def test_a_failed_job_leads_to_its_like_and_to_its_users_success(
    site: Site, client: FlaskClient
) -> None:
    mine = next(one for one in site.listed if one.job.id == FAILED).job
    done = next(one for one in site.listed if one.job.id == COMPLETED)
    site.listed.append(replace(done, job=replace(done.job, id="d" * 24, user_id=mine.user_id)))
    html = client.get(f"/dashboard/jobs/{FAILED}").text

    assert "/dashboard/jobs?state=failed&amp;error_code=parser_unavailable" in html
    assert f'href="/dashboard/jobs/{"d" * 24}"' in html
    assert "last success" not in client.get(f"/dashboard/jobs/{COMPLETED}").text


def test_a_page_without_letters_of_its_kind_says_where_to_go_on(
    site: Site, client: FlaskClient
) -> None:
    site.letters.known.clear()
    site.letters.goes_on_at = "0:7"
    html = client.get("/dashboard/letters").text

    assert "None among the latest." in html
    assert "cursor=0:7" in html


def test_an_unreadable_record_is_shown_in_text_and_bytes(client: FlaskClient) -> None:
    html = client.get("/dashboard/letters/3:17").text

    assert "not JSON:" in html
    assert "Xin chào" in html
    assert "6e 6f 74 20 4a 53 4f 4e" in html
    assert "kafka_dlt-original-offset" in html


@pytest.mark.parametrize(
    "address", ["jobs/nothing", f"jobs/{object_id(9999)}", "operations/none", "letters/9:9"]
)
def test_what_is_not_there_is_said_on_a_page(client: FlaskClient, address: str) -> None:
    answer = client.get(f"/dashboard/{address}")

    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "There is no such" in answer.text


def test_the_export_holds_all_that_match_and_no_formulas(site: Site, client: FlaskClient) -> None:
    csv = client.get("/dashboard/jobs/export.csv?state=failed&error_code=parser_unavailable")
    lines = csv.text.splitlines()

    assert csv.mimetype == "text/csv"
    assert len(lines) == 501
    assert lines[0].startswith("job_id,state,attempt")
    assert ",'=HYPERLINK(evil).pdf" in csv.text
    assert ",=" not in csv.text
    assert site.audit.noted[0].action == "jobs.exported"
    ndjson = client.get("/dashboard/jobs/export.ndjson?state=completed")
    assert ndjson.json is None or FILES[0] in ndjson.text
    assert len(ndjson.text.splitlines()) == 1


def test_each_page_lets_one_sign_out_here_and_everywhere(client: FlaskClient) -> None:
    html = client.get("/dashboard/audit").text
    [form] = re.findall(
        r'<form method="post" action="/dashboard/sign-out">.*?</form>', html, re.DOTALL
    )

    assert 'formaction="/dashboard/sign-out-everywhere"' in form
    assert 'name="csrf_token" value="the-csrf-token"' in form


def test_the_present_page_is_marked_in_the_navigation(client: FlaskClient) -> None:
    here = r'<a href="([^"]*)" aria-current="page"'

    assert re.findall(here, client.get("/dashboard").text) == ["/dashboard"]
    assert re.findall(here, client.get(f"/dashboard/jobs/{FAILED}").text) == ["/dashboard/jobs"]
    assert '<a href="/dashboard/tasks/">Tasks' in client.get("/dashboard").text


@pytest.mark.parametrize("address", ["/dashboard/nonsense", "/dashboard/jobs/1/2/3"])
def test_a_mistyped_address_is_answered_with_a_page(client: FlaskClient, address: str) -> None:
    answer = client.get(address)

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no such page." in answer.text


@pytest.mark.parametrize("address", PAGES)
def test_a_page_with_all_that_it_loads_is_light(
    site: Site, client: FlaskClient, address: str
) -> None:
    with_operations(site)
    html = client.get(address).data
    names = set(re.findall(r'"/assets/\w+/([^"]+)"', html.decode()))
    loaded = [(STATIC / name).read_bytes() for name in names]
    fonts = (STATIC / "vendor" / "plus-jakarta-sans").glob("*.woff2")
    weight = sum(len(gzip.compress(data)) for data in [html, *loaded])
    weight += sum(font.stat().st_size for font in fonts)

    assert len(loaded) >= 6
    assert weight <= 150 * 1024
