"""`make run`: the stack on its usual ports until Ctrl-C, with a user and an operator."""

import os

from devstack import stack
from devstack.errors import DevstackError
from devstack.process import ROOT

DATA_DIR = ROOT / ".data" / "run"
_EMAIL = "dev@example.test"
_OPERATOR = "dev"
_DEFAULT_PORTS = {"PORT": 8000, "KAFKA_PORT": 9092, "MONGO_PORT": 27017}


def run() -> None:
    """Run until a signal, or until a part of it ends (DevstackError)."""
    web, kafka, mongo = (_port(setting) for setting in _DEFAULT_PORTS)
    at = stack.Ports(web, kafka, mongo)
    # In others' databases an operator whose password we keep in a file has no business.
    operator = "" if os.environ.get("DATABASE_SOURCE") else _OPERATOR
    with stack.started(DATA_DIR, at, os.environ, email=_EMAIL, operator_name=operator) as running:
        print(
            f"\n  ready: {running.url}\n"
            f"  signed in as {_EMAIL}: {running.url}/#token={running.user.token}\n"
            f"{_dashboard(running)}\n"
            "  Ctrl-C stops it; its data stays until `make clean-data`\n",
            flush=True,
        )
        running.wait()


def _dashboard(running: stack.Stack) -> str:
    operator = running.operator
    if operator is None:
        return ""
    where = f"is in {operator.password_path.relative_to(ROOT)}"
    password = operator.password_path.read_text() if operator.is_new else where
    return f"  dashboard: {running.url}/dashboard, as {operator.name}; password {password}\n"


def _port(setting: str) -> int:
    value = os.environ.get(setting) or str(_DEFAULT_PORTS[setting])
    if not value.isdecimal() or not 0 < int(value) < 2**16:
        raise DevstackError(f"{setting}={value} is not a port number")
    return int(value)
