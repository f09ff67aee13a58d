"""The engines the contract is checked on: two simulated ones always, two real ones where the lab runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployer.engine.simulated import HostFacts, SimulatedEngine
from deployer.interfaces import Engine
from tests.contract.worlds import BUSYBOX, EVERYTHING, World

REAL = {"docker-20.10": "host_20", "docker-26.1": "host_26"}
ENGINES = [
    "simulated-20.10",
    "simulated-26.1",
    *(pytest.param(name, marks=pytest.mark.lab) for name in REAL),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name: str = request.param
    opened = _simulated(name) if name.startswith("simulated-") else _real(request, name)
    for image in (BUSYBOX, EVERYTHING):
        if opened.inspect_image(image) is None:
            repository = image if "/" in image else f"library/{image}"
            opened.pull_image(f"docker.io/{repository}", "", None, lambda _: None)
    yield opened
    opened.close()


def _simulated(name: str) -> Engine:
    return SimulatedEngine(name.removeprefix("simulated-"), facts=HostFacts(cgroup=1))


def _real(request: pytest.FixtureRequest, name: str) -> Engine:
    raise NotImplementedError(name)


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    scratch = World(engine)
    yield scratch
    scratch.clean()
