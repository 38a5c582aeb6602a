"""The Procfile's processes as subprocesses of the tests, each to kill and start again by itself.

`service` is the one that most acceptance and browser tests share; a test that breaks servers or
needs other settings makes a `ServiceStack` of its own. Start and stop it from the main thread.
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
        self._env = procfile.with_venv(os.environ) | self._settings(web, workers) | dict(env or {})
        concurrency = {"web": web, "worker": workers}
        self._params = {p.name: p for p in procfile.processes(self._env, concurrency)}
        self._processes = {
            name: Process(
                name,
                procfile.shell(params.cmd),
                env=params.env,
                log_path=self._folder / f"{name}.log",
            )
            for name, params in self._params.items()
        }

    def _settings(self, web: int, workers: int) -> dict[str, str]:
        return {
            "APP_ENV": "development",
            "PORT": str(_base_port(max(web, workers))),
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
    def rescuer_url(self) -> str:
        """The address of the rescuer's probes and metrics."""
        return self._urls("rescuer")[0]

    def _urls(self, line: str) -> list[str]:
        return [
            f"http://{ports.LOOPBACK}:{params.env['PORT']}"
            for name, params in self._params.items()
            if name.startswith(f"{line}.")
        ]

    def start(self) -> None:
        """Migrate, start every process, and return when each is ready."""
        release = procfile.release_command()
        subprocess.run(release, env=self._env, cwd=ROOT, check=True, capture_output=True)
        reported.append(self)
        try:
            for process in self._processes.values():
                process.start()
            for name in self._processes:
                self._wait_until_ready(name)
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

    def kill_worker(self, index: int) -> None:
        """Kill the worker at once, as a crash of its machine would."""
        self._worker(index).kill()

    def restart_worker(self, index: int) -> None:
        """Start the worker again and return when it is ready."""
        self._worker(index).start()
        self._wait_until_ready(self._worker(index).name)

    def log_tail(self) -> str:
        """Return what each process has logged lately."""
        return "\n".join(
            f"{name} | {line}"
            for name, process in self._processes.items()
            for line in process.log_tail(_LOG_LINES).splitlines()
        )

    def _worker(self, index: int) -> Process:
        return self._processes[f"worker.{index + 1}"]

    def _wait_until_ready(self, name: str) -> None:
        self._processes[name].wait_until(
            lambda: procfile.is_ready(self._params[name]), within_s=_READY_WITHIN_S
        )


def _base_port(instances: int) -> int:
    """Return a free base port: each line of the Procfile has its ports a step above it."""
    lines = range(0, 4 * procfile.PORT_STEP, procfile.PORT_STEP)
    return ports.free_port(*(line + instance for line in lines for instance in range(instances)))


@pytest.fixture(scope="session")
def service(kafka_bootstrap: str, mongo_uri: str) -> Iterator[ServiceStack]:
    """Two web processes, two workers, three partitions, one parser."""
    stack = ServiceStack(
        kafka_bootstrap, mongo_uri, web=2, workers=2, env={"KAFKA__NUM_PARTITIONS": "3"}
    )
    stack.start()
    yield stack
    stack.stop()
