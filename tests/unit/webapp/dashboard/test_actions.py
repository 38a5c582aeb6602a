"""What an operator does on the pages, by their forms alone."""

import html
import re

from flask.testing import FlaskClient

from resumes.job_filter import JobFilter, JobState
from resumes.operating import OperationKind, Operator, Role
from tests.unit.webapp.dashboard.in_memory import object_id
from tests.unit.webapp.dashboard.site import Site, with_operations

OUTAGE = JobFilter(state=JobState.FAILED, error_code="parser_unavailable")


def form_of(page: str, action: str) -> dict[str, str]:
    """Return the fields that a form is sent with when nobody changes anything."""
    [form] = re.findall(rf'<form[^>]* action="{action}".*?</form>', page, re.DOTALL)
    inputs = re.findall(r"<input[^>]*>", form)
    return {
        name[1]: value[1] if value else ""
        for name, value in (
            (re.search(r'name="([^"]*)"', one), re.search(r'value="([^"]*)"', one))
            for one in inputs
        )
        if name
    }


def words_of(page: str) -> str:
    """Return what stands on a page, without its markup."""
    return " ".join(html.unescape(re.sub("<[^>]*>", "", page)).split())


def test_an_outage_is_replayed_by_a_dry_run_and_one_confirmation(
    site: Site, client: FlaskClient
) -> None:
    asked = client.get(
        "/dashboard/operations/new", query_string={"kind": "replay", **OUTAGE.to_values()}
    )
    assert OUTAGE.in_words() in asked.text

    dry = client.post(
        "/dashboard/operations",
        data=form_of(asked.text, "/dashboard/operations"),
        follow_redirects=True,
    )
    assert dry.request.path.startswith("/dashboard/operations/")
    said = words_of(dry.text)
    assert "497 can be replayed; 3 can't: already has a resume (2), file gone (1)." in said
    assert "Replay 497 jobs?" in said

    confirmed = {**form_of(dry.text, "/dashboard/operations"), "per_second": "20", "reason": "Down"}
    done = client.post("/dashboard/operations", data=confirmed, follow_redirects=True)

    assert "497 replayed; 3 not:" in words_of(done.text)
    dry_run, replay = site.operations.known.values()
    assert dry_run.asked.is_dry_run
    assert replay.asked.wanted == OUTAGE
    assert replay.asked.kind is OperationKind.REPLAY
    assert (replay.asked.operator, replay.asked.reason) == ("minh.tran", "Down")
    assert (replay.asked.per_second, replay.asked.max_count) == (20, 500)
    assert replay.asked.after_dry_run == dry_run.id
    assert not replay.asked.is_dry_run


def test_a_form_that_is_sent_twice_is_done_once(site: Site, client: FlaskClient) -> None:
    form = form_of(client.get(f"/dashboard/jobs/{object_id(3)}").text, "/dashboard/operations")
    places = [
        client.post("/dashboard/operations", data={**form, "kind": "replay"}).location
        for _ in range(2)
    ]

    assert places[0] == places[1]
    [operation] = site.operations.known.values()
    assert operation.asked.wanted == JobFilter(job_ids=frozenset({object_id(3)}))


def test_many_jobs_are_never_touched_without_a_dry_run(site: Site, client: FlaskClient) -> None:
    for form in ({}, OUTAGE.to_values(), {"job_ids": f"{object_id(1)},{object_id(2)}"}):
        answer = client.post("/dashboard/operations", data={"kind": "discard", **form})
        assert answer.status_code == 400
        assert "dry run" in answer.text
    assert site.operations.known == {}


def test_ticked_rows_are_meant_alone_and_else_the_whole_filter(client: FlaskClient) -> None:
    ticked = {"job_id": [object_id(1), object_id(2)], "kind": "discard", "state": "failed"}
    some = client.get("/dashboard/operations/new", query_string=ticked).text
    every = client.get("/dashboard/operations/new?kind=discard&state=failed").text

    assert "2 selected jobs" in some
    assert f'name="job_ids" value="{object_id(1)},{object_id(2)}"' in some
    assert "Discard all failed jobs" in every


