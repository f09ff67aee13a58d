"""The transport against OpenSSH's sshd and Docker's engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.engine.connect import Connections, connect
from deployer.errors import UnreachableError
from deployer.interfaces import Engine
from deployer.reach.connection import CliConnectionOptions, ConnectionSpec, HostKeyChecking
from deployer.reach.resolve import connection_spec
from deployer.reach.ssh_config import SshConfig
from deployer.transport.opening import SharedSsh
from deployer.transport.pool import HttpPool, Request
from deployer.transport.ssh import SshHost
from deployer.usecases.system import this_machine
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.lifecycle import sshd_sessions
from tests.lab.settings import REGISTRY_ADDRESS, REGISTRY_PORT

pytestmark = pytest.mark.lab


def spec(host: Host, **changes: Any) -> ConnectionSpec:
    return ConnectionSpec(
        **{
            "name": host.name,
            "host": host.address,
            "user": "deploy",
            "private_key_files": (str(host.key),),
            "known_hosts_files": (str(host.known_hosts),),
            "identity_agent": "none",
            "identities_only": True,
            "connect_timeout": 5.0,
            **changes,
        }
    )


@contextmanager
def opened(found: ConnectionSpec) -> Iterator[Engine]:
    engine = connect(found)
    try:
        yield engine
    finally:
        engine.close()


def version(found: ConnectionSpec) -> str:
    with opened(found) as engine:
        return engine.describe().version


def failure(found: ConnectionSpec) -> UnreachableError:
    with pytest.raises(UnreachableError) as caught:
        connect(found)
    return caught.value


def established(host: Host) -> int:
    """How many TCP connections the host's sshd serves."""
    listed = host.run("ss", "-Htn", "state", "established", "sport", "=", ":22")
    return len(listed.splitlines())


