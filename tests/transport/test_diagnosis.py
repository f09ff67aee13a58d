"""What a look at the host says about its engine."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from deployer.reach.connection import ConnectionSpec
from deployer.transport.diagnosis import CommandFailure, Findings, explain, probe_command, read_findings

SPEC = ConnectionSpec(name="web1", host="web1", user="deploy")
FINE = Findings("deploy", ("deploy", "docker"), exists=True, is_socket=True, writable=True, has_docker=True)


def probe(path: Path) -> Findings:
    output = subprocess.run(["/bin/sh", "-c", probe_command(str(path))], check=True, capture_output=True, text=True)
    findings = read_findings("Welcome to web1\n" + output.stdout)
    assert findings is not None
    return findings


def test_the_probe_sees_a_listening_socket(tmp_path: Path) -> None:
    path = tmp_path / "it's a $ocket.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        found = probe(path)
    assert (found.exists, found.is_socket, found.writable, found.listening) == (True, True, True, True)
    assert found.user and found.groups


def test_the_probe_sees_a_dead_socket(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    found = probe(path)
    assert (found.is_socket, found.listening) == (True, False)


def test_the_probe_sees_no_socket(tmp_path: Path) -> None:
    found = probe(tmp_path / "none.sock")
    assert (found.exists, found.is_socket, found.writable) == (False, False, False)


def test_output_of_other_programs_is_ignored() -> None:
    assert read_findings("This account is not available.\n") is None


@pytest.mark.parametrize(
    ("findings", "failure", "message", "hint"),
    [
        (
            Findings("deploy"),
            None,
            "on web1, there is no Docker socket at /var/run/docker.sock",
            "systemctl enable --now docker",
        ),
        (
            Findings("deploy", others=("/run/podman/podman.sock",)),
            None,
            "there is no Docker socket",
            "there is /run/podman/podman.sock: set docker_socket to it",
        ),
        (
            Findings("deploy", ("deploy", "users"), exists=True, is_socket=True),
            CommandFailure("docker system dial-stdio", 1, "permission denied"),
            "on web1, user deploy (groups: deploy, users) may not open /var/run/docker.sock",
            "sudo usermod -aG docker deploy on the host, or set docker_command: sudo -n docker",
        ),
        (
            FINE,
            CommandFailure("docker system dial-stdio", 1, "dial unix /run/docker.sock: connect: connection refused"),
            "on web1, the Docker engine is stopped",
            "systemctl start docker",
        ),
        (
            FINE,
            CommandFailure("docker system dial-stdio", 1, "Cannot connect. Is the docker daemon running?"),
            "the Docker engine is stopped",
            "journalctl",
        ),
        (
            Findings("deploy", exists=True, is_socket=True, writable=True, listening=True),
            CommandFailure("docker system dial-stdio", 127, "sh: docker: not found"),
            "web1 forbids forwarding to sockets, and has no docker command",
            "AllowStreamLocalForwarding yes",
        ),
        (
            FINE,
            CommandFailure("docker system dial-stdio", 1, "unknown command: dial-stdio\nUsage: docker"),
            "'docker system dial-stdio' did not reach the engine: unknown command: dial-stdio Usage: docker "
            "(exit status 1)",
            "",
        ),
        (None, None, "web1 does not open a stream to /var/run/docker.sock", "may deploy open the socket"),
        (
            None,
            CommandFailure("docker system dial-stdio", 1, "This account is not available."),
            "'docker system dial-stdio' ended with: This account is not available. (exit status 1)",
            "",
        ),
    ],
)
def test_reasons(findings: Findings | None, failure: CommandFailure | None, message: str, hint: str) -> None:
    error = explain(SPEC, findings, failure)
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (1, "sudo: a password is required", "sudo asks deploy for a password ('sudo -n docker')"),
        (1, "sudo: a terminal is required to read the password", "sudo asks deploy for a password"),
        (1, "deploy is not in the sudoers file.", "sudo does not let deploy run docker"),
        (
            1,
            "Sorry, user deploy is not allowed to execute '/usr/bin/docker' as root",
            "sudo does not",
        ),
        (1, "sudo: docker: command not found", "there is no 'sudo -n docker'"),
        (127, "sh: 1: sudo: not found", "there is no 'sudo -n docker'"),
        (1, "dial unix: connect: connection refused", "the Docker engine is stopped"),
        (None, "", "did not reach the engine: no output"),
    ],
)
def test_reasons_of_a_stated_command(status: int | None, said: str, message: str) -> None:
    spec = ConnectionSpec(name="web1", host="web1", user="deploy", docker_command="sudo -n docker")
    assert message in explain(spec, FINE, CommandFailure("sudo -n docker system dial-stdio", status, said)).message
