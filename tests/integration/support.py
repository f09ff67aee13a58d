"""A playbook and an inventory for hosts of the lab, the program run on them as a user runs it, and what it says.

Tests compare short texts: `lab1/container.web -/+ image, environment.MODE`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from deployer.model import container_names
from tests import program
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT
from tests.lab.shell import LabError

Json = dict[str, Any]

PROGRAM = CHECKOUT / ".venv/bin/deployer"
OVER_TCP: Mapping[str, Any] = {"hosts": ["unix:///run/docker.sock", "tcp://0.0.0.0:2375"], "tls": False}
"""Options of an engine that listens on TCP too; without an express `tls` it waits 15 seconds first."""
SLEEP: Mapping[str, Any] = {
    "image": "busybox:1",
    "command": "sleep 100000",
    "stop_signal": "SIGKILL",
    "update": {"monitor": "0.5s"},
}
"""A container that runs, stops at once, and is soon found to work."""


@dataclass(frozen=True)
class Ran:
    """How the program ended, what it printed, and the plan and events in that."""

    code: int
    out: str
    err: str

    @cached_property
    def events(self) -> tuple[Json, ...]:
        """The documents in the output: one, or one a line; none when it is not JSON."""
        if not self.out.startswith("{"):
            return ()
        try:
            return (json.loads(self.out),)
        except json.JSONDecodeError:
            return tuple(json.loads(line) for line in self.out.splitlines())

    @property
    def plan(self) -> Json:
        return next((found for found in self.events if found["type"] == "plan"), {})

    @property
    def changes(self) -> list[str]:
        """`lab1/container.web -/+ image, environment.MODE`, sorted."""
        return sorted(_change(found) for host in self._hosts for found in host["changes"])

    @property
    def refusals(self) -> list[str]:
        return [f"{found['address']}: {found['summary']}" for host in self._hosts for found in host["refusals"]]

    @property
    def notes(self) -> list[str]:
        return [note for host in self._hosts for note in host["notes"]]

    @property
    def unreachable(self) -> dict[str, str]:
        """Hosts, and why."""
        return {found["host"]: f"{found['message']} ({found['hint']})" for found in self.plan["unreachable"]}

    @property
    def results(self) -> list[Json]:
        """Steps as they ended, with `status`, `error`, `hint` and `log`."""
        return [found for found in self.events if found["type"] == "step_ended"]

    @property
    def failures(self) -> list[Json]:
        return [found for found in self.results if found["status"] == "failed"]

    @property
    def errors(self) -> list[str]:
        return [f"{found['step']['operation']}: {found['error']}" for found in self.failures]

    @property
    def summary(self) -> Json:
        return next(found for found in self.events if found["type"] == "summary")

    @property
    def exit_codes(self) -> dict[str, int]:
        """Of every host that was worked on."""
        return {found["host"]: found["exit_code"] for found in self.summary["hosts"]}

    @property
    def remaining(self) -> list[str]:
        """What did not converge."""
        return [_change(found) for host in self.summary["hosts"] for found in host["remaining"]]

    @property
    def diagnostics(self) -> list[Json]:
        return [one for found in self.events if found["type"] == "error" for one in found["diagnostics"]]

    @property
    def _hosts(self) -> list[Json]:
        return [host for play in self.plan.get("plays", ()) for host in play["hosts"]]

    def change(self, address: str) -> Json:
        """The one change of a resource."""
        (found,) = [change for host in self._hosts for change in host["changes"] if change["address"] == address]
        return dict(found)


def _change(found: Json) -> str:
    """With the fields that change; a new resource has all that are declared."""
    first_run = any(part["path"] == ["image"] and part["old"] is None for part in found["fields"])
    if found["symbol"] == "+" or first_run:
        return f"{found['address']} {found['symbol']}"
    names = ", ".join(".".join(part["path"]) for part in found["fields"])
    return f"{found['address']} {found['symbol']} {names}".strip()


class Site:
    """A folder with a playbook and an inventory of some hosts. `variables` hold for all of them."""

    def __init__(self, folder: Path, *hosts: Host, **variables: Any) -> None:
        self.folder = folder
        self.file = folder / "site.yml"
        self.inventory = folder / "hosts.yml"
        self.hosts = hosts
        self.write_inventory({host.name: {} for host in hosts}, variables)

    def write_inventory(self, hosts: Mapping[str, Json], variables: Mapping[str, Any] | None = None) -> None:
        """Hosts by name with what they need beside their address; unknown names are hosts of their own."""
        addresses = {host.name: {"ansible_host": host.address} for host in self.hosts}
        first = self.hosts[0]
        common = {
            "ansible_user": first.user,
            "ansible_ssh_private_key_file": str(first.key),
            "deployer_known_hosts_file": str(first.known_hosts),
        }
        entries = {name: addresses.get(name, {}) | own for name, own in hosts.items()}
        everything = {"all": {"vars": common | dict(variables or {}), "hosts": entries}}
        self.inventory.write_text(yaml.safe_dump(everything, sort_keys=False))

    def write(self, *plays: Json | str) -> Site:
        """The playbook: text, or plays of all hosts and project `site`."""
        if isinstance(plays[0], str):
            self.file.write_text(plays[0])
            return self
        whole = [{"hosts": "all", "project": "site"} | dict(play) for play in plays if not isinstance(play, str)]
        self.file.write_text(yaml.safe_dump(whole, sort_keys=False))
        return self

    def containers(self, **containers: Mapping[str, Any]) -> Site:
        """A playbook of containers that sleep, with further keys."""
        return self.write({"containers": {name: {**SLEEP, **own} for name, own in containers.items()}})

    def run(self, *words: str) -> Ran:
        return run_program(self.folder, *words)

    def program(self, *words: str, environ: Mapping[str, str] | None = None, timeout: float = 120) -> Ran:
        """The installed program in a process of its own."""
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            env=environment(self.folder) | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """The installed program in a process of its own, which is still running."""
        return subprocess.Popen(
            [PROGRAM, *words],
            cwd=self.folder,
            env=environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("-i", str(self.inventory), str(self.file))

    def plan(self, *words: str) -> Ran:
        return self.run("plan", "--json", "--detailed-exitcode", *self.arguments, *words)

    def apply(self, *words: str) -> Ran:
        return self.run("apply", "--json", "--yes", *self.arguments, *words)

    def converge(self, *words: str) -> Ran:
        """Apply, and see to it that it succeeded and that nothing is left to do."""
        applied = self.apply(*words)
        assert applied.code == 0, (applied.errors, applied.remaining, applied.refusals, applied.err)
        assert "internal error" not in str(applied.notes), applied.notes
        again = self.plan(*words)
        assert (again.code, again.changes, again.refusals, again.err) == (0, [], [], ""), again.out
        return applied


def run_program(folder: Path, *words: str) -> Ran:
    """The program called in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = program.call(words, folder, environment(folder), out, err)
    return Ran(code, out.getvalue(), err.getvalue())


