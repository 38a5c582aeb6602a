"""`python -m bench.import_memory`: what importing costs a worker before it does anything, in MiB.

The part of the memory target that no code of ours can change; each line is a process of its own.
"""

import subprocess
import sys

_IMPORTS = {
    "nothing": "",
    "dramatiq": "import dramatiq",
    "dramatiq and kafka-python": "import dramatiq, kafka",
    "our broker": "import tasks.kafka_broker",
}
_MEASURE = """
import re
from pathlib import Path
print(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def main() -> None:
    """Print one line for each."""
    for what, imports in _IMPORTS.items():
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", f"{imports}\n{_MEASURE}"],
            capture_output=True,
            text=True,
            check=True,
        )
        print(f"{int(ran.stdout) / 1024:6.1f}  {what}")


if __name__ == "__main__":
    main()
