"""The settings that only deployer knows, one record for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from deployer.fields.options import Condition, Presence, PullPolicy, Quiet, Reaction, Recreate, RunState, UpdateOrder
from deployer.interfaces import FileKind, Guarded
from deployer.model.build import Build
from deployer.values import command


class Dependency(Struct, frozen=True):
    """`condition` is None until the kind of what is needed is known. `restart`: who depends on it is restarted when it
    was replaced or started."""

    name: str
    condition: Condition | None = Condition.STARTED
    required: bool = True
    restart: bool = False


class Probe(Guarded, frozen=True):
    """What is asked to find out whether a container works: by HTTP where there is a `path`, for an answer from `lowest`
    to `highest`; by a connection to the `port`; or by a `command` in it."""

    hidden = ("header", "command")
    port: int = 0
    path: str = ""
    lowest: int = 200
    highest: int = 399
    header: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`http :8080/healthz`, `tcp :5432`, `exec pg_isready`."""
        if self.command:
            return f"exec {command.show(self.command)}"
        return f"http :{self.port}{self.path}" if self.path else f"tcp :{self.port}"


class UpdatePolicy(Struct, frozen=True):
    """How a container is replaced; seconds. `stop_grace_period`: the time the old one has to stop, -1 for no limit,
    None for its own. `watch`: how long one with a healthcheck must stay healthy. `drain`: how long the old one goes on
    when its name leads to the new one, None for the default. `probe`: what is asked besides the healthcheck."""

    order: UpdateOrder = UpdateOrder.AUTO
    health_timeout: float = 60.0
    monitor: float = 5.0
    stop_grace_period: int | None = None
    watch: float = 0.0
    drain: float | None = None
    probe: Probe | None = None


