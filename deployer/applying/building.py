"""Builds an image on its host, or on this machine, which then sends the layers that the host does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from deployer.config.build_context import remember_built
from deployer.engine.connect import connect, this_machine
from deployer.interfaces import Engine, Json, RegistryAuth
from deployer.model.operations import BuildImage
from deployer.model.settings import CONTROLLER

Auth: TypeAlias = Callable[[str], RegistryAuth | None]
Send: TypeAlias = Callable[[Engine, str, str, Callable[[int, int], object]], object]
Report: TypeAlias = Callable[[str, int], None]
"""Told the instruction that began last, and the bytes sent so far; 0 when an instruction begins."""


def build(engine: Engine, operation: BuildImage, auth: Auth, report: Report, send: Send) -> None:
    """Raises `EngineError`, `ResourceError`, `UnreachableError`."""
    if operation.build.on == CONTROLLER and not engine.describe().simulated:
        _build_here(engine, operation, auth, report, send)
    else:
        _build_on(engine, operation, auth, report)
    remember_built(operation.build)


def _build_on(engine: Engine, operation: BuildImage, auth: Auth, report: Report) -> None:
    doing = ""

    def progress(message: Json) -> None:
        nonlocal doing
        doing = str(message.get("step") or doing)
        report(doing, int(message.get("sent") or 0))

    engine.build_image(operation.reference, operation.build, operation.labels, auth, progress)


def _build_here(engine: Engine, operation: BuildImage, auth: Auth, report: Report, send: Send) -> None:
    """For the host's platform, with the engine that the docker command uses here."""
    facts, reference = engine.describe(), operation.reference
    platform = operation.build.platform or f"{facts.os}/{facts.arch}"
    here = connect(this_machine())
    try:
        _build_on(here, replace(operation, build=replace(operation.build, platform=platform)), auth, report)
    finally:
        here.close()
    send(engine, reference, CONTROLLER, lambda sent, _total: report("", sent))
