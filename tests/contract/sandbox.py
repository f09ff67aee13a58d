"""A scratch area on one engine: unique names, free subnets and ports, and everything gone at the end."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from deployer.errors import EngineError
from deployer.interfaces import Engine

REAL = {
    "docker-20.10": "host_20",
    "docker-26.1": "host_26",
    "docker-28.5": "host_28",
    "docker-28.5-containerd": "host_containerd",
}
ENGINES = [
    "simulated-20.10",
    "simulated-26.1",
    "simulated-28.5",
    *(pytest.param(name, marks=pytest.mark.lab) for name in REAL),
]

each_engine_of_one_store = pytest.mark.parametrize("engine", ENGINES[:-1], indirect=True)
"""For what has nothing to do with images: with containerd's store the last engine is the same."""

each_real_engine = pytest.mark.parametrize("engine", ENGINES[3:], indirect=True)
"""For what no simulated engine does: run what is built, keep layers."""

BUSYBOX = "busybox:1"
EVERYTHING = "deployer/everything:1"
SLEEP = ["sleep", "600"]


def _numbers() -> Iterator[int]:
    """Numbers no other test process of this run uses at the same time."""
    worker = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", "0"))) or 0)
    return (worker * 32 + number % 32 for number in count())


@dataclass(slots=True)
class Sandbox:
    """An engine and what a test made on it."""

    engine: Engine
    prefix: str = field(default_factory=lambda: f"ct{uuid.uuid4().hex[:8]}")
    containers: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=_numbers)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.engine.describe().version.split("+")[0].split("."))

    @property
    def modern(self) -> bool:
        """Whether this is one of the newer engines under test."""
        return self.version >= (25,)

    @property
    def newest(self) -> bool:
        """Whether this is engine 28 or a later one."""
        return self.version >= (28,)

    @property
    def containerd(self) -> bool:
        """Whether images are kept in containerd's store."""
        return str(self.engine.info()["Driver"]) == "overlayfs"

    def name(self, word: str) -> str:
        return f"{self.prefix}-{word}"

    def subnet(self) -> str:
        """The first three octets of a /24 of this test alone."""
        return f"10.223.{next(self.numbers)}"

    def port(self) -> int:
        return 20300 + next(self.numbers)

    def container(self, word: str, body: dict[str, Any] | None = None, *, start: bool = False, **keys: Any) -> str:
        """Creates (and starts) a container of busybox that sleeps, unless the body says otherwise."""
        request = {"Image": BUSYBOX, "Cmd": SLEEP, "HostConfig": {}, **(body or {}), **keys}
        return self.create(word, request, start=start)

    def create(self, word: str, request: dict[str, Any], *, start: bool = False) -> str:
        key, _ = self.engine.create_container(self.name(word), request, "")
        self.containers.append(key)
        if start:
            self.engine.start_container(key)
        return key

    def network(self, word: str, body: dict[str, Any] | None = None, **keys: Any) -> str:
        key = self.engine.create_network({"Name": self.name(word), **(body or {}), **keys})
        self.networks.append(key)
        return key

    def volume(self, word: str, **keys: Any) -> dict[str, Any]:
        self.volumes.append(self.name(word))
        return dict(self.engine.create_volume({"Name": self.name(word), **keys}))

    def inspect(self, ref: str) -> dict[str, Any]:
        found = self.engine.inspect_container(ref)
        assert found is not None, f"no container {ref}"
        return dict(found)

    def host_config(self, ref: str) -> dict[str, Any]:
        return dict(self.inspect(ref)["HostConfig"])

    def endpoints(self, ref: str) -> dict[str, Any]:
        return dict(self.inspect(ref)["NetworkSettings"]["Networks"])

    def remember_container(self, ref: str) -> None:
        self.containers.append(ref)

    def clean(self) -> None:
        """Removes what was made, in the order the engine allows."""
        for key in self.containers:
            _ignoring_missing(lambda key=key: self.engine.remove_container(key, force=True, anonymous_volumes=True))
        for key in reversed(self.networks):
            _ignoring_missing(lambda key=key: self.engine.remove_network(key))
        for name in self.volumes:
            _ignoring_missing(lambda name=name: self.engine.remove_volume(name))
        for tag in self.tags:
            _ignoring_missing(lambda tag=tag: self.engine.remove_image(tag))


def _ignoring_missing(remove: Any) -> None:
    try:
        remove()
    except EngineError as error:
        if error.status not in {404, 409}:
            raise


def status_of(operation: Any, *arguments: Any, **keywords: Any) -> int:
    """The HTTP status an operation is refused with; 0 if it is not refused."""
    try:
        operation(*arguments, **keywords)
    except EngineError as error:
        assert error.message, "a refusal explains itself"
        return error.status
    return 0
