"""Finds containers that move to another host with their volumes: a play names that host now. Only reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.engine import answers
from deployer.engine.answers import ListedContainer
from deployer.errors import DeployerError, EngineError, RefusedError, UnreachableError, boundary
from deployer.fields.options import Quiet
from deployer.interfaces import Engine
from deployer.model import ownership
from deployer.model.container_names import is_beside
from deployer.model.desired import Address, Kind
from deployer.model.history import RecordedMove, moved_away, unfinished_move
from deployer.model.operations import StartContainer
from deployer.model.plan import Action, HostPlan, Moved, MovedVolume, PlayPlan, Refusal, Unreachable
from deployer.model.settings import ContainerSettings, VolumeSettings
from deployer.planning.lifecycle import Asked, Member, Verb, tasks
from deployer.planning.moves import (
    Coming,
    Elsewhere,
    Search,
    pair,
    pulled_images,
    refuse_removed,
    refused,
    wanted,
    with_move,
)
from deployer.usecases.fleet import Fleet, split
from deployer.usecases.inspect_hosts import Row, read_rows
from deployer.usecases.lifecycle import read_members
from deployer.usecases.load import Loaded, Request
from deployer.usecases.move_input import MoveFrom
from deployer.usecases.plan import Moves, Session, plan
from deployer.usecases.system import System
from deployer.usecases.volume_sides import How, Place, Side, check_stay, read_side
from deployer.usecases.volumes import check_target
from deployer.values import file_mount, image, restart

_ENGINE: Final = "/docker.sock"
"""The end of the paths that lead to the engine, which is another one on each host."""
_NOT_HEALTHY: Final = ("(unhealthy)", "(health: starting)")
"""How the engine ends what it says of a container that runs."""
_DIGEST: Final = 64
"""Length of the name of an anonymous volume."""


class Move(Struct, frozen=True):
    """`members`: the containers on the source, dependencies first; `sources` and `targets`: their volumes."""

    moved: Moved
    target: str
    how: How
    members: tuple[Member, ...]
    sources: tuple[Side, ...]
    targets: tuple[Side, ...]

    @property
    def source(self) -> str:
        return self.moved.source

    @property
    def running(self) -> tuple[Member, ...]:
        return tuple(filter(is_running, self.members))


def is_running(found: Member | Row) -> bool:
    return found.state in ("running", "restarting")


def plan_move(request: Request, system: System, source: str, target: str, how: How) -> Session:
    """The plan of `deployer move`. Only reads. Raises `RefusedError` if nothing is to be moved."""
    if source == target:
        raise RefusedError(f"source and target are the same host, {source}", hint="name the old host, then the new one")
    moving = MoveFrom((source,), exact=how.exact, image=how.image)
    session = plan(replace(request, limit=target, moving=moving), system)
    try:
        if not any(host.moved or host.refusals for host in session.plan.hosts) and not session.plan.unreachable:
            raise _nothing(session.planned.loaded, session.fleet, source, target)
    except BaseException:
        session.fleet.close()
        raise
    return session


def _nothing(loaded: Loaded, fleet: Fleet, source: str, target: str) -> RefusedError:
    """Why nothing is moved."""
    here, there = _declared(loaded, source), _declared(loaded, target)
    found = [row for row in _rows(fleet, source) if _key(row) in there] if there else []
    still = sorted(row.name for row in found if _key(row) in here)
    if still:
        hint = f"take {source} out of hosts: first; otherwise the next apply starts it there again"
        return RefusedError(f"{still[0]} is declared for {source} too", hint=hint)
    taken = sorted({row.name for row in found} & {row.name for row in _rows(fleet, target)}) if found else []
    if taken:
        return _is_there_error(target, taken[0])
    hint = f"write {target} in hosts: instead of {source}; deployer ps {source} lists its containers"
    return RefusedError(f"{source} has no container that these playbooks declare for {target}", hint=hint)


def _is_there_error(target: str, name: str) -> RefusedError:
    return RefusedError(f"{target} has a container {name} already", hint="deployer apply brings it up to date")


def _rows(fleet: Fleet, host: str) -> tuple[Row, ...]:
    with boundary():
        return read_rows(host, fleet.host(host).engine(), "")


def find_moves(
    plays: Sequence[PlayPlan], loaded: Loaded, fleet: Fleet, request: Request
) -> tuple[tuple[PlayPlan, ...], Moves]:
    """The plays with what is moved, and the moves by number of the play and host. Reads the hosts that a play may move
    from if it creates or starts a container."""
    found, moves = list(plays), dict[tuple[int, str], Move]()
    known: dict[str, tuple[Elsewhere, ...] | Unreachable] = {}
    for number, (play, given) in enumerate(zip(plays, loaded.plays, strict=True)):
        if given.move is None or not any(host.steps for host in play.hosts):
            continue
        resumed = {each.host: begun for each in play.hosts if (begun := _resumed(fleet, each, given.move))}
        if not resumed and not any(map(wanted, play.hosts)):
            continue
        new = [host for host in given.move.hosts if host not in known]
        known |= fleet.read(new, lambda host, engine: tuple(_elsewhere(loaded, host, engine)))
        there = {host: known[host] for host in given.move.hosts}
        pairs = resumed | pair(_search(play, given.move, there, fleet, tagged=bool(request.tags or request.skip_tags)))
        how = How(exact=given.move.exact, image=given.move.image)
        judged = {
            each.host: _read_or_refuse(fleet, loaded, how, each, coming) if isinstance(coming, Coming) else coming
            for each in play.hosts
            if (coming := pairs.get(each.host)) is not None
        }
        moves |= {(number, host): move for host, move in judged.items() if isinstance(move, Move)}
        found[number] = replace(play, hosts=tuple(_with(each, judged.get(each.host)) for each in play.hosts))
    return refuse_removed(found), moves


def _resumed(fleet: Fleet, planned: HostPlan, given: MoveFrom) -> Coming | None:
    """A move by a run that was killed when all containers were here, but did not work yet."""
    if not planned.steps or planned.refusals:
        return None
    with boundary():
        killed = unfinished_move(fleet.host(planned.host).engine().list_volumes(), planned.project)
    if killed is None or killed.source not in given.hosts or killed.source in given.excluded:
        return None
    names, ids = {name for name, _ in killed.containers}, {key for _, key in killed.containers}
    begins = all(change.action in (Action.CREATE, Action.START) for change in planned.changes)
    if not begins and all(map(_works, (row for row in _rows(fleet, planned.host) if row.name in names))):
        return None
    try:
        found = [row for row in _rows(fleet, killed.source) if row.id in ids]
    except DeployerError:
        return None
    return Coming(killed.source, frozenset()) if found and not any(map(is_running, found)) else None


def _works(row: Row) -> bool:
    """As far as a list tells."""
    return row.state == "running" and not row.status.endswith(_NOT_HEALTHY)


def _with(planned: HostPlan, judged: Move | Refusal | None) -> HostPlan:
    if isinstance(judged, Refusal):
        return refused(planned, judged)
    return with_move(planned, judged.moved) if judged is not None else planned


def _search(
    play: PlayPlan,
    given: MoveFrom,
    there: Mapping[str, tuple[Elsewhere, ...] | Unreachable],
    fleet: Fleet,
    *,
    tagged: bool,
) -> Search:
    found, lost = split(there)
    return Search(
        hosts={host.host: names for host in play.hosts if (names := wanted(host))},
        left=frozenset(each for host in play.hosts for each in _left(host, fleet)),
        there=tuple(each for each in found if each.project == play.project),
        lost=tuple(each.host for each in lost),
        excluded=given.excluded,
        tagged=tagged,
    )


def _left(host: HostPlan, fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Containers that are started and that a move left on this host."""
    if Action.START not in wanted(host).values():
        return
    with boundary():
        away = moved_away(fleet.host(host.host).engine().list_volumes())
    for step in host.steps:
        if isinstance(step.operation, StartContainer) and step.operation.container in away:
            yield host.host, step.address.name


