"""The lab as a whole: start it, find it running, remove it.

The lab only grows: starting three hosts while ten run changes nothing. Everything that starts or stops hosts holds
one lock, so checkouts and test processes may call `up` at the same time.
"""

import contextlib
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.lab import cache, faults, inventory, layers, lifecycle, machine, network, registry
from tests.lab.host import KEY, KNOWN_HOSTS, Host
from tests.lab.images import publishing, recipes
from tests.lab.rootfs import HOSTS
from tests.lab.settings import (
    CGROUP,
    DEFAULT_HOSTS,
    KINDS,
    MAX_HOSTS,
    REGISTRY_ADDRESS,
    REGISTRY_PORT,
    STATE,
    HostPlan,
    Kind,
)
from tests.lab.shell import LabError, LabUnavailableError, lock, run


@dataclass(frozen=True, slots=True)
class Lab:
    """The running lab."""

    hosts: tuple[Host, ...]
    registry: str = f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}"

    def host(self, name: str) -> Host:
        """The host of that name."""
        return next(host for host in self.hosts if host.name == name)

    def of_kind(self, kind: Kind) -> Host:
        """The first host with such an engine."""
        return next(host for host in self.hosts if host.plan.kind == kind)


def up(count: int = DEFAULT_HOSTS) -> Lab:
    """Bring the lab up with at least `count` hosts and write the inventory of all that run.

    `LabUnavailableError` carries the one reason why this machine cannot have it.
    """
    if not 1 <= count <= MAX_HOSTS:
        raise LabError(f"a lab has 1 to {MAX_HOSTS} hosts, not {count}")
    reason = machine.refusal()
    if reason:
        raise LabUnavailableError(reason)
    with lock():
        _prepare()
        hosts = _hosts(count)
        inventory.write([found for found in map(lifecycle.running_host, _plans()) if found])
    return Lab(hosts)


def running() -> Lab | None:
    """The lab as it runs, or None when it has no host; starts nothing."""
    hosts = [lifecycle.running_host(plan) for plan in _plans()]
    found = tuple(host for host in hosts if host)
    return Lab(found) if found else None


def down() -> None:
    """Remove hosts, registry, network, state and inventory; the cache stays."""
    with lock():
        plans = {plan.number: plan for plan in _plans()}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lifecycle.remove_host, plans.values()))
        for name in network.namespaces():
            network.disconnect(name)
        network.remove_bridge()
        lifecycle.remove_cgroups(CGROUP)
        shutil.rmtree(STATE, ignore_errors=True)
        inventory.remove()


def _prepare() -> None:
    """Packages, file systems, images, keys, bridge and registry: what all hosts share."""
    machine.ensure_packages()
    wanted = [*(HOSTS[suite] for suite in {kind.suite: None for kind in KINDS}), *recipes.LAYERS]
    if not all(layer.folder.is_dir() for layer in wanted):
        try:
            layers.build_all(wanted, machine.mirror())
        except LabError as error:
            raise LabUnavailableError(str(error)) from error
    packed = publishing.pack()
    cache.mark_used([*(folder for layer in wanted for folder in layer.folders), *packed])
    cache.prune()
    STATE.mkdir(parents=True, exist_ok=True)
    if not KEY.exists():
        KEY.parent.mkdir(mode=0o700, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deployer-lab", "-f", KEY)
    network.ensure_bridge()
    registry.ensure()


def _hosts(count: int) -> tuple[Host, ...]:
    """Keep the hosts that run, start the missing ones side by side, fill the registry meanwhile."""
    wanted = {plan.number: plan for plan in _plans()} | {number: HostPlan(number) for number in range(1, count + 1)}
    plans = [wanted[number] for number in sorted(wanted)]
    with ThreadPoolExecutor(8) as pool:
        published = pool.submit(publishing.publish)
        hosts = tuple(pool.map(_ready_host, plans))
        published.result()
    _write_known_hosts(hosts)
    return hosts


def _ready_host(plan: HostPlan) -> Host:
    """The host as it runs, in good health; one that a test has reserved is left as the test made it."""
    host = lifecycle.running_host(plan)
    if host and lifecycle.sshd_greets(host) and lifecycle.engine_answers(host):
        return host
    with lock(plan.name, wait=host is None) as reserved:
        host = lifecycle.running_host(plan)
        if host and not reserved:
            return host
        if host:
            with contextlib.suppress(LabError):
                faults.repair(host)
                return host
        return lifecycle.start_host(plan)


def _plans() -> list[HostPlan]:
    """Every host that has a folder, running or not."""
    names = [folder.name.removeprefix("lab") for folder in (STATE / "hosts").glob("lab*")]
    return [HostPlan(int(name)) for name in sorted(names, key=int)]


def _write_known_hosts(hosts: Sequence[Host]) -> None:
    text = "".join(f"{host.address} {lifecycle.host_public_key(host.plan)}\n" for host in hosts)
    with contextlib.suppress(FileNotFoundError):
        if KNOWN_HOSTS.read_text() == text:
            return
    new = KNOWN_HOSTS.with_suffix(".new")
    new.write_text(text)
    new.rename(KNOWN_HOSTS)
