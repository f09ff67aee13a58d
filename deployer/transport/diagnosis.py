"""Why the engine of a host that one can log in to cannot be reached.

sshd refuses a stream to a socket without saying why, and `docker system dial-stdio` says it in many words. A short
POSIX shell script, run over the same SSH connection, looks at the socket; this module holds the script and turns its
findings into one message with the next step. Pure: text in, error out.
"""

from __future__ import annotations

import shlex

from msgspec import Struct

from deployer.errors import UnreachableError
from deployer.reach.connection import DEFAULT_SOCKET, SUDO_PROMPT, ConnectionSpec

NOT_FOUND = 127
"""The shell's exit status for a command that does not exist."""

_MARK = "deployer-probe"
_SHOWN = 300

_SCRIPT = """
s={socket}
echo {mark}
echo "user=$(id -un)"
echo "groups=$(id -Gn)"
[ -e "$s" ] && echo exists=1
[ -S "$s" ] && echo socket=1
[ -w "$s" ] && echo writable=1
command -v docker >/dev/null 2>&1 && echo docker=1
[ -r /proc/net/unix ] && echo sockets=1
grep " 00010000 .*/$(basename "$s")\\$" /proc/net/unix >/dev/null 2>&1 && echo listening=1
for o in /var/run/docker.sock "/run/user/$(id -u)/docker.sock" /run/podman/podman.sock \
"/run/user/$(id -u)/podman/podman.sock"; do [ "$o" != "$s" ] && [ -S "$o" ] && echo "other=$o"; done
true
"""


class Findings(Struct, frozen=True):
    """The findings of the script, run as the login user. `listening` is None if unknown."""

    user: str
    groups: tuple[str, ...] = ()
    exists: bool = False
    is_socket: bool = False
    writable: bool = False
    has_docker: bool = False
    listening: bool | None = None
    others: tuple[str, ...] = ()


class CommandFailure(Struct, frozen=True):
    """A command that ended instead of carrying a stream; `status` is None when the server did not say."""

    command: str
    status: int | None
    said: str


def probe_command(socket: str) -> str:
    """For any login shell: `sh` runs the script. A listening socket has flag 00010000 (__SO_ACCEPTCON, proc(5))."""
    return f"sh -c {shlex.quote(_SCRIPT.format(socket=shlex.quote(socket), mark=_MARK))}"


def read_findings(output: str) -> Findings | None:
    """None if another program ran instead of the script, such as a forced command."""
    _, mark, text = output.partition(_MARK + "\n")
    if not mark:
        return None
    pairs = [(name, value) for name, _, value in (line.partition("=") for line in text.splitlines())]
    said = dict(pairs)
    return Findings(
        user=said.get("user", ""),
        groups=tuple(said.get("groups", "").split()),
        exists="exists" in said,
        is_socket="socket" in said,
        writable="writable" in said,
        has_docker="docker" in said,
        listening=("listening" in said) if "sockets" in said else None,
        others=tuple(value for name, value in pairs if name == "other"),
    )


def explain(spec: ConnectionSpec, findings: Findings | None, failure: CommandFailure | None) -> UnreachableError:
    """The most likely reason. `failure` is None when no command was run."""
    if spec.docker_command and failure is not None:
        return _command_failed(spec, findings, failure)
    if findings is None:
        return _commands_refused(spec, failure)
    if not findings.exists or not findings.is_socket:
        return _no_socket(spec, findings)
    if not findings.writable:
        return _not_permitted(spec, findings)
    if findings.listening is False or (failure is not None and _engine_down(failure.said)):
        return _stopped(spec)
    return _forwarding_refused(spec, findings, failure)


