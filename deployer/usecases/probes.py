"""Asks the probes of containers that look as declared, for `drift`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from msgspec.structs import replace

from deployer.errors import DeployerError, boundary
from deployer.fields.options import RunState
from deployer.interfaces import Clock
from deployer.model.desired import Container, Desired
from deployer.model.drift import Drift, DriftReport, HostDrift, Verdict
from deployer.model.secrets import redact
from deployer.model.settings import ContainerSettings
from deployer.usecases.fleet import Fleet

_AT_ONCE: Final = 16
_DOWN: Final = (Verdict.GONE, Verdict.FOREIGN, Verdict.NOT_RUNNING, Verdict.UNHEALTHY)


def with_probes(report: DriftReport, wishes: Iterable[Desired], fleet: Fleet, clock: Clock) -> DriftReport:
    """The report with the containers whose probe fails."""
    wanted: dict[tuple[str, str], list[tuple[Container, Desired]]] = {}
    for wish in wishes:
        if asked := list(_asked(wish)):
            wanted.setdefault((wish.host, wish.project), []).extend(asked)
    if not wanted:
        return report
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="probe") as threads:
        work = partial(_with_probes, threads, fleet, clock)
        return replace(
            report, hosts=tuple(work(host, wanted.pop((host.host, host.project), [])) for host in report.hosts)
        )


def _asked(wish: Desired) -> Iterator[tuple[Container, Desired]]:
    for found in wish.of(ContainerSettings):
        if found.selected and found.settings.state is RunState.STARTED and found.settings.update.probe is not None:
            yield found, wish


def _with_probes(
    threads: ThreadPoolExecutor, fleet: Fleet, clock: Clock, host: HostDrift, wanted: list[tuple[Container, Desired]]
) -> HostDrift:
    down = {found.address for found in host.found if found.verdict in _DOWN}
    asked = [(found, wish) for found, wish in wanted if found.address not in down]
    answers = threads.map(lambda pair: _answer(fleet, clock, *pair), asked)
    return replace(host, found=(*host.found, *(found for found in answers if found is not None)))


def _answer(fleet: Fleet, clock: Clock, resource: Container, wish: Desired) -> Drift | None:
    """Imported here: few runs ask."""
    from deployer.applying.probing import ask

    probe, host = resource.settings.update.probe, fleet.host(resource.address.host)
    assert probe is not None
    try:
        with boundary():
            said = ask(host.engine(), lambda: host, clock, resource.name, probe)
    except DeployerError as error:
        said = error.message
    if not said:
        return None
    detail = redact(f"its probe {probe}: {said}", wish.secrets)
    return Drift(resource.address, Verdict.UNHEALTHY, detail=detail)
