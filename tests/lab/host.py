"""A test host as tests see it: its facts, its Docker socket, and commands run inside it."""

import http.client
import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.settings import STATE, HostPlan
from tests.lab.shell import LabError, read_pid

KEY = STATE / "keys" / "id_ed25519"
KNOWN_HOSTS = STATE / "keys" / "known_hosts"
USERS = ("root", "deploy", "admin", "guest")
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C"}


@dataclass(frozen=True, slots=True)
class Host:
    """One host of the running lab. Its processes change when it is restarted; these facts do not.

    Users whose key is `key`: root; deploy (group docker); admin (no socket, but `sudo -n`); guest (no rights).
    """

    name: str
    address: str
    suite: str
    engine_version: str
    api_version: str
    folder: Path
    port: int = 22
    user: str = "root"
    key: Path = KEY
    known_hosts: Path = KNOWN_HOSTS

    @property
    def plan(self) -> HostPlan:
        """What the host was started from."""
        return HostPlan(int(self.name.removeprefix("lab")))

    @property
    def init_pid(self) -> int:
        """The root namespace's pid of the host's first process."""
        return init_pid(self.folder, self.name)

    @property
    def root(self) -> Path:
        """The host's file system, seen from the root namespace."""
        return Path(f"/proc/{self.init_pid}/root")

    @property
    def docker_socket(self) -> Path:
        """The host's Docker socket, usable from the root namespace; valid until the host is restarted."""
        return self.root / "run/docker.sock"

    def command(self, *words: str) -> list[str]:
        """The command that runs `words` as root inside the host."""
        pid = str(self.init_pid)
        return ["nsenter", "-t", pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--", *words]

    def run(self, *words: str, check: bool = True, stdin: str = "", timeout: float = 120) -> str:
        """Run a command as root inside the host and return its standard output."""
        done = subprocess.run(
            self.command(*words),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            env=_ENVIRONMENT,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            text = (done.stderr or done.stdout).strip()[-2000:]
            raise LabError(f"{self.name}: {' '.join(words)[:300]}: exit {done.returncode}: {text}")
        return done.stdout

    def docker(self, *words: str, check: bool = True, stdin: str = "", timeout: float = 120) -> str:
        """Run the host's own Docker CLI, without SSH."""
        return self.run("docker", *words, check=check, stdin=stdin, timeout=timeout)

    def ssh(self, *words: str, user: str | None = None, check: bool = True, timeout: float = 60) -> str:
        """Run a command over OpenSSH from the root namespace, as a user of the product would."""
        done = subprocess.run(
            [*self.ssh_command(user), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise LabError(f"ssh {self.name} {' '.join(words)[:300]}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def ssh_command(self, user: str | None = None) -> list[str]:
        """The OpenSSH command line up to and with the destination, reading no configuration of this machine."""
        options = (f"UserKnownHostsFile={self.known_hosts}", "StrictHostKeyChecking=yes", "BatchMode=yes")
        flags = [word for option in options for word in ("-o", option)]
        target = f"{user or self.user}@{self.address}"
        return ["ssh", "-F", "/dev/null", "-i", str(self.key), *flags, "-p", str(self.port), target]

    def api(self, method: str, path: str, body: object = None, timeout: float = 60) -> Any:
        """Ask the host's engine directly over its socket; the decoded JSON answer, or None when there is none."""
        connection = UnixConnection(self.docker_socket, timeout)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise LabError(f"{self.name}: {method} {path}: {answer.status} {data.decode(errors='replace').strip()}")
        if not data.strip():
            return None
        return json.loads(data) if answer.getheader("Content-Type", "").startswith("application/json") else data


def init_pid(folder: Path, name: str) -> int:
    """The pid of the first process of the host in a folder; `LabError` when it does not run."""
    pid = read_pid(folder / "init.pid")
    if pid is None:
        raise LabError(f"host {name} does not run")
    return pid


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = os.fspath(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