def _command_failed(spec: ConnectionSpec, findings: Findings | None, failure: CommandFailure) -> UnreachableError:
    said = failure.said.lower()
    told = _output_of(failure)
    if failure.said.count(SUDO_PROMPT) > 1 or "incorrect password" in said:
        return UnreachableError(
            f"on {spec.address}, sudo does not accept the password of {spec.user}",
            hint="set ansible_become_password, or enter it with --ask-become-pass",
        )
    if "password is required" in said or "a terminal is required" in said or "no tty present" in said:
        return UnreachableError(
            f"on {spec.address}, sudo asks {spec.user} for a password ('{spec.docker_command}')",
            hint="give it with --ask-become-pass or ansible_become_password, or allow it without one: "
            f"'{spec.user} ALL=(root) NOPASSWD: /usr/bin/docker' in /etc/sudoers.d, or "
            f"usermod -aG docker {spec.user}",
        )
    if "not in the sudoers" in said or "not allowed to execute" in said or "may not run" in said:
        return UnreachableError(
            f"on {spec.address}, sudo does not let {spec.user} run docker: {told}",
            hint=f"'{spec.user} ALL=(root) NOPASSWD: /usr/bin/docker' in /etc/sudoers.d allows it",
        )
    if failure.status == NOT_FOUND or "command not found" in said:
        return UnreachableError(
            f"on {spec.address}, there is no '{spec.docker_command}': {told}",
            hint="install the Docker CLI on the host, or remove docker_command and give the user access to the socket",
        )
    if _engine_down(failure.said):
        return _stopped(spec)
    if "permission denied" in said and findings is not None:
        return _not_permitted(spec, findings)
    return UnreachableError(f"on {spec.address}, '{failure.command}' did not reach the engine: {told}")


def _commands_refused(spec: ConnectionSpec, failure: CommandFailure | None) -> UnreachableError:
    """The server runs no commands, so the reason is unknown."""
    said = f"; '{failure.command}' ended with: {_output_of(failure)}" if failure is not None else ""
    return UnreachableError(
        f"{spec.address} does not open a stream to {spec.docker_socket}{said}",
        hint=f"is the engine running, may {spec.user} open the socket, and does sshd allow AllowStreamLocalForwarding?",
    )


def _no_socket(spec: ConnectionSpec, findings: Findings) -> UnreachableError:
    if findings.exists:
        return UnreachableError(f"on {spec.address}, {spec.docker_socket} is not a socket", hint="set docker_socket")
    if findings.others:
        hint = f"there is {', '.join(findings.others)}: set docker_socket to it"
    elif spec.docker_socket == DEFAULT_SOCKET:
        hint = "install and start Docker on the host (systemctl enable --now docker), or set docker_socket"
    else:
        hint = "check docker_socket, and that the engine runs"
    return UnreachableError(f"on {spec.address}, there is no Docker socket at {spec.docker_socket}", hint=hint)


def _not_permitted(spec: ConnectionSpec, findings: Findings) -> UnreachableError:
    user = findings.user or spec.user
    groups = f" (groups: {', '.join(findings.groups)})" if findings.groups else ""
    return UnreachableError(
        f"on {spec.address}, user {user}{groups} may not open {spec.docker_socket}",
        hint=f"sudo usermod -aG docker {user} on the host, or set docker_command: sudo -n docker",
    )


def _stopped(spec: ConnectionSpec) -> UnreachableError:
    return UnreachableError(
        f"on {spec.address}, the Docker engine is stopped: nothing answers at {spec.docker_socket}",
        hint="systemctl start docker on the host; journalctl -u docker shows why it stopped",
    )


def _forwarding_refused(spec: ConnectionSpec, findings: Findings, failure: CommandFailure | None) -> UnreachableError:
    if failure is None or failure.status == NOT_FOUND or not findings.has_docker:
        return UnreachableError(
            f"{spec.address} forbids forwarding to sockets, and has no docker command to use instead",
            hint="set AllowStreamLocalForwarding yes in its sshd_config (and no 'restrict' before the key in "
            "authorized_keys), or install the Docker CLI on the host",
        )
    return UnreachableError(f"on {spec.address}, '{failure.command}' did not reach the engine: {_output_of(failure)}")


def _engine_down(said: str) -> bool:
    lowered = said.lower()
    return "connection refused" in lowered or "is the docker daemon running" in lowered


def _output_of(failure: CommandFailure) -> str:
    said = " ".join(failure.said.split())[:_SHOWN]
    status = "" if failure.status is None else f"exit status {failure.status}"
    return " ".join(part for part in (said, f"({status})" if said and status else status) if part) or "no output"
