"""What can go wrong with one peer or one measurement; the run goes on without it."""


class BenchError(Exception):
    """This peer or part can't be measured; the message is one line for the table."""


class IdleError(BenchError):
    """A worker that should have something to do begins no task."""