def _elsewhere(loaded: Loaded, host: str, engine: Engine) -> Iterator[Elsewhere]:
    """The projects' containers that no play declares for their host."""
    projects, declared = {wish.project for wish in loaded.desired}, _declared(loaded, host)
    away = moved_away(engine.list_volumes())
    for row in read_rows(host, engine, ""):
        kind, _, name = row.resource.partition(".")
        if row.project in projects and kind == Kind.CONTAINER and not is_beside(row.name) and _key(row) not in declared:
            runs = is_running(row)
            yield Elsewhere(host, row.project, name, runs, left=row.id in away and not runs)


def _key(row: Row) -> tuple[str, str]:
    return row.project, row.resource


def _declared(loaded: Loaded, host: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (wish.project, found.address.label)
        for wish in (*loaded.desired, *loaded.beyond)
        for found in wish.of(ContainerSettings)
        if wish.host == host and not found.absent
    )


def _read_or_refuse(fleet: Fleet, loaded: Loaded, how: How, planned: HostPlan, coming: Coming) -> Move | Refusal:
    address = Address(planned.host, Kind.CONTAINER, min(coming.names, default=""))
    try:
        with boundary():
            return read_move(fleet, loaded, how, planned, coming)
    except DeployerError as error:
        return Refusal(address, f"cannot be moved from {coming.source}: {error.message}", error.hint)


