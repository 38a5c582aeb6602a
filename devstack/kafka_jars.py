"""Kafka's jars: downloaded by jgo as devstack/kafka.lock says, each with its SHA-256 checked.

`python -m devstack.kafka_jars` resolves devstack/kafka.toml anew and writes the lock (`make pin`).
"""

import concurrent.futures
import hashlib
from pathlib import Path

from devstack.cache import cache_dir, one_at_a_time
from devstack.errors import DevstackError

_SPEC = Path(__file__).with_name("kafka.toml")
_LOCK = Path(__file__).with_name("kafka.lock")
_PARALLEL_DOWNLOADS = 4
_PROGRESS_EVERY = 10


def classpath() -> str:
    """Return Kafka's class path; only the first call for a lock file needs the network."""
    digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    stamp = cache_dir() / f"kafka-{digest}.classpath"
    if stamp.exists():
        jars = stamp.read_text().split(":")
        if all(Path(jar).is_file() for jar in jars):
            return ":".join(jars)
    with one_at_a_time():
        jars = _download()
    stamp.write_text(":".join(jars))
    return ":".join(jars)


def _download() -> list[str]:
    # jgo brings requests and more with it: a warm start needs none of that.
    import jgo.env  # noqa: PLC0415
    import jgo.maven  # noqa: PLC0415

    locked = jgo.env.LockFile.load(_LOCK).dependencies
    context = jgo.maven.MavenContext(repo_cache=cache_dir() / "maven")
    print(f"downloading Kafka's {len(locked)} jars ...", flush=True)

    def fetch(entry: "jgo.env.LockedDependency") -> str:
        name = f"{entry.groupId}:{entry.artifactId}:{entry.version}"
        artifact = context.create_dependency(name).artifact
        if artifact.cached_path and not _is_sound(artifact.cached_path, entry.sha256):
            artifact.cached_path.unlink(missing_ok=True)  # half a file, of a broken download
        try:
            jar = artifact.resolve()
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            raise DevstackError(f"can't download {name}: {error}") from error
        if not _is_sound(jar, entry.sha256):
            raise DevstackError(f"{jar} is not the file that devstack/kafka.lock names")
        return str(jar)

    jars = []
    with concurrent.futures.ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        for jar in pool.map(fetch, locked):
            jars.append(jar)
            if len(jars) % _PROGRESS_EVERY == 0:
                print(f"  {len(jars)} of {len(locked)}", flush=True)
    return jars


def _is_sound(jar: Path, sha256: str | None) -> bool:
    return jar.is_file() and hashlib.sha256(jar.read_bytes()).hexdigest() == sha256


def _write_lock() -> None:
    import jgo.env  # noqa: PLC0415
    import jgo.maven  # noqa: PLC0415

    context = jgo.maven.MavenContext(repo_cache=cache_dir() / "maven")
    builder = jgo.env.EnvironmentBuilder(context=context, cache_dir=cache_dir() / "jgo")
    builder.resolve_lockfile(jgo.env.EnvironmentSpec.load(_SPEC)).save(_LOCK)


if __name__ == "__main__":
    _write_lock()
