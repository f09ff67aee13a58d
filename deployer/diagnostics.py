"""Places in the user's files, and what is wrong there. Values only; reports decide how to show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.errors import InputError


class Origin(Struct, frozen=True, order=True):
    """Where a value was written: a file as the user named it, line and column from 1.

    `line` 0 stands for a source without lines: the command line, the environment, a script's output. `used`: where the
    variables were written that a template there is made of.
    """

    file: str
    line: int = 0
    column: int = 0
    used: tuple[Origin, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def short(self) -> str:
        """`file:line`, as plans show it."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def whole(self) -> str:
        """As `short`, with the places of the variables: `shop.yml:7 with group_vars/all.yml:1,4, --extra-vars`."""
        lines: dict[str, dict[str, None]] = {}
        for found in (each for each in self.used if each.short != self.short):
            lines.setdefault(found.file, {}).update({str(found.line): None} if found.line else {})
        files = (f"{file}:{','.join(numbers)}" if numbers else file for file, numbers in lines.items())
        return " with ".join(filter(None, (self.short, ", ".join(files))))

    @property
    def alone(self) -> Origin:
        """Without the places of variables."""
        return Origin(self.file, self.line, self.column) if self.used else self

    def using(self, others: Iterable[Origin]) -> Origin:
        """With the places of variables that a template here uses, and of those that these use."""
        used = {place for other in others for place in (other.alone, *other.used)}
        return Origin(self.file, self.line, self.column, tuple(sorted(place for place in used if place != self.alone)))


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


class Missing(Enum):
    """What may be missing because input could not be read."""

    HOST = "host"
    VARIABLE = "variable"


class Diagnostic(Struct, frozen=True):
    """One error: where, at which address (`containers.web.ports[0]`), what is wrong, what to write instead.
    `missing`: what it is an error for want of."""

    origin: Origin
    summary: str
    address: str = ""
    hint: str = ""
    severity: Severity = field(default=Severity.ERROR)
    missing: Missing | None = None

    def __str__(self) -> str:
        address = f" {self.address}:" if self.address else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.origin}:{address} {self.summary}{hint}"


class Problems:
    """Collects the diagnostics of one run. An error that is found again at the same place, for another host or
    with variables, is kept once, under its first address. Where input could not be read, what
    may be missing because of it is not reported."""

    def __init__(self) -> None:
        self._found: dict[tuple[Origin, str, Severity], Diagnostic] = {}
        self._unread: set[Missing] = set()
        self._final: dict[Origin, str] = {}

    def add(
        self, origin: Origin, summary: str, *, address: str = "", hint: str = "", missing: Missing | None = None
    ) -> None:
        self.extend([Diagnostic(origin, summary, address, hint, missing=missing)])

    def add_final(self, origin: Origin, summary: str, *, address: str = "", hint: str = "") -> None:
        """An error that explains every other one at its place: these are not reported."""
        self._final.setdefault(origin.alone, summary)
        self.add(origin, summary, address=address, hint=hint)

    def warn(self, origin: Origin, summary: str, *, address: str = "", hint: str = "") -> None:
        self.extend([Diagnostic(origin, summary, address, hint, Severity.WARNING)])

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for found in diagnostics:
            found = replace(found, origin=found.origin.alone) if found.origin.used else found
            self._found.setdefault((found.origin, found.summary, found.severity), found)

    @contextmanager
    def reading(self, *what: Missing, unless: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Around reading what declares hosts or variables: after an error in it, some may be missing."""
        before = len(self.errors)
        yield
        if len(self.errors) > before and not unless():
            self._unread.update(what)

    def __iter__(self) -> Iterator[Diagnostic]:
        kept = (found for found in self._found.values() if found.missing not in self._unread)
        final = (found for found in kept if self._final.get(found.origin, found.summary) == found.summary)
        return iter(sorted(final, key=lambda found: found.origin))

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
    """A hint naming the known word that was probably meant, or "" when none is close."""
    close = closest(word, known)
    return f"did you mean '{close}'?" if close else ""


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that a slip of typing makes into this one, or "". Case and kind of separator do not matter.

    Alike are words that differ by at most one letter in four, three at most. Of names of several parts, each part has
    to be alike or the beginning of the other: `redis_port` is not `redis_host`.
    """
    given = _plain(word)
    found = (
        (-_typing_distance(given, _plain(other)), -len(other), other)
        for other in known
        if _is_alike(given, _plain(other))
    )
    return max(found, default=(0, 0, ""))[2]


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(".", "_")


def _is_alike(one: str, other: str) -> bool:
    distance, longer = _typing_distance(one, other), max(len(one), len(other))
    if 3 * distance <= longer and distance <= 1:
        return True
    ours, theirs = one.split("_"), other.split("_")
    if len(ours) == len(theirs) > 1:
        return all(_begins(a, b) or _is_alike(a, b) for a, b in zip(ours, theirs, strict=True))
    return distance <= min(3, longer // 4)


def _begins(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= 3 and longer.startswith(shorter)


def _typing_distance(one: str, other: str) -> int:
    """How many letters are left out, added, replaced or exchanged with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one):
        earlier, before, row = before, row, [i + 1]
        for j, b in enumerate(other):
            row.append(min(before[j] + (a != b), before[j + 1] + 1, row[j] + 1))
            if i and j and a == other[j - 1] and b == one[i - 1]:
                row[-1] = min(row[-1], earlier[j - 1] + 1)
    return row[-1]