class TestWays:
    def test_both_engines_answer_through_their_socket(self, host_20: Host, host_26: Host) -> None:
        assert version(spec(host_20)).startswith("20.10")
        assert version(spec(host_26)).startswith("26.1")

    @pytest.mark.parametrize("streams", ["yes", "no"])
    def test_thirty_parallel_requests_take_one_connection_below_max_sessions(self, host_26: Host, streams: str) -> None:
        faults.restart_sshd(host_26, {"MaxSessions": "10", "AllowStreamLocalForwarding": streams})
        before = established(host_26)
        with opened(spec(host_26)) as engine, ThreadPoolExecutor(30) as threads:
            names = list(threads.map(lambda number: engine.inspect_container(f"none-{number}"), range(30)))
            during = established(host_26)
        assert names == [None] * 30
        assert during - before == 1

    def test_a_server_without_forwarding_and_with_two_sessions_still_serves(self, host_26: Host) -> None:
        faults.restart_sshd(host_26, {"MaxSessions": "2", "DisableForwarding": "yes"})
        with opened(spec(host_26)) as engine, ThreadPoolExecutor(12) as threads:
            assert list(threads.map(lambda _: len(engine.info()["Name"]) > 0, range(12))) == [True] * 12

    def test_sudo_opens_the_way(self, host_26: Host) -> None:
        assert version(spec(host_26, user="admin", docker_command="sudo -n docker")).startswith("26.1")

    def test_an_inventory_for_ansible_with_become(self, host_26: Host, tmp_path: Path) -> None:
        variables = {
            "ansible_host": host_26.address,
            "ansible_user": "admin",
            "ansible_become": True,
            "ansible_ssh_private_key_file": str(host_26.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={host_26.known_hosts} -o ControlMaster=auto",
        }
        config = SshConfig(this_machine(), (str(tmp_path / "none"),))
        found = connection_spec("web1", variables, CliConnectionOptions(), config)
        assert version(found).startswith("26.1")

    @pytest.mark.parametrize("needed", [True, False])
    def test_sudo_with_a_password(self, host: Host, tmp_path: Path, *, needed: bool) -> None:
        """Where it asks for one, and where it does not."""
        user, password = ("asked" if needed else "unasked"), "pass wörd"
        faults.create_user(host, user, sudo=not needed, password=password)
        if needed:
            faults.allow_sudo(host, user)
        variables = {
            "ansible_host": host.address,
            "ansible_user": user,
            "ansible_become": True,
            "ansible_ssh_private_key_file": str(host.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={host.known_hosts}",
        }
        config = SshConfig(this_machine(), (str(tmp_path / "none"),))
        found = connection_spec("web1", variables, CliConnectionOptions(become_password=password), config)
        with opened(found) as engine, ThreadPoolExecutor(5) as threads:
            assert list(threads.map(lambda number: engine.inspect_container(f"none-{number}"), range(5))) == [None] * 5
        if needed:
            wrong = failure(replace(found, sudo_password="guessed"))
            assert wrong.message == f"on {host.address}, sudo does not accept the password of {user}"
            without = failure(connection_spec("web1", variables, CliConnectionOptions(), config))
            assert without.message == f"on {host.address}, sudo asks {user} for a password ('sudo -n docker')"

    def test_ssh_config_uses_a_jump_host(self, host_20: Host, host_26: Host, tmp_path: Path) -> None:
        config = tmp_path / "config"
        config.write_text(
            f"Host bastion\n  HostName {host_20.address}\n  User guest\n"
            f"Host web1\n  HostName {host_26.address}\n  User deploy\n  ProxyJump bastion\n"
            f"Host *\n  IdentityFile {host_26.key}\n  UserKnownHostsFile {host_26.known_hosts}\n"
        )
        found = connection_spec("web1", {}, CliConnectionOptions(), SshConfig(this_machine(), (str(config),)))
        before = established(host_20)
        with Connections() as connections:
            engines = [connections.open(found).engine() for _ in range(3)]
            assert established(host_20) - before == 1
            assert {engine.describe().version[:4] for engine in engines} == {"26.1"}
            for engine in engines:
                engine.close()

    def test_a_proxy_command_of_openssh(self, host_20: Host, host_26: Host) -> None:
        command = " ".join([*host_20.ssh_command()[:-1], "-W", f"{host_26.address}:22", f"root@{host_20.address}"])
        assert version(spec(host_26, proxy_command=command)).startswith("26.1")

    def test_a_key_exchange_under_its_name_of_rfc_8731(self, host_26: Host) -> None:
        faults.restart_sshd(host_26, {"KexAlgorithms": "curve25519-sha256"})
        assert version(spec(host_26)).startswith("26.1")

    @pytest.mark.parametrize("by_jump", [False, True], ids=["one sshd", "behind one bastion"])
    def test_fifty_names_come_up_despite_max_startups(self, host_20: Host, host_26: Host, by_jump: bool) -> None:
        startups = {"MaxStartups": "10:30:100"}
        faults.restart_sshd(host_20, startups)
        # Failed logins of other tests, from the same address, must not count here.
        faults.restart_sshd(host_26, startups | {"PerSourcePenalties": "no"})
        jumps = (spec(host_20, user="guest"),) if by_jump else ()
        with Connections() as connections, ThreadPoolExecutor(50) as threads:
            specs = [spec(host_26, name=f"web{number}", jumps=jumps) for number in range(50)]
            opened_hosts = list(threads.map(connections.open, specs))
            assert [found.engine().describe().version[:4] for found in opened_hosts] == ["26.1"] * 50
            for found in opened_hosts:
                found.close()

    def test_a_login_shell_that_greets(self, host_26: Host) -> None:
        faults.restart_sshd(host_26, {"AllowStreamLocalForwarding": "no"})
        file = host_26.root / "home/deploy/.bashrc"
        before = file.read_text() if file.exists() else ""
        file.write_text("echo 'Welcome to this host'\n" + before)
        try:
            assert version(spec(host_26)).startswith("26.1")
        finally:
            file.write_text(before)


class TestLogin:
    @pytest.fixture
    def own_key(self, host_26: Host, tmp_path: Path) -> Iterator[Path]:
        """A new key with the passphrase `open sesame` that lets `guest` and `deploy` in."""
        path = tmp_path / "own"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(path)], check=True)
        file = host_26.root / "etc/ssh/authorized_keys"
        before = file.read_text()
        file.write_text(before + Path(f"{path}.pub").read_text())
        yield path
        file.write_text(before)

    def test_a_key_with_passphrase(self, host_26: Host, own_key: Path) -> None:
        found = spec(host_26, private_key_files=(str(own_key),), private_key_passphrase="open sesame")
        assert version(found).startswith("26.1")
        assert (
            "is encrypted and no passphrase is given"
            in failure(spec(host_26, private_key_files=(str(own_key),))).message
        )

    def test_a_key_as_text(self, host_26: Host) -> None:
        found = spec(host_26, private_key_files=(), private_key=host_26.key.read_text())
        assert version(found).startswith("26.1")

    def test_an_agent(self, host_26: Host, tmp_path: Path) -> None:
        path = tmp_path / "agent.sock"
        with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as process:
            while not path.exists():
                time.sleep(0.01)
            environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
            subprocess.run(["ssh-add", "-q", str(host_26.key)], check=True, env=environment)
            found = spec(host_26, private_key_files=(), identities_only=False, identity_agent=str(path))
            try:
                assert version(found).startswith("26.1")
            finally:
                process.terminate()

    @pytest.mark.parametrize("method", ["PasswordAuthentication", "KbdInteractiveAuthentication"])
    def test_a_password(self, host_26: Host, method: str) -> None:
        both = ("PasswordAuthentication", "KbdInteractiveAuthentication")
        faults.restart_sshd(host_26, {name: "yes" if name == method else "no" for name in both} | {"UsePAM": "yes"})
        if not host_26.run("id", "-u", "pw", check=False).strip():
            faults.create_user(host_26, "pw", docker=True, password="correct horse")
        assert version(spec(host_26, user="pw", private_key_files=(), password="correct horse")).startswith("26.1")
        error = failure(spec(host_26, user="pw", private_key_files=(), password="wrong horse"))
        assert "login as pw at" in error.message
        assert "wrong horse" not in error.message + error.hint

    def test_key_and_password_together(self, host_26: Host) -> None:
        faults.restart_sshd(
            host_26, {"AuthenticationMethods": "publickey,password", "PasswordAuthentication": "yes", "UsePAM": "yes"}
        )
        if not host_26.run("id", "-u", "pw", check=False).strip():
            faults.create_user(host_26, "pw", docker=True, password="correct horse")
        assert version(spec(host_26, user="pw", password="correct horse")).startswith("26.1")

    def test_a_refused_login(self, host_26: Host) -> None:
        error = failure(spec(host_26, user="nobody-here"))
        assert f"login as nobody-here at {host_26.address} failed: the server refused" in error.message
        assert f"tried {host_26.key}" in error.message

    def test_too_many_keys(self, host_26: Host, tmp_path: Path) -> None:
        paths = []
        for number in range(8):
            path = tmp_path / f"key{number}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
            paths.append(str(path))
        error = failure(spec(host_26, private_key_files=tuple(paths)))
        assert "oo many authentication failures" in error.message
        assert "IdentitiesOnly" in error.hint

    def test_a_penalty_for_failed_logins_is_explained(self, host_26: Host) -> None:
        faults.restart_sshd(host_26, {"PerSourcePenalties": "authfail:60s noauth:60s min:1s"})
        failure(spec(host_26, user="nobody-here"))
        deadline = time.monotonic() + 5
        error = failure(spec(host_26, user="nobody-here"))
        while "handshake" not in error.message and time.monotonic() < deadline:
            error = failure(spec(host_26, user="nobody-here"))
        assert "did not complete the SSH handshake: it said 'Not allowed at this time'" in error.message
        assert "PerSourcePenalties" in error.hint


