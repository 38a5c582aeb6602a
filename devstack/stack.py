"""The whole stack: Kafka, mongod, migrations, the Procfile's processes; stopped in reverse.

`make run` and `make demo` are each one `started(...)`. It holds children only, and its owner's
end, however it comes, is theirs. Data stays in the directory; a second owner of it is refused.
"""

import contextlib
import dataclasses
import fcntl
import functools
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from devstack import ports, procfile
from devstack.errors import DevstackError
from devstack.kafka import Kafka
from devstack.mongod import Mongod
from devstack.process import ROOT, Process
from devstack.server import Server

_READY_WITHIN_S = 60
_COMMAND_TIMEOUT_S = 60
_POLL_INTERVAL_S = 0.2
_MIN_FREE_BYTES = 2**30
_SECRET_BYTES = 48
_PASSWORD_BYTES = 15


@dataclasses.dataclass(frozen=True)
class Ports:
    """Where everything listens; `web` is the base port of the Procfile's processes."""

    web: int
    kafka: int
    mongo: int


@dataclasses.dataclass(frozen=True)
class User:
    """Somebody who may sign in."""

    id: str
    email: str
    token: str


@dataclasses.dataclass(frozen=True)
class Operator:
    """Somebody who may sign in at the dashboard; `is_new` when this start made him."""

    name: str
    password_path: Path
    is_new: bool


@dataclasses.dataclass(frozen=True)
class Stack:
    """A running stack: where it is, who may use it, and the environment of its processes."""

    url: str
    user: User
    operator: Operator | None
    env: Mapping[str, str]
    service: Process
    servers: Sequence[Server]

    def wait(self) -> None:
        """Block while all is well; raise DevstackError that says what has ended."""
        while self.service.is_running:
            for server in self.servers:
                if not server.is_running:
                    raise DevstackError(f"{server.name} has ended; see {server.log_path}")
            time.sleep(_POLL_INTERVAL_S)
        raise DevstackError("a process of the service has ended, so the others were stopped")