def environment(home: Path) -> dict[str, str]:
    """Without settings of this machine's user."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "DEPLOYER_"))}
    return clean | {"HOME": str(home)}


def inspect(host: Host, container: str) -> Json:
    """What the host's engine says of a container."""
    found: Json = host.api("GET", f"/containers/{container}/json")
    return found


def states(host: Host) -> dict[str, str]:
    """Every container's name and state, but for those that are kept after a replacement."""
    return {name: entry["State"] for name, entry in _listed(host) if not _is_kept(name, entry)}


def kept(host: Host) -> dict[str, str]:
    """Names and states of the containers that are kept after a replacement: `web.previous`, `web.failed`."""
    return {name: entry["State"] for name, entry in _listed(host) if _is_kept(name, entry)}


def ids(host: Host) -> dict[str, str]:
    """Every container's name and id, but for those that are kept after a replacement."""
    return {name: entry["Id"] for name, entry in _listed(host) if not _is_kept(name, entry)}


def _listed(host: Host) -> list[tuple[str, Json]]:
    return [(_name(entry), entry) for entry in host.api("GET", "/containers/json?all=1")]


def _is_kept(name: str, entry: Json) -> bool:
    return container_names.is_kept(name, entry["Labels"].get("deployer.resource", ""))


def _name(entry: Json) -> str:
    return next(str(name).lstrip("/") for name in entry["Names"] if name.count("/") == 1)


def volumes(host: Host) -> set[str]:
    """Every volume but those in which the tool keeps locks and history."""
    names = {str(entry["Name"]) for entry in host.api("GET", "/volumes")["Volumes"] or ()}
    return {name for name in names if not name.startswith("deployer.")}


def exists(host: Host, kind: str, name: str) -> bool:
    """Whether the host has a volume, network or container; `kind` in the plural."""
    path = f"/containers/{name}/json" if kind == "containers" else f"/{kind}/{name}"
    try:
        host.api("GET", path)
    except LabError as error:
        if ": 404 " in str(error):
            return False
        raise
    return True


def fetch(host: Host, *images: str) -> None:
    """Have images on the host, so that a test's plan is not about pulling."""
    for image in images:
        if not _has_image(host, image):
            host.docker("pull", image)


def _has_image(host: Host, image: str) -> bool:
    return any(image in (found["RepoTags"] or ()) for found in host.api("GET", "/images/json"))


def lines(*texts: str) -> list[str]:
    """Sorted, as `Ran.changes` is."""
    return sorted(texts)


def of_container(host: Host, container: str, *command: str) -> str:
    """What a command inside a container prints."""
    return host.docker("exec", container, *command)
