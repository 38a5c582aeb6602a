"""`make audit`: known dangers in our own code (bandit) and in what it runs on (pip-audit).

A package index without data on vulnerabilities calls everything safe. So a release that is known to
be vulnerable is asked for first: where that one passes, nothing was checked, and this is said.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devstack.process import ROOT

REQUIREMENTS = ROOT / "requirements.txt"
#: CVE-2022-29217, among others.
_CANARY = "pyjwt==1.7.1\n"
_CANARY_TIMEOUT_S = 15
_TIMEOUT_S = 60
_BIN = Path(sys.executable).parent


class AuditFailedError(Exception):
    """pip-audit could not do its work; the message is its own last line."""


@dataclass(frozen=True)
class Report:
    """A line for each known vulnerability, and for each package that was not looked at."""

    vulnerabilities: list[str]
    unchecked: list[str]


def main() -> int:
    """Run both tools and return the exit code; a source that knows nothing is no failure."""
    options = ["--quiet", "--recursive", "--severity-level", "medium", "-c", "pyproject.toml"]
    bandit = [str(_BIN / "bandit"), *options, *_own_code()]
    code = subprocess.run(bandit, cwd=ROOT, check=False).returncode
    if not knows_of_vulnerabilities():
        print("pip-audit: NOTHING WAS CHECKED: the package index in use knows of no vulnerability")
        return code
    try:
        report = read_report(_pip_audit(REQUIREMENTS, _TIMEOUT_S))
        problems = report.vulnerabilities + report.unchecked
    except AuditFailedError as error:
        problems = [str(error)]
    print("\n".join(f"pip-audit: {line}" for line in problems or ["no vulnerability is known"]))
    return code or int(bool(problems))


def knows_of_vulnerabilities() -> bool:
    """True when the source of data knows what is wrong with a release that everybody knows of."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as canary:
        canary.write(_CANARY)
        canary.flush()
        try:
            report = read_report(_pip_audit(Path(canary.name), _CANARY_TIMEOUT_S))
        except AuditFailedError:
            return False
    return bool(report.vulnerabilities)


def read_report(report: str) -> Report:
    """Read pip-audit's JSON."""
    packages = json.loads(report)["dependencies"]
    return Report(
        vulnerabilities=[
            f"{package['name']} {package['version']}: {found['id']}, "
            f"fixed in {' or '.join(found['fix_versions']) or 'no release'}"
            for package in packages
            for found in package.get("vulns", [])
        ],
        unchecked=[
            f"{package['name']} was not checked: {package['skip_reason']}"
            for package in packages
            if "skip_reason" in package
        ],
    )


def _pip_audit(requirements: Path, timeout_s: float) -> str:
    """Return the report as JSON; raise AuditFailedError when there is none."""
    command = [
        *(str(_BIN / "pip-audit"), "--requirement", str(requirements), "--no-deps"),
        *("--disable-pip", "--format", "json", "--progress-spinner", "off"),
    ]
    try:
        ran = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise AuditFailedError(f"no answer within {timeout_s} s") from error
    if not ran.stdout.startswith("{"):
        raise AuditFailedError(
            ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else "no report"
        )
    return ran.stdout


def _own_code() -> list[str]:
    """Return our packages and the modules beside them; the tests are no package."""
    packages = [str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/__init__.py")]
    return sorted(packages) + sorted(path.name for path in ROOT.glob("*.py"))


if __name__ == "__main__":
    sys.exit(main())
