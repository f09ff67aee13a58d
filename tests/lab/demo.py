"""`make demo`: a playbook planned, applied, visited, planned again, and brought to a new version, on real hosts.

Where this machine cannot run the lab, it says why, and goes on with the Docker engine of this machine, or with
simulated hosts where there is none. Exit codes: 0 everything was as promised, 1 something was not.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import cleaning, faults
from tests.lab import lab as the_lab
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT, INVENTORY
from tests.lab.shell import LabError, lock, wait_for

SOCKET = Path("/var/run/docker.sock")
_PROGRAM = ".venv/bin/deployer"
_HOSTS = 3
_VISITS = 3
_PATIENCE = 20.0
_PLAYBOOK = "playbooks/quickstart.yml"
_LOCAL = ("-i", "localhost,", "-e", "deployer_connection=local")
_LOCAL_PLAYBOOK = "playbooks/redis.yml"
_LOCAL_PAGE = "redis://127.0.0.1:6379"
_VERSIONS = ("1.0", "1.1")
_SIMULATED = ("-i", "inventory/simulated.yml")


class BrokenPromiseError(RuntimeError):
    """Something in the demo was not as promised; the message says what."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo takes place. `where`: options that name the hosts; `pages`: addresses that count visits."""

    where: tuple[str, ...]
    playbook: str = _PLAYBOOK
    pages: tuple[str, ...] = ()
    versions: tuple[str, ...] = _VERSIONS
    env: Mapping[str, str] = field(default_factory=dict)
    farewell: Mapping[str, str] = field(default_factory=dict)


def main() -> int:
    """Run the demo and return the exit code."""
    try:
        with contextlib.ExitStack() as stack:
            _play(_stage(stack))
    except BrokenPromiseError as error:
        print(f"\nNot as promised: {error}", flush=True)
        return 1
    return 0


def _stage(stack: contextlib.ExitStack) -> Stage:
    """The best of the three places that this machine offers."""
    _title("Hosts")
    _say(f"Starting {_HOSTS} hosts on this machine, each with its own sshd and its own Docker engine.")
    _say("The very first start builds their file systems, which takes a few minutes.")
    began = time.monotonic()
    try:
        lab = the_lab.up(_HOSTS)
    except LabError as error:
        _say(f"\nThey cannot run here: {error}.")
        return _local() or stack.enter_context(_simulated())
    hosts = lab.hosts[:_HOSTS]
    for host in hosts:
        stack.enter_context(lock(host.name))
        _empty(host)
        _say(f"  {host.name}  ssh root@{host.address}  Docker {host.engine_version}")
    _say(f"Up after {time.monotonic() - began:.1f} s.")
    return _on_lab(hosts, all_of_it=len(hosts) == len(lab.hosts))


def _empty(host: Host) -> None:
    """Tests and earlier demos leave things behind."""
    faults.repair(host)
    left = [item["Names"][0].lstrip("/") for item in host.api("GET", "/containers/json?all=1")]
    if left:
        _say(f"  {host.name}  removing what an earlier run left: {', '.join(sorted(left))}")
    cleaning.clean(host)


def _on_lab(hosts: Sequence[Host], *, all_of_it: bool) -> Stage:
    limit = () if all_of_it else ("--limit", ",".join(host.name for host in hosts))
    where = ("-i", str(INVENTORY.relative_to(CHECKOUT)), *limit)
    words = " ".join(where)
    return Stage(
        where,
        pages=tuple(f"http://{host.address}:8080/" for host in hosts),
        farewell={
            "The hosts run on. What is on them": f"{_PROGRAM} ps {words}",
            f"Change {_PLAYBOOK}, and see what that would do": f"{_PROGRAM} plan {words} {_PLAYBOOK}",
            "Log in to one": " ".join(hosts[0].ssh_command()),
            "Remove the hosts": "make lab-down",
        },
    )


def _local() -> Stage | None:
    """This machine's engine, if there is one that this user may open."""
    if not (SOCKET.is_socket() and os.access(SOCKET, os.W_OK)):
        return None
    if subprocess.run([_program(), "doctor", *_LOCAL], cwd=CHECKOUT, capture_output=True, check=False).returncode:
        return None
    _say(f"There is a Docker engine on this machine, so the demo runs Redis on that ({_LOCAL_PLAYBOOK}).")
    farewell = {"Remove what it made": f"{_PROGRAM} destroy {' '.join(_LOCAL)} {_LOCAL_PLAYBOOK}"}
    return Stage(_LOCAL, _LOCAL_PLAYBOOK, pages=(_LOCAL_PAGE,), versions=("",), farewell=farewell)


