"""What the tools to measure against need: Compose's program, its way over SSH to the hosts, and Python for Ansible."""

import os
import stat
from pathlib import Path

from tests.lab import layers, machine
from tests.lab.host import KEY, KNOWN_HOSTS, Host
from tests.lab.layers import Layer
from tests.lab.rootfs import HOSTS
from tests.lab.settings import STATE
from tests.lab.shell import run

_PYTHON = {
    suite: Layer(f"python-{suite}", suite, ("python3", "python3-requests"), "", host) for suite, host in HOSTS.items()
}


def compose() -> Path:
    """Docker Compose v2.40 or newer, for the root namespace; `compose() version` works without Docker's CLI."""
    return HOSTS["forky"].folder / "usr/libexec/docker/cli-plugins/docker-compose"


def buildx() -> Path:
    """Docker's client of BuildKit, which works without Docker's CLI."""
    return compose().with_name("docker-buildx")


def docker_cli() -> Path:
    """Docker's CLI 28.5 or newer as a program for the root namespace."""
    return HOSTS["forky"].folder / "usr/bin/docker"


def environment(host: Host) -> dict[str, str]:
    """The environment in which those two programs reach a host's engine over SSH.

    They run whatever `ssh` is first in PATH and pass no key: here that is one which knows the lab's.
    """
    folder = STATE / "peers"
    folder.mkdir(exist_ok=True)
    program = folder / "ssh"
    options = f"-F /dev/null -i {KEY} -o UserKnownHostsFile={KNOWN_HOSTS} -o BatchMode=yes"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh {options} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{folder}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "DOCKER_HOST": f"ssh://{host.user}@{host.address}"}


def install_python(host: Host) -> None:
    """Put Python and requests on a host, which Ansible's Docker modules need there; the first call builds them."""
    layer = _PYTHON[host.suite]
    if not layer.folder.is_dir():
        layers.build_all([layer], machine.mirror())
    run("cp", "-a", f"{layer.folder}/.", host.root)
