"""The backups that playbooks declare for volumes: made, listed, and removed when there are more than are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.errors import DeployerError, ExitCode, RefusedError, UnreachableError, boundary
from deployer.interfaces import Store, StoredFile
from deployer.model.settings import BackupPolicy, S3Access, VolumeSettings
from deployer.reach.connectors import ConnectionType
from deployer.usecases.backup_file import Backup, Total
from deployer.usecases.backup_stores import into, opened_in, store_of
from deployer.usecases.fleet import Fleet
from deployer.usecases.load import Loaded, Request, load, open_sources
from deployer.usecases.system import System
from deployer.usecases.volume_copying import StoppedError, Tools
from deployer.usecases.volume_sides import How, Place, read_side
from deployer.usecases.volumes import Prepared, backup, need_source
from deployer.values import backup_target
from deployer.values.backup_target import Target, Where

SUFFIX = ".tar.zst"

Stores = Callable[[Target, S3Access], Store]


class Wanted(Struct, frozen=True):
    """A declared backup. `origin`: of the volume."""

    place: Place
    target: Target
    policy: BackupPolicy
    origin: Origin
    simulated: bool = False

    @property
    def how(self) -> How:
        return How(self.policy.containers, self.policy.exact or bool(self.policy.image), self.policy.image)


class Made(Struct, frozen=True):
    """`file`: "" if there is none. `removed`: older backups; `problem` and `hint`: of a failure."""

    place: Place
    file: str = ""
    total: Total | None = None
    removed: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""
    code: ExitCode = ExitCode.OK
    simulated: bool = False


class Stored(Struct, frozen=True):
    """A file in a place for backups. `size`: of the file; `problem`: why it cannot be used."""

    file: str
    host: str = ""
    volume: str = ""
    made: str = ""
    state: str = ""
    exact: bool = False
    data: int = 0
    size: int = 0
    problem: str = ""


def declared(request: Request, system: System) -> tuple[Loaded, tuple[Wanted, ...]]:
    """By host and volume. Raises `InputError`, `RefusedError` without any."""
    loaded = load(request, system.asking)
    system.warn(loaded.warnings)
    found = tuple(
        Wanted(
            Place(wish.host, each.name),
            _target(each.origin.file, policy).on(wish.host),
            policy,
            each.origin,
            simulated=loaded.hosts[wish.host].kind is ConnectionType.SIMULATED,
        )
        for wish in loaded.desired
        for each in wish.of(VolumeSettings)
        if each.selected and not each.absent and (policy := each.settings.backup_policy) is not None
    )
    if not found:
        hint = "write it under volumes, such as backup: {to: backups}"
        raise RefusedError("no volume of these playbooks and hosts has the key 'backup'", hint=hint)
    system.asking.learn(secret for each in found for secret in each.policy.s3.secrets)
    _check_hosts(request, system, [each for each in found if each.target.where is Where.HOST])
    return loaded, found


def access_to(target: Target, request: Request, system: System) -> S3Access:
    """How playbooks reach a bucket, by the longest prefix that fits. Raises `DeployerError` if they name none."""
    _, wanted = declared(request, system)
    fits = [
        each
        for each in wanted
        if (each.target.where, each.target.at) == (target.where, target.at)
        and f"{target.path}/".startswith(each.target.path)
    ]
    if not fits:
        hint = "leave out --playbook: the environment has the credentials then"
        raise RefusedError(f"no backup of these playbooks goes to {target}", hint=hint)
    return max(fits, key=lambda each: len(each.target.path)).policy.s3


def _target(file: str, policy: BackupPolicy) -> Target:
    found = backup_target.parse(policy.to)
    here = found.where is Where.HERE
    return replace(found, path=str(Path(file).parent / Path(found.path).expanduser())) if here else found


def _check_hosts(request: Request, system: System, wanted: list[Wanted]) -> None:
    """Raises `InputError` for a host that the inventory does not have."""
    named = [each for each in wanted if each.target.at != each.place.host]
    if not named:
        return
    problems = Problems()
    known = open_sources(request, system.asking, problems).inventory
    for each in named:
        if known.find(each.target.at) is None:
            hint = did_you_mean(each.target.at, known.hosts) or "write host:/FOLDER for the volume's own host"
            text = f"the inventory has no host '{each.target.at}'"
            problems.add(each.origin, text, address=f"volume.{each.place.volume}.backup.to", hint=hint)
    problems.raise_if_any()


@contextmanager
def stores(request: Request, system: System) -> Iterator[Stores]:
    """Opens each when it is first needed, and keeps it until the run ends."""
    known: dict[tuple[Target, S3Access], Store] = {}
    with ExitStack() as stack:

        def find(target: Target, access: S3Access) -> Store:
            key = (target, access)
            if key not in known:
                known[key] = stack.enter_context(store_of(target, request, system, access))
            return known[key]

        yield find


def run(
    loaded: Loaded, wanted: Iterable[Wanted], tools: Tools, find: Stores, tell: Callable[[Made], object]
) -> tuple[Made, ...]:
    """One after the other; what fails does not stop the others. `tell` gets each as it ends."""
    found, taken = [], set[str]()
    with Fleet(loaded.hosts, 1) as fleet:
        for each in wanted:
            made = _one(fleet, each, tools, find, taken)
            tell(made)
            found.append(made)
            if made.code is ExitCode.INTERRUPTED:
                break
    return tuple(found)


def _one(fleet: Fleet, wanted: Wanted, tools: Tools, find: Stores, taken: set[str]) -> Made:
    """`taken`: the names of files that this run made."""
    made = Made(wanted.place, simulated=wanted.simulated)
    try:
        with boundary():
            side = read_side(fleet, wanted.place, wanted.policy.image, wanted.policy.containers)
            need_source(side, wanted.how)
            store, name = find(wanted.target, wanted.policy.s3), _free(wanted.place, tools.run.now(), taken)
            if wanted.policy.keep:
                # A place that cannot be read is an error before containers are stopped.
                store.list()
            prepared = Prepared(fleet, wanted.how, (side,))
            total = backup(prepared, tools, into(store, name, wanted.target, wanted.place.host))
            made = replace(made, total=total, file=store.place(name))
            return replace(made, removed=tuple(_removed(wanted, store)))
    except DeployerError as error:
        failed = ExitCode.UNREACHABLE if isinstance(error, UnreachableError) else ExitCode.FAILED
        code = ExitCode.INTERRUPTED if isinstance(error, StoppedError) else failed
        text = f"{made.file} was made, but older ones could not be removed: " if made.file else ""
        return replace(made, problem=text + error.message, hint=error.hint, code=code)


def _free(place: Place, now: datetime, taken: set[str]) -> str:
    """Volume c of host a-b has the same name as volume b-c of host a."""
    while (name := file_name(place, now)) in taken:
        now += timedelta(seconds=1)
    taken.add(name)
    return name


def file_name(place: Place, now: datetime) -> str:
    return f"{place.host}-{place.volume}-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"


def _removed(wanted: Wanted, store: Store) -> Iterator[str]:
    """Removes backups of this volume beyond those to keep, the oldest first. Files with other names are left alone."""
    if not wanted.policy.keep:
        return
    named = [each for each in store.list() if _is_named(wanted.place, each.name)]
    found = [(stored_file(store, each), each.name) for each in named]
    mine = [(each.made, name) for each, name in found if Place(each.host, each.volume) == wanted.place]
    for _, name in sorted(mine)[: -wanted.policy.keep]:
        store.remove(name)
        yield store.place(name)


def _is_named(place: Place, name: str) -> bool:
    """Whether a run gives backups of this volume such a name."""
    start = re.escape(f"{place.host}-{place.volume}")
    return re.fullmatch(rf"{start}-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}", name) is not None


def kept(wanted: Iterable[Wanted], find: Stores) -> tuple[list[Stored], dict[str, DeployerError]]:
    """The backups in all places, and by place why it cannot be read."""
    places = dict.fromkeys((each.target, each.policy.s3) for each in sorted(wanted, key=lambda each: str(each.target)))
    found, failed = list[Stored](), dict[str, DeployerError]()
    for target, access in places:
        try:
            with boundary():
                found += _stored(find(target, access))
        except DeployerError as error:
            failed[str(target)] = error
    return found, failed


def _stored(store: Store) -> list[Stored]:
    """By host, volume and time."""
    found = [stored_file(store, each) for each in store.list() if each.name.endswith(SUFFIX)]
    return sorted(found, key=lambda each: (each.host, each.volume, each.made, each.file))


def stored_file(store: Store, file: StoredFile) -> Stored:
    place = store.place(file.name)
    try:
        with opened_in(store, file.name, file.size) as found:
            return _described(place, found, file.size)
    except DeployerError as error:
        return Stored(place, problem=error.message.removeprefix(f"{place} "))


def _described(place: str, found: Backup, size: int) -> Stored:
    header = found.header
    return Stored(
        place,
        header.host,
        header.volume,
        header.made,
        header.state,
        header.exact,
        found.total.size,
        size,
    )
