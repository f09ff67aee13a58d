"""Reaching an engine over SSH, against a real server in this process."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest
from msgspec.structs import replace

from deployer.errors import UnreachableError
from deployer.reach.connection import ConnectionSpec, HostKeyChecking
from deployer.transport.opening import SharedSsh, open_link
from deployer.transport.pool import HttpPool, Request
from deployer.transport.ssh import SshHost
from tests.transport.conftest import Remote, ed25519_key, ed25519_text
from tests.transport.fake_engine import Canned, Seen
from tests.transport.ssh_server import Traits, ssh_server

GET_VERSION = Request("GET", "/version", timeout=5)


def version(spec: ConnectionSpec) -> str:
    """What the engine says of itself, over a connection of its own."""
    pool = HttpPool(SshHost(spec, SharedSsh()))
    try:
        return str(json.loads(pool.fetch(GET_VERSION).body)["Version"])
    finally:
        pool.close()


def failure(spec: ConnectionSpec) -> UnreachableError:
    with pytest.raises(UnreachableError) as caught:
        version(spec)
    return caught.value


def test_an_engine_answers_through_its_socket(remote: Remote) -> None:
    assert version(remote.spec()) == "26.1.5"
    assert remote.server.commands == []


def test_thirty_parallel_requests_share_one_tcp_connection_and_eight_streams(remote: Remote) -> None:
    gate = threading.Barrier(8, timeout=5)

    def slow(_: Seen) -> Canned:
        return Canned(body={"ok": True}, wait=gate.wait)

    remote.engine.answers["GET /info"] = slow
    pool = HttpPool(SshHost(remote.spec(), SharedSsh()))
    request = Request("GET", "/v1.45/info", timeout=10)
    with ThreadPoolExecutor(32) as threads:
        replies = list(threads.map(lambda _: pool.fetch(request).status, range(32)))
    pool.close()
    assert replies == [200] * 32
    assert (remote.server.logins, remote.engine.connections, remote.engine.most_at_once) == (1, 8, 8)


class TestLogin:
    def test_a_key_given_as_text_is_used(self, remote: Remote) -> None:
        spec = remote.spec(private_key=ed25519_text("client"), private_key_files=())
        assert version(spec) == "26.1.5"

    def test_an_encrypted_key_opens_with_its_passphrase(self, remote: Remote) -> None:
        path = remote.write_key("client", "open sesame")
        spec = remote.spec(private_key_files=(str(path),), private_key_passphrase="open sesame")
        assert version(spec) == "26.1.5"

    def test_an_encrypted_key_without_passphrase_is_named(self, remote: Remote) -> None:
        path = remote.write_key("client", "open sesame")
        error = failure(remote.spec(private_key_files=(str(path),)))
        assert f"private key {path} is encrypted and no passphrase is given" in error.message
        assert "private_key_passphrase" in error.hint

    def test_a_wrong_passphrase_is_named_and_not_shown(self, remote: Remote) -> None:
        path = remote.write_key("client", "open sesame")
        error = failure(remote.spec(private_key_files=(str(path),), private_key_passphrase="open barley"))
        assert f"private key {path} cannot be loaded: its passphrase is wrong or it is damaged" in error.message
        assert "barley" not in error.message + error.hint

    def test_a_password_is_tried_after_the_keys(self, remote: Remote) -> None:
        remote.server.traits.passwords["deploy"] = "s3cret"
        path = remote.write_key("stranger")
        assert version(remote.spec(private_key_files=(str(path),), password="s3cret")) == "26.1.5"
        assert remote.server.tried == ["deploy:ssh-ed25519", "deploy:password"]

    def test_a_server_may_ask_for_key_and_password(self, remote: Remote) -> None:
        remote.server.traits.both = True
        remote.server.traits.passwords["deploy"] = "s3cret"
        assert version(remote.spec(password="s3cret")) == "26.1.5"

    def test_a_refused_login_names_the_user_and_the_methods(self, remote: Remote) -> None:
        path = remote.write_key("stranger")
        remote.server.traits.passwords["deploy"] = "other"
        error = failure(remote.spec(private_key_files=(str(path),), password="s3cret"))
        assert f"login as deploy at [127.0.0.1]:{remote.server.port} failed" in error.message
        assert f"tried {path}, password" in error.message
        assert "s3cret" not in error.message + error.hint

    def test_a_server_that_takes_only_passwords_is_said_to(self, remote: Remote) -> None:
        remote.server.traits.keys.clear()
        remote.server.traits.passwords["deploy"] = "s3cret"
        error = failure(remote.spec())
        assert error.hint == "the server accepts only password: set password (from a vault)"

    def test_a_missing_key_file_is_named(self, remote: Remote) -> None:
        error = failure(remote.spec(private_key_files=("/nowhere/id",)))
        assert "there was no key or password to try; private key /nowhere/id does not exist" in error.message


class TestHostKey:
    def test_an_unknown_key_is_refused_with_fingerprint_and_fix(self, remote: Remote) -> None:
        remote.known_hosts.write_text("")
        error = failure(remote.spec())
        port = remote.server.port
        assert f"the host key of [127.0.0.1]:{port} is not known" in error.message
        assert "ssh-ed25519 SHA256:" in error.message
        assert f"ssh-keyscan -p {port} 127.0.0.1 >> {remote.known_hosts}" in error.hint

    def test_a_changed_key_is_refused_with_file_and_line(self, remote: Remote) -> None:
        remote.known_hosts.write_text("# comment\n")
        remote.trust(remote.server.port, ed25519_key("other"))
        error = failure(remote.spec())
        assert "has changed: the server shows ssh-ed25519 SHA256:" in error.message
        assert f"known is {remote.known_hosts}:2 (ssh-ed25519 SHA256:" in error.message
        assert f"ssh-keygen -R '[127.0.0.1]:{remote.server.port}' -f {remote.known_hosts}" in error.hint

    def test_accept_new_remembers_an_unknown_key(self, remote: Remote) -> None:
        remote.known_hosts.unlink()
        assert version(remote.spec(host_key_checking=HostKeyChecking.ACCEPT_NEW)) == "26.1.5"
        assert version(remote.spec()) == "26.1.5"

    def test_accept_new_refuses_a_changed_key(self, remote: Remote) -> None:
        remote.known_hosts.write_text("")
        remote.trust(remote.server.port, ed25519_key("other"))
        assert "has changed" in failure(remote.spec(host_key_checking=HostKeyChecking.ACCEPT_NEW)).message

    def test_no_checking_takes_any_key(self, remote: Remote) -> None:
        remote.known_hosts.write_text("")
        remote.trust(remote.server.port, ed25519_key("other"))
        assert version(remote.spec(host_key_checking=HostKeyChecking.NO)) == "26.1.5"

    def test_a_revoked_key_is_refused(self, remote: Remote) -> None:
        remote.known_hosts.write_text("@revoked " + remote.known_hosts.read_text())
        assert f"is revoked at {remote.known_hosts}:1" in failure(remote.spec()).message

    def test_the_known_type_is_negotiated_when_the_server_has_several(self, remote: Remote) -> None:
        rsa = paramiko.RSAKey.generate(2048)
        remote.server.traits.host_keys.append(rsa)
        remote.known_hosts.write_text("")
        remote.trust(remote.server.port, rsa)
        assert version(remote.spec()) == "26.1.5"

    def test_an_alias_is_looked_up_instead_of_the_address(self, remote: Remote) -> None:
        text = remote.known_hosts.read_text().replace(f"[127.0.0.1]:{remote.server.port}", "web1-alias")
        remote.known_hosts.write_text(text)
        assert version(remote.spec(host_key_alias="web1-alias")) == "26.1.5"


class TestConnecting:
    def test_the_name_of_rfc_8731_for_a_key_exchange(self, remote: Remote) -> None:
        remote.server.traits.kex = ("curve25519-sha256",)
        assert version(remote.spec()) == "26.1.5"

    @pytest.mark.parametrize(("startups", "waiting"), [(10, range(1, 9)), (4, range(1, 9))])
    def test_fifty_names_at_one_server_all_come_up(self, remote: Remote, startups: int, waiting: range) -> None:
        """Eight at a time; those that the server turns away all the same come again."""
        remote.server.traits.max_startups = startups
        shared = SharedSsh()
        specs = [remote.spec(name=f"web{number}", host=("127.0.0.1", "localhost")[number % 2]) for number in range(50)]
        specs = [replace(spec, host_key_alias=f"[127.0.0.1]:{remote.server.port}") for spec in specs]
        with ThreadPoolExecutor(50) as threads:
            links = list(threads.map(lambda spec: open_link(spec, shared), specs))
        assert all(link.is_authenticated() for link in links)
        assert remote.server.most_waiting in waiting
        for link in links:
            link.close()

    def test_a_server_that_has_too_many_logins_is_asked_again(self, remote: Remote) -> None:
        """From OpenSSH 9.8 on, it says the same to an address that has a penalty."""
        said = ["Exceeded MaxStartups", "Not allowed at this time", "HTTP/1.1 400 Bad Request"]
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def refuse() -> None:
                for line in said:
                    client, _ = listener.accept()
                    client.sendall(f"{line}\r\n".encode())
                    client.close()

            thread = threading.Thread(target=refuse, daemon=True)
            thread.start()
            error = failure(remote.spec(port=listener.getsockname()[1]))
            thread.join(10)
        assert not thread.is_alive()
        assert "did not complete the SSH handshake: it said 'HTTP/1.1 400 Bad Request'" in error.message

    def test_a_name_that_does_not_resolve(self, remote: Remote) -> None:
        error = failure(remote.spec(host="no-such-host.invalid"))
        assert error.message == "the name no-such-host.invalid cannot be resolved"

    def test_a_port_that_refuses(self, remote: Remote) -> None:
        with ssh_server(Traits([])) as other:
            port = other.port
        error = failure(remote.spec(port=port))
        assert error.message == f"127.0.0.1 port {port} refused the connection"

    def test_a_server_that_says_nothing(self, remote: Remote) -> None:
        import socket

        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            error = failure(remote.spec(port=port, connect_timeout=0.3))
        assert f"[127.0.0.1]:{port} did not complete the SSH handshake" in error.message


class TestFallback:
    @pytest.fixture
    def docker_command(self, remote: Remote) -> Path:
        """A `docker` that understands `system dial-stdio`, found first in the server's PATH."""
        script = remote.folder / "bin" / "docker"
        script.parent.mkdir()
        script.write_text(
            "#!/usr/bin/env python3\n"
            "import os, socket, sys, threading\n"
            "assert sys.argv[-2:] == ['system', 'dial-stdio'], sys.argv\n"
            "path = sys.argv[2].removeprefix('unix://')\n"
            "sock = socket.socket(socket.AF_UNIX)\n"
            "try:\n"
            "    sock.connect(path)\n"
            "except OSError as error:\n"
            "    sys.exit('failed to open the raw stream connection: dial unix '\n"
            "             + path + ': connect: ' + error.strerror.lower())\n"
            "def back():\n"
            "    while data := sock.recv(65536):\n"
            "        os.write(1, data)\n"
            "    os._exit(0)\n"
            "threading.Thread(target=back, daemon=True).start()\n"
            "while data := os.read(0, 65536):\n"
            "    sock.sendall(data)\n"
        )
        script.chmod(0o755)
        import os

        remote.server.traits.environment = {"PATH": f"{script.parent}:{os.environ['PATH']}"}
        return script

    def test_a_server_without_streams_is_reached_through_dial_stdio(self, remote: Remote, docker_command: Path) -> None:
        remote.server.traits.streams = False
        assert version(remote.spec()) == "26.1.5"
        assert remote.server.commands == [f"docker -H unix://{remote.engine.socket} system dial-stdio"]

    def test_output_of_login_shells_is_skipped(self, remote: Remote, docker_command: Path) -> None:
        remote.server.traits.streams = False
        remote.server.traits.greeting = "printf 'Welcome, HTTP/1.1 user\\nhave a nice '; "
        assert version(remote.spec()) == "26.1.5"
        assert remote.engine.connections == 1

    def test_a_login_shell_that_lets_no_command_through_is_quoted(self, remote: Remote, docker_command: Path) -> None:
        remote.server.traits.streams = False
        remote.server.traits.greeting = "echo 'This account is closed.'; exit 1; "
        assert "This account is closed." in failure(remote.spec()).message
        remote.server.traits.greeting = "echo 'Press a key:'; cat >/dev/null; "
        pool = HttpPool(SshHost(remote.spec(docker_command="docker"), SharedSsh()))
        with pytest.raises(UnreachableError, match="Press a key:"):
            pool.fetch(Request("GET", "/version", timeout=0.5))
        pool.close()

    def test_a_docker_command_is_used_at_once(self, remote: Remote, docker_command: Path) -> None:
        assert version(remote.spec(docker_command=f"env -- {docker_command}")) == "26.1.5"
        assert remote.server.commands[0].startswith(f"env -- {docker_command} -H unix://")

    def test_fewer_sessions_than_streams_only_slow_it_down(self, remote: Remote, docker_command: Path) -> None:
        remote.server.traits.streams = False
        remote.server.traits.max_sessions = 2
        remote.engine.answers["GET /info"] = Canned(body={"ok": True})
        pool = HttpPool(SshHost(remote.spec(), SharedSsh()))
        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(lambda _: pool.fetch(Request("GET", "/v1.45/info")).status, range(20)))
        pool.close()
        assert replies == [200] * 20
        assert remote.engine.most_at_once == 2

    def test_no_streams_and_no_docker_command(self, remote: Remote) -> None:
        remote.server.traits.streams = False
        remote.server.traits.environment = {"PATH": "/usr/bin:/bin"}
        error = failure(remote.spec())
        assert "forbids forwarding to sockets, and has no docker command" in error.message
        assert "AllowStreamLocalForwarding yes" in error.hint

    def test_no_socket_at_all(self, remote: Remote) -> None:
        error = failure(remote.spec(docker_socket="/nowhere/docker.sock"))
        assert error.message.endswith("there is no Docker socket at /nowhere/docker.sock")

    def test_a_file_that_is_not_a_socket(self, remote: Remote) -> None:
        path = remote.folder / "file"
        path.touch()
        assert failure(remote.spec(docker_socket=str(path))).message.endswith(f"{path} is not a socket")

    def test_a_stopped_engine(self, remote: Remote) -> None:
        import socket

        path = remote.folder / "dead.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        error = failure(remote.spec(docker_socket=str(path)))
        assert f"the Docker engine is stopped: nothing answers at {path}" in error.message
        assert "systemctl start docker" in error.hint

    def test_a_command_that_is_not_there(self, remote: Remote) -> None:
        error = failure(remote.spec(docker_command="no-such-docker"))
        assert "there is no 'no-such-docker'" in error.message

    def test_sudo_that_asks_for_a_password(self, remote: Remote) -> None:
        sudo = remote.folder / "sudo"
        sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
        sudo.chmod(0o755)
        error = failure(remote.spec(docker_command=f"{sudo} -n docker"))
        assert "sudo asks deploy for a password" in error.message
        assert "NOPASSWD" in error.hint

    def test_a_server_that_runs_no_commands(self, remote: Remote) -> None:
        remote.server.traits.streams = False
        remote.server.traits.commands = False
        error = failure(remote.spec())
        assert "does not open a stream to" in error.message


