"""`python -m tasks.kafka_broker`: the composition root of the command line."""

import logging
import os
import sys

from .cli.main import main

if __name__ == "__main__":
    # What kafka-python logs of a failure comes before the one line that says it.
    logging.disable(logging.CRITICAL)
    sys.exit(main(sys.argv[1:], os.environ))