def read_move(fleet: Fleet, loaded: Loaded, how: How, planned: HostPlan, coming: Coming) -> Move:
    """What the move is about now. Raises `DeployerError`."""
    source, target, names = coming.source, planned.host, coming.names
    engine = fleet.host(source).engine()
    rows = read_rows(source, engine, "")
    there_now = {row.name for row in read_rows(target, fleet.host(target).engine(), "")}
    taken = sorted(names & there_now)
    if taken:
        raise _is_there_error(target, taken[0])
    killed = unfinished_move(fleet.host(target).engine().list_volumes(), planned.project)
    if killed is None or killed.source != source:
        killed = RecordedMove(source, target)
    levels = tasks(Asked(Verb.RESTART, tuple(names)), names, read_members(engine, rows)).levels if names else ()
    members = tuple(task.member for level in levels for task in level)
    check_stay(engine, source, filter(is_running, members), "stop it yourself; it cannot be started again")
    sides = (_sides(fleet, how, source, target, name) for name in (_volumes(loaded, target) if names else ()))
    used = [_pair(*pair, how, members) for pair in sides if _goes_along(*pair, planned, names)]
    if how.exact:
        _check_images(fleet, planned, used)
    sizes = _sizes(engine) if used else {}
    if any(there.found is not None for _, there in used):
        _check_empty(fleet, [there for _, there in used])
    moved = Moved(
        source=source,
        containers=tuple(dict.fromkeys((*_kept(killed, rows), *((member.name, member.id) for member in members)))),
        arriving=tuple(sorted(names)),
        volumes=tuple(MovedVolume(name, sizes.get(name)) for name in (here.place.volume for here, _ in used)),
        exact=how.exact,
        uncopied=tuple(sorted(_uncopied(engine, members, {here.place.volume for here, _ in used}))),
        running=_running(engine, members, killed),
        begun=tuple(name for name, _ in killed.containers if name in there_now),
    )
    return Move(moved, target, how, members, tuple(here for here, _ in used), tuple(there for _, there in used))


