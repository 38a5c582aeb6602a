"""The blueprint in an application of somebody else: its look, its guard, its forms, plain HTML."""

import re
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest
from flask import Flask, abort, request
from flask.testing import FlaskClient
from jinja2 import DictLoader
from markupsafe import Markup
from pymongo.database import Database
from werkzeug.test import TestResponse

from devstack import ports
from tasks.kafka_broker import KafkaBroker, QueueOptions
from tasks.kafka_broker.dashboard import task_dashboard
from tasks.kafka_broker.periodic import Periodic, every
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker

HOUR_MS = 3_600_000
TOKEN = "t0k3n"
BASE = "<title>{% block title %}{% endblock %}</title><b>Host</b>{% block content %}{% endblock %}"

Actions = list[tuple[str, str, str, str]]
MakeClient = Callable[..., FlaskClient]


def _authorize(is_action: bool) -> str:
    operator = request.headers.get("Operator", "ann")
    if operator == "nobody":
        abort(401)
    if is_action and (operator == "viewer" or request.form.get("csrf") != TOKEN):
        abort(403)
    return operator


@pytest.fixture
def actions() -> Actions:
    return []


@pytest.fixture
def make_client(database: Database[Any], actions: Actions) -> MakeClient:
    def make(broker: KafkaBroker, **options: Any) -> FlaskClient:
        app = Flask("host")
        app.jinja_loader = DictLoader({"host.html": BASE})
        app.register_blueprint(
            task_dashboard(
                broker,
                database,
                authorize=_authorize,
                csrf_field=lambda: Markup(f'<input type="hidden" name="csrf" value="{TOKEN}">'),
                on_action=lambda *action: actions.append(action),
                **options,
            ),
            url_prefix="/tasks",
        )
        return app.test_client()

    return make


@pytest.fixture
def broker(make_watched: MakeBroker) -> KafkaBroker:
    broker = make_watched(queues={"mails": QueueOptions(lanes=True)})

    @dramatiq.actor(broker=broker, queue_name="mails", max_retries=0)
    def go(name: str) -> None:
        if name == "dies":
            raise ValueError("<script>alert(1)</script>")

    broker.ensure_topics()
    return broker


@pytest.fixture
def client(make_client: MakeClient, broker: KafkaBroker) -> FlaskClient:
    return make_client(broker)


def _get(client: FlaskClient, path: str) -> str:
    response = client.get(f"/tasks{path}")
    assert response.status_code == 200, response.text
    return response.text


def _json(client: FlaskClient, path: str) -> Any:
    found = client.get(f"/tasks{path}?format=json")
    assert found.status_code == 200, found.text
    return found.get_json()


