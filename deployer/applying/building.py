"""Builds an image: once for all hosts of a run, on the first that needs it, on the one named or on this machine; or on
each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer.applying.pulling import registry_errors
from deployer.errors import EngineError, ResourceError, UnreachableError
from deployer.interfaces import Engine, Json, Progress, RegistryAuth
from deployer.model.build import LABEL, with_bases, without_bases
from deployer.model.operations import BuildImage
from deployer.model.settings import CONTROLLER, EACH

Told: TypeAlias = Callable[[int, int, str], object]
"""Told the bytes of an image that were sent and those to send, and ""; or, while it is read from its source, the bytes
read, those to read, and the source's name."""

Send: TypeAlias = Callable[[str, Engine, str, str, Told], object]
Report: TypeAlias = Callable[[str, int], None]
"""Told the instruction that began last, and the bytes sent so far; 0 when an instruction begins."""


def no_engine(host: str) -> Engine:
    raise EngineError(f"{host} builds no images", status=0)


class _Shared:
    """One image of a run. `turn` is held while it is built; `bases`: digests of its base images, by reference, where
    known; `source`: where it was built; `failure`: why it cannot be."""

    def __init__(self, bases: Mapping[str, str]) -> None:
        self.bases = bases
        self.turn = threading.Lock()
        self.source = ""
        self.failure: ResourceError | None = None


class Builds:
    """The images that a run has built, by what they were built from. `engine`: of a host by its name, or of this
    machine. Safe to use from several threads."""

    def __init__(self, engine: Callable[[str], Engine] = no_engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._found: dict[Hashable, list[_Shared]] = {}
        self._platforms: dict[tuple[str, str], str] = {}

    def of(self, operation: BuildImage, *platform: str) -> _Shared:
        """A base image that one host has and another has not is no difference; two that differ make two images."""
        key, bases = without_bases(operation.labels.get(LABEL, ""))
        with self._lock:
            found = self._found.setdefault((operation.reference, platform, key), [])
            for each in found:
                if all(bases.get(name, digest) == digest for name, digest in each.bases.items()):
                    return each
            found.append(_Shared(bases))
            return found[-1]

    def platform(self, reference: str, builder: str, wanted: str) -> str:
        """For which platform a host builds an image in this run: the one that is wanted first. Its tag stands for one
        image."""
        with self._lock:
            return self._platforms.setdefault((reference, builder), wanted)


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

    if operation.build.platforms and not site.engine.describe().simulated:
        _publish_once(site, operation)
    elif operation.build.on == EACH or site.engine.describe().simulated:
        _build_on(site.engine, site, operation)
    else:
        source = _build_once(site, operation)
        if source != site.host:
            site.send(site.host, site.engine, operation.reference, source, _sending(site.report))
    remember_built(operation.build)


def _publish_once(site: Site, operation: BuildImage) -> None:
    """Built here for all platforms and pushed; each host pulls its own."""
    from deployer.engine.buildkit.session import Job
    from deployer.engine.buildx import publish

    shared = site.builds.of(operation)
    with shared.turn:
        if shared.failure is not None:
            raise shared.failure
        if not shared.source:
            job = Job(operation.reference, operation.build, operation.labels, site.auth, _steps(site.report))
            try:
                publish(job)
            except ResourceError as error:
                shared.failure = error
                raise
            shared.source = CONTROLLER
    auth = site.auth(operation.reference)
    site.report(f"pulling {operation.reference}", 0)
    with registry_errors(operation.reference, auth, site.engine):
        site.engine.pull_image(operation.reference, "", auth, lambda _message: None)
    pulled = site.engine.inspect_image(operation.reference) or {}
    if not operation.labels.items() <= ((pulled.get("Config") or {}).get("Labels") or {}).items():
        raise EngineError("the registry gave another image than was pushed", status=0, hint="apply again")


def _sending(report: Report) -> Told:
    def told(amount: int, _total: int, reading: str) -> None:
        if not reading:
            report("", amount)

    return told


def _build_on(engine: Engine, site: Site, operation: BuildImage) -> None:
    engine.build_image(operation.reference, operation.build, operation.labels, site.auth, _steps(site.report))


def _steps(report: Report) -> Progress:
    doing = ""

    def progress(message: Json) -> None:
        nonlocal doing
        doing = str(message.get("step") or doing)
        report(doing, int(message.get("sent") or 0))

    return progress


def _build_once(site: Site, operation: BuildImage) -> str:
    """Where it was built. The other hosts wait for the first one; when that is lost and builds itself, the next one
    builds."""
    facts = site.engine.describe()
    shared = site.builds.of(operation, facts.os, facts.arch)
    with shared.turn:
        if shared.failure is not None:
            raise shared.failure
        if not shared.source:
            builder = operation.build.on or site.host
            try:
                if builder == site.host:
                    _build_on(site.engine, site, operation)
                else:
                    _build_elsewhere(builder, site, operation)
            except EngineError as error:
                shared.failure = error
                raise
            shared.source = builder
        return shared.source


def _build_elsewhere(builder: str, site: Site, operation: BuildImage) -> None:
    """For the platform of the host that needs it."""
    facts = site.engine.describe()
    platform = operation.build.platform or f"{facts.os}/{facts.arch}"
    first = site.builds.platform(operation.reference, builder, platform)
    if first != platform:
        hint = "write on: each, or give the image a tag of its own for each platform"
        raise EngineError(f"{builder} builds it for {first} in this run, not for {platform}", status=0, hint=hint)
    try:
        engine = site.builds.engine(builder)
        own = replace(operation, build=replace(operation.build, platform=platform))
        _build_on(engine, site, own if builder == CONTROLLER else _with_bases_of(engine, own))
    except UnreachableError as error:
        where = "this machine" if builder == CONTROLLER else builder
        message = f"{where}, which builds it, cannot be used: {error.message}"
        raise EngineError(message, status=0, hint=error.hint) from error


def _with_bases_of(engine: Engine, operation: BuildImage) -> BuildImage:
    """The label tells the base images of the host that builds: if it is of the play too, its plans compare them."""
    known: dict[str, str] = {}
    for base in operation.build.bases if not operation.build.pull else ():
        known[base] = str((engine.inspect_image(base) or {}).get("Id", ""))
    label = with_bases(operation.labels.get(LABEL, ""), known)
    return replace(operation, labels={**operation.labels, LABEL: label})