class TestHostKeys:
    def test_hashed_names(self, host_26: Host, tmp_path: Path) -> None:
        path = tmp_path / "known_hosts"
        shutil.copy(host_26.known_hosts, path)
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
        assert host_26.address not in path.read_text()
        assert version(spec(host_26, known_hosts_files=(str(path),))).startswith("26.1")

    def test_a_changed_key(self, host_20: Host, host_26: Host, tmp_path: Path) -> None:
        path = tmp_path / "known_hosts"
        lines = [line.split() for line in host_20.known_hosts.read_text().splitlines()]
        kind, blob = next((fields[1], fields[2]) for fields in lines if host_20.address in fields[0])
        path.write_text(f"{host_26.address} {kind} {blob}\n")
        error = failure(spec(host_26, known_hosts_files=(str(path),)))
        assert f"the host key of {host_26.address} has changed" in error.message
        assert f"known is {path}:1" in error.message

    def test_an_unknown_key_and_the_printed_way_to_trust_it(self, host_26: Host, tmp_path: Path) -> None:
        # ssh-keyscan does not log in, which sshd would hold against this address.
        faults.restart_sshd(host_26, {"PerSourcePenalties": "no"})
        path = tmp_path / "known_hosts"
        found = spec(host_26, known_hosts_files=(str(path),))
        error = failure(found)
        assert f"the host key of {host_26.address} is not known" in error.message
        command = error.hint.removeprefix("compare the fingerprint, then: ").partition(";")[0]
        subprocess.run(command, shell=True, check=True, capture_output=True)
        assert version(found).startswith("26.1")

    def test_accept_new(self, host_26: Host, tmp_path: Path) -> None:
        path = tmp_path / "known_hosts"
        accepting = spec(host_26, known_hosts_files=(str(path),), host_key_checking=HostKeyChecking.ACCEPT_NEW)
        assert version(accepting).startswith("26.1")
        listed = subprocess.run(
            ["ssh-keygen", "-F", host_26.address, "-f", str(path)], capture_output=True, check=False
        )
        assert listed.returncode == 0


