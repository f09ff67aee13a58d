"""A volume on a host, and the containers that use it: read, stopped while its data is copied, and started again
whatever happens."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from msgspec import Struct, field

from deployer.config.files import state_folder
from deployer.engine import answers, volume_data
from deployer.errors import DeployerError, RefusedError, UnreachableError, boundary
from deployer.fields.options import Quiet
from deployer.interfaces import Clock, Engine, Json
from deployer.model import ownership, volume_names
from deployer.planning.lifecycle import Asked, Member, Verb, tasks
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row, read_rows
from deployer.usecases.lifecycle import read_members
from deployer.values import restart

_PAUSES: Final = (0.0, 1.0, 3.0, 8.0, 15.0)
"""Seconds before each attempt at what must be done whatever happened."""


class Place(Struct, frozen=True):
    host: str
    volume: str

    def __str__(self) -> str:
        return f"{self.host}/{self.volume}"


class How(Struct, frozen=True):
    """`exact`: with GNU tar, of `image` or of the service's own one."""

    quiet: Quiet = Quiet.STOP
    exact: bool = False
    image: str = ""


class Said(Struct, frozen=True):
    """What was done on a host, or why it was not."""

    host: str
    text: str
    hint: str = ""
    failed: bool = False


Tell = Callable[[Said], object]


class Side(Struct, frozen=True):
    """`found`: the engine's description of the volume, None without one; `users`: containers that mount it; `levels`:
    those to stop, dependencies first. `image`: for a program in a container, "" if there is none. `left`: labels of the
    container that a killed run left; `kept`: files with what the volume contained before one. `policies`: restart
    policies, by id, that containers do not have while they are stopped, dependencies first; also of those that
    a killed run stopped."""

    place: Place
    found: Json | None
    quiet: Quiet = Quiet.STOP
    users: tuple[Row, ...] = ()
    levels: tuple[tuple[Member, ...], ...] = ()
    image: str = ""
    left: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    simulated: bool = False
    policies: Mapping[str, str] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(member for level in self.levels for member in level)

    @property
    def stopped_before(self) -> tuple[str, ...]:
        """Ids of containers that a run stopped which was killed before it could start them again."""
        return tuple(filter(None, self.left.get(volume_names.STOPPED, "").split(",")))

    @property
    def labels(self) -> dict[str, str]:
        return dict((self.found or {}).get("Labels") or {})

    @property
    def options(self) -> dict[str, str]:
        return dict((self.found or {}).get("Options") or {})

    @property
    def driver(self) -> str:
        return str((self.found or {}).get("Driver") or "local")

    @property
    def is_new(self) -> bool:
        """Whether nothing of it would be lost."""
        return self.found is None or volume_names.NEW in self.left

    @property
    def projects(self) -> frozenset[str]:
        """Those to lock; a volume of no project has a lock of its own."""
        owner = ownership.read(self.labels, self.place.volume).project
        found = {owner, *(row.project for row in self.users), *(member.project for member in self.members)} - {""}
        return frozenset(found or {f"volume {self.place.volume}"})


def read_side(fleet: Fleet, place: Place, image: str, quiet: Quiet) -> Side:
    """Reads only. Raises `DeployerError`."""
    try:
        return _read_side(fleet, place, image, quiet)
    except UnreachableError as error:
        raise UnreachableError(f"{place.host}: {error.message}", hint=error.hint) from error


def _read_side(fleet: Fleet, place: Place, image: str, quiet: Quiet) -> Side:
    if volume_names.is_own(place.volume):
        raise RefusedError(f"{place} is one of the volumes in which deployer keeps its records")
    with boundary():
        engine = fleet.host(place.host).engine()
        rows = tuple(row for row in read_rows(place.host, engine, "") if not row.name.startswith(volume_names.HELPERS))
        listed = answers.read(engine.list_containers(), tuple[answers.ListedContainer, ...], "/containers/json")
        using = {entry.id for entry in listed for mount in entry.mounts or () if mount.name == place.volume}
        users = tuple(row for row in rows if row.id in using)
        return Side(
            place,
            engine.inspect_volume(place.volume),
            quiet,
            users,
            _levels(engine, place, quiet, users, rows),
            image or next((row.image for row in users), ""),
            volume_data.left_labels(engine, place.volume),
            kept_files(place),
            engine.describe().simulated,
        )


def kept_files(place: Place) -> tuple[str, ...]:
    """What a volume contained, from runs that could not fill it again; or from one that is filling it now."""
    folder = state_folder()
    name = f"{glob.escape(str(place).replace('/', '-'))}-[0-9][0-9][0-9][0-9]-[0-9][0-9]-*Z.tar.zst"
    return () if folder is None else tuple(sorted(map(str, (folder / "volumes").glob(name))))


