"""Backs up, restores and copies volumes: their data passes through this machine, and is never kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.engine import volume_data
from deployer.engine.volume_data import Data
from deployer.errors import EngineError, RefusedError, ResourceError, UnreachableError
from deployer.fields.options import Quiet
from deployer.interfaces import Engine
from deployer.model.outcome import Blocked
from deployer.usecases.backup_file import Backup, Counted, Header, Total
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.locking import locked
from deployer.usecases.system import System
from deployer.usecases.volume_copying import Content, Into, Tools, Watching, mount, save, watched
from deployer.usecases.volume_sides import How, Line, Place, Said, Side, Tell, quieted, read_side

_OWN: Final = "deployer."
"""What labels of resources begin with."""


class Prepared(Struct, frozen=True):
    """`sides`: the source, the target, or both."""

    fleet: Fleet
    how: How
    sides: tuple[Side, ...]


@contextmanager
def prepare(
    request: Request, system: System, how: How, source: Place | None = None, target: Place | None = None
) -> Iterator[Prepared]:
    """Reads the hosts and changes nothing; the connections end with the context. Raises `DeployerError`."""
    given = ((source, how.quiet), (target, Quiet.STOP))
    places = [(place, quiet) for place, quiet in given if place is not None]
    with fleet_of(request, system, *(place.host for place, _ in places)) as fleet:
        yield Prepared(fleet, how, tuple(read_side(fleet, place, how.image, quiet) for place, quiet in places))


def need_source(side: Side, how: How) -> None:
    """Raises `ResourceError` for a volume that is not there, `RefusedError` without an image to read it with."""
    if side.found is None:
        hint = f"deployer volumes {side.place.host} lists those that are there"
        raise ResourceError(f"{side.place.host} has no volume '{side.place.volume}'", hint=hint)
    need_image(side, how)


def need_image(side: Side, how: How) -> None:
    """Raises `RefusedError`."""
    if how.exact and not side.image:
        hint = "name an image that has GNU tar with --image"
        raise RefusedError(f"no container uses {side.place}, so there is no image for --exact", hint=hint)


def check_target(side: Side, driver: str, options: Mapping[str, str]) -> None:
    """Raises `RefusedError`: options may name a share or a device, which has the data already."""
    if side.found is None and (driver != "local" or options):
        hint = f"create it first, such as with a playbook that declares it for {side.place.host}"
        raise RefusedError(f"{side.place.volume} has a driver or options that may not fit another host", hint=hint)


def backup(prepared: Prepared, tools: Tools, into: Into) -> Total:
    """Raises `DeployerError`; the containers run again then, too."""
    (side,) = prepared.sides
    with ExitStack() as stack:
        tools = stack.enter_context(lock_sides(prepared, tools))
        line, data = mounted(prepared, side, tools, stack)
        stack.enter_context(quieted(line, side, tools.tell))
        return save(side, data, prepared.how, tools, into)


def restore(prepared: Prepared, tools: Tools, source: Backup) -> Total:
    """Raises `DeployerError`; what was in the volume before is in it again then."""
    for _ in watched(source.chunks(), source.name, tools):
        """A damaged file replaces nothing."""
    (side,) = prepared.sides
    with lock_sides(prepared, tools) as tools, target_of(prepared, side, source.header, tools) as fill:
        fill(watched(source.chunks(), str(side.place), tools))
    return source.total


def migrate(prepared: Prepared, tools: Tools) -> Total:
    """Raises `DeployerError`; the source is never changed."""
    source, target = prepared.sides
    header = Header(volume=source.place.volume, host=source.place.host, made="", labels=source.labels)
    with ExitStack() as stack:
        tools = stack.enter_context(lock_sides(prepared, tools))
        line, data = mounted(prepared, source, tools, stack)
        fill = stack.enter_context(target_of(prepared, target, header, tools))
        stack.enter_context(quieted(line, source, tools.tell))
        chunks = stack.enter_context(data.read(changing=prepared.how.quiet is Quiet.LIVE))
        counted = Counted(watched(chunks, str(source.place), tools))
        fill(iter(counted))
        return counted.total


@contextmanager
def lock_sides(prepared: Prepared, tools: Tools) -> Iterator[Tools]:
    """Yields the tools that also check these locks. Raises `DeployerError`."""
    projects: dict[str, list[str]] = {}
    for side in prepared.sides:
        for project in side.projects:
            projects.setdefault(project, []).append(side.place.host)
    unique = {project: list(dict.fromkeys(hosts)) for project, hosts in projects.items()}
    with locked(prepared.fleet, unique, tools.run, tools.clock, tools.events, tools.stop) as (taken, blocked):
        for host, (project, bar) in blocked.items():
            if isinstance(bar, Blocked):
                message, hint = tools.blocked(bar, project)
                raise RefusedError(f"{host}: {message}", hint=hint)
            raise UnreachableError(bar.message, hint=bar.hint)

        def permit() -> None:
            tools.permit()
            for project, locks in taken.items():
                for host in unique[project]:
                    locks.check(host)

        yield replace(tools, permit=permit)


def mounted(prepared: Prepared, side: Side, tools: Watching, stack: ExitStack) -> tuple[Line, Data]:
    """The volume in a container that is removed with the stack."""
    line = Line(prepared.fleet, side.place.host, tools.clock)
    stack.callback(clean, line, side.place.volume, tools.tell)
    return line, mount(line.engine, side, prepared.how)


def clean(line: Line, volume: str, tell: Tell) -> None:
    problem = line.again(partial(_remove_helper, volume))
    if problem:
        name = volume_data.helper_name(volume)
        hint = "the next command on this volume removes it, and starts what was stopped"
        tell(Said(line.host, f"container {name}: could not be removed: {problem}", hint, failed=True))


def _remove_helper(volume: str, engine: Engine) -> None:
    volume_data.remove_helper(engine, volume)


@contextmanager
def target_of(
    prepared: Prepared, side: Side, header: Header, tools: Tools
) -> Iterator[Callable[[Iterator[bytes]], object]]:
    """Yields what replaces the content of a volume. After a failure within the context, a volume that was created is
    removed, and any other has its content from before."""
    volume = side.place.volume
    with ExitStack() as stack:
        create(prepared, side, header)
        line = Line(prepared.fleet, side.place.host, tools.clock)
        content = Content(line, side, prepared.how, tools)
        try:
            _, data = mounted(prepared, side, tools, stack)
            full = not side.is_new and content.check(data)
            stack.enter_context(quieted(line, side, tools.tell))
            if side.is_new:
                yield data.write
            else:
                before = stack.enter_context(content.kept()) if full else None
                yield partial(content.replace, before)
        except BaseException:
            if side.is_new:
                discard(line, volume, tools.tell)
            else:
                content.put_back()
            raise


def create(prepared: Prepared, side: Side, header: Header) -> None:
    """The volume, where it does not exist. Under another name it is another resource."""
    name = side.place.volume
    if side.found is None:
        own = header.volume == name
        labels = {label: text for label, text in header.labels.items() if own or not label.startswith(_OWN)}
        prepared.fleet.host(side.place.host).engine().create_volume({"Name": name, "Labels": labels})


def discard(line: Line, volume: str, tell: Tell) -> None:
    """Removes a volume that this run made."""
    problem = line.again(partial(_remove_volume, volume))
    if problem:
        hint = "run the command again when the host answers: it knows that the volume is incomplete"
        tell(Said(line.host, f"volume {volume}: incomplete, and could not be removed: {problem}", hint, failed=True))
    else:
        tell(Said(line.host, f"volume {volume}: removed again"))


def _remove_volume(volume: str, engine: Engine) -> None:
    volume_data.remove_helper(engine, volume)
    try:
        engine.remove_volume(volume)
    except EngineError as error:
        if not error.not_found:
            raise
