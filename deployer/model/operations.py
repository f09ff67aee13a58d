"""The operations of a plan: one call of an engine each, or a wait. `applying.operations` executes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from msgspec import Struct, field

from deployer.interfaces import Guarded
from deployer.model.build import Build
from deployer.model.settings import Probe
from deployer.values import duration


class Made(Struct, frozen=True):
    """The container that a step of the same plan creates."""

    step: int


Target: TypeAlias = "str | Made"
"""A container: its id, or the one a step creates."""


class Operation(Guarded, frozen=True, tag=True):
    """One call of an engine, or a wait; `applying.operations` executes it. `doing` and `done` say what happens while
    it is under way, and what has happened then."""

    doing: ClassVar[str]
    done: ClassVar[str]
    waits: ClassVar[bool] = False
    """Whether it only polls the engine and changes nothing."""
    records: ClassVar[bool] = False
    """Whether it only writes or removes what deployer knows of resources, or validates it, and changes none."""

    @property
    def subject(self) -> str:
        """What it is called on; never a body."""
        raise NotImplementedError

    @property
    def further(self) -> str:
        """What `doing` and `done` are followed by."""
        return ""

    def __str__(self) -> str:
        """`StopContainer web (10s)`."""
        return f"{type(self).__name__} {self.subject}"


class _OnImage(Operation, frozen=True):
    reference: str

    @property
    def subject(self) -> str:
        return self.reference


class PullImage(_OnImage, frozen=True):
    doing, done = "pulling", "pulled"
    platform: str = ""

    @property
    def subject(self) -> str:
        return self.reference + (f" for {self.platform}" if self.platform else "")


class SendImage(_OnImage, frozen=True):
    """`source`: a host, or `model.settings.CONTROLLER`."""

    doing, done = "sending", "sent"
    source: str

    @property
    def subject(self) -> str:
        return f"{self.reference} from {self.source}"


class BuildImage(_OnImage, frozen=True):
    """`labels`: those of deployer, in addition to the build's own."""

    doing, done, hidden = "building", "built", ("build", "labels")
    build: Build
    labels: Mapping[str, str]


class TagImage(_OnImage, frozen=True):
    """Gives the image of a reference another name."""

    doing, done = "tagging", "tagged"
    target: str

    @property
    def subject(self) -> str:
        return f"{self.reference} as {self.target}"


class PushImage(_OnImage, frozen=True):
    doing, done = "pushing", "pushed"


class RemoveImage(_OnImage, frozen=True):
    doing, done = "removing", "removed"


class _OnName(Operation, frozen=True):
    name: str

    @property
    def subject(self) -> str:
        return self.name


class _Create(_OnName, frozen=True):
    doing, done, hidden = "creating", "created", ("body",)
    body: Mapping[str, Any]


class CreateNetwork(_Create, frozen=True):
    pass


class CreateVolume(_Create, frozen=True):
    pass


class CreateContainer(_Create, frozen=True):
    platform: str = ""


class WrittenFile(Guarded, frozen=True):
    """A file in a volume. `path`: in the volume."""

    hidden = ("content",)
    path: str
    mode: int
    uid: int
    gid: int
    content: bytes


class _Files(_OnName, frozen=True):
    """Files in a volume, which a container of the image puts there without being started. `links`: symbolic links in
    it, by path."""

    hidden = ("labels", "files")
    image: str
    platform: str
    labels: Mapping[str, str]
    files: tuple[WrittenFile, ...]
    links: Mapping[str, str] = field(default_factory=dict)


class WriteFiles(_Files, frozen=True):
    """Creates the volume."""

    doing, done = "writing files", "files written"


class SwitchFiles(_Files, frozen=True):
    """In a volume that exists and that a running container may read: the links come last, and so lead to files that are
    whole."""

    doing, done = "changing files", "files changed"


class OnFile(Operation, frozen=True):
    """An operation on one file of the host."""

    path: str

    @property
    def subject(self) -> str:
        return self.path