class TestWay:
    def test_a_jump_host_is_passed_and_shared(self, remote: Remote) -> None:
        traits = Traits([ed25519_key("bastion")], keys={"jump": {ed25519_key("client").asbytes()}})
        with ssh_server(traits) as bastion:
            remote.trust(bastion.port, ed25519_key("bastion"))
            hop = remote.spec(name="bastion", port=bastion.port, user="jump")
            shared = SharedSsh()
            spec = remote.spec(jumps=(hop,))
            pools = [HttpPool(SshHost(spec, shared)) for _ in range(3)]
            with ThreadPoolExecutor(3) as threads:
                replies = list(threads.map(lambda pool: pool.fetch(GET_VERSION).status, pools))
            for pool in pools:
                pool.close()
            shared.close()
        assert replies == [200, 200, 200]
        assert (bastion.logins, remote.server.logins) == (1, 3)

    def test_a_jump_host_that_fails_is_named(self, remote: Remote) -> None:
        hop = remote.spec(name="bastion", host="no-such-host.invalid")
        error = failure(remote.spec(jumps=(hop,)))
        assert error.message == "jump host bastion: the name no-such-host.invalid cannot be resolved"

    def test_a_jump_host_that_cannot_connect_further(self, remote: Remote) -> None:
        hop = remote.spec(name="bastion")
        with ssh_server(Traits([])) as closed:
            port = closed.port
        error = failure(remote.spec(jumps=(hop,), port=port))
        assert f"jump host bastion could not connect to 127.0.0.1 port {port}" in error.message

    def test_a_jump_host_that_is_down_costs_one_attempt_however_many_hosts_need_it(self, remote: Remote) -> None:
        hop = remote.spec(name="bastion", private_key_files=())
        shared = SharedSsh()
        pools = [HttpPool(SshHost(remote.spec(name=f"web{number}", jumps=(hop,)), shared)) for number in range(5)]
        for pool in pools:
            with pytest.raises(UnreachableError, match="jump host bastion: login as deploy"):
                pool.fetch(GET_VERSION)
            pool.close()
        assert remote.server.logins == 1

    def test_a_proxy_command_carries_the_connection(self, remote: Remote) -> None:
        script = remote.folder / "proxy.py"
        script.write_text(
            "import os, socket, sys, threading\n"
            "sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
            "def back():\n"
            "    while data := sock.recv(65536):\n"
            "        os.write(1, data)\n"
            "threading.Thread(target=back, daemon=True).start()\n"
            "while data := os.read(0, 65536):\n"
            "    sock.sendall(data)\n"
        )
        command = f"python3 {script} 127.0.0.1 {remote.server.port}"
        assert version(remote.spec(proxy_command=command)) == "26.1.5"

    def test_a_proxy_command_that_fails_is_quoted(self, remote: Remote) -> None:
        error = failure(remote.spec(proxy_command="sh -c 'echo no such gateway >&2; exit 3'"))
        assert "through ProxyCommand, which said: no such gateway" in error.message


