"""The exception tree, with the exit code of each branch.

    DeployerError
    ├── InputError            1  errors in playbook, inventory or usage (carries diagnostics)
    ├── ResourceError         3  the engine refused or failed an operation
    │   ├── EngineError          … with the HTTP status the engine answered
    │   ├── RegistryError        … a registry did, asked from this machine
    │   ├── FileError            a file on a host
    │   └── NotOfferedError      the host offers no shell, files or streams
    ├── UnreachableError      4  a host, its SSH server or its Docker socket could not be reached
    ├── RefusedError          5  unsafe, locked, stale or not confirmed
    └── InternalError         1  any other exception, where it must not end the work on other hosts

Exceptions are for the environment. What a user wrote wrongly is collected as `Diagnostic` values and
raised once, together, as `InputError`.
"""

from __future__ import annotations

import contextlib
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deployer.diagnostics import Diagnostic


class ExitCode(IntEnum):
    """Exit codes of the process; documented in docs/exit-codes.md."""

    OK = 0
    ERROR = 1
    CHANGES_PENDING = 2
    FAILED = 3
    UNREACHABLE = 4
    REFUSED = 5
    INTERRUPTED = 130


_SHOWN: Final = 200
"""Characters of an unexpected exception that are shown."""


class DeployerError(Exception):
    """Base class of every error that this package raises intentionally.

    `message` says what happened, where and why; `hint` says what to do next.
    """

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(DeployerError):
    """All errors in the input of one run."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


class ResourceError(DeployerError):
    """A resource could not be brought to its desired state."""

    exit_code = ExitCode.FAILED


NOT_FOUND: Final = 404
"""HTTP status of the engine for an object that does not exist."""


class EngineError(ResourceError):
    """The engine answered a request with an error; `status` is the HTTP status (0: an error inside a 200 stream)."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status

    @property
    def not_found(self) -> bool:
        """Whether an object named in the request does not exist."""
        return self.status == NOT_FOUND


class RegistryError(ResourceError):
    """A registry could not be asked from this machine, or answered with an error; `status` is the HTTP status (0: it
    did not answer)."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class FileError(ResourceError):
    """A file on a host could not be read or written; `not_found`: a file or folder in its path does not exist;
    `untouched`: it is not what was planned, and nothing was done."""

    def __init__(self, message: str, *, not_found: bool = False, untouched: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.not_found = not_found
        self.untouched = untouched


class NotOfferedError(ResourceError):
    """A host does not offer a shell, files or streams. The message says why."""


class UnreachableError(DeployerError):
    """No connection to a host's engine: name, route, SSH login, forwarding, socket or engine."""

    exit_code = ExitCode.UNREACHABLE


class RefusedError(DeployerError):
    """The operation is possible but was not done: unsafe, locked, stale or not confirmed."""

    exit_code = ExitCode.REFUSED


class InternalError(DeployerError):
    """A bug in deployer, or an answer of a host that no code was prepared for. The message names the exception and the
    line that raised it."""

    def __init__(self, error: Exception) -> None:
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" ({place.tb_frame.f_code.co_filename.rpartition('/')[2]}:{place.tb_lineno})" if place else ""
        what = f"{type(error).__name__}: {str(error)[:_SHOWN]}".splitlines()[0]
        hint = "the host's answer is damaged, or this is a bug in deployer"
        super().__init__(f"internal error: {what}{where}", hint=hint)


@contextlib.contextmanager
def boundary() -> Iterator[None]:
    """A context that only `DeployerError` leaves: whatever one host answers ends the work on this host alone."""
    try:
        yield
    except DeployerError:
        raise
    except Exception as error:  # one host must not end the work on others
        raise InternalError(error) from error
