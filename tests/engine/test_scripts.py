"""Scripts run on hosts: on this machine, on real hosts, and where none can be run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployer.engine.connect import Connections
from deployer.engine.host_facts import free_space, output_of
from deployer.errors import NotOfferedError
from deployer.interfaces import CommandResult
from deployer.interfaces import Host as Reached
from deployer.reach.connection import ConnectionSpec
from deployer.reach.connectors import ConnectionType
from tests.lab import faults
from tests.lab.host import Host

SCRIPT = """a='it is "quoted"'
echo "$a: $((6 * 7))!" && printf '%s\\n' '$HOME'"""
SAID = 'it is "quoted": 42!\n$HOME\n'


def ssh(host: Host, user: str = "root") -> ConnectionSpec:
    return ConnectionSpec(
        name=host.name,
        host=host.address,
        user=user,
        private_key_files=(str(host.key),),
        known_hosts_files=(str(host.known_hosts),),
    )


@contextmanager
def opened(spec: ConnectionSpec) -> Iterator[Reached]:
    with Connections() as connections:
        host = connections.open(spec)
        try:
            yield host
        finally:
            host.close()


def test_on_this_machine() -> None:
    with opened(ConnectionSpec(name="here", kind=ConnectionType.LOCAL)) as host:
        assert host.shell().run(SCRIPT) == CommandResult(0, SAID, "")
        assert host.shell().run("echo no >&2; exit 3") == CommandResult(3, "", "no\n")
        free = free_space(host, "/")
        assert free is not None
        assert abs(free - shutil.disk_usage("/").free) < 2**30
        assert free_space(host, "/nowhere") is None


@pytest.mark.parametrize("kind", [ConnectionType.TCP, ConnectionType.SIMULATED])
def test_where_there_is_no_way(kind: ConnectionType) -> None:
    with opened(ConnectionSpec(name="there", kind=kind)) as host:
        with pytest.raises(NotOfferedError, match="offers no shell"):
            host.shell()
        assert (output_of(host, SCRIPT), free_space(host, "/")) == (None, None)


@pytest.mark.lab
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_with_any_login_shell(host_26: Host, shell: str) -> None:
    host_26.run("usermod", "--shell", shell, "deploy")
    with opened(ssh(host_26, "deploy")) as host:
        assert host.shell().run(SCRIPT) == CommandResult(0, SAID, "")
        assert free_space(host, "/") is not None


@pytest.mark.lab
def test_a_server_that_runs_nothing(host_26: Host) -> None:
    faults.restart_sshd(host_26, {"ForceCommand": "/usr/sbin/nologin"})
    try:
        with opened(ssh(host_26)) as host:
            with pytest.raises(NotOfferedError, match=r"ForceCommand\), which said: This account is currently not"):
                host.shell().run(SCRIPT)
            with pytest.raises(NotOfferedError, match="offers no files: the server starts no SFTP"):
                host.files()
    finally:
        faults.repair(host_26)