class OnChange(Struct, frozen=True, order=True):
    """What a container does when the content of a file has changed. `signal` and `command` belong to the reactions of
    these names."""

    reaction: Reaction = Reaction.RECREATE
    signal: str = ""
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`restart`, `signal SIGHUP`, `exec nginx -s reload`."""
        further = self.signal or (command.show(self.command) if self.command else "")
        return f"{self.reaction} {further}".rstrip()


RECREATED = OnChange()
UNNOTICED = OnChange(Reaction.NONE)


class Settings(Struct, frozen=True):
    """Settings of every kind, even if a kind has no key for them."""

    state: Presence | RunState = Presence.PRESENT
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()

    @property
    def absent(self) -> bool:
        return self.state in (Presence.ABSENT, RunState.ABSENT)


class ObjectSettings(Settings, frozen=True):
    """`external`: the object exists and is only used."""

    external: bool = False


class NetworkSettings(ObjectSettings, frozen=True):
    """Of a network."""


class S3Access(Guarded, frozen=True):
    """How a bucket is reached; what is "" is taken from the environment."""

    hidden = ("access_key", "secret_key", "session_token")
    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.secret_key, self.session_token)))


class BackupPolicy(Struct, frozen=True):
    """How a volume is backed up. `to`: see `values.backup_target`; `keep`: how many backups are kept there, 0 for all;
    `image`: for `exact`, "" for that of a container; `s3`: for a bucket."""

    to: str
    keep: int = 0
    containers: Quiet = Quiet.STOP
    exact: bool = False
    image: str = ""
    schedule_hint: str = ""
    s3: S3Access = S3Access()


class VolumeSettings(ObjectSettings, Guarded, frozen=True):
    """Of a volume. `backup`: the fields of `BackupPolicy`, {} if it is not backed up."""

    hidden = ("backup",)
    backup: Mapping[str, Any] = field(default_factory=dict)

    @property
    def backup_policy(self) -> BackupPolicy | None:
        if not self.backup:
            return None
        return BackupPolicy(**{**self.backup, "s3": S3Access(**self.backup.get("s3", {}))})


class Source(Guarded, frozen=True):
    """The content of a file. It is in `Desired.contents`, by its digest, or read from `path` on this machine when the
    file is written; `member`: of the archive that this is."""

    hidden = ("sha256",)
    sha256: str
    size: int
    path: str = ""
    member: str = ""


class FromImage(Settings, frozen=True):
    """Settings of resources with an image. `image` is a complete reference, "" if none is declared. `build`: how the
    image is built, None if it is pulled."""

    image: str = ""
    platform: str = ""
    pull: PullPolicy = PullPolicy.MISSING
    build: Build | None = None


class Validation(Guarded, frozen=True):
    """A command that must accept a new file, with %s for it. `volumes`: paths in the container of its image, with those
    on the host; `timeout` in seconds."""

    hidden = ("command",)
    command: tuple[str, ...]
    volumes: tuple[tuple[str, str], ...] = ()
    extra_hosts: tuple[str, ...] = ()
    timeout: float = 30.0


class FileSettings(FromImage, frozen=True):
    """Of a file, directory or link on the host. `content`, `src`, `template`, `directory`: as written; `target`: of a
    link; `delete`: whether what is below it and not declared goes, unless `exclude` names it. `source`: what is in it,
    and `origin`: where that comes from, for people; `secret`: it is never shown. `mode`, `owner`, `group`: None and ""
    for those that it has, or that a new one gets; `files_mode`, `directory_mode`: of what is in a directory.
    `validate`: what must accept the new file, on the host or in a container of `image`. `on_change`: of containers that
    mount it."""

    content: str | None = None
    src: str = ""
    template: str = ""
    directory: str = ""
    archive: str = ""
    kind: FileKind = FileKind.FILE
    source: Source | None = None
    target: str = ""
    secret: bool = False
    mode: int | None = None
    owner: str = ""
    group: str = ""
    directory_mode: int | None = None
    files_mode: int | None = None
    delete: bool = False
    exclude: tuple[str, ...] = ()
    backup: bool = False
    on_change: OnChange | None = None
    origin: str = ""
    validate: Validation | None = None


CONTROLLER = "controller"
"""The source of an image that this machine sends, and where it is built if this machine builds it."""

EACH = "each"
"""The value of `build.on` with which every host builds by itself."""


class ImageSettings(FromImage, frozen=True):
    """Of an image. `tag_as`: further references that it gets; `push`: those that are pushed, "" for its own.
    `source`: a host, or `CONTROLLER`, which sends it. `allow` and `cooldown` (in nanoseconds): to what `image lock` may
    update it."""

    tag_as: tuple[str, ...] = ()
    source: str = ""
    allow: str = ""
    cooldown: int | None = None
    push: tuple[str, ...] = ()

    @property
    def pushed(self) -> tuple[str, ...]:
        return tuple(reference or self.image for reference in self.push)

    @property
    def targets(self) -> tuple[str, ...]:
        """All references that it is tagged as or pushed to."""
        return tuple(dict.fromkeys((*self.tag_as, *self.pushed)))


class RunSettings(FromImage, frozen=True):
    """Settings that containers and jobs share."""

    state: Presence | RunState = RunState.STARTED
    depends_on: tuple[Dependency, ...] = ()
    recreate: Recreate = Recreate.AUTO


class ContainerSettings(RunSettings, frozen=True):
    """`keep_previous`: how many replaced containers are kept stopped. `on_change`: by field and target of the file or
    mount, where it is declared. `requires`: kernel settings of the host, as `values.requirement` writes them."""

    update: UpdatePolicy = UpdatePolicy()
    keep_previous: int = 1
    on_change: Mapping[str, Mapping[str, OnChange]] = field(default_factory=dict)
    requires: Mapping[str, str] = field(default_factory=dict)


class JobSettings(RunSettings, frozen=True):
    """`run_once`: on the play's first host only. `timeout`: the seconds it may take, None for any."""

    run_once: bool = False
    timeout: float | None = None
