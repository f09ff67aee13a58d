"""Scripts run on hosts: on this machine, on real hosts, and where none can be run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deployer.engine.connect import Connections
from deployer.reach.connection import ConnectionSpec, Kind
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
def opened(spec: ConnectionSpec) -> Iterator[Connections]:
    with Connections() as connections:
        engine = connections.connect(spec)
        try:
            yield connections
        finally:
            engine.close()


def test_on_this_machine() -> None:
    with Connections() as connections:
        assert connections.run_script(ConnectionSpec(name="here", kind=Kind.LOCAL), SCRIPT) == SAID


@pytest.mark.parametrize("kind", [Kind.TCP, Kind.SIMULATED])
def test_where_there_is_no_way(kind: Kind) -> None:
    with Connections() as connections:
        assert connections.run_script(ConnectionSpec(name="there", kind=kind), SCRIPT) is None


@pytest.mark.lab
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_with_any_login_shell(host_26: Host, shell: str) -> None:
    host_26.run("usermod", "--shell", shell, "deploy")
    with opened(ssh(host_26, "deploy")) as connections:
        assert connections.run_script(ssh(host_26, "deploy"), SCRIPT) == SAID
        assert connections.free_space(ssh(host_26, "deploy"), "/") is not None


@pytest.mark.lab
def test_a_server_that_runs_nothing(host_26: Host) -> None:
    faults.restart_sshd(host_26, {"ForceCommand": "/usr/sbin/nologin"})
    try:
        with opened(ssh(host_26)) as connections:
            assert connections.run_script(ssh(host_26), SCRIPT) != SAID
    finally:
        faults.repair(host_26)
