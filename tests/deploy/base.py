"""An image to begin with where no registry is asked: in place of ``python:3.13-slim``, the Python of the tests.

It has what the Containerfile's first stage works with: the interpreter and its library, pip, bash and ldd,
certificates, and the shared libraries that all these and the pinned packages load.  pip goes by what it goes by here.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib.metadata import distribution
from pathlib import Path

from tests.deploy.images import load

NAME = "localhost/python-of-the-tests"
_PIP = "opt/pip"
_CERTIFICATES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def put_together(base: Path) -> None:
    """Its root."""
    image = load()
    python = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib")).resolve()
    unused = shutil.ignore_patterns("__pycache__", "*.a", "config-*", "site-packages", "dist-packages", "test")
    shutil.copytree(library, base / library.relative_to("/"), ignore=unused, dirs_exist_ok=True)
    shutil.copytree(str(distribution("pip").locate_file("pip")), base / _PIP / "pip")
    for file in (python, Path("/bin/bash"), Path("/usr/bin/ldd"), Path("/etc/pip.conf"), *_certificates()):
        if file.is_file():
            image.put(base, file)
    packages = Path(sysconfig.get_path("platlib"))
    for file in image.loaded([python, Path("/bin/bash"), *image.extensions(base), *image.extensions(packages)]):
        if not file.is_relative_to(packages):
            image.put(base, file)
    local = base / "usr" / "local" / "bin"
    local.mkdir(parents=True, exist_ok=True)
    (local / "python").symlink_to(python)
    (base / "tmp").mkdir()
    (base / "tmp").chmod(0o1777)


def environment() -> dict[str, str]:
    """Its variables."""
    told = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in _CERTIFICATES}
    return {**told, "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": f"/{_PIP}"}


def _certificates() -> list[Path]:
    named = (Path(os.environ[name]) for name in _CERTIFICATES if name in os.environ)
    return [*named, Path("/etc/ssl/certs/ca-certificates.crt")]
