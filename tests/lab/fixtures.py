"""pytest's view of the lab; `tests/conftest.py` makes these fixtures and hooks known.

A test that touches a host asks for `host_20`, `host_26`, `host` or `lab_hosts`: while it runs, no other test process on
this machine has that host, and it finds the host whole and empty. Each of pytest's worker processes has hosts of its
own. `host` runs a test on the oldest and the newest engine; where engines may differ, `each_engine` on all, and where
only the program differs from run to run, `oldest_engine` or `newest_engine` on one.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.lab import cleaning, faults
from tests.lab import lab as the_lab
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.settings import DOCKER_20, DOCKER_26, DOCKER_28, DOCKER_28_CONTAINERD, Kind
from tests.lab.shell import LabError, lock

_REASON = "lab not available: "
HOSTS_A_WORKER = 4
"""As many as it takes to have each engine, and three at least."""
_FIXTURES = {
    "host_20": DOCKER_20,
    "host_26": DOCKER_26,
    "host_28": DOCKER_28,
    "host_containerd": DOCKER_28_CONTAINERD,
}
_OLDEST_AND_NEWEST = (DOCKER_20, DOCKER_28)


def _engines(*kinds: Kind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("host", kinds, indirect=True, ids=[kind.group for kind in kinds])


oldest_engine = _engines(DOCKER_20)
newest_engine = _engines(DOCKER_28)
each_engine = _engines(DOCKER_20, DOCKER_26, DOCKER_28)
each_store = _engines(DOCKER_20, DOCKER_28, DOCKER_28_CONTAINERD)


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running lab, started if need be. Where it cannot run: a failure on CI, elsewhere a skip."""
    return _up(_workers() * HOSTS_A_WORKER)


def own_hosts(lab: Lab) -> tuple[Host, ...]:
    """The hosts that belong to this worker process."""
    first = _worker() * HOSTS_A_WORKER
    return lab.hosts[first : first + HOSTS_A_WORKER]


def of_kind(lab: Lab, kind: Kind) -> Host:
    """This worker's host with such an engine."""
    return next(host for host in own_hosts(lab) if host.plan.kind == kind)


def _workers() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _worker() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _up(count: int) -> Lab:
    try:
        return the_lab.up(count)
    except LabError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{_REASON}{error}", pytrace=False)
        pytest.skip(f"{_REASON}{error}")


@pytest.fixture(autouse=True)
def lab_marker(request: pytest.FixtureRequest) -> None:
    """A test marked `lab` needs the lab, whether or not it names the fixture."""
    if request.node.get_closest_marker("lab"):
        request.getfixturevalue("lab")


@pytest.fixture(scope="session")
def repaired() -> dict[str, str]:
    """Hosts, and the file whose tests each was last repaired for."""
    return {}


@pytest.fixture
def reserved_hosts(request: pytest.FixtureRequest, lab: Lab, repaired: dict[str, str]) -> Iterator[tuple[Host, ...]]:
    """The hosts that the test's other fixtures name, repaired, emptied and kept from other test processes."""
    wanted = _wanted_hosts(request, lab)
    with reserved(wanted, repaired, request.path.name):
        yield wanted


@contextmanager
def reserved(hosts: tuple[Host, ...], repaired: dict[str, str], user: str) -> Iterator[None]:
    """Have hosts for a while, whole and empty. They are emptied again: what is left there would go on to compute, and
    health checks of many hosts take a good part of the machine."""

    def make_ready(host: Host) -> None:
        if repaired.get(host.name) == user and not faults.may_be_broken(host):
            # Whoever kills an engine without a fault of ours finds it running again all the same.
            with suppress(LabError, OSError):
                cleaning.clean(host)
                return
        faults.repair(host)
        cleaning.clean(host)
        repaired[host.name] = user

    with ExitStack() as stack:
        # One order for all processes: no two can wait for each other.
        for host in sorted(hosts, key=lambda host: host.plan.number):
            stack.enter_context(lock(host.name))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make_ready, hosts))
        try:
            yield
        finally:
            for host in hosts:
                # One that the test broke is repaired before the next.
                with suppress(LabError, OSError):
                    cleaning.clean(host)


def _wanted_hosts(request: pytest.FixtureRequest, lab: Lab) -> tuple[Host, ...]:
    names = set(request.fixturenames)
    if "lab_hosts" in names:
        return own_hosts(lab)[:3]
    kinds = [kind for name, kind in _FIXTURES.items() if name in names]
    if "host" in names:
        kinds.append(request.node.callspec.params["host"])
    return tuple(of_kind(lab, kind) for kind in kinds)


@pytest.fixture
def host_20(lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """A host with Docker 20.10."""
    return of_kind(lab, DOCKER_20)


@pytest.fixture
def host_26(lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """A host with Docker 26.1."""
    return of_kind(lab, DOCKER_26)


@pytest.fixture
def host_28(lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """A host with Docker 28.5 or newer."""
    return of_kind(lab, DOCKER_28)


@pytest.fixture
def host_containerd(lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """Likewise, which keeps its images in containerd's store."""
    return of_kind(lab, DOCKER_28_CONTAINERD)


@pytest.fixture
def lab_hosts(lab: Lab, reserved_hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """Three hosts, of more than one engine."""
    return own_hosts(lab)[:3]


@pytest.fixture
def first_hosts(lab: Lab, repaired: dict[str, str], request: pytest.FixtureRequest) -> Iterator[tuple[Host, ...]]:
    """The lab's first three hosts, whomever they belong to: those that `make demo` takes."""
    with reserved(lab.hosts[:3], repaired, request.path.name):
        yield lab.hosts[:3]


@pytest.fixture(scope="session")
def ten_started(lab: Lab) -> tuple[Host, ...]:
    """This worker's hosts, and as many more, which all workers share, as make ten."""
    start = _workers() * HOSTS_A_WORKER
    started = _up(start + 10 - HOSTS_A_WORKER)
    return (*own_hosts(started), *started.hosts[start:])[:10]


@pytest.fixture
def ten_hosts(
    ten_started: tuple[Host, ...], repaired: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[tuple[Host, ...]]:
    """Ten hosts, for what only a fleet shows; the lab has that many from then on."""
    with reserved(ten_started, repaired, request.path.name):
        yield ten_started


@pytest.fixture
def exclusive_lab(lab: Lab) -> Iterator[Lab]:
    """The lab with all hosts reserved, while no other process starts or stops any."""
    with ExitStack() as stack:
        # Hosts first, as whoever has a host may ask for the lab.
        for host in lab.hosts:
            stack.enter_context(lock(host.name))
        stack.enter_context(lock())
        yield lab


@pytest.fixture(params=_OLDEST_AND_NEWEST, ids=[kind.group for kind in _OLDEST_AND_NEWEST])
def host(request: pytest.FixtureRequest, lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """One host after the other: the test runs on the oldest and the newest engine."""
    return of_kind(lab, request.param)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines what was not run for want of a lab, and why."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        text = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if _REASON in text:
            reason = text.partition(_REASON)[2]
            reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in reasons.items():
        terminalreporter.write_line(f"NOT RUN: {count} tests on real hosts, because: {reason}", yellow=True)
