"""What was measured as a table, and ratios beside their budgets. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.measure import Series

_HEADER = ("", "median", "shortest", "longest", "CPU", "memory")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two series measured in alternation; `budget` is the highest ratio of their medians."""

    name: str
    ours: Series
    theirs: Series
    budget: float

    @property
    def ratio(self) -> float:
        """Ours to theirs."""
        return self.ours.wall / self.theirs.wall


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that must not exceed another."""

    name: str
    value: float
    budget: float


@dataclass(frozen=True, slots=True)
class Section:
    """What was measured side by side. `notes`: what it says further, a line each."""

    title: str
    series: tuple[Series, ...]
    comparisons: tuple[Comparison, ...] = ()
    limits: tuple[Limit, ...] = ()
    notes: tuple[str, ...] = ()


def text(sections: Iterable[Section]) -> str:
    """The whole report."""
    sections = tuple(sections)
    rows: list[tuple[str, ...]] = [_HEADER]
    for section in sections:
        rows += [(section.title, *[""] * 5), *(_row(series) for series in section.series)]
    verdicts = _aligned([("", "measured", "budget", ""), *_verdicts(sections)])
    notes = [note for section in sections for note in section.notes]
    return "\n".join((*_aligned(rows), "", *verdicts, *([""] if notes else []), *notes))


def growth(sizes: Sequence[int], series: Sequence[Series]) -> str:
    """The CPU time of each further host, from the smallest to the largest size; one series for each size."""
    first, *_, last = sorted(zip(sizes, series, strict=True), key=lambda pair: pair[0])
    each = (last[1].least_cpu - first[1].least_cpu) / (last[0] - first[0])
    name = last[1].name.partition(",")[0]
    return f"{name}: {each * 1000:.1f} ms of CPU for each further host, from {first[0]} to {last[0]}"


def missed(sections: Iterable[Section]) -> list[str]:
    """The names of the budgets that were exceeded."""
    return [name for name, value, budget in _measured(sections) if value > budget]


def _row(series: Series) -> tuple[str, ...]:
    shortest, longest = series.span
    times = (series.wall, shortest, longest, series.cpu)
    return (f"  {series.name}", *(f"{seconds:.3f} s" for seconds in times), f"{series.memory / 1e6:.0f} MB")


def _verdicts(sections: Iterable[Section]) -> Iterator[tuple[str, ...]]:
    for name, value, budget in _measured(sections):
        yield name, f"{value:.3f}", f"{budget:.3f}", "ok" if value <= budget else "MISSED"


def _measured(sections: Iterable[Section]) -> Iterator[tuple[str, float, float]]:
    for section in sections:
        yield from ((found.name, found.ratio, found.budget) for found in section.comparisons)
        yield from ((found.name, found.value, found.budget) for found in section.limits)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """The first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [_line(row, widths) for row in rows]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, *numbers = widths
    cells = [row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], numbers, strict=True))]
    return "  ".join(cells).rstrip()
