"""CONTRACT parts 8 and 9: metrics that exist and count, logs that tell and do not leak."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import requests
import websocket

from tests.eventually import eventually
from tests.services.client import ServiceClient
from tests.services.stack import ServiceStack

ROOT = Path(__file__).parents[2]
PDF = (ROOT / "samples" / "resume.pdf").read_bytes()


def metric(text: str, name: str, *labels: str) -> float:
    """Return the sum of a metric's samples that carry all these labels."""
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.split("{")[0].split(" ")[0] == name and all(label in line for label in labels)
    )


def test_the_metrics_count_jobs_kafka_and_sockets(
    client: ServiceClient, service: ServiceStack
) -> None:
    def metrics() -> str:
        urls = [*service.web_urls, *service.worker_urls]
        return "".join(requests.get(f"{url}/metrics", timeout=10).text for url in urls)

    def counts(name: str, labels: tuple[str, ...], was: float) -> bool:
        return metric(metrics(), name, *labels) > was

    before = metrics()
    user, unlucky = client.new_user(), client.new_user()
    with client.socket(user) as frames:
        frames.until_ended(client.accepted(user, PDF))
        eventually(lambda: metric(metrics(), "websocket_connections") >= 1)
    client.ended(unlucky, client.accepted(unlucky, b"%PDF-1.7 garbage"))
    with pytest.raises(websocket.WebSocketBadStatusException), client.socket(user, "token=bad"):
        pass

    for name, labels in (
        ("resume_uploads_total", ('outcome="accepted"',)),
        ("resume_jobs_created_total", ()),
        ("resume_jobs_processed_total", ('status="completed"',)),
        ("resume_jobs_processed_total", ('status="failed"', 'reason="parser_rejected"')),
        ("resume_job_processing_seconds_count", ()),
        ("resume_parser_calls_total", ()),
        ("kafka_records_published_total", ()),
        ("kafka_records_delivered_total", ('partition="',)),
        ("kafka_records_finished_total", ()),
        ("kafka_dead_letters_total", ()),
        ("websocket_messages_sent_total", ()),
        ("websocket_connection_errors_total", ('reason="401"',)),
    ):
        was = metric(before, name, *labels)
        eventually(partial(counts, name, labels, was), why=f"{name} counts")
    eventually(
        lambda: "kafka_consumer_lag{" in metrics() and metric(metrics(), "kafka_consumer_lag") == 0,
        within_s=30,
        why="the lag of all partitions is shown, and it is 0",
    )


def test_each_stage_logs_one_line_with_job_and_user(
    client: ServiceClient, service: ServiceStack
) -> None:
    user = client.new_user()
    client.ended(user, job_id := client.accepted(user, PDF))

    def stages() -> list[str]:
        lines = [
            json.loads(line[line.index("{") :])
            for line in service.log_tail().splitlines()
            if job_id in line and "{" in line
        ]
        return [line["event"] for line in lines if line.get("user_id") == user.id]

    eventually(lambda: {"job.created", "job.claimed", "job.completed"} <= set(stages()))
    for event in ("job.created", "job.claimed", "job.completed"):
        assert stages().count(event) == 1


def test_no_personal_data_or_secret_stands_in_the_logs(
    client: ServiceClient, service: ServiceStack
) -> None:
    user = client.new_user()
    client.ended(user, client.accepted(user, PDF, name="Canary-Name-77.pdf"))
    expected = json.loads((ROOT / "samples" / "resume.expected.json").read_text())
    log = service.log_tail()
    for secret in (expected["email"], expected["name"], "Canary-Name-77", service.jwt_secret):
        assert secret not in log


@pytest.mark.parametrize(
    ("command", "env", "says"),
    [
        (["worker.py"], {"KAFKA__NUM_PARTITIONS": "many"}, "kafka.num_partitions"),
        (["worker.py"], {"JWT_SECRET": "short", "APP_ENV": "production"}, "JWT_SECRET"),
        (["-m", "migrations", "status"], {"DATABASE_SOURCE": "x"}, "database.source"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line(
    command: list[str], env: dict[str, str], says: str
) -> None:
    run = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "JWT_SECRET": "x" * 40, **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 2
    assert says in run.stderr
    assert run.stderr.count("\n") == 1
