"""Images on hosts, without a playbook: sent, pulled, tagged, pushed, listed and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.applying.pulling import Layers, hint_of, registry_errors
from deployer.engine.registry_auth import Credentials
from deployer.errors import DeployerError, ResourceError, UnreachableError
from deployer.interfaces import Engine, RegistryAuth
from deployer.model.outcome import PullProgress
from deployer.model.plan import Unreachable
from deployer.model.settings import CONTROLLER
from deployer.usecases.fleet import Fleet
from deployer.usecases.image_sources import FANOUT, ImageSources
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.system import System
from deployer.values import image

_THERE: Final = "is there already"


class ImageResult(Struct, frozen=True):
    """What was done on one host. `done`: in words; `sent` of `total` bytes, in `seconds`; `note`: why another host did
    not send it; `problem` and `hint`: why it failed."""

    host: str
    done: str = ""
    sent: int = 0
    total: int = 0
    seconds: float = 0.0
    note: str = ""
    problem: str = ""
    hint: str = ""


class Results(Struct, frozen=True):
    found: tuple[ImageResult, ...]
    unreachable: tuple[Unreachable, ...]


class Watch(Struct, frozen=True):
    """Told the progress of each host, and its result when it has one."""

    progress: Callable[[PullProgress], object]
    ended: Callable[[ImageResult], object]


class Copy(Struct, frozen=True):
    """`source`: a host of the inventory, an archive, or "" for the engine of this machine."""

    reference: str
    source: str = ""
    fanout: int = FANOUT


def copy(request: Request, system: System, wanted: Copy, watch: Watch) -> Results:
    """Send an image to the hosts of `--limit` that do not have it. Raises `InputError`, `ResourceError` and
    `UnreachableError` where there is nothing to send."""
    with (
        fleet_of(replace(request, forks=max(request.forks, wanted.fanout)), system) as fleet,
        _sources(request, system, wanted, fleet) as (sources, source),
    ):

        def one(host: str, engine: Engine) -> ImageResult:
            def told(current: int, total: int, reading: str) -> object:
                return watch.progress(PullProgress(host, wanted.reference, current, total, reading))

            began = system.clock.now()
            found = sources.send(host, engine, wanted.reference, source, told)
            words = _THERE if found.there else "sent"
            words += f" by {found.giver}" if found.giver else ""
            took = system.clock.now() - began
            return ImageResult(host, words, found.sent, found.total, took, note=found.note)

        def look(host: str, engine: Engine) -> ImageResult | None:
            there = sources.is_there(host, engine, wanted.reference, source)
            return ImageResult(host, _THERE) if there else None

        def told_there(_host: str, result: ImageResult | None) -> None:
            if result is not None:
                watch.ended(result)

        looked = fleet.each(fleet.hosts, look, then=told_there) if len(fleet.hosts) > 1 else {}
        left = tuple(host for host in fleet.hosts if looked.get(host) is None)
        sent = fleet.each(left, _guarded(one), then=lambda _host, result: watch.ended(result))
        return _results([sent.get(host) or looked.get(host) for host in fleet.hosts])


def _each(
    fleet: Fleet,
    work: Callable[[str, Engine], ImageResult],
    ended: Callable[[ImageResult], object] = lambda _result: None,
) -> Results:
    """Of all hosts: what fails on one does not stop the others."""
    return _results(fleet.each(fleet.hosts, _guarded(work), then=lambda _host, result: ended(result)).values())


def _guarded(work: Callable[[str, Engine], ImageResult]) -> Callable[[str, Engine], ImageResult]:
    def one(host: str, engine: Engine) -> ImageResult:
        try:
            return work(host, engine)
        except UnreachableError:
            raise
        except DeployerError as error:
            return ImageResult(host, problem=error.message, hint=error.hint or hint_of(error.message))

    return one


def _results(found: Iterable[ImageResult | Unreachable | None]) -> Results:
    found = tuple(found)
    lost = tuple(each for each in found if isinstance(each, Unreachable))
    return Results(tuple(each for each in found if isinstance(each, ImageResult)), lost)


@contextmanager
def _sources(request: Request, system: System, wanted: Copy, fleet: Fleet) -> Iterator[tuple[ImageSources, str]]:
    """With the name of the one to copy from. Raises `ResourceError` where the image is not there."""
    is_file = _is_file(wanted.source)
    needs_another = wanted.source and not is_file and wanted.source not in fleet.hosts
    elsewhere = fleet_of(replace(request, limit=""), system, wanted.source) if needs_another else Fleet({}, 1)
    with (
        elsewhere,
        ImageSources(
            lambda host: (fleet if host in fleet.hosts else elsewhere).host(host), len(fleet.hosts), wanted.fanout
        ) as sources,
    ):
        if is_file:
            sources.open_file(wanted.source)
        else:
            sources.id_of(wanted.reference, wanted.source or CONTROLLER)
        yield sources, wanted.source or CONTROLLER


def _is_file(source: str) -> bool:
    return "/" in source or Path(source).suffix in (".tar", ".tgz", ".gz")


def pull(request: Request, system: System, reference: str, platform: str, watch: Watch) -> Results:
    """Pull an image on the hosts of `--limit`, with the credentials of this machine."""
    auth = Credentials({}).find(image.parse(reference).domain)

    def one(host: str, engine: Engine) -> ImageResult:
        return ImageResult(host, pull_one(host, engine, (reference, platform), auth, watch))

    with fleet_of(request, system) as fleet:
        return _each(fleet, one, watch.ended)


def pull_one(host: str, engine: Engine, wanted: tuple[str, str], auth: RegistryAuth | None, watch: Watch) -> str:
    """`wanted`: a complete reference and a platform. Returns what was done, in words."""
    reference, platform = wanted

    def told(current: int, total: int) -> object:
        return watch.progress(PullProgress(host, reference, current, total))

    name = image.pulled_name(reference)
    before = _id(engine, name)
    with registry_errors(reference, auth, engine):
        engine.pull_image(reference, platform, auth, Layers(told))
    after = _id(engine, name)
    if not after:
        raise ResourceError(f"{image.familiar(reference)} is not on the host after the pull")
    return "is up to date" if before == after else "pulled"


def push(request: Request, system: System, reference: str) -> Results:
    """Push an image from the hosts of `--limit`, one after the other."""
    auth = Credentials({}).find(image.parse(reference).domain)

    def one(host: str, engine: Engine) -> ImageResult:
        with registry_errors(reference, auth, engine):
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