def _levels(
    engine: Engine, place: Place, quiet: Quiet, users: tuple[Row, ...], rows: tuple[Row, ...]
) -> tuple[tuple[Member, ...], ...]:
    """Running users; if they are to be stopped, also containers that share a namespace of them."""
    running = {row.name for row in users if row.state in ("running", "restarting")}
    if quiet is Quiet.LIVE or not running:
        return ()
    verb = Verb.PAUSE if quiet is Quiet.PAUSE else Verb.RESTART
    found = tasks(Asked(verb, tuple(running), foreign=True), running, read_members(engine, rows))
    levels = tuple(
        tuple(task.member for task in level if task.member.state != "paused" and _is_running(task.member))
        for level in (reversed(found.levels) if quiet is Quiet.PAUSE else found.levels)
    )
    if quiet is Quiet.STOP:
        hint = "use --pause or --live, or stop it yourself"
        check_stay(engine, place.host, (member for level in levels for member in level), hint)
    return tuple(filter(None, levels))


def check_stay(engine: Engine, host: str, members: Iterable[Member], hint: str) -> None:
    """Raises `RefusedError` for a container that the engine removes once it is stopped."""
    for member in members:
        inspected: Mapping[str, Any] = engine.inspect_container(member.id) or {}
        if (inspected.get("HostConfig") or {}).get("AutoRemove"):
            raise RefusedError(f"{host}: {member.name} was started with --rm: it is gone once stopped", hint=hint)


def _is_running(member: Member) -> bool:
    return member.state in ("running", "restarting")


class Line:
    """One host during a command. `again` is for work that has to be done whatever happened."""

    def __init__(self, fleet: Fleet, host: str, clock: Clock) -> None:
        self.host = host
        self.engine = fleet.host(host).engine()
        self._fleet = fleet
        self._clock = clock

    def again(self, work: Callable[[Engine], object]) -> str:
        """Does work that may be repeated, over a new connection where this one was lost; why it failed, or ""."""
        problem = ""
        for pause in _PAUSES:
            self._clock.sleep(pause)
            try:
                with boundary():
                    work(self.engine)
            except UnreachableError as error:
                problem = error.message
                self._reopen()
            except DeployerError as error:
                return error.message
            else:
                return ""
        return problem

    def _reopen(self) -> None:
        try:
            with boundary():
                self.engine = self._fleet.another(self.host)
        except DeployerError:
            """The next attempt fails too, and says why."""


@contextmanager
def quieted(line: Line, side: Side, tell: Tell) -> Iterator[dict[str, str]]:
    """The containers do not write to the volume. Yields those that run again at the end, names by id: a caller that
    wants them to stay as they are clears it."""
    members = {member.id for member in side.members}
    names = {row.id: row.name for row in side.users}
    before = (*sorted(set(side.stopped_before) - side.policies.keys()), *reversed(list(side.policies)))
    stopped = {key: names.get(key, key[:12]) for key in before if key not in members}
    try:
        for member in (member for level in reversed(side.levels) for member in level):
            stopped[member.id] = member.name
            if member.id in side.policies:
                keep_stopped(line.engine, member.id)
            _silence(line.engine, member, side.quiet)
            tell(Said(line.host, f"container {member.name}: {'paused' if side.quiet is Quiet.PAUSE else 'stopped'}"))
        yield stopped
    finally:
        for key, name in reversed(stopped.items()):
            _resume(line, key, name, tell, side.policies.get(key, ""))


def keep_stopped(engine: Engine, key: str) -> None:
    """A container stays stopped also when the engine starts again."""
    engine.update_container(key, {"RestartPolicy": restart.to_engine("no")})


def _silence(engine: Engine, member: Member, quiet: Quiet) -> None:
    if quiet is Quiet.PAUSE:
        engine.pause_container(member.id)
    else:
        engine.stop_container(member.id, None)


def _resume(line: Line, key: str, name: str, tell: Tell, policy: str) -> None:
    problem = line.again(partial(_make_run, key=key, policy=policy))
    if problem:
        hint = f"when the host answers: deployer start {line.host} {name}"
        tell(Said(line.host, f"container {name}: does not run again: {problem}", hint, failed=True))
    else:
        tell(Said(line.host, f"container {name}: running again"))


def _make_run(engine: Engine, key: str, policy: str) -> None:
    """A container that was removed meanwhile stays removed."""
    found = engine.inspect_container(key)
    if found is None:
        return
    if policy:
        engine.update_container(key, {"RestartPolicy": restart.to_engine(policy)})
    if found["State"].get("Paused"):
        engine.unpause_container(key)
    elif not found["State"].get("Running"):
        engine.start_container(key)
