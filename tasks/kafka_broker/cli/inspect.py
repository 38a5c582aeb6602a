"""The commands of `inspect`: queues, lag, workers and running tasks."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ..config import LANES
from ..inspect_queues import QueueLag, describe_queues, measure_lag
from ..status_topic import Report, RunningTask, read_reports
from .output import print_json, print_table, short_duration
from .site import Site, add_site_arguments


def add_inspect(commands: Any) -> None:
    """Add the commands to the parser."""
    inspect = commands.add_parser("inspect", help="queues, lag, workers, running tasks")
    kinds = inspect.add_subparsers(required=True)
    _command(kinds, "queues", _queues, "the topics of each queue")
    lag = _command(kinds, "lag", _lag, "what is left in each queue")
    lag.add_argument("--partitions", action="store_true", help="for each partition")
    _command(kinds, "workers", _workers, "the worker processes that are alive")
    _command(kinds, "running", _running, "the tasks that run now")


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace, Site], int], summary: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    add_site_arguments(parser)
    return parser


def _queues(arguments: argparse.Namespace, site: Site) -> int:
    states = describe_queues(site.clients, site.queues(), timeout_s=site.timeout_s)
    if arguments.json:
        print_json(states)
        return 0
    print_table(
        ("QUEUE", "LANE", "PARTITIONS", "REPLICAS", "RETENTION", "TOPIC"),
        [
            (
                state.queue,
                state.lane,
                state.partitions or "none yet",
                state.replicas or None,
                None if state.retention_ms is None else short_duration(state.retention_ms / 1000),
                state.topic,
            )
            for state in states
        ],
    )
    return 0


def _lag(arguments: argparse.Namespace, site: Site) -> int:
    lags = measure_lag(site.clients, site.queues(), timeout_s=site.timeout_s)
    if arguments.json:
        print_json([_lag_json(lag) for lag in lags])
    elif arguments.partitions:
        print_table(
            ("QUEUE", "LANE", "PARTITION", "COMMITTED", "DONE AHEAD", "END", "LEFT", "GROUP"),
            [row for lag in lags for row in _partition_rows(lag)],
        )
    else:
        print_table(
            ("QUEUE", "LEFT", *(lane.upper() for lane in LANES), "DEAD LETTERS", "GROUP"),
            [_row(lag) for lag in lags],
        )
    return 0


def _lag_json(lag: QueueLag) -> dict[str, object]:
    partitions = [{**asdict(p), "unfinished": p.unfinished} for p in lag.partitions]
    return {**asdict(lag), "unfinished": lag.unfinished, "partitions": partitions}


def _row(lag: QueueLag) -> tuple[object, ...]:
    lanes: dict[str, int] = {}
    for partition in lag.partitions:
        lanes[partition.lane] = lanes.get(partition.lane, 0) + partition.unfinished
    letters = f"{lag.dead_letters.unhandled} ({lag.dead_letters.total} with handled)"
    return (lag.queue, lag.unfinished, *(lanes.get(lane) for lane in LANES), letters, lag.group_id)


def _partition_rows(lag: QueueLag) -> list[tuple[object, ...]]:
    return [
        (
            lag.queue,
            p.lane,
            p.partition,
            p.committed,
            p.done_ahead,
            p.end,
            p.unfinished,
            lag.group_id,
        )
        for p in lag.partitions
    ]


def _workers(arguments: argparse.Namespace, site: Site) -> int:
    reports = read_reports(site.clients, site.status_topic, timeout_s=site.timeout_s)
    if arguments.json:
        print_json(
            [{**asdict(report.state), "age_s": round(report.age_s, 1)} for report in reports]
        )
        return 0
    print_table(
        ("WORKER", "HOST", "PID", "SINCE", "SEEN", "THREADS", "RUNNING", "QUEUES", "PARTITIONS"),
        [_worker_row(report) for report in reports],
    )
    return 0


def _worker_row(report: Report) -> tuple[object, ...]:
    state = report.state
    partitions = " ".join(
        f"{topic}[{','.join(map(str, numbers))}]" for topic, numbers in state.partitions.items()
    )
    return (
        state.worker_id,
        state.host,
        state.pid,
        state.started_at,
        f"{report.age_s:.0f}s ago",
        state.threads,
        len(state.running),
        ",".join(state.queues),
        partitions or None,
    )


def _running(arguments: argparse.Namespace, site: Site) -> int:
    reports = read_reports(site.clients, site.status_topic, timeout_s=site.timeout_s)
    tasks = [(report, task) for report in reports for task in report.state.running]
    if arguments.json:
        print_json(
            [
                {
                    **asdict(task),
                    "running_s": _running_s(report, task),
                    "worker": report.state.worker_id,
                }
                for report, task in tasks
            ]
        )
        return 0
    print_table(
        ("ACTOR", "QUEUE", "RUNNING FOR", "MESSAGE ID", "WORKER", "RECORD"),
        [
            (
                task.actor,
                task.queue,
                short_duration(_running_s(report, task)),
                task.message_id,
                report.state.worker_id,
                None if task.topic is None else f"{task.topic} {task.partition}:{task.offset}",
            )
            for report, task in tasks
        ],
    )
    return 0


def _running_s(report: Report, task: RunningTask) -> float:
    """Say how long it runs by now, should it still run."""
    return round(task.running_s + report.age_s, 1)