def test_numbers_that_make_no_sense_are_refused(site: Site, client: FlaskClient) -> None:
    one = {"kind": "replay", "job_ids": object_id(3)}
    for odd in ({"per_second": "0"}, {"per_second": "1e9"}, {"max_count": "-1"}, {"kind": "drop"}):
        assert client.post("/dashboard/operations", data={**one, **odd}).status_code == 400
    assert site.operations.known == {}


def test_a_running_operation_is_watched_and_stopped(site: Site, client: FlaskClient) -> None:
    _, running, ended = with_operations(site)
    page = client.get(f"/dashboard/operations/{running}").text
    assert 'hx-trigger="every 1s, refresh"' in page
    assert '<progress max="500" value="155"' in page
    assert "hx-trigger" not in client.get(f"/dashboard/operations/{ended}").text

    stopped = client.post(f"/dashboard/operations/{running}/stop", follow_redirects=True).text

    assert "Stopped</h2>" in stopped
    assert "345 were not touched." in stopped


def test_the_report_says_what_became_of_each(site: Site, client: FlaskClient) -> None:
    done = with_operations(site)[2]
    refused = client.get(f"/dashboard/operations/{done}?only_refused=1").text
    assert refused.count('<tr id="item-') == 3
    assert refused.count(">already has a resume<") == 2

    report = client.get(f"/dashboard/operations/{done}/items.csv").text.splitlines()

    assert len(report) == 501
    assert sum("already_has_resume" in line for line in report) == 2


def test_a_viewer_starts_and_stops_nothing(site: Site, client: FlaskClient) -> None:
    running = with_operations(site)[1]
    site.guard.operator = Operator("an.vo", Role.VIEWER)
    for address, form in {
        "operations": {"kind": "replay", "job_ids": object_id(3)},
        f"operations/{running}/stop": {},
        "letters/3:17": {"way": "discard"},
        "lanes": {"name": "default", "way": "pause"},
    }.items():
        assert client.post(f"/dashboard/{address}", data=form).status_code == 403

    assert len(site.operations.known) == 3
    assert not site.letters.known["3:17"].is_handled
    assert not site.lanes.known["default"].is_paused


def test_a_letter_is_discarded_once_and_noted(site: Site, client: FlaskClient) -> None:
    form = {"way": "discard", "reason": "A test of ours"}
    first = client.post("/dashboard/letters/3:17", data=form, follow_redirects=True).text
    again = client.post("/dashboard/letters/3:17", data=form, follow_redirects=True).text

    assert "It was discarded." in first
    assert "Nothing was done" in again
    [entry] = site.audit.noted
    assert (entry.action, entry.target, entry.reason) == (
        "letter.discard",
        "3:17",
        "A test of ours",
    )
    assert client.post("/dashboard/letters/4:2", data={"way": "eat"}).status_code == 400


def test_a_letter_of_a_job_is_handled_with_the_job_alone(site: Site, client: FlaskClient) -> None:
    page = client.get("/dashboard/letters/0:3").text
    assert f'href="/dashboard/jobs/{object_id(3)}"' in page
    assert 'name="way"' not in page

    assert client.post("/dashboard/letters/0:3", data={"way": "replay"}).status_code == 400
    assert not site.letters.known["0:3"].is_handled


def test_a_lane_is_paused_and_goes_on(site: Site, client: FlaskClient) -> None:
    form = {"name": "default", "way": "pause", "reason": "Deploy"}
    for _ in range(2):
        paused = client.post("/dashboard/lanes", data=form, follow_redirects=True).text
    assert "Paused by minh.tran" in paused
    client.post("/dashboard/lanes", data={"name": "default", "way": "unpause"})

    assert not site.lanes.known["default"].is_paused
    assert [entry.action for entry in site.audit.noted] == ["lane.unpause", "lane.pause"]
    assert client.post("/dashboard/lanes", data={**form, "name": "nowhere"}).status_code == 404


def test_what_was_done_stands_in_the_audit_log(site: Site, client: FlaskClient) -> None:
    site.audit.note("lan.pham", "lane.pause", "vip", "<b>Deploy</b>")
    page = client.get("/dashboard/audit").text

    assert "lane pause" in page
    assert "&lt;b&gt;Deploy&lt;/b&gt;" in page
