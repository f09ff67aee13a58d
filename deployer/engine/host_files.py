"""The files of a host, as a play declares them: through its shell, or through what transfers its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, TypeVar

from deployer.errors import NotOfferedError
from deployer.interfaces import Body, Host
from deployer.model.files import ObservedFile
from deployer.model.operations import FinishFile, MakeDirectory, MakeLink, PutFile, RemoveFile, RestoreFile, SetFile

Result = TypeVar("Result")


class Store(Protocol):
    """Methods raise `FileError`, `UnreachableError`. `runs_commands`: without it, nothing is validated or linked."""

    runs_commands: ClassVar[bool]

    def look(self, paths: Sequence[str], trees: Sequence[str] = ()) -> Mapping[str, ObservedFile]:
        """What is there, by path; of the directories `trees` also the paths below."""
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
    """Through its shell, or where it runs none through what transfers files; `work` may be called for both. Raises
    `NotOfferedError` where a host offers neither."""
    try:
        return work(_by_shell(host))
    except NotOfferedError as no_shell:
        try:
            return work(_by_transfer(host))
        except NotOfferedError:
            hint = "files need SSH with a shell or SFTP; content for containers also goes through configs and secrets"
            raise NotOfferedError(no_shell.message, hint=hint) from no_shell


def _by_shell(host: Host) -> Store:
    from deployer.engine.shell_files import ShellFiles

    return ShellFiles(host.shell())


def _by_transfer(host: Host) -> Store:
    from deployer.engine.transferred_files import TransferredFiles

    return TransferredFiles(host.files())
