"""`python -m tasks.kafka_broker dlq ...` as a person and as a script uses it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.kafka_broker import QueueOptions
from tasks.kafka_broker.cli.main import main
from tests.integration.kafka_broker.support import Log, MakeBroker

#: Arguments to exit code, stdout and stderr.
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def topics(make_broker: MakeBroker) -> None:
    broker = make_broker(queues={"mails": QueueOptions(lanes=True)})
    for name in ("mails", "bills"):
        broker.declare_queue(name)
    broker.ensure_topics()


@pytest.fixture
def run(
    topics: None,  # noqa: ARG001
    kafka_bootstrap: str,
    topic_prefix: str,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        where = ("--bootstrap-servers", kafka_bootstrap, "--namespace", topic_prefix)
        code = main([*arguments[:2], *where, *arguments[2:]], {})
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def bury(topics: None, log: Log, topic_prefix: str) -> Callable[..., None]:  # noqa: ARG001
    def bury(queue: str, value: bytes, **headers: str) -> None:
        topic = f"{topic_prefix}.{queue}"
        origin = {"kafka_dlt-original-topic": topic, **headers}
        encoded = [(name, text.encode()) for name, text in origin.items()]
        encoded.append(("kafka_dlt-original-offset", (7).to_bytes(8, "big")))
        log.write(f"{topic}.dlq", value, headers=encoded)

    return bury


def _json(run: Run, *arguments: str) -> Any:
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_letters_of_all_queues_are_listed_and_paged(run: Run, bury: Callable[..., None]) -> None:
    for name in ("a", "b", "c"):
        bury("mails", b"{}", **{"dramatiq-message-id": name, "dramatiq-actor": "send"})
    bury("bills", b"{}", **{"kafka_dlt-exception-fqcn": "shop.errors.NoMoneyError"})
    code, out, _ = run("dlq", "ls", "--limit", "2")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert [(row[0], row[1]) for row in rows[1:4]] == [
        ("bills", "0:0"),
        ("mails", "0:0"),
        ("mails", "0:1"),
    ]
    assert rows[1][-1] == "NoMoneyError:"
    assert out.splitlines()[-1] == "more of mails: dlq ls --queue mails --cursor 0:2"
    (page,) = _json(run, "dlq", "ls", "--queue", "mails", "--cursor", "0:2")
    assert [letter["headers"]["dramatiq-message-id"] for letter in page["letters"]] == ["c"]
    assert page["cursor"] is None


def test_a_letter_is_shown_whole_and_does_not_play_with_the_terminal(
    run: Run, bury: Callable[..., None]
) -> None:
    bury("mails", b'{"to": "\x1b[2Jann"}', own="\x1b]0;x\x07")
    code, out, _ = run("dlq", "show", "--queue", "mails", "0:0")
    assert code == 0
    assert "\x1b" not in out
    facts = dict(line.split(maxsplit=1) for line in out.splitlines() if " " in line.strip())
    assert facts["kafka_dlt-original-offset"] == "7"
    assert facts["handled"] == "no"
    assert out.splitlines()[-1] == '{"to": "\\x1b[2Jann"}'
    assert _json(run, "dlq", "show", "--queue", "mails", "0:0")["value"] == '{"to": "\x1b[2Jann"}'


def test_letters_are_replayed_by_filter_and_the_rest_is_discarded_by_place(
    run: Run, bury: Callable[..., None], log: Log, topic_prefix: str
) -> None:
    bury("mails", b"1", **{"dramatiq-actor": "send"})
    bury("mails", b"2", **{"dramatiq-actor": "other"})
    bury("mails", b"3", **{"dramatiq-actor": "send"})
    assert run("dlq", "replay", "--actor", "send", "--dry-run")[1] == (
        "2 would be replayed, 0 refused\n"
    )
    assert _json(run, "dlq", "replay", "--actor", "send", "--max-count", "1")["replayed"] == 1
    assert run("dlq", "replay", "--actor", "send")[1] == "1 replayed, 0 refused\n"
    assert run("dlq", "discard", "0:1", "--queue", "mails")[1] == "1 discarded, 0 refused\n"
    assert run("dlq", "replay", "--all")[1] == "0 replayed, 0 refused\n"
    assert [record.value for record in log.read(f"{topic_prefix}.mails")] == [b"1", b"3"]
    (page,) = _json(run, "dlq", "ls", "--queue", "mails", "--handled")
    assert [letter["is_handled"] for letter in page["letters"]] == [True, True, True]


def test_what_is_refused_is_said_and_ends_with_1(run: Run, bury: Callable[..., None]) -> None:
    bury("mails", b"1", **{"dramatiq-replays": "3"})
    bury("mails", b"2")
    code, out, err = run("dlq", "replay", "--queue", "mails")
    assert (code, out) == (1, "1 replayed, 1 refused\n")
    assert err.count("\n") == 1
    assert "0:0 was not replayed: it was replayed 3 times already" in err


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["dlq", "replay"], "say --all"),
        (["dlq", "replay", "--handled"], "say --all"),
        (["dlq", "discard", "0:1"], "say --queue and one of: bills, mails"),
        (["dlq", "ls", "--queue", "nails"], "there is no queue nails, but bills, mails"),
        (["dlq", "ls", "--cursor", "0:1"], "say --queue"),
        (["dlq", "ls", "--header", "x"], "NAME=VALUE"),
        (["dlq", "ls", "--client-option", "x=1"], "kafka-python has no option x"),
        (["dlq", "ls", "--client-option", "x"], "NAME=VALUE"),
        (["dlq", "ls", "--broker", "app"], "MODULE:NAME"),
        (["dlq", "ls", "--broker", "no_such_module:broker"], "No module named"),
        (["dlq", "ls", "--broker", "json:dumps"], "is no KafkaBroker"),
    ],
)
def test_arguments_that_say_too_little_are_answered_in_one_line(
    run: Run, arguments: list[str], advice: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert advice in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["--since", "soon"], ["--limit", "0"], ["--timeout", "nan"], ["--until", "99999999999d"]],
)
def test_values_that_make_no_sense_are_refused_by_the_parser(
    run: Run, arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("dlq", "ls", *arguments)
    assert stopped.value.code == 2


def test_a_letter_that_is_not_there_is_said_to_be_missing(run: Run) -> None:
    code, _, err = run("dlq", "show", "--queue", "mails", "0:99")
    assert code == 1
    assert err == "no letter lies at 0:99; list them anew\n"


def test_a_broker_of_ones_own_says_where_its_queues_are(
    bury: Callable[..., None],
    kafka_bootstrap: str,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "shop_app.py").write_text(
        "from tasks.kafka_broker import KafkaBroker, QueueOptions\n"
        f"broker = KafkaBroker(bootstrap_servers={kafka_bootstrap!r}, queues={{'post':"
        f" QueueOptions(topic={topic_prefix + '.mails'!r})}})\n"
        "broker.declare_queue('post')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    bury("mails", b"{}")
    assert main(["dlq", "ls", "--broker", "shop_app:broker"], {}) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("post   0:0")


@pytest.mark.parametrize("name", ["KAFKA_BROKERS", "KAFKA_URL"])
def test_the_environment_says_where_kafka_is(
    name: str, bury: Callable[..., None], kafka_bootstrap: str, topic_prefix: str
) -> None:
    bury("mails", b"{}")
    where = kafka_bootstrap if name == "KAFKA_BROKERS" else f"kafka://{kafka_bootstrap}"
    arguments = ["dlq", "discard", "--namespace", topic_prefix, "--all"]
    assert main(arguments, {name: where}) == 0


def test_a_kafka_that_is_away_is_one_line_and_no_traceback() -> None:
    where = ("--bootstrap-servers", "127.0.0.1:1", "--timeout", "0.5")
    done = subprocess.run(
        [sys.executable, "-m", "tasks.kafka_broker", "inspect", "lag", *where],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Kafka at 127.0.0.1:1 is not reachable")
    assert done.stderr.count("\n") == 1