def _kept(killed: RecordedMove, rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Containers that a killed run was moving and that are still there."""
    ids = {row.id for row in rows}
    return (each for each in killed.containers if each[1] in ids)


def _running(engine: Engine, members: Iterable[Member], killed: RecordedMove) -> tuple[tuple[str, str], ...]:
    """What runs, and what a killed run stopped, with the policies from before it."""
    found = {key: policy for key, policy in killed.running if _is_policy(policy)}
    for member in filter(is_running, members):
        inspected: Mapping[str, Any] = engine.inspect_container(member.id) or {}
        policy = restart.from_engine((inspected.get("HostConfig") or {}).get("RestartPolicy"))
        found.setdefault(member.id, policy)
    return tuple(found.items())


def _is_policy(text: str) -> bool:
    try:
        return bool(restart.parse(text))
    except ValueError:
        return False


def _check_images(fleet: Fleet, planned: HostPlan, pairs: Iterable[tuple[Side, Side]]) -> None:
    """Those with GNU tar are on both hosts, or are pulled. Raises `RefusedError`."""
    pulled = {text for each in pulled_images(planned) for text in (each.reference, image.familiar(each.reference))}
    needed = dict.fromkeys((side.place.host, side.image) for pair in pairs for side in pair if side.image)
    for host, reference in needed:
        comes = host == planned.host and reference in pulled
        if not comes and fleet.host(host).engine().inspect_image(reference) is None:
            hint = f"deployer image pull {reference} {host} pulls it"
            raise RefusedError(f"image {reference} is not on {host}, and is needed to copy volumes", hint=hint)


def _check_empty(fleet: Fleet, targets: Sequence[Side]) -> None:
    """As far as the engine says. Raises `RefusedError`."""
    sizes = _sizes(fleet.host(targets[0].place.host).engine())
    for side in targets:
        if side.found is not None and not side.is_new and sizes.get(side.place.volume):
            raise has_content_error(side.place)


def _sizes(engine: Engine) -> Mapping[str, int]:
    """Without those that the engine cannot tell in time."""
    try:
        return engine.volume_sizes()
    except (EngineError, UnreachableError):
        return {}


def has_content_error(place: Place) -> RefusedError:
    removing = f"--prune-host {place.host} --remove-volume {place.host}/volume.{place.volume}"
    hint = (
        "if an earlier deployer move filled it, run deployer apply; otherwise remove the volume there, such as with "
        f"deployer apply {removing} while the play has its old hosts"
    )
    return RefusedError(f"volume {place} has content", hint=hint)


def _volumes(loaded: Loaded, host: str) -> list[str]:
    """Volumes that are external are somewhere else, or made by somebody else."""
    wishes = (found for wish in loaded.of_host(host) for found in wish.of(VolumeSettings))
    return sorted({found.name for found in wishes if not found.absent and not found.settings.external})


def _uncopied(engine: Engine, members: Iterable[Member], copied: Collection[str]) -> Iterator[str]:
    """Data of the source that the containers use and that stays there."""
    names = {member.id: member.name for member in members}
    for entry in answers.read(engine.list_containers(), tuple[ListedContainer, ...], "/containers/json"):
        for mount in entry.mounts or () if entry.id in names else ():
            own = mount.name.startswith(file_mount.PREFIX)
            if mount.type == "bind" and not mount.source.endswith(_ENGINE):
                yield f"{mount.source} of {names[entry.id]}"
            elif mount.type == "volume" and mount.name not in copied and not own:
                yield f"volume {mount.name[:12] if len(mount.name) == _DIGEST else mount.name} of {names[entry.id]}"


def _sides(fleet: Fleet, how: How, source: str, target: str, name: str) -> tuple[Side, Side]:
    here, there = (read_side(fleet, Place(host, name), how.image, Quiet.LIVE) for host in (source, target))
    return here, there


def _goes_along(here: Side, there: Side, planned: HostPlan, names: Collection[str]) -> bool:
    """Whether containers that are moved use the volume, or nothing but the project's jobs does."""
    if here.found is None or any(row.name in names for row in here.users):
        return here.found is not None
    new = there.found is None or there.is_new
    ours = ownership.read(here.labels, here.place.volume).project == planned.project
    return new and ours and all(row.resource.startswith(f"{Kind.JOB}.") for row in here.users)


def _pair(here: Side, there: Side, how: How, members: tuple[Member, ...]) -> tuple[Side, Side]:
    """The source has the ids of what is stopped on its container, should this run be killed."""
    if there.users:
        raise RefusedError(f"volume {there.place} is in use there", hint="the volume that is moved needs the name")
    check_target(there, here.driver, here.options)
    running = tuple(filter(is_running, members))
    others = [row.name for row in here.users if row.state == "running" and row.id not in {m.id for m in running}]
    if others:
        hint = "declare it for the target too, or stop it"
        raise RefusedError(f"volume {here.place} is in use by {others[0]}, which is not moved", hint=hint)
    return replace(here, levels=(running,)), replace(there, image=how.image or here.image)
