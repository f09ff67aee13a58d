"""Several simulated hosts and runs over them, for tests of whole runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from deployer.applying.locking import Run
from deployer.config.scripts import ScriptResult
from deployer.errors import UnreachableError
from deployer.interfaces import Engine, Host
from deployer.model.outcome import HostEnded, HostStarted, Outcome
from deployer.reach.connection import ConnectionSpec
from deployer.reach.ssh_config import SshConfig
from deployer.simulated import SimulatedEngine
from deployer.simulated.host import SimulatedMachine
from deployer.usecases import rollback
from deployer.usecases.apply import apply
from deployer.usecases.load import Asking, Request
from deployer.usecases.plan import Session, plan
from deployer.usecases.system import System, this_machine
from tests.applying.engines import Clock, Seen, states

NAMES = ("h1", "h2", "h3", "h4", "h5")
FAILING = "image: web:1, labels: {sim.behaviour: 'fail:no such file'}"


@dataclass
class Fleet:
    """The hosts of the inventory, in memory. `wrap` goes around an engine; hosts that are `down` cannot be reached.
    `run`: for whom runs are put on record."""

    engines: dict[str, SimulatedEngine] = field(default_factory=lambda: {name: SimulatedEngine() for name in NAMES})
    wrap: dict[str, Callable[[Engine], Engine]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    clock: Clock = field(default_factory=Clock)
    seen: Seen = field(default_factory=Seen)
    stop: threading.Event = field(default_factory=threading.Event)
    run: Run | None = None

    def open(self, spec: ConnectionSpec) -> Host:
        if spec.name in self.down:
            raise UnreachableError(f"{spec.name} is down", hint="start it")
        return _Wrapped(self.engines[spec.name], self.wrap.get(spec.name, lambda engine: engine))

    def close(self) -> None:
        """Nothing is open."""

    @property
    def system(self) -> System:
        config = SshConfig(this_machine())
        return System(self.clock, Asking(lambda _command: ScriptResult(1, "", ""), lambda _text: "", lambda: config))

    def plan(self, playbook: str = "", **words: Any) -> Session:
        return plan(request(playbook, words), self.system)

    def apply(self, playbook: str = "", **words: Any) -> Outcome:
        with self.plan(playbook, **words) as planned:
            return apply(planned, self.system, self.seen, self.stop, self.run)

    def roll_back(self, *names: str, playbook: str = "", run: int = 0) -> Outcome:
        with rollback.plan(request(playbook, {}), self.system, names, run) as planned:
            return apply(planned, self.system, self.seen, self.stop, self.run)

    def ids(self, name: str = "web") -> dict[str, str]:
        """Of the containers of that name, by host."""
        found = {host: engine.inspect_container(name) for host, engine in self.engines.items()}
        return {host: str(inspected["Id"]) for host, inspected in found.items() if inspected is not None}

    def containers(self) -> dict[str, list[str]]:
        return {name: sorted(states(engine)) for name, engine in self.engines.items() if states(engine)}

    @property
    def begun(self) -> list[str]:
        return [event.host for event in self.seen.events if isinstance(event, HostStarted)]

    @property
    def ended(self) -> list[str]:
        return [event.outcome.host for event in self.seen.events if isinstance(event, HostEnded)]


class _Wrapped(SimulatedMachine):
    def __init__(self, engine: SimulatedEngine, wrap: Callable[[Engine], Engine]) -> None:
        super().__init__(engine)
        self._wrapped = wrap(engine)

    def engine(self) -> Engine:
        return self._wrapped


def request(playbook: str, words: dict[str, Any]) -> Request:
    """Of `site.yml`, written anew when a playbook is given."""
    if playbook:
        Path("site.yml").write_text(dedent(playbook).lstrip("\n"))
    return Request(playbooks=("site.yml",), **words)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("hosts.yml").write_text(
        "all:\n  vars: {connection: simulated}\n  hosts: {" + ", ".join(f"{name}: {{}}" for name in NAMES) + "}\n"
    )
    made = Fleet()
    monkeypatch.setattr("deployer.usecases.fleet.Connections", lambda: made)
    return made


def play(keys: str = "image: web:1", name: str = "web", more: str = "", hosts: str = "all") -> str:
    lines = "".join(f"  {line}\n" for line in more.splitlines())
    return f"- hosts: {hosts}\n  project: shop\n{lines}  containers: {{{name}: {{{keys}}}}}\n"


def codes(outcome: Outcome) -> str:
    return " ".join(f"{found.host}:{found.exit_code.name}" for found in outcome.hosts)
