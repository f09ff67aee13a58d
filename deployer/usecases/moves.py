"""Moves containers with their volumes to another host: their play names that host now."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from deployer.applying.pulling import registry_errors
from deployer.engine.volume_data import Data, ExactData
from deployer.errors import EngineError, ExitCode, RefusedError
from deployer.fields.options import Quiet
from deployer.interfaces import Engine
from deployer.model.container_names import is_beside
from deployer.model.operations import PullImage
from deployer.model.settings import ContainerSettings, VolumeSettings
from deployer.planning.lifecycle import Asked, Member, Verb, tasks
from deployer.usecases.backup_file import Header
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row, read_rows
from deployer.usecases.lifecycle import read_members
from deployer.usecases.load import Loaded
from deployer.usecases.plan import Session, credentials
from deployer.usecases.volume_copying import Tools, has_content, watched
from deployer.usecases.volume_sides import How, Line, Place, Said, Side, quieted, read_side
from deployer.usecases.volumes import Prepared, check_target, create, discard, lock_sides, mounted
from deployer.values import image


class Move(Struct, frozen=True):
    """`members`: the containers on the source, dependencies first; `sources` and `targets`: their volumes. `names`:
    of the containers that are declared for the target."""

    fleet: Fleet
    how: How
    source: str
    target: str
    members: tuple[Member, ...]
    names: frozenset[str]
    sources: tuple[Side, ...]
    targets: tuple[Side, ...]


def read_move(fleet: Fleet, loaded: Loaded, how: How, source: str, target: str) -> Move:
    """What the playbooks declare for the target and the source has. Reads only. Raises `RefusedError`."""
    if source == target:
        raise RefusedError(f"source and target are the same host, {source}", hint="name the old host, then the new one")
    engine = fleet.host(source).engine()
    rows = read_rows(source, engine, "")
    here, there = _declared(loaded, source), _declared(loaded, target)
    found = [row for row in rows if row.project and not is_beside(row.name) and _key(row) in there]
    names = frozenset(row.name for row in found)
    if not names:
        hint = f"write {target} in hosts: instead of {source}; deployer ps {source} lists its containers"
        raise RefusedError(f"{source} has no container that these playbooks declare for {target}", hint=hint)
    still = sorted(row.name for row in found if _key(row) in here)
    if still:
        hint = f"take {source} out of hosts: first; otherwise the next apply starts it there again"
        raise RefusedError(f"{still[0]} is declared for {source} too", hint=hint)
    taken = sorted(names & {row.name for row in read_rows(target, fleet.host(target).engine(), "")})
    if taken:
        raise RefusedError(f"{target} has a container {taken[0]} already", hint="deployer apply brings it up to date")
    levels = tasks(Asked(Verb.RESTART, tuple(names)), names, read_members(engine, rows)).levels
    members = tuple(task.member for level in levels for task in level)
    pairs = [_pair(fleet, how, Place(source, name), Place(target, name), members) for name in _volumes(loaded, target)]
    used = [pair for pair in pairs if any(row.name in names for row in pair[0].users)]
    return Move(fleet, how, source, target, members, names, tuple(p[0] for p in used), tuple(p[1] for p in used))


def _key(row: Row) -> tuple[str, str]:
    return row.project, row.resource


def _declared(loaded: Loaded, host: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (wish.project, found.address.label)
        for wish in loaded.of_host(host)
        for found in wish.of(ContainerSettings)
        if not found.absent
    )


def _volumes(loaded: Loaded, host: str) -> list[str]:
    """Volumes that are external are somewhere else, or made by somebody else."""
    wishes = (found for wish in loaded.of_host(host) for found in wish.of(VolumeSettings))
    return sorted({found.name for found in wishes if not found.absent and not found.settings.external})


def _pair(fleet: Fleet, how: How, source: Place, target: Place, members: tuple[Member, ...]) -> tuple[Side, Side]:
    """The source has the ids of what is stopped on its container, should this run be killed."""
    here, there = (read_side(fleet, place, how.image, Quiet.LIVE) for place in (source, target))
    if there.users:
        raise RefusedError(f"volume {target} is in use there", hint="the volume that is moved needs the name")
    if here.found is not None:
        check_target(there, here.driver, here.options)
    running = tuple(member for member in members if _runs(member))
    others = [row.name for row in here.users if row.state == "running" and row.id not in {m.id for m in running}]
    if others:
        hint = "declare it for the target too, or stop it"
        raise RefusedError(f"volume {source} is in use by {others[0]}, which is not moved", hint=hint)
    image = how.image or here.image
    return replace(here, levels=(running,)), replace(there, image=image)


def _runs(member: Member) -> bool:
    return member.state in ("running", "restarting")


def pull_images(moving: Move, session: Session, tools: Tools) -> None:
    """Those of the plan, while the containers still run on the source. Raises `DeployerError`."""
    engine, found = (
        moving.fleet.host(moving.target).engine(),
        credentials(session.planned.loaded.of_host(moving.target)),
    )
    for step in (step for host in session.plan.hosts for step in host.steps):
        if isinstance(step.operation, PullImage) and not tools.stop.is_set():
            reference, auth = step.operation.reference, found(step.operation.reference)
            with registry_errors(reference, auth, engine):
                engine.pull_image(reference, step.operation.platform, auth, lambda _message: None)
            tools.tell(Said(moving.target, f"image {image.familiar(reference)}: pulled"))


def move(moving: Move, tools: Tools, apply: Callable[[], ExitCode]) -> ExitCode:
    """Copies the volumes, stops the containers, copies again, and applies the playbooks to the target. After a failure,
    the containers run where they were, and nothing is left on the target."""
    here = Line(moving.fleet, moving.source, tools.clock)
    running = tuple(member for member in moving.members if _runs(member))
    left = next((side.left for side in moving.sources if side.stopped_before), {})
    stopping = Side(Place(moving.source, ""), None, Quiet.STOP, levels=(running,), left=left)
    filled: list[Side] = []
    with ExitStack() as stack:
        sources = moving.sources or (stopping,)
        tools = stack.enter_context(lock_sides(Prepared(moving.fleet, moving.how, sources), tools))
        try:
            stopped = _copied(moving, stopping, here, tools, filled, stack)
            code = apply()
        except BaseException:
            _take_back(moving, tools, filled)
            raise
        if code is not ExitCode.OK:
            _take_back(moving, tools, filled)
            return code
        stopped.clear()
        _settle(here, running, tools)
    return code


def _copied(
    moving: Move, stopping: Side, here: Line, tools: Tools, filled: list[Side], stack: ExitStack
) -> dict[str, str]:
    """Has the volumes complete on the target. Returns the containers that are stopped until the stack ends, as
    `quieted` does."""
    with ExitStack() as helpers:
        tools = helpers.enter_context(lock_sides(Prepared(moving.fleet, moving.how, moving.targets), tools))
        pairs = zip(moving.sources, moving.targets, strict=True)
        copies = [_opened(moving, pair, tools, helpers, filled) for pair in pairs]
        if moving.how.exact:
            _copy(moving, copies, tools, changing=True)
        stopped = stack.enter_context(quieted(here, stopping, tools.tell))
        _copy(moving, copies, tools, changing=False)
    return stopped


def _opened(
    moving: Move, pair: tuple[Side, Side], tools: Tools, stack: ExitStack, filled: list[Side]
) -> tuple[Data, Data]:
    """Both volumes in containers. Raises `RefusedError` if the target has content."""
    source, target = pair
    prepared = Prepared(moving.fleet, moving.how, (source, target))
    header = Header(volume=source.place.volume, host=source.place.host, made="", labels=source.labels)
    create(prepared, target, header)
    _, there = mounted(prepared, target, tools, stack)
    if not target.is_new and has_content(there):
        hint = "if an earlier move filled it, run deployer apply; otherwise remove the volume there"
        raise RefusedError(f"volume {target.place} has content", hint=hint)
    filled.append(target)
    _, data = mounted(prepared, source, tools, stack)
    return data, there


def _copy(moving: Move, copies: list[tuple[Data, Data]], tools: Tools, *, changing: bool) -> None:
    for (data, there), side in zip(copies, moving.sources, strict=True):
        if isinstance(data, ExactData) and isinstance(there, ExactData):
            with data.read_difference(changing=changing) as chunks:
                there.write_difference(watched(chunks, str(side.place), tools))
        else:
            with data.read(changing=changing) as chunks:
                there.write(watched(chunks, str(side.place), tools))
        what = "copied while it is in use" if changing else "copied"
        tools.tell(Said(side.place.host, f"volume {side.place.volume}: {what}"))


def _take_back(moving: Move, tools: Tools, filled: list[Side]) -> None:
    """Removes what this run made on the target. The containers were not there before, and the volumes were empty."""
    line = Line(moving.fleet, moving.target, tools.clock)
    for name in sorted(moving.names):
        line.again(partial(_remove, name))
    for side in filled:
        discard(line, side.place.volume, tools.tell)
        if side.found is not None and not side.is_new:
            line.again(partial(_create_again, side))


def _remove(name: str, engine: Engine) -> None:
    with suppress(EngineError):
        engine.remove_container(name, force=True, anonymous_volumes=True)


def _create_again(side: Side, engine: Engine) -> None:
    engine.create_volume(
        {"Name": side.place.volume, "Driver": side.driver, "DriverOpts": side.options, "Labels": side.labels}
    )


def _settle(here: Line, running: tuple[Member, ...], tools: Tools) -> None:
    """They stay stopped, also when the engine starts again."""
    for member in running:
        problem = here.again(partial(_keep_stopped, member.id))
        text = f"container {member.name}: stopped, and kept"
        tools.tell(Said(here.host, f"{text}; its restart policy stays: {problem}" if problem else text))


def _keep_stopped(key: str, engine: Engine) -> None:
    engine.update_container(key, {"RestartPolicy": {"Name": "no"}})
