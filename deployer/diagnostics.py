"""Places in the user's files, and what is wrong there. Values only; reports decide how to show them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from msgspec import Struct, field

from deployer.errors import InputError


class Origin(Struct, frozen=True, order=True):
    """Where a value was written: a file as the user named it, line and column from 1.

    `line` 0 stands for a source without lines: the command line, the environment, a script's output.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def short(self) -> str:
        """`file:line`, as plans show it."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


class Diagnostic(Struct, frozen=True):
    """One error: where, at which address (`containers.web.ports[0]`), what is wrong, what to write instead."""

    origin: Origin
    summary: str
    address: str = ""
    hint: str = ""
    severity: Severity = field(default=Severity.ERROR)

    def __str__(self) -> str:
        address = f" {self.address}:" if self.address else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.origin}:{address} {self.summary}{hint}"


class Problems:
    """Collects the diagnostics of one run. An error that is found again at the same place, for another host or
    with variables, is kept once, under its first address."""

    def __init__(self) -> None:
        self._found: dict[tuple[Origin, str, Severity], Diagnostic] = {}

    def add(self, origin: Origin, summary: str, *, address: str = "", hint: str = "") -> None:
        self.extend([Diagnostic(origin, summary, address, hint)])

    def warn(self, origin: Origin, summary: str, *, address: str = "", hint: str = "") -> None:
        self.extend([Diagnostic(origin, summary, address, hint, Severity.WARNING)])

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for found in diagnostics:
            self._found.setdefault((found.origin, found.summary, found.severity), found)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found.values(), key=lambda found: found.origin))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self if found.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(found for found in self if found.severity is Severity.WARNING)

    def raise_if_any(self) -> None:
        """Raise every error collected so far as one `InputError`."""
        if self.errors:
            raise InputError(self.errors)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or "" if none is close."""
    import difflib

    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""
