"""A second registry for tests of logins: TLS with a certificate of its own, and one user."""

from dataclasses import dataclass
from pathlib import Path

import bcrypt

from tests.lab import registry
from tests.lab.host import Host
from tests.lab.settings import REGISTRY_ADDRESS, SECURE_REGISTRY_PORT
from tests.lab.shell import read_pid, run, wait_for

_NAME = "secure"
_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
auth:
  htpasswd: {{realm: lab, path: {folder}/htpasswd}}
http:
  addr: "{address}:{port}"
  tls: {{certificate: {folder}/ca.crt, key: {folder}/ca.key}}
"""


@dataclass(frozen=True, slots=True)
class SecureRegistry:
    """How to reach the registry; nobody trusts its certificate until `trust`."""

    address: str
    user: str
    password: str
    certificate: Path


def start() -> SecureRegistry:
    """Start the registry, if it does not run, in the namespace of the lab's own one."""
    folder = registry.FOLDER / _NAME
    found = SecureRegistry(f"{REGISTRY_ADDRESS}:{SECURE_REGISTRY_PORT}", "ci", "correct horse", folder / "ca.crt")
    if read_pid(registry.FOLDER / f"{_NAME}.pid"):
        return found
    folder.mkdir(exist_ok=True)
    _make_certificate(folder)
    hashed = bcrypt.hashpw(found.password.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
    (folder / "htpasswd").write_text(f"{found.user}:{hashed}\n")
    config = _CONFIG.format(folder=folder, address=REGISTRY_ADDRESS, port=SECURE_REGISTRY_PORT)
    registry.serve(_NAME, config, SECURE_REGISTRY_PORT)
    wait_for(lambda: registry.listens(SECURE_REGISTRY_PORT), 30, "the registry with TLS")
    return found


def stop() -> None:
    """Stop the registry; what was pushed stays until the lab is removed."""
    registry.stop(_NAME)


def trust(host: Host, secure: SecureRegistry) -> None:
    """Let a host's engine trust the registry's certificate; it reads this anew at each pull, push and login."""
    folder = host.root / "etc/docker/certs.d" / secure.address
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.crt").write_bytes(secure.certificate.read_bytes())


def distrust(host: Host, secure: SecureRegistry) -> None:
    """Take the trust back."""
    (host.root / "etc/docker/certs.d" / secure.address / "ca.crt").unlink(missing_ok=True)


def _make_certificate(folder: Path) -> None:
    command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = f"subjectAltName=IP:{REGISTRY_ADDRESS},DNS:registry.lab"
    files = ("-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    run(*command, "-days", "365", "-subj", "/CN=registry.lab", "-addext", names, *files)
