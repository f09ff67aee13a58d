"""Running children and measuring them: wall clock, CPU time, peak memory; several of them in alternation.

What is measured side by side is run in turn, round by round, so that a machine that is busy for a while is busy for
all of them. The first round only warms caches.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.settings import CHECKOUT


class BenchError(RuntimeError):
    """A child did not do what was to be measured; the message says what it did."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one child. `wall` and `cpu` in seconds, `memory` (peak, resident) in bytes."""

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True)
class Series:
    """All measured runs of one subject."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def wall(self) -> float:
        """The median."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def span(self) -> tuple[float, float]:
        """Shortest and longest wall time."""
        walls = [sample.wall for sample in self.samples]
        return min(walls), max(walls)

    @property
    def cpu(self) -> float:
        """The median."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def least_cpu(self) -> float:
        """Of the run that the machine's other work disturbed least."""
        return min(sample.cpu for sample in self.samples)

    @property
    def memory(self) -> int:
        """The highest of all runs."""
        return max(sample.memory for sample in self.samples)


def no_check(_output: str) -> None:
    """For subjects whose exit code tells enough."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A command to measure. `prepare` runs before each run, unmeasured; `check` is given the output and raises
    `BenchError` when it is not that of the work in question."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] = lambda: None
    check: Callable[[str], object] = no_check


def alternate(subjects: Sequence[Subject], rounds: int, *, warm: bool = False) -> list[Series]:
    """Measure every subject `rounds` times, in turn, after one round that does not count, unless they are `warm`."""
    found: dict[str, list[Sample]] = {subject.name: [] for subject in subjects}
    for number in range(1 if warm else 0, rounds + 1):
        for subject in subjects:
            _say(f"{subject.name}: {f'round {number} of {rounds}' if number else 'warming up'}")
            sample = run(subject)
            if number:
                found[subject.name].append(sample)
    _say("")
    return [Series(name, tuple(samples)) for name, samples in found.items()]


def run(subject: Subject) -> Sample:
    """Prepare, run, check; raises `BenchError`."""
    subject.prepare()
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        child = subprocess.Popen(
            list(subject.command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=CHECKOUT,
            env=_environment(subject.env),
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if child.returncode:
        raise BenchError(f"{subject.name}: exit code {child.returncode}: {text.strip()[-2000:]}")
    subject.check(text)
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def compile_bytecode(*folders: Path) -> None:
    """What an installed program has: without it every import would compile the source again."""
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", *map(str, folders)],
        env=_environment({}),
        stdout=subprocess.DEVNULL,
        check=False,
    )


def _environment(further: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, but with bytecode and without settings of deployer and Ansible."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DEPLOYER_", "ANSIBLE_"))}
    return {name: value for name, value in kept.items() if name not in unwanted} | dict(further)


def _say(text: str) -> None:
    """What is going on, on a line of its own that the next one replaces; only on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
