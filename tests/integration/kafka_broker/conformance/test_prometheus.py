"""dramatiq's Prometheus middleware under its own command: counts over all processes."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from devstack import ports
from devstack.process import Process
from tasks.kafka_broker import KafkaBroker
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker


@pytest.fixture
def metrics_url(kafka_bootstrap: str, topic_prefix: str, tmp_path: Path) -> Iterator[str]:
    """Two worker processes, and where their counts are."""
    port = ports.free_port()
    app = "tests.integration.kafka_broker.conformance.prometheus_app"
    process = Process(
        "dramatiq",
        [
            *(str(Path(sys.executable).with_name("dramatiq")), f"{app}:broker"),
            *("--processes", "2", "--threads", "1"),
        ],
        log_path=tmp_path / "log",
        env={
            **os.environ,
            "BOOTSTRAP": kafka_bootstrap,
            "NAMESPACE": topic_prefix,
            "dramatiq_prom_db": str(tmp_path / "prometheus"),
            "dramatiq_prom_host": ports.LOOPBACK,
            "dramatiq_prom_port": str(port),
        },
    )
    process.start()
    yield f"http://{ports.LOOPBACK}:{port}/"
    process.stop()


def _sums(url: str) -> dict[str, float]:
    """Return the value of each metric of the actor `go`; none before there is a server."""
    try:
        text = requests.get(url, timeout=5).text
    except requests.RequestException:  # dramatiq starts it in a process of its own
        return {}
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("actor_name") == "go" and "le" not in sample.labels
    }


def _declare(broker: KafkaBroker) -> dramatiq.Actor[..., None]:
    @dramatiq.actor(broker=broker)
    def go(*, fails: bool) -> None: ...

    return go


def test_messages_errors_retries_and_dead_letters_are_counted(
    metrics_url: str, make_broker: MakeBroker
) -> None:
    broker = make_broker()
    go = _declare(broker)
    for fails in (False, False, True):
        go.send(fails=fails)
    go.send_with_options(kwargs={"fails": False}, delay=100)
    broker.join("default", timeout=60_000)
    expected = {
        "dramatiq_messages_total": 5,
        "dramatiq_message_errors_total": 2,
        "dramatiq_message_retries_total": 1,
        "dramatiq_message_rejects_total": 1,
        "dramatiq_messages_inprogress": 0,
        "dramatiq_message_duration_milliseconds_count": 5,
    }
    eventually(lambda: expected.items() <= _sums(metrics_url).items(), within_s=30)
