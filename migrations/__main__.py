"""The release phase: `python -m migrations status | upgrade [--to NAME] | downgrade --to NAME`."""

import argparse
import logging
import sys

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from migrations.retention import keep_for
from migrations.runner import LockedError, Migrations
from settings import load_settings_or_exit

_SELECT_TIMEOUT_MS = 10_000


def main(arguments: list[str]) -> int:
    """Run one command; 0 when it worked, 1 with one line on stderr when it did not."""
    options = _parse(arguments)
    settings = load_settings_or_exit()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    client: MongoClient[dict[str, object]] = MongoClient(
        settings.database.source.get_secret_value(),
        serverSelectionTimeoutMS=_SELECT_TIMEOUT_MS,
        w="majority",
    )
    with client:
        try:
            _run(options, Migrations(client, settings.database.name))
            if options.command == "upgrade" and not options.to:
                jobs = settings.jobs
                database = client[settings.database.name]
                keep_for(database, jobs=jobs.retention, events=jobs.event_retention)
        except ConnectionFailure:
            sys.stderr.write("migrations: MongoDB does not answer; check DATABASE_SOURCE\n")
            return 1
        except (LockedError, ValueError) as error:
            sys.stderr.write(f"migrations: {error}\n")
            return 1
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="list the scripts and whether they are applied")
    upgrade = commands.add_parser("upgrade", help="apply what is missing")
    upgrade.add_argument("--to", metavar="NAME", help="stop after this script")
    downgrade = commands.add_parser("downgrade", help="undo down to NAME; 'zero' undoes all")
    downgrade.add_argument("--to", metavar="NAME", required=True)
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, migrations: Migrations) -> None:
    if options.command == "upgrade":
        migrations.upgrade(options.to)
    elif options.command == "downgrade":
        migrations.downgrade(None if options.to == "zero" else options.to)
    applied = set(migrations.applied())
    for name in migrations.names():
        sys.stdout.write(f"{'applied' if name in applied else 'missing'}  {name}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
