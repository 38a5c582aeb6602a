"""What can go wrong on somebody's machine, said in one line that tells them what to do."""


class DevstackError(Exception):
    """The stack can't do its work; the message is one line for the person at the terminal."""