class TestReasons:
    def test_no_right_to_the_socket(self, host_26: Host) -> None:
        error = failure(spec(host_26, user="guest"))
        assert error.message == (f"on {host_26.address}, user guest (groups: guest) may not open /var/run/docker.sock")
        assert "sudo usermod -aG docker guest" in error.hint

    def test_no_right_to_sudo(self, host_26: Host) -> None:
        error = failure(spec(host_26, user="guest", docker_command="sudo -n docker"))
        assert "sudo asks guest for a password" in error.message or "sudo does not let guest" in error.message

    def test_no_socket(self, host_26: Host) -> None:
        error = failure(spec(host_26, docker_socket="/run/other.sock"))
        assert error.message == f"on {host_26.address}, there is no Docker socket at /run/other.sock"
        assert "there is /var/run/docker.sock: set docker_socket to it" in error.hint

    def test_a_stopped_engine(self, host_26: Host) -> None:
        faults.stop_engine(host_26)
        error = failure(spec(host_26))
        socket_left = "the Docker engine is stopped" in error.message
        socket_gone = "there is no Docker socket at /var/run/docker.sock" in error.message
        assert socket_left or socket_gone
        assert "systemctl" in error.hint

    def test_a_killed_engine(self, host_26: Host) -> None:
        faults.kill_engine(host_26)
        assert "the Docker engine is stopped" in failure(spec(host_26)).message

    def test_no_forwarding_and_no_docker_command(self, host_26: Host) -> None:
        faults.restart_sshd(host_26, {"AllowStreamLocalForwarding": "no"})
        docker = Path("/usr/bin/docker")
        host_26.run("mv", str(docker), f"{docker}.hidden")
        try:
            error = failure(spec(host_26))
        finally:
            host_26.run("mv", f"{docker}.hidden", str(docker))
        assert "forbids forwarding to sockets, and has no docker command" in error.message

    def test_a_forced_command(self, host_26: Host) -> None:
        faults.restart_sshd(host_26, {"AllowStreamLocalForwarding": "no", "ForceCommand": "echo no shell for you"})
        error = failure(spec(host_26))
        assert "does not open a stream" in error.message
        assert "no shell for you" in error.message

    def test_a_frozen_engine(self, host_26: Host) -> None:
        pool = HttpPool(SshHost(spec(host_26), SharedSsh()))
        assert pool.fetch(Request("GET", "/version", timeout=5)).status == 200
        faults.freeze_engine(host_26)
        try:
            with pytest.raises(UnreachableError, match=r"did not answer GET /version within 0\.5 s"):
                pool.fetch(Request("GET", "/version", timeout=0.5))
        finally:
            # Emptying the host would wait for it.
            faults.thaw_engine(host_26)
        pool.close()

    def test_no_route(self, host_26: Host) -> None:
        with faults.unreachable(host_26):
            error = failure(spec(host_26, connect_timeout=1.0))
        assert "did not answer within 1 s" in error.message or "there is no route" in error.message

    def test_a_firewall_that_drops(self, host_26: Host) -> None:
        faults.drop_packets(host_26)
        assert "did not answer within 1 s" in failure(spec(host_26, connect_timeout=1.0)).message

    def test_a_closed_port(self, host_26: Host) -> None:
        assert "port 23 refused the connection" in failure(spec(host_26, port=23)).message

    def test_a_jump_host_that_forbids_forwarding(self, host_20: Host, host_26: Host) -> None:
        faults.restart_sshd(host_20, {"AllowTcpForwarding": "no"})
        error = failure(spec(host_26, jumps=(spec(host_20),)))
        assert f"jump host {host_20.name} could not connect to {host_26.address} port 22" in error.message


