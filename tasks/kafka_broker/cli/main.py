"""From arguments to an exit code: 0 done, 1 refused or Kafka is away, 2 the arguments are wrong.

Every error is one line on stderr that says what to do; a traceback is a bug.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from dramatiq.errors import ConnectionFailed, DramatiqError
from kafka.errors import KafkaError

from .dlq import add_dlq
from .inspect import add_inspect
from .output import print_error
from .site import UsageError, open_site


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments, open_site(arguments, environ))
        sys.stdout.flush()
    except UsageError as error:
        print_error(str(error))
        return 2
    except ConnectionFailed as error:
        print_error(f"{error} (is --bootstrap-servers, or KAFKA_URL, right? --timeout too short?)")
        return 1
    except (DramatiqError, KafkaError) as error:
        print_error(str(error))
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `... | head`; nor may Python's last flush
        # complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print_error("stopped; what was replayed or discarded until now is done")
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    package = __name__.removesuffix(".cli.main")
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}", description="Look after queues on Kafka."
    )
    commands = parser.add_subparsers(required=True)
    add_dlq(commands)
    add_inspect(commands)
    return parser
