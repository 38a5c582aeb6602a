"""Keys and certificates for one test run, made by the `openssl` command.

Elliptic-curve keys, which take no time to make. Nothing here outlives pytest's own directory.
"""

import subprocess
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    """A certificate authority that signs for whoever asks."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca.key"
        self._openssl(
            *("req", "-x509", "-days", "1", "-subj", "/CN=Tests", *_KEY),
            *("-keyout", self._key, "-out", self.certificate),
        )

    def sign(self, name: str, *, alternative_names: str) -> tuple[Path, Path]:
        """Return a new certificate and its key, PEM both; `alternative_names` as `IP:127.0.0.1`."""
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        request = self._directory / f"{name}.csr"
        extension = f"subjectAltName={alternative_names}"
        self._openssl(
            *("req", "-new", "-subj", f"/CN={name}", "-addext", extension, *_KEY),
            *("-keyout", key, "-out", request),
        )
        self._openssl(
            *("x509", "-req", "-days", "1", "-copy_extensions", "copy", "-in", request),
            *("-CA", self.certificate, "-CAkey", self._key, "-out", certificate),
        )
        return certificate, key

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
