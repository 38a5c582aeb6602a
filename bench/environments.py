"""The peers' virtual environments: made once for each requirements file, in the user's cache."""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.catalogue import Peer
from bench.errors import BenchError
from devstack.cache import cache_dir, one_at_a_time


def bin_dir(peer: Peer) -> Path:
    """Return where the peer's programs are, installing it first if need be."""
    if peer.requirements is None:
        return Path(sys.executable).parent
    digest = hashlib.sha256(peer.requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_dir() / "bench" / f"{peer.name}-{digest}"
    with one_at_a_time():
        if not (folder / ".installed").exists():
            _install(peer, peer.requirements, folder)
    return folder / "bin"


def freeze(peer: Peer) -> list[str]:
    """Return `name==version` of all that is installed beside the peer."""
    listed = subprocess.run(
        [bin_dir(peer) / "python", "-m", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


def _install(peer: Peer, requirements: Path, folder: Path) -> None:
    print(f"installing {peer.name} from PyPI ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [
        str(folder / "bin/python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    done = subprocess.run(
        [*pip, "--require-hashes", "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last_word = (done.stderr.strip() or "pip failed").splitlines()[-1]
        raise BenchError(f"can't install {peer.name}: {last_word}")
    (folder / ".installed").touch()