@contextlib.contextmanager
def _simulated() -> Iterator[Stage]:
    """Hosts that are new every time."""
    _say("There is no Docker engine on this machine either, so the demo runs on simulated hosts: deployer works on")
    _say("them as on real ones, but nothing runs there. Their inventory says `connection: simulated`.")
    with tempfile.TemporaryDirectory(prefix="deployer-demo-") as folder:
        yield Stage(_SIMULATED, env={"XDG_STATE_HOME": folder})


def _play(stage: Stage) -> None:
    _say(f"\nBelow, `deployer` stands for {_PROGRAM}.")
    first, *later = stage.versions
    _title("The plan: what would change")
    _deployer(stage, "plan", version=first)
    _title("Change it")
    _deployer(stage, "apply", "--yes", version=first)
    counts = _visit(stage, first, {}) if stage.pages else {}
    _title("Again: nothing to do")
    _deployer(stage, "plan", "--detailed-exitcode", version=first)
    for version in later:
        _title(f"A new version, {version}: replaced, checked, its data kept")
        _deployer(stage, "apply", "--yes", version=version)
        counts = _visit(stage, version, counts) if stage.pages else {}
        _deployer(stage, "plan", "--detailed-exitcode", version=version)
    _title("Where to go next")
    for what, command in stage.farewell.items():
        _say(f"{what}:\n  {command}")
    _say("README.md shows how to describe hosts of your own; docs/playbooks.md explains the language.")


def _deployer(stage: Stage, command: str, *options: str, version: str) -> None:
    """Run a command as the user would and show it; the last plan must be empty, so exit code 2 is a failure too."""
    wanted = ("-e", f"version={version}") if version and version != _VERSIONS[0] else ()
    words = [command, *options, *stage.where, stage.playbook, *wanted]
    _say(f"$ deployer {' '.join(words)}")
    began = time.monotonic()
    env = {**os.environ, **stage.env}
    code = subprocess.run([_program(), *words], cwd=CHECKOUT, env=env, check=False).returncode
    _say(f"({time.monotonic() - began:.1f} s)")
    if code:
        raise BrokenPromiseError(f"`deployer {command}` ended with exit code {code}")


def _program() -> str:
    return str(Path(sys.executable).with_name("deployer"))


def _visit(stage: Stage, version: str, before: Mapping[str, int]) -> dict[str, int]:
    """Open every page a few times: the version is the new one, and the count rises from where it was."""
    counts: dict[str, int] = {}
    for url in stage.pages:
        visits = [_first_visit(url, version), *(_page(url)[1] for _ in range(_VISITS - 1))]
        _say(f"{url}  {f'version {version}, ' if version else ''}visits {', '.join(map(str, visits))}")
        start = before.get(url, visits[0] - 1) + 1
        if visits != list(range(start, start + _VISITS)):
            raise BrokenPromiseError(f"the count at {url} should rise by one from {start}, and it reads {visits}")
        counts[url] = visits[-1]
    return counts


def _first_visit(url: str, version: str) -> int:
    """The count of the first answer of that version."""
    answers: list[int] = []

    def answered() -> bool:
        with contextlib.suppress(OSError):
            found, count = _page(url)
            answers.extend([count] if found == version else [])
        return bool(answers)

    try:
        wait_for(answered, _PATIENCE, "an answer")
    except LabError as error:
        what = f"version {version}" if version else "it"
        raise BrokenPromiseError(f"{what} does not answer at {url}") from error
    return answers[0]


def _page(url: str) -> tuple[str, int]:
    """Version and count; Redis itself has no version and counts a key."""
    if url.startswith("redis://"):
        return "", _count_in_redis(url)
    with urllib.request.urlopen(url, timeout=5) as answer:
        page = json.load(answer)
    return str(page["version"]), int(page["visits"])


def _count_in_redis(url: str) -> int:
    address = urllib.parse.urlsplit(url)
    with socket.create_connection((address.hostname, address.port or 6379), timeout=5) as connection:
        connection.sendall(b"INCR visits\r\n")
        answer = connection.makefile("rb").readline().decode().strip()
    if not answer.startswith(":"):
        raise OSError(f"Redis answered '{answer}'")
    return int(answer[1:])


def _title(text: str) -> None:
    bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    _say(f"\n{bold}{text}{plain}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
