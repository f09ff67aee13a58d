"""Builds an image: once for all hosts of a run, on the first that needs it; on each of them; or on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer.errors import EngineError
from deployer.interfaces import Engine, Json, RegistryAuth
from deployer.model.operations import BuildImage
from deployer.model.settings import CONTROLLER

EACH = "each"
"""The value of `on` with which every host builds by itself."""

Send: TypeAlias = Callable[[Engine, str, str, Callable[[int, int], object]], object]
Report: TypeAlias = Callable[[str, int], None]
"""Told the instruction that began last, and the bytes sent so far; 0 when an instruction begins."""


class _Shared:
    """One image of a run. `turn` is held while a host builds it; `host`: where it was built; `failure`: why it cannot
    be."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.host = ""
        self.failure: EngineError | None = None


class Builds:
    """The images that a run has built, by what they were built from. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Hashable, _Shared] = {}

    def of(self, key: Hashable) -> _Shared:
        with self._lock:
            return self._found.setdefault(key, _Shared())


class Site(Struct, frozen=True):
    """The host that needs the image, and what building it requires. `send` sends an image to it from another one."""

    host: str
    engine: Engine
    auth: Callable[[str], RegistryAuth | None]
    report: Report
    send: Send
    builds: Builds


def build(site: Site, operation: BuildImage) -> None:
    """Raises `EngineError`, `ResourceError`, `UnreachableError`. Imported here: most runs build nothing."""
    from deployer.config.build_context import remember_built

    simulated = site.engine.describe().simulated
    if operation.build.on == EACH or simulated:
        _build_on(site.engine, site, operation)
    elif operation.build.on == CONTROLLER:
        _build_here(site, operation)
    else:
        _build_once(site, operation)
    remember_built(operation.build)


def _build_on(engine: Engine, site: Site, operation: BuildImage) -> None:
    doing = ""

    def progress(message: Json) -> None:
        nonlocal doing
        doing = str(message.get("step") or doing)
        site.report(doing, int(message.get("sent") or 0))

    engine.build_image(operation.reference, operation.build, operation.labels, site.auth, progress)


def _build_once(site: Site, operation: BuildImage) -> None:
    """The other hosts wait for the first one. When that is lost, the next one builds."""
    facts = site.engine.describe()
    shared = site.builds.of((operation.reference, facts.os, facts.arch, *sorted(operation.labels.items())))
    with shared.turn:
        if shared.failure is not None:
            raise shared.failure
        if not shared.host:
            try:
                _build_on(site.engine, site, operation)
            except EngineError as error:
                shared.failure = error
                raise
            shared.host = site.host
            return
    _send(site, operation, shared.host)


def _build_here(site: Site, operation: BuildImage) -> None:
    """For the host's platform, with the engine that the docker command uses here."""
    from deployer.engine.connect import connect, this_machine

    facts = site.engine.describe()
    platform = operation.build.platform or f"{facts.os}/{facts.arch}"
    here = connect(this_machine())
    try:
        _build_on(here, site, replace(operation, build=replace(operation.build, platform=platform)))
    finally:
        here.close()
    _send(site, operation, CONTROLLER)


def _send(site: Site, operation: BuildImage, source: str) -> None:
    site.send(site.engine, operation.reference, source, lambda sent, _total: site.report("", sent))
