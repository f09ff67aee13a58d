"""Images on hosts, without a playbook: sent, pulled, tagged, pushed, listed and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.applying.operations import Layers, hint_of, registry_errors
from deployer.diagnostics import Diagnostic, Origin
from deployer.engine.host_facts import free_space
from deployer.engine.image_archive import ImageArchive
from deployer.engine.image_transfer import Transfer, is_containerd
from deployer.engine.registry_auth import Credentials
from deployer.errors import DeployerError, InputError, ResourceError, UnreachableError
from deployer.interfaces import Engine
from deployer.model.outcome import PullProgress
from deployer.model.plan import Unreachable
from deployer.model.settings import CONTROLLER
from deployer.usecases.fleet import Fleet
from deployer.usecases.image_sources import ImageSources
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.system import System
from deployer.values import image, size

FANOUT: Final = 4
"""Hosts that are sent to at the same time."""

_UNPACKING: Final = 2
"""Times the size of what is sent that the classic store needs for a moment: it unpacks the archive first."""

Report = Callable[[PullProgress], object]


class ImageResult(Struct, frozen=True):
    """What was done on one host. `done`: in words; `sent` of `total` bytes; `problem` and `hint`: why it failed."""

    host: str
    done: str = ""
    sent: int = 0
    total: int = 0
    problem: str = ""
    hint: str = ""


class Results(Struct, frozen=True):
    found: tuple[ImageResult, ...]
    unreachable: tuple[Unreachable, ...]


class Copy(Struct, frozen=True):
    """`source`: a host of the inventory, an archive, or "" for the engine of this machine."""

    reference: str
    source: str = ""
    fanout: int = FANOUT


def copy(request: Request, system: System, wanted: Copy, report: Report) -> Results:
    """Send an image to the hosts of `--limit`. Raises `InputError`, `ResourceError` and `UnreachableError` where there
    is nothing to send."""
    with (
        fleet_of(replace(request, forks=wanted.fanout), system) as fleet,
        _source(request, system, wanted) as source,
    ):
        return _each(fleet, lambda host, engine: _send(fleet, host, engine, source, wanted, report))


def _each(fleet: Fleet, work: Callable[[str, Engine], ImageResult]) -> Results:
    """Of all hosts: what fails on one does not stop the others."""

    def one(host: str, engine: Engine) -> ImageResult:
        try:
            return work(host, engine)
        except UnreachableError:
            raise
        except DeployerError as error:
            return ImageResult(host, problem=error.message, hint=error.hint or hint_of(error.message))

    found = fleet.each(fleet.hosts, one)
    lost = tuple(each for each in found.values() if isinstance(each, Unreachable))
    return Results(tuple(each for each in found.values() if isinstance(each, ImageResult)), lost)


def _send(fleet: Fleet, host: str, engine: Engine, source: _Source, wanted: Copy, report: Report) -> ImageResult:
    facts = engine.describe()
    if source.id and source.id == _id(engine, wanted.reference) and not is_containerd(engine.info()):
        return ImageResult(host, "is there already")
    archive = source.archive()
    found = archive.read(wanted.reference, f"{facts.os}/{facts.arch}")
    transfer = Transfer(engine, archive, wanted.reference, found)
    if transfer.is_complete():
        return ImageResult(host, "is there already", 0, found.size)
    missing = transfer.missing()
    amount = sum(layer.size for layer in missing)
    if not facts.simulated:
        _check_room(fleet, host, engine, amount)
    transfer.send(missing, lambda sent, total: report(PullProgress(host, wanted.reference, sent, total)))
    return ImageResult(host, "sent", amount, found.size)


def _check_room(fleet: Fleet, host: str, engine: Engine, amount: int) -> None:
    """Raises `ResourceError` where the image would not fit."""
    info = engine.info()
    folder = str(info.get("DockerRootDir") or "/var/lib/docker")
    free, needed = free_space(fleet.host(host), folder), amount * (1 if is_containerd(info) else _UNPACKING)
    if free is not None and free < needed:
        shown = f"{size.show_rounded(needed)} are needed in {folder} during the transfer"
        hint = "docker system df on the host shows what uses the space"
        raise ResourceError(f"{shown}, {size.show_rounded(free)} are free", hint=hint)


class _Source(Struct, frozen=True):
    """`id`: of the image there, "" if it is only known by reading the archive."""

    id: str
    archive: Callable[[], ImageArchive]


@contextmanager
def _source(request: Request, system: System, wanted: Copy) -> Iterator[_Source]:
    if "/" in wanted.source or Path(wanted.source).suffix in (".tar", ".tgz", ".gz"):
        with _opened(wanted.source) as archive:
            yield _Source("", lambda: archive)
        return
    name, elsewhere = wanted.source or CONTROLLER, replace(request, limit="")
    with (
        fleet_of(elsewhere, system, name) if wanted.source else Fleet({}, 1) as fleet,
        ImageSources(fleet.host) as found,
    ):
        yield _Source(found.id_of(wanted.reference, name), lambda: found.archive(wanted.reference, name))


@contextmanager
def _opened(path: str) -> Iterator[ImageArchive]:
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InputError([Diagnostic(Origin("--from"), f"{path} cannot be read: {error.strerror or error}")]) from error
    with file:
        archive = ImageArchive(file, path)
        try:
            yield archive
        finally:
            archive.close()


def pull(request: Request, system: System, reference: str, platform: str, report: Report) -> Results:
    """Pull an image on the hosts of `--limit`, with the credentials of this machine."""
    auth = Credentials({}).find(image.parse(reference).domain)

    def one(host: str, engine: Engine) -> ImageResult:
        def told(current: int, total: int) -> object:
            return report(PullProgress(host, reference, current, total))

        before = _id(engine, reference)
        with registry_errors(reference, auth):
            engine.pull_image(reference, platform, auth, Layers(told))
        after = _id(engine, reference)
        if not after:
            raise ResourceError(f"{image.familiar(reference)} is not on the host after the pull")
        return ImageResult(host, "is up to date" if before == after else "pulled")

    with fleet_of(request, system) as fleet:
        return _each(fleet, one)


def push(request: Request, system: System, reference: str) -> Results:
    """Push an image from the hosts of `--limit`, one after the other."""
    auth = Credentials({}).find(image.parse(reference).domain)

    def one(host: str, engine: Engine) -> ImageResult:
        with registry_errors(reference, auth):
            engine.push_image(reference, auth, lambda _message: None)
        return ImageResult(host, "pushed")

    with fleet_of(replace(request, forks=1), system) as fleet:
        return _each(fleet, one)


def tag(request: Request, system: System, reference: str, target: str) -> Results:
    """Give an image another name on the hosts of `--limit`."""

    def one(host: str, engine: Engine) -> ImageResult:
        engine.tag_image(reference, target)
        return ImageResult(host, f"tagged as {image.familiar(target)}")

    with fleet_of(request, system) as fleet:
        return _each(fleet, one)


def remove(request: Request, system: System, reference: str) -> Results:
    """Remove an image from the hosts of `--limit`. One that containers use stays: the engine refuses to remove it."""

    def one(host: str, engine: Engine) -> ImageResult:
        if engine.inspect_image(reference) is None:
            return ImageResult(host, "is not there")
        engine.remove_image(reference)
        return ImageResult(host, "removed")

    with fleet_of(request, system) as fleet:
        return _each(fleet, one)


def _id(engine: Engine, reference: str) -> str:
    return str((engine.inspect_image(reference) or {}).get("Id") or "")
