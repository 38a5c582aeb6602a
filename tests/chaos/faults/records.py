"""F18, F22, F23: records that come twice or in another order, or are none; moved positions."""

import contextlib
import json
import secrets
import warnings
from collections.abc import Iterator
from typing import Any

from bson import ObjectId

from tests.chaos import kafka_watch
from tests.chaos.checker import Rules
from tests.chaos.scenario import Scenario
from tests.chaos.site import Site
from tests.services.topics import TopicReader

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaProducer
    from kafka.structs import OffsetAndMetadata

_COPIES = 4
_LATEST = 12
_WORKERS = ("worker.1", "worker.2")
#: While no worker runs, more uploads come in; those are what an administrator's hand skips.
_GATHER_S = 3.0
_ACTOR = ("dramatiq-actor", b"parse_resume")


def _poison() -> list[tuple[bytes | None, list[tuple[str, bytes]]]]:
    """Return values and headers of which no job can be made; each has a key of its own."""
    nobody, job = str(ObjectId()), {"user_id": str(ObjectId()), "file_name": "resume.pdf"}
    return [
        (None, []),
        (b"", []),
        (b"hello", []),
        (b'{"job_id": "', []),
        (b"{}{}", []),
        (b"\xff\xfe\x00", []),
        (json.dumps({"job_id": nobody}).encode("utf-16"), []),
        (b'{"job_id": NaN}', []),
        (b"[" * 50_000, []),
        (b'{"job_id": %s}' % (b"9" * 5_000), []),
        (b"[1]", []),
        (b"null", []),
        (b'"job"', []),
        (b"{}", []),
        (b'{"job_id": null}', []),
        (b'{"job_id": {"$ne": null}}', []),
        (b'{"job_id": "../../etc/passwd"}', []),
        (json.dumps({"job_id": nobody, **job}).encode(), []),
        (json.dumps({"job_id": nobody.upper() + "F", **job}).encode(), []),
        (b'{"job_id": "%s"}' % (b"x" * 1_000_000), []),
        (b"{}", [("dramatiq-actor", b"nobody")]),
        (b"{}", [("dramatiq-actor", b"\xff")]),
        (b"{}", [_ACTOR, ("dramatiq-queue", b"other")]),
        (b"{}", [_ACTOR, ("dramatiq-options", b"[]")]),
        (b"{}", [_ACTOR, ("dramatiq-timestamp", b"now")]),
    ]


def write_poison(site: Site) -> None:
    """Write records that are no jobs among those that are."""
    poison = _poison()
    site.random.shuffle(poison)
    with _producer(site) as producer:
        for value, headers in poison:
            key = f"poison-{secrets.token_hex(4)}"
            producer.send(site.stack.topic, value=value, key=key.encode(), headers=headers)
            site.other_letters.append(key)
            producer.flush()
            site.wait(0.1)
    site.prove(f"{len(poison)} records that are no jobs")


def write_copies(site: Site) -> None:
    """Write each record four times more, in any order, while the jobs run."""
    written = 0
    for share in (0.3, 0.6, 0.9):
        site.until_uploaded(share)
        with site.slow_parser():
            records = TopicReader(site.servers.kafka_bootstrap, site.stack.topic).records()
            originals = {record.key: record for record in records}
            # Those of the latest come at once, to meet the first at work.
            latest = sorted(originals.values(), key=lambda record: record.timestamp)[-_LATEST:]
            copies = [record for record in originals.values() for _ in range(_COPIES)]
            site.random.shuffle(copies)
            written += _write_again(site, [*latest, *copies])
    site.prove(f"{written} records were copies")


def write_all_again(site: Site) -> None:
    """Write each record once more when its job is over."""
    records = TopicReader(site.servers.kafka_bootstrap, site.stack.topic).records()
    written = _write_again(site, list({record.key: record for record in records}.values()))
    site.prove(f"{written} records came when their jobs were over")


def read_from_start(site: Site) -> None:
    """Have the group read everything again: its positions are deleted while no worker runs."""
    with _without_workers(site) as admin:
        positions = kafka_watch.committed(admin, site.stack.group_id)
        admin.delete_group_offsets(site.stack.group_id, list(positions))
    again = sum(positions.values())
    assert again, "nothing had been read"
    site.prove(f"{again} records were read again")


def go_back(site: Site) -> None:
    """Set the group's positions back by half of what was read."""
    with _without_workers(site) as admin:
        positions = kafka_watch.committed(admin, site.stack.group_id)
        halves = {tp: OffsetAndMetadata(at // 2, "", None) for tp, at in positions.items()}
        admin.alter_group_offsets(site.stack.group_id, halves)
    again = sum(at - at // 2 for at in positions.values())
    assert again, "nothing had been read"
    site.prove(f"{again} records were read again")


def skip(site: Site) -> None:
    """Set the group's positions to the end of the log: what waits there is never read."""
    with _without_workers(site) as admin:
        site.wait(_GATHER_S)
        before = kafka_watch.committed(admin, site.stack.group_id)
        ends = kafka_watch.ends(site.servers.kafka_bootstrap, site.stack.topic)
        positions = {tp: OffsetAndMetadata(end, "", None) for tp, end in ends.items()}
        admin.alter_group_offsets(site.stack.group_id, positions)
    skipped = sum(end - before.get(tp, 0) for tp, end in ends.items())
    assert skipped, "nothing waited"
    site.prove(f"{skipped} records were skipped")


def _write_again(site: Site, records: list[Any]) -> int:
    with _producer(site) as producer:
        for record in records:
            producer.send(
                site.stack.topic, value=record.value, key=record.key, headers=list(record.headers)
            )
        producer.flush()
    return len(records)


@contextlib.contextmanager
def _producer(site: Site) -> Iterator[Any]:
    producer = KafkaProducer(
        bootstrap_servers=site.servers.kafka_bootstrap, max_request_size=2 * 1024 * 1024
    )
    with contextlib.closing(producer):
        yield producer


@contextlib.contextmanager
def _without_workers(site: Site) -> Iterator[Any]:
    """Stop the workers in order, so that the group is empty, and start them again at the end."""
    for worker in _WORKERS:
        site.stack.terminate(worker)
    with contextlib.closing(kafka_watch.admin_client(site.servers.kafka_bootstrap)) as admin:
        yield admin
    for worker in _WORKERS:
        site.stack.restart(worker)


_SET = Rules(offsets_are_set=True, max_repeats=0.0)

SCENARIOS = (
    Scenario("poison", "F18", write_poison),
    Scenario(
        "copies",
        "F22",
        write_copies,
        afterwards=write_all_again,
        rules=Rules(max_repeats=0.0),
    ),
    Scenario("read-from-start", "F22", read_from_start, rules=_SET),
    Scenario("go-back", "F23", go_back, rules=_SET),
    Scenario("skip", "F23", skip, rules=_SET),
)