def _post(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    return client.post(f"/tasks{path}", data={"csrf": TOKEN, **form})


def _work_off(broker: KafkaBroker, start_worker: StartWorker) -> None:
    worker = start_worker(broker)
    broker.join("mails", timeout=30_000)
    worker.stop()


PAGES = ("/", "/actors/go", "/queues", "/running", "/waiting", "/waiting/mails/delayed",
         "/waiting/mails/high", "/dead", "/dead/mails", "/periodic")  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_so_when_there_is_nothing(client: FlaskClient, path: str) -> None:
    assert "<h1" in _get(client, path)
    assert isinstance(_json(client, path), dict)


def test_an_actor_is_shown_with_its_figures_and_its_last_error(
    client: FlaskClient, broker: KafkaBroker, start_worker: StartWorker
) -> None:
    for name in ("well", "well", "dies"):
        broker.get_actor("go").send(name)
    _work_off(broker, start_worker)
    (actor,) = _json(client, "/")["actors"]
    assert (actor["actor"], actor["queue"]) == ("go", "mails")
    assert (actor["succeeded"], actor["failed"], actor["dead"]) == (2, 1, 1)
    page = _get(client, "/")
    assert "ValueError: &lt;script&gt;" in page
    assert "<script>" not in page
    runs = _json(client, "/actors/go")["runs"]
    assert {run["outcome"] for run in runs} == {"succeeded", "dead"}
    failures = client.get("/tasks/actors/go?format=json&only=failures").get_json()["runs"]
    assert [run["outcome"] for run in failures] == ["dead"]
    assert "in go" in _get(client, "/actors/go")


def test_a_lane_is_paused_and_let_go_by_its_form(
    client: FlaskClient, broker: KafkaBroker, actions: Actions
) -> None:
    broker.get_actor("go").send_with_options(args=("x",), lane="low")
    form = re.search(r'action="/tasks(/queues/mails/lanes/low/pause)"', _get(client, "/queues"))
    assert form
    assert "done" in _post(client, form[1], reason="deploy").text
    assert "paused already" in _post(client, form[1]).text
    (queue,) = _json(client, "/queues")["queues"]
    assert queue["unfinished"] == 1
    low = queue["lanes"][2]
    assert (low["name"], low["is_paused"], low["by"], low["reason"]) == (
        "low",
        True,
        "ann",
        "deploy",
    )
    assert sum(one["unfinished"] for one in low["partitions"]) == 1
    assert 'data-state="paused"' in _get(client, "/queues")
    assert "done" in _post(client, "/queues/mails/lanes/low/unpause").text
    assert actions[0] == ("lane.pause", "mails/low", "deploy", "")
    assert actions[1] == ("lane.pause", "mails/low", "", "it is paused already")
    assert _post(client, "/queues/mails/lanes/none/pause").status_code == 404


def test_waiting_tasks_are_listed_and_acted_on_without_what_they_were_given(
    client: FlaskClient, broker: KafkaBroker, actions: Actions
) -> None:
    go = broker.get_actor("go")
    for number in range(3):
        go.send_with_options(args=(f"joe-{number}@example.org",), delay=HOUR_MS)
    page = _get(client, "/waiting/mails/delayed")
    assert "joe" not in page
    chosen = re.findall(r'name="task" value="([^"]+)"', page)
    assert len(chosen) == 3
    path = "/waiting/mails/delayed"
    gone = "0:99 m/0/0"
    answered = _post(client, f"{path}/cancel?format=json", task=[chosen[0], gone]).get_json()
    assert [bool(one["refusal"]) for one in answered["outcomes"]] == [False, True]
    assert "1 done, 0 refused" in _post(client, f"{path}/retry-now", task=[chosen[1]]).text
    assert "0 done, 1 refused" in _post(client, f"{path}/retry-now", task=[chosen[1]]).text
    other = f"{chosen[2].split()[0]} another/0/0"
    assert "another task waits there" in _post(client, f"{path}/cancel", task=[other]).text
    assert "Nothing was chosen" in _post(client, f"{path}/cancel").text
    decided = [task["decision"] for task in _json(client, path)["tasks"]]
    assert sorted(map(str, decided)) == ["None", "brought_forward", "cancelled"]
    assert len(_json(client, "/waiting/mails/normal")["tasks"]) == 1
    assert [action[0] for action in actions[:3]] == ["task.cancel", "task.cancel", "task.retry-now"]
    assert client.get("/tasks/waiting/mails/none").status_code == 404
    assert client.get("/tasks/waiting/nothing/delayed").status_code == 404


def test_dead_letters_are_looked_at_replayed_and_discarded(
    client: FlaskClient, broker: KafkaBroker, start_worker: StartWorker, actions: Actions
) -> None:
    go = broker.get_actor("go")
    for _ in range(3):
        go.send("dies")
    _work_off(broker, start_worker)
    assert _json(client, "/dead")["queues"] == [{"queue": "mails", "total": 3, "unhandled": 3}]
    first, second, _ = [one["letter_id"] for one in _json(client, "/dead/mails")["letters"]]
    letter = _get(client, f"/dead-letter/mails/{first}")
    assert "kafka_dlt-exception-fqcn" in letter
    assert "dies" in letter
    assert "1 done, 0 refused" in _post(client, "/dead/mails/discard", letter=[first]).text
    assert "handled" in _post(client, "/dead/mails/replay", letter=[first]).text
    assert "1 done, 0 refused" in _post(client, "/dead/mails/replay", letter=[second]).text
    answered = _post(client, "/dead/mails/replay", all="yes", error_class="KeyError")
    assert "Nothing was chosen" in answered.text
    assert "1 done, 0 refused" in _post(client, "/dead/mails/replay", all="yes", actor="go").text
    assert _json(client, "/dead")["queues"] == [{"queue": "mails", "total": 3, "unhandled": 0}]
    assert actions[0] == ("dead_letter.discard", f"mails {first}", "", "")
    assert client.get("/tasks/dead-letter/mails/0:99").status_code == 404
    assert client.get("/tasks/dead-letter/mails/no-place").status_code == 404


def test_workers_and_what_they_run_are_shown(
    client: FlaskClient, broker: KafkaBroker, start_worker: StartWorker
) -> None:
    start_worker(broker)
    (worker,) = eventually(lambda: _json(client, "/running")["workers"], within_s=20)
    assert worker["queues"] == ["mails"]
    assert f"process {worker['pid']}" in _get(client, "/running")


def test_schedules_are_shown_with_when_they_run_next(
    make_client: MakeClient, broker: KafkaBroker, database: Database[Any]
) -> None:
    periodic = Periodic(broker, database)
    periodic.add("nightly", every(hours=1), broker.get_actor("go").message("x"))
    client = make_client(broker, periodic=periodic)
    (schedule,) = _json(client, "/periodic")["schedules"]
    assert (schedule["name"], schedule["actor"], schedule["last"]) == ("nightly", "go", None)
    periodic.runner().tick()
    (schedule,) = _json(client, "/periodic")["schedules"]
    assert schedule["last"] < schedule["next"]
    assert "every 1 h" in _get(client, "/periodic")


def test_the_host_decides_who_comes_in_and_who_may_act(client: FlaskClient) -> None:
    for path in PAGES:
        assert client.get(f"/tasks{path}", headers={"Operator": "nobody"}).status_code == 401
    pause = "/tasks/queues/mails/lanes/low/pause"
    viewer = client.post(pause, data={"csrf": TOKEN}, headers={"Operator": "viewer"})
    assert viewer.status_code == 403
    assert client.post(pause).status_code == 403
    assert not _json(client, "/queues")["queues"][0]["lanes"][2]["is_paused"]


def test_every_form_carries_the_hosts_token(client: FlaskClient, broker: KafkaBroker) -> None:
    broker.get_actor("go").send_with_options(args=("x",), delay=HOUR_MS)
    for path in ("/queues", "/waiting/mails/delayed"):
        forms = re.findall(r'<form method="post".*?</form>', _get(client, path), re.DOTALL)
        assert forms
        assert all(TOKEN in form for form in forms)


def test_whom_the_host_lets_only_look_is_offered_nothing_to_do(
    make_client: MakeClient, broker: KafkaBroker, start_worker: StartWorker
) -> None:
    broker.get_actor("go").send("dies")
    _work_off(broker, start_worker)
    broker.get_actor("go").send_with_options(args=("x",), delay=HOUR_MS)
    client = make_client(broker, may_act=lambda: False)
    (letter,) = _json(client, "/dead/mails")["letters"]
    for path in (*PAGES, f"/dead-letter/mails/{letter['letter_id']}"):
        assert 'method="post"' not in _get(client, path)


def test_its_own_look_is_one_stylesheet(client: FlaskClient) -> None:
    (address,) = re.findall(r'<link rel="stylesheet" href="([^"]*)"', _get(client, "/"))
    with client.get(address) as css:
        assert css.mimetype == "text/css"
        assert "light-dark" in css.get_data(as_text=True)
    assert client.get(address, headers={"Operator": "nobody"}).status_code == 401


def test_it_takes_the_hosts_look(make_client: MakeClient, broker: KafkaBroker) -> None:
    page = _get(make_client(broker, base_template="host.html"), "/running")
    assert page.startswith("<title>Running</title><b>Host</b>")


def test_a_server_that_is_away_is_said_so(make_client: MakeClient, make_broker: MakeBroker) -> None:
    away = make_broker(bootstrap_servers=[f"{ports.LOOPBACK}:{ports.free_port()}"])
    away.declare_queue("mails")
    client = make_client(away, kafka_timeout_s=0.3)
    for path in ("/queues", "/running", "/waiting/mails/delayed", "/dead/mails"):
        response = client.get(f"/tasks{path}")
        assert response.status_code == 503
        assert "Kafka does not answer" in response.text
        assert response.headers["Retry-After"]
    assert client.get("/tasks/").status_code == 200
