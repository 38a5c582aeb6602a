"""Which copy of a message one is.

A message that fails is sent again under its own id, and one that an operator has run at once has a
second copy in the delay topic. What is said of one copy must not hit another: its name is made of
the message's id, the number of its attempt, and how often it was brought forward. Pure.
"""

from typing import Any

from dramatiq import Message, MessageProxy

#: How often a message was brought forward by an operator; an option of the message.
BROUGHT_FORWARD = "brought_forward"


def copy_id(message: Message[Any] | MessageProxy) -> str:
    """Name this copy of a message."""
    options = message.options
    return f"{message.message_id}/{options.get('retries', 0)}/{options.get(BROUGHT_FORWARD, 0)}"
