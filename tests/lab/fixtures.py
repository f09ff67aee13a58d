"""pytest's view of the lab; `tests/conftest.py` makes these fixtures and hooks known.

A test that touches a host asks for `host_20`, `host_26` or `lab_hosts`: while it runs, no other test process on this
machine has that host, and it finds the host whole and empty. Each of pytest's worker processes has a host of either
engine to itself.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.lab import cleaning, faults
from tests.lab import lab as the_lab
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.settings import DEFAULT_HOSTS
from tests.lab.shell import LabError, lock

_REASON = "lab not available: "
_SUITES = {"host_20": "bookworm", "host_26": "trixie"}


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running lab, started if need be. Where it cannot run: a failure on CI, elsewhere a skip."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return _up(max(DEFAULT_HOSTS, workers * len(_SUITES)))


def of_suite(lab: Lab, suite: str) -> Host:
    """This worker's host with the engine of a Debian release."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return [host for host in lab.hosts if host.suite == suite][worker]


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


@pytest.fixture
def reserved_hosts(request: pytest.FixtureRequest, lab: Lab) -> Iterator[tuple[Host, ...]]:
    """The hosts that the test's other fixtures name, repaired, emptied and kept from other test processes."""
    wanted = _wanted_hosts(request, lab)
    with _reserved(wanted):
        yield wanted


@contextmanager
def _reserved(hosts: tuple[Host, ...]) -> Iterator[None]:
    with ExitStack() as stack:
        # One order for all processes: no two can wait for each other.
        for host in hosts:
            stack.enter_context(lock(host.name))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(_make_ready, hosts))
        yield


def _wanted_hosts(request: pytest.FixtureRequest, lab: Lab) -> tuple[Host, ...]:
    names = set(request.fixturenames)
    if "lab_hosts" in names:
        return lab.hosts
    suites = {suite for name, suite in _SUITES.items() if name in names}
    if "host" in names:
        suites.add(request.node.callspec.params["host"])
    return tuple(host for host in lab.hosts if host in {of_suite(lab, suite) for suite in suites})


@pytest.fixture
def host_20(lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """A host with Docker 20.10."""
    return of_suite(lab, "bookworm")


@pytest.fixture
def host_26(lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """A host with Docker 26.1."""
    return of_suite(lab, "trixie")


@pytest.fixture
def lab_hosts(lab: Lab, reserved_hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """All hosts of the lab, at least three."""
    return lab.hosts


@pytest.fixture(scope="session")
def ten_started() -> tuple[Host, ...]:
    return _up(10).hosts[:10]


@pytest.fixture
def ten_hosts(ten_started: tuple[Host, ...]) -> Iterator[tuple[Host, ...]]:
    """Ten hosts, for what only a fleet shows; the lab has that many from then on."""
    with _reserved(ten_started):
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


@pytest.fixture(params=list(_SUITES.values()), ids=["docker20", "docker26"])
def host(request: pytest.FixtureRequest, lab: Lab, reserved_hosts: tuple[Host, ...]) -> Host:
    """One host after the other: the test runs on both engines."""
    return of_suite(lab, request.param)


def _make_ready(host: Host) -> None:
    faults.repair(host)
    cleaning.clean(host)


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
