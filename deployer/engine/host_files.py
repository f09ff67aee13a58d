"""The files of a host, as a play declares them: through its shell, through what transfers its files, or
through its engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar, Protocol, TypeVar

from deployer.errors import FileError, NotOfferedError
from deployer.interfaces import Body, Host
from deployer.model.files import ObservedFile
from deployer.model.operations import FinishFile, MakeDirectory, MakeLink, PutFile, RemoveFile, RestoreFile, SetFile

Result = TypeVar("Result")


class MissingContainerError(FileError):
    """The container of `files_container` does not exist."""


class Store(Protocol):
    """Methods raise `FileError`, `UnreachableError`. `runs_commands`: without it, nothing is validated or linked."""

    runs_commands: ClassVar[bool]

    def look(
        self, paths: Sequence[str], trees: Sequence[str] = (), folders: Sequence[str] = ()
    ) -> Mapping[str, ObservedFile]:
        """What is there, by path; of the directories `trees` also the paths below; at `folders` at least its kind."""
        ...

    def text(self, path: str) -> str | None:
        """The content of a short file; None if it is none that people read."""
        ...

    def put(self, operation: PutFile, content: Body) -> None: ...
    def link(self, operation: MakeLink) -> None: ...
    def make_directory(self, operation: MakeDirectory) -> None: ...
    def set(self, operation: SetFile) -> None: ...
    def restore(self, operation: RestoreFile) -> None: ...
    def finish(self, operation: FinishFile) -> None: ...
    def remove(self, operation: RemoveFile) -> None: ...


def with_files_of(host: Host, work: Callable[[Store], Result]) -> Result:
    """Through its shell, where it runs none through what transfers files, and where nothing does through its engine;
    `work` may be called for each. Raises `NotOfferedError` where none serves."""
    try:
        return work(_by_shell(host))
    except NotOfferedError as no_shell:
        for store in (_by_transfer, _by_engine):
            with suppress(NotOfferedError):
                return work(store(host))
        hint = "files need SSH with a shell or SFTP; content for containers also goes through configs and secrets"
        raise NotOfferedError(no_shell.message, hint=hint) from no_shell


def _by_shell(host: Host) -> Store:
    from deployer.engine.shell_files import ShellFiles

    return ShellFiles(host.shell())


def _by_transfer(host: Host) -> Store:
    from deployer.engine.transferred_files import TransferredFiles

    return TransferredFiles(host.files())


def _by_engine(host: Host) -> Store:
    from deployer.engine.files_container import EngineFiles

    return EngineFiles(host.engine())