class PutFile(OnFile, frozen=True):
    """Puts a file in place in one moment, after its content, `mode`, `owner` and `group` ("" for those of the user who
    writes it) are written, and `validate`, with %s for the new file, has accepted it. What it replaces is kept beside
    it. The content is `content`, or in the file `source` on this machine, or in
    `member` of this archive. `before`: the identity of what is there, ""
    if nothing is. `secret`: what `validate` says is not shown."""

    doing, done, hidden = "writing", "written", ("sha256", "content", "before")
    sha256: str
    size: int
    mode: int
    owner: str = ""
    group: str = ""
    content: bytes | None = None
    source: str = ""
    member: str = ""
    validate: tuple[str, ...] = ()
    before: str = ""
    secret: bool = False


class ValidateFiles(Operation, frozen=True):
    """Runs a command, which must end with code 0, in a container that is removed then. `paths`: the files that require
    it. The container has `files` at paths of its own; in the directories `copied`, by their paths in it and on the
    host, together with what is there, except `gone`; `mounted`: what else it sees of the host. `shown`: the
    command for people; `secret`: what it says is not shown."""

    doing, done, records, hidden = "validating", "validated", True, ("command", "labels", "files")
    name: str
    paths: tuple[str, ...]
    image: str
    platform: str
    command: tuple[str, ...]
    shown: str
    labels: Mapping[str, str]
    files: tuple[tuple[str, NewFile], ...]
    gone: tuple[str, ...] = ()
    copied: tuple[tuple[str, str], ...] = ()
    mounted: tuple[tuple[str, str], ...] = ()
    extra_hosts: tuple[str, ...] = ()
    timeout: float = 30.0
    secret: bool = False

    @property
    def subject(self) -> str:
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"{self.paths[0]}{more}"


class MakeLink(OnFile, frozen=True):
    """Puts a symbolic link in place, as `PutFile` a file."""

    doing, done, hidden = "linking", "linked", ("before",)
    target: str
    before: str = ""


class MakeDirectory(OnFile, frozen=True):
    doing, done = "creating", "created"
    mode: int
    owner: str = ""
    group: str = ""


NewFile: TypeAlias = "PutFile | MakeLink | MakeDirectory"
"""What comes to a path."""


class SetFile(OnFile, frozen=True):
    """Changes who may use a file."""

    doing, done = "changing", "changed"
    mode: int
    owner: str = ""
    group: str = ""


class RestoreFile(OnFile, frozen=True):
    """Undoes `PutFile` or `MakeLink`, which wrote this identity, or `RemoveFile`, which left none. `existed`: whether
    something was there."""

    doing, done, hidden = "restoring", "restored", ("identity",)
    identity: str
    existed: bool


class FinishFile(OnFile, frozen=True):
    """Removes what `PutFile` kept, or with `backup` gives it a name with the time."""

    doing, done = "cleaning up", "cleaned up"
    backup: bool = False


class RemoveFile(OnFile, frozen=True):
    """Removes what has this identity, and nothing else; of directories, only empty ones. `keep`: it stays beside its
    place, as what `PutFile` replaces does."""

    doing, done, hidden = "removing", "removed", ("identity",)
    identity: str
    backup: bool = False
    keep: bool = False


class WriteManifest(_OnName, frozen=True):
    """Writes what a project wrote into a volume (`model.files`)."""

    doing, done, records, hidden = "recording", "recorded", True, ("labels",)
    labels: Mapping[str, str]


class RemoveManifest(_OnName, frozen=True):
    """Removes an earlier one."""

    doing, done, records = "cleaning up", "cleaned up", True


class CreateFilesContainer(_OnName, frozen=True):
    """Creates the container through which files of the host are read and written, unless it exists."""

    doing, done = "creating", "created"


class RemoveFilesContainer(_OnName, frozen=True):
    doing, done = "removing", "removed"


class RemoveNetwork(Operation, frozen=True):
    """By id, or by name if a step of the same plan creates it."""

    doing, done = "removing", "removed"
    network: str

    @property
    def subject(self) -> str:
        return self.network


class RemoveVolume(_OnName, frozen=True):
    doing, done = "removing", "removed"


class _OnEndpoint(Operation, frozen=True):
    preposition: ClassVar[str]
    network: str
    container: Target

    @property
    def subject(self) -> str:
        return f"{self.network} {_target(self.container)}"

    @property
    def further(self) -> str:
        return f" {self.preposition} {self.network}"


class ConnectNetwork(_OnEndpoint, frozen=True):
    doing, done, preposition, hidden = "connecting", "connected", "to", ("endpoint",)
    endpoint: Mapping[str, Any]