class TestLoss:
    def test_requests_that_wait_for_the_same_connection_share_its_failure(self, remote: Remote) -> None:
        pool = HttpPool(SshHost(remote.spec(private_key_files=()), SharedSsh()))

        def attempt(_: int) -> str:
            with pytest.raises(UnreachableError) as caught:
                pool.fetch(GET_VERSION)
            return caught.value.message

        with ThreadPoolExecutor(8) as threads:
            messages = set(threads.map(attempt, range(8)))
        pool.close()
        assert len(messages) == 1
        assert remote.server.logins == 1

    def test_a_read_is_repeated_after_the_connection_was_lost(self, remote: Remote) -> None:
        pool = HttpPool(SshHost(remote.spec(), SharedSsh()))
        assert pool.fetch(GET_VERSION).status == 200
        remote.server.drop_all()
        assert pool.fetch(GET_VERSION).status == 200
        pool.close()
        assert remote.server.logins == 2

    def test_a_read_that_is_cut_short_is_repeated_once(self, remote: Remote) -> None:
        answers = [Canned(body={"n": 1}, cut=True), Canned(body={"n": 2})]
        remote.engine.answers["GET /info"] = lambda _: answers.pop(0)
        pool = HttpPool(SshHost(remote.spec(), SharedSsh()))
        assert json.loads(pool.fetch(Request("GET", "/v1.45/info")).body) == {"n": 2}
        pool.close()

    def test_a_write_is_not_repeated(self, remote: Remote) -> None:
        remote.engine.answers["POST /containers/create"] = Canned(201, {"Id": "abc"}, cut=True)
        pool = HttpPool(SshHost(remote.spec(), SharedSsh()))
        with pytest.raises(UnreachableError) as caught:
            pool.fetch(Request("POST", "/v1.45/containers/create", b"{}"))
        pool.close()
        assert "was lost during POST /v1.45/containers/create" in caught.value.message
        assert len(remote.engine.seen) == 1

    def test_an_engine_that_does_not_answer_is_given_up(self, remote: Remote) -> None:
        release = threading.Event()
        remote.engine.answers["GET /info"] = Canned(body={}, wait=lambda: release.wait(5))
        pool = HttpPool(SshHost(remote.spec(), SharedSsh()))
        with pytest.raises(UnreachableError) as caught:
            pool.fetch(Request("GET", "/v1.45/info", timeout=0.2))
        release.set()
        pool.close()
        assert "did not answer GET /v1.45/info within 0.2 s" in caught.value.message

    def test_a_request_to_an_engine_stopped_meanwhile_says_so(self, remote: Remote) -> None:
        pool = HttpPool(SshHost(remote.spec(), SharedSsh()))
        assert pool.fetch(GET_VERSION).status == 200
        remote.engine.socket.unlink()
        answer = pool.open(GET_VERSION)
        with pytest.raises(UnreachableError) as caught:
            pool.fetch(GET_VERSION)
        answer.close()
        pool.close()
        assert "there is no Docker socket" in caught.value.message
