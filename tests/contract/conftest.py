"""The engines the contract is checked on: simulated ones always, real ones where the lab runs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from deployer.engine.connect import connect
from deployer.interfaces import Engine
from deployer.reach.connection import ConnectionSpec
from deployer.reach.connectors import ConnectionType
from deployer.simulated import HostFacts, SimulatedEngine
from tests.contract.sandbox import BUSYBOX, ENGINES, EVERYTHING, REAL, Sandbox


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab keeps a host for the test that names its fixture: a real engine's parameter counts as naming it."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            fixture = REAL.get(str(item.callspec.params.get("engine")))
            if fixture:
                item.fixturenames = [*item.fixturenames, fixture]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine that has the two images of `sandbox`."""
    name: str = request.param
    opened = _simulated(name) if name.startswith("simulated-") else _real(request, name)
    for image in (BUSYBOX, EVERYTHING):
        if opened.inspect_image(image) is None:
            repository = image if "/" in image else f"library/{image}"
            opened.pull_image(f"docker.io/{repository}", "", None, lambda _: None)
    yield opened
    opened.close()


def _simulated(name: str) -> Engine:
    """A machine like the lab's."""
    facts = HostFacts(cgroup=1, cpus=os.cpu_count() or 1, blkio_weight=False)
    return SimulatedEngine(name.removeprefix("simulated-"), facts=facts)


def _real(request: pytest.FixtureRequest, name: str) -> Engine:
    host = request.getfixturevalue(REAL[name])
    return connect(ConnectionSpec(name=host.name, kind=ConnectionType.LOCAL, docker_socket=str(host.docker_socket)))


@pytest.fixture
def sandbox(engine: Engine) -> Iterator[Sandbox]:
    scratch = Sandbox(engine)
    yield scratch
    scratch.clean()