class TestLoss:
    def test_reads_continue_after_the_sessions_were_killed(self, host_26: Host) -> None:
        with opened(spec(host_26)) as engine:
            assert engine.list_containers() == []
            faults.cut_sessions(host_26)
            assert engine.list_containers() == []

    def test_a_write_under_way_is_reported_lost(self, host_26: Host) -> None:
        """A pull of a repository that hangs stands for any long write."""
        with opened(spec(host_26)) as engine, ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(engine.wait_container, _sleeping(engine))
            time.sleep(0.3)
            faults.cut_sessions(host_26)
            with pytest.raises(UnreachableError, match="was lost during POST"):
                waiting.result(10)

    def test_no_process_is_left_behind(self, host_26: Host) -> None:
        faults.restart_sshd(host_26, {"AllowStreamLocalForwarding": "no"})
        with opened(spec(host_26)) as engine, ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: engine.info(), range(16)))
        deadline = time.monotonic() + 5
        while sshd_sessions(host_26) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert host_26.run("pgrep", "-f", "dial-stdio", check=False) == ""


def _sleeping(engine: Engine) -> str:
    engine.pull_image("docker.io/library/busybox:1", "", None, lambda _: None)
    key, _ = engine.create_container("sleeping", {"Image": "busybox:1", "Cmd": ["sleep", "60"], "HostConfig": {}}, "")
    engine.start_container(key)
    return key


class TestEngine:
    def test_a_containers_life(self, host_20: Host) -> None:
        with opened(spec(host_20)) as engine:
            messages: list[Any] = []
            engine.pull_image("docker.io/library/busybox:1", "", None, messages.append)
            assert messages[-1]["status"].startswith("Status: ")
            command = ["sh", "-c", "echo out; echo err >&2; sleep 60"]
            body = {"Image": "busybox:1", "Cmd": command, "HostConfig": {}}
            key, warnings = engine.create_container("life", body, "")
            engine.start_container(key)
            engine.start_container(key)
            time.sleep(0.3)
            assert sorted(engine.container_logs("life", tail=10).split()) == ["err", "out"]
            engine.rename_container(key, "renamed")
            engine.stop_container("renamed", 0)
            assert engine.wait_container("renamed") == 137
            engine.remove_container("renamed", force=False, anonymous_volumes=True)
            assert engine.inspect_container(key) is None
            assert list(warnings) == []

    def test_a_pull_that_fails(self, host_20: Host) -> None:
        from deployer.errors import EngineError

        with opened(spec(host_20)) as engine, pytest.raises(EngineError) as caught:
            engine.pull_image(f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}/library/no-such-image:1", "", None, lambda _: None)
        assert "no-such-image" in caught.value.message or "manifest" in caught.value.message
