"""Phrases that several reports share: counts, lists of hosts, durations, sizes, what a step does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from deployer.model.desired import Address
from deployer.model.plan import Step

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]+)(?P<rest>[^0-9]*)\Z")
_SHORTEST_RUN = 3
_UNITS = ("B", "kB", "MB", "GB", "TB")


def plural(number: int, word: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def seconds(value: float) -> str:
    """`0.3s`, `12s`, `2m05s`."""
    if value < 9.95:
        return f"{value:.1f}s"
    whole = round(value)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60:02d}s"


def size(count: float) -> str:
    """Bytes in decimal units, as `docker pull` counts them."""
    for unit in _UNITS:
        if count < 999.5 or unit == _UNITS[-1]:
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 9.95 else f"{count:.1f} {unit}"


def host_list(names: Iterable[str]) -> str:
    """Names joined by commas; three or more in sequence as the inventory's range, `web[01:12]`."""
    return ", ".join(_runs(list(names)))


def by_number(name: str) -> list[tuple[int, int, str]]:
    """Sorts web2 before web10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


class _Numbered(Struct, frozen=True):
    stem: str
    digits: str
    rest: str

    def follows(self, other: _Numbered) -> bool:
        """Whether this name continues a range after `other`: same form, next number, same padding."""
        padded = self.digits.startswith("0") or other.digits.startswith("0")
        return (
            (self.stem, self.rest) == (other.stem, other.rest)
            and int(self.digits) == int(other.digits) + 1
            and (len(self.digits) == len(other.digits) or not padded)
        )


def _runs(names: list[str]) -> Iterator[str]:
    run: list[tuple[str, _Numbered | None]] = []
    for name in names:
        numbered = _numbered(name)
        last = run[-1][1] if run else None
        if run and not (numbered is not None and last is not None and numbered.follows(last)):
            yield from _run(run)
            run = []
        run.append((name, numbered))
    yield from _run(run)


def _numbered(name: str) -> _Numbered | None:
    """Addresses are not split into name and number."""
    found = _NUMBERED.match(name)
    if found is None or re.fullmatch(r"[0-9.:]+", name):
        return None
    return _Numbered(found["stem"], found["number"], found["rest"])


def _run(run: list[tuple[str, _Numbered | None]]) -> Iterator[str]:
    first, last = (run[0][1], run[-1][1]) if run else (None, None)
    if len(run) < _SHORTEST_RUN or first is None or last is None:
        yield from (name for name, _ in run)
    else:
        yield f"{first.stem}[{first.digits}:{last.digits}]{first.rest}"


def named(address: Address) -> str:
    """`container web`."""
    return f"{address.kind} {address.name}"


def subject(step: Step) -> str:
    return named(step.address)


def doing(step: Step) -> str:
    """Words for a running step: `creating`, `waiting until healthy`."""
    return _which(step) + step.operation.doing + step.operation.further


def done(step: Step) -> str:
    """Words for a finished step: `created`, `healthy`."""
    return _which(step) + step.operation.done + step.operation.further


def _which(step: Step) -> str:
    """Several containers may have one address."""
    return f"{step.part}: " if step.part else ""
