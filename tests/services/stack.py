"""The Procfile's processes as subprocesses of the tests, each to kill and start again by itself.

`service` is the one that most acceptance and browser tests share; a test that breaks servers or
needs other settings makes a `ServiceStack` of its own. Start and stop it from the main thread.
Processes go by the names of the Procfile's lines and their number: "web.1", "worker.2".
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from devstack import ports, procfile
from devstack.process import ROOT, Process
from tests.services.servers import reported

_READY_WITHIN_S = 60
_LOG_LINES = 5000


class ServiceStack:
    """The service on given servers, with a database, topic and group that nobody else uses."""

    def __init__(
        self,
        kafka_bootstrap: str,
        mongo_uri: str,
        *,
        web: int = 1,
        workers: int = 1,
        env: Mapping[str, str] | None = None,
    ) -> None:
        unique = secrets.token_hex(6)
        self.name = "the service"
        self.kafka_bootstrap = kafka_bootstrap
        self.mongo_uri = mongo_uri
        self.database_name = f"t_{unique}"
        self.topic = f"t-{unique}-jobs"
        self.group_id = f"t-{unique}-group"
        self.jwt_secret = secrets.token_urlsafe(48)
        self._folder = Path(tempfile.mkdtemp(prefix="resume-service-"))
        self._env = procfile.with_venv(os.environ) | self._settings() | dict(env or {})
        concurrency = {"web": web, "worker": workers}
        self._env.setdefault("PORT", str(_base_port(self._env, concurrency)))
        self._params = {p.name: p for p in procfile.processes(self._env, concurrency)}
        self._processes: dict[str, Process] = {}

    def _settings(self) -> dict[str, str]:
        return {
            "APP_ENV": "development",
            "WEB_CONCURRENCY": "1",
            "KAFKA_BROKERS": self.kafka_bootstrap,
            "KAFKA_RESUME_PARSE_TOPIC": self.topic,
            "KAFKA_CONSUMER_GROUP": self.group_id,
            "DATABASE_SOURCE": self.mongo_uri,
            "DATABASE_NAME": self.database_name,
            "JWT_SECRET": self.jwt_secret,
            "PROMETHEUS_MULTIPROC_DIR": str(self._folder / "metrics"),
        }

    @property
    def web_urls(self) -> list[str]:
        """The address of each web process."""
        return self._urls("web")

    @property
    def worker_urls(self) -> list[str]:
        """The address of each worker's probes and metrics."""
        return self._urls("worker")

    @property
    def names(self) -> list[str]:
        """Every process's name, in the order of the Procfile."""
        return list(self._params)

    @property
    def folder(self) -> Path:
        """Where logs and metrics are; it goes when the stack stops."""
        return self._folder

    def port(self, name: str) -> int:
        """Return the port that the process was given."""
        return int(self._params[name].env["PORT"])

    @property
    def rescuer_url(self) -> str:
        """The address of the rescuer's probes and metrics."""
        return self._urls("rescuer")[0]

    def _urls(self, line: str) -> list[str]:
        return [
            f"http://{ports.LOOPBACK}:{self.port(name)}"
            for name in self._params
            if name.startswith(f"{line}.")
        ]

    def override(self, which: str, *, command: str | None = None, **env: str) -> None:
        """Give a process, or all of a line, another command or environment at its next start."""
        for name, params in self._params.items():
            if which in {name, _line_of(name)}:
                self._params[name] = params._replace(
                    cmd=command or params.cmd, env={**params.env, **env}
                )

    def start(self) -> None:
        """Migrate, start every process, and return when each is ready."""
        release = procfile.release_command()
        subprocess.run(release, env=self._env, cwd=ROOT, check=True, capture_output=True)
        reported.append(self)
        try:
            for name in self._params:
                self.launch(name)
            for name in self._params:
                self.wait_until_ready(name)
        except BaseException as error:
            error.add_note(self.log_tail())  # the files are gone when somebody looks
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every process in order; the servers' data is left to the servers' owner."""
        for process in self._processes.values():
            process.ask_to_stop()
        for process in self._processes.values():
            process.stop()
        if self in reported:
            reported.remove(self)
        shutil.rmtree(self._folder, ignore_errors=True)

    def launch(self, name: str) -> None:
        """Start the process without waiting for it."""
        params = self._params[name]
        # Gauges of its last life would be shown beside those of this one (docs/settings.md).
        metrics_dir = Path(params.env["PROMETHEUS_MULTIPROC_DIR"])
        shutil.rmtree(metrics_dir, ignore_errors=True)
        metrics_dir.mkdir(parents=True)
        process = Process(
            name,
            procfile.shell(params.cmd),
            env=params.env,
            log_path=self._folder / f"{name}.log",
        )
        process.start()
        self._processes[name] = process

    def wait_until_ready(self, name: str) -> None:
        """Return when the process says that it can work."""
        self._processes[name].wait_until(
            lambda: procfile.is_ready(self._params[name]), within_s=_READY_WITHIN_S
        )

    def kill(self, name: str) -> None:
        """Kill the process at once, as a crash of its machine would."""
        self._processes[name].kill()

    def terminate(self, name: str, *, within_s: float = 40) -> None:
        """Have the process end in order, as a deploy does; kill it after `within_s`."""
        self._processes[name].stop(within_s=within_s)

    def restart(self, name: str) -> None:
        """Start the process, which has ended, again and return when it is ready."""
        self.launch(name)
        self.wait_until_ready(name)

    def pause(self, name: str) -> None:
        """Stop the process as SIGSTOP does: it neither runs nor ends."""
        self._processes[name].pause()

    def unpause(self, name: str) -> None:
        """Let a paused process go on."""
        self._processes[name].unpause()

    def pid(self, name: str) -> int:
        """Return the process's id, which is its group's as well."""
        return self._processes[name].pid

    def is_running(self, name: str) -> bool:
        """Tell whether the process has not ended."""
        return self._processes[name].is_running

    def exit_code(self, name: str) -> int | None:
        """Return the code it ended with by itself; None while it runs, or when we killed it."""
        return self._processes[name].returncode

    def kill_all(self) -> None:
        """Kill every process, as a power cut would."""
        for process in self._processes.values():
            process.kill()

    def kill_worker(self, index: int) -> None:
        """Kill the worker, counted from 0."""
        self.kill(f"worker.{index + 1}")

    def restart_worker(self, index: int) -> None:
        """Start the worker, counted from 0, again and return when it is ready."""
        self.restart(f"worker.{index + 1}")

    def log_tail(self) -> str:
        """Return what each process has logged lately."""
        return "\n".join(
            f"{name} | {line}"
            for name, process in self._processes.items()
            for line in process.log_tail(_LOG_LINES).splitlines()
        )


def _line_of(name: str) -> str:
    return name.rpartition(".")[0]


def _base_port(env: Mapping[str, str], concurrency: Mapping[str, int]) -> int:
    """Return a base port above which every port that the Procfile's processes get is free."""
    expanded = procfile.processes({**env, "PORT": "0"}, concurrency)
    return ports.free_port(*(int(process.env["PORT"]) for process in expanded))


@pytest.fixture(scope="session")
def service(kafka_bootstrap: str, mongo_uri: str) -> Iterator[ServiceStack]:
    """Two web processes, two workers, three partitions, one parser."""
    stack = ServiceStack(
        kafka_bootstrap, mongo_uri, web=2, workers=2, env={"KAFKA__NUM_PARTITIONS": "3"}
    )
    stack.start()
    yield stack
    stack.stop()