class DisconnectNetwork(_OnEndpoint, frozen=True):
    doing, done, preposition = "disconnecting", "disconnected", "from"


class OnContainer(Operation, frozen=True):
    """An operation on one container."""

    container: Target

    @property
    def subject(self) -> str:
        return _target(self.container)


class LinkFiles(OnContainer, frozen=True):
    """Makes symbolic links in the root file system of a container, by path."""

    doing, done = "linking files", "files linked"
    links: Mapping[str, str]


class UpdateContainer(OnContainer, frozen=True):
    doing, done, hidden = "updating", "updated", ("body",)
    body: Mapping[str, Any]


class WriteRecord(OnContainer, frozen=True):
    """Writes the record of a container into a volume (`model.ownership`)."""

    doing, done, records, hidden = "recording", "recorded", True, ("labels",)
    number: int
    labels: Mapping[str, str]


class StartContainer(OnContainer, frozen=True):
    doing, done = "starting", "started"


class StopContainer(OnContainer, frozen=True):
    """`timeout` in seconds; None for the container's own."""

    doing, done = "stopping", "stopped"
    timeout: int | None = None

    @property
    def subject(self) -> str:
        grace = "" if self.timeout is None else f" ({duration.show_seconds(self.timeout)})"
        return _target(self.container) + grace


class PauseContainer(OnContainer, frozen=True):
    doing, done = "pausing", "paused"


class UnpauseContainer(OnContainer, frozen=True):
    doing, done = "unpausing", "unpaused"


class RestartContainer(OnContainer, frozen=True):
    """`timeout` in seconds; None for the container's own."""

    doing, done = "restarting", "restarted"
    timeout: int | None = None


class SignalContainer(OnContainer, frozen=True):
    """`revives`: one that does not run is restarted instead."""

    doing, done = "signalling", "signalled"
    signal: str
    revives: bool = False

    @property
    def further(self) -> str:
        return f" with {self.signal}"


class RunCommand(OnContainer, frozen=True):
    """Runs a command in a container, at most `timeout` seconds; an exit code other than 0 is a failure. `revives`: one
    that does not run is restarted instead."""

    doing, done, hidden = "running a command", "command run", ("command",)
    command: tuple[str, ...]
    timeout: float
    revives: bool = False


class RenameContainer(OnContainer, frozen=True):
    doing, done = "renaming", "renamed"
    name: str

    @property
    def subject(self) -> str:
        return f"{_target(self.container)} to {self.name}"

    @property
    def further(self) -> str:
        return f" to {self.name}"


class RemoveContainer(OnContainer, frozen=True):
    """`anonymous`: its anonymous volumes are removed too."""

    doing, done = "removing", "removed"
    anonymous: bool = False


class AwaitHealthy(OnContainer, frozen=True):
    """With a healthcheck: healthy within `timeout` seconds, and still so after `watch`. Without: running, never
    restarted, for `monitor`. In the first `grace` seconds it may be unhealthy or restarted; `monitor` then counts from
    the last restart. `again`: it may have worked before, so that only a check that begins from now on counts, and
    restarts since an operation of this run on its process count too. `probe`: is asked after that until it succeeds,
    within `timeout`; without a healthcheck, it is asked at once."""

    doing, done, waits, hidden = "waiting until healthy", "healthy", True, ("probe",)
    timeout: float
    monitor: float
    watch: float = 0.0
    grace: float = 0.0
    again: bool = False
    probe: Probe | None = None


class Drain(OnContainer, frozen=True):
    """Waits `seconds` in which a container that no name leads to any more answers what it was asked."""

    doing, done, waits = "draining", "drained", True
    seconds: float

    @property
    def subject(self) -> str:
        return f"{_target(self.container)} ({duration.show(int(self.seconds * duration.SECOND))})"


class AwaitCompleted(OnContainer, frozen=True):
    """Waits until it exits, at most `timeout` seconds if set. An exit code other than 0 is a failure, unless the result
    does not matter."""

    doing, done, waits = "waiting until it ends", "ended", True
    timeout: float | None = None
    whatever_code: bool = False


def _target(container: Target) -> str:
    return f"made by #{container.step}" if isinstance(container, Made) else container[:12]