@contextlib.contextmanager
def started(
    data_dir: Path,
    at: Ports,
    env: Mapping[str, str],
    *,
    email: str,
    operator_name: str = "",
    log_path: Path | None = None,
) -> Iterator[Stack]:
    """Start everything and stop it on leaving; raise DevstackError when something can't start.

    User and operator are made unless they exist. `KAFKA_BROKERS` and `DATABASE_SOURCE` in `env`
    name servers to use instead of our own. The service's output goes to `log_path`, or to ours.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    given = {name: value for name, value in env.items() if value}
    kafka, mongod = Kafka(data_dir / "kafka", at.kafka), Mongod(data_dir / "mongod", at.mongo)
    with only_owner(data_dir), contextlib.ExitStack() as opened:
        _require_space(data_dir)
        known = {"KAFKA_BROKERS": kafka.bootstrap, "DATABASE_SOURCE": mongod.uri}
        known |= _development(data_dir) | given | {"PORT": str(at.web)}
        service_env = procfile.with_venv(known)
        wanted = {"KAFKA_BROKERS": kafka, "DATABASE_SOURCE": mongod}
        servers = [server for setting, server in wanted.items() if setting not in given]
        _require_free_ports(servers, service_env)
        for server in servers:
            _launch(server, opened)
        if mongod in servers:
            mongod.wait_until_ready()
        _say("migrating the database")  # while Kafka, the slower one, is on its way
        _run("the migration", procfile.release_command(), service_env)
        user = _make_user(email, service_env)
        operator = _make_operator(operator_name, data_dir, service_env)
        if kafka in servers:
            kafka.wait_until_ready()
        service = _service(service_env, log_path)
        opened.callback(service.stop)
        service.start()
        _wait_until_ready(service, service_env)
        yield Stack(f"http://localhost:{at.web}", user, operator, service_env, service, servers)


def _launch(server: Server, opened: contextlib.ExitStack) -> None:
    """Begin to start the server; leaving `opened` stops it, however far it came."""
    _say(f"starting {server.name}")
    opened.callback(server.stop)
    server.launch()


def _make_user(email: str, env: Mapping[str, str]) -> User:
    """Make the user, unless there is one."""
    command = ["flask", "--app", "wsgi", "user"]
    user_id = _run("making a user", [*command, "create", "--email", email], env)
    return User(user_id, email, _run("signing a token", [*command, "token", user_id], env))


def _make_operator(name: str, data_dir: Path, env: Mapping[str, str]) -> Operator | None:
    """Make the operator, unless there is one, with a password that stays in `data_dir`."""
    if not name:
        return None
    path = data_dir / "operator_password"
    is_new = not path.exists()
    if is_new:
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(_PASSWORD_BYTES))
    command = ["flask", "--app", "wsgi", "operator", "create", name, "--role", "operator"]
    given = ["--password-stdin", "--if-missing"]
    _run("making an operator", [*command, *given], env, stdin=path.read_text())
    return Operator(name, path, is_new)


def _wait_until_ready(service: Process, env: Mapping[str, str]) -> None:
    for process in procfile.processes(env):
        service.wait_until(
            functools.partial(procfile.is_ready, process),
            within_s=_READY_WITHIN_S,
            what=process.name,
        )


def _service(env: Mapping[str, str], log_path: Path | None) -> Process:
    _say("starting the service")
    return Process(
        "the service",
        [sys.executable, "-m", "devstack.procfile"],
        env=env,
        log_path=log_path,
    )


def _development(data_dir: Path) -> dict[str, str]:
    """Return the settings of a developer's machine, those of the last start where they matter."""
    secret_path, metrics_dir = data_dir / "jwt_secret", data_dir / "metrics"
    if not secret_path.exists():
        secret_path.touch(mode=0o600)
        secret_path.write_text(secrets.token_urlsafe(_SECRET_BYTES))
    # Counters of processes that are gone would be added to those of the new ones.
    shutil.rmtree(metrics_dir, ignore_errors=True)
    metrics_dir.mkdir()
    return {
        "APP_ENV": "development",
        "JWT_SECRET": secret_path.read_text(),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_dir),
    }


@contextlib.contextmanager
def only_owner(data_dir: Path) -> Iterator[None]:
    """Hold the directory; raise DevstackError when another process does."""
    with (data_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            raise DevstackError(
                f"it is running already (pid {owner}): use that one, or stop it first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _require_space(data_dir: Path) -> None:
    free_bytes = shutil.disk_usage(data_dir).free
    if free_bytes < _MIN_FREE_BYTES:
        raise DevstackError(
            f"only {free_bytes // 2**20} MiB are free for {data_dir}: Kafka and MongoDB need"
            f" {_MIN_FREE_BYTES // 2**20}; make room, or run `make clean-data`"
        )


def _require_free_ports(servers: Sequence[Server], env: Mapping[str, str]) -> None:
    for server in servers:
        ports.require_free(server.port, setting=server.port_setting, what=server.name)
    for process in procfile.processes(env):
        ports.require_free(int(process.env["PORT"]), setting="PORT", what=process.name)


def _run(what: str, command: Sequence[str], env: Mapping[str, str], *, stdin: str = "") -> str:
    """Run one of the service's own commands and return what it printed last."""
    run = functools.partial(
        subprocess.run, capture_output=True, text=True, check=False, input=stdin
    )
    try:
        done = run(command, env=env, cwd=ROOT, timeout=_COMMAND_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise DevstackError(f"{what} did not end within {_COMMAND_TIMEOUT_S} s") from None
    lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).split("\n")
    last_line = next((line for line in reversed(lines) if line.strip()), "")
    if done.returncode:
        raise DevstackError(f"{what} failed: {last_line}")
    return last_line


def _say(step: str) -> None:
    print(f"{step} ...", flush=True)
