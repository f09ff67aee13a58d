"""What is measured, in which state of the hosts, and which ratios come of it."""

import os
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import ansible, sending, workload
from tests.bench.measure import BenchError, Series, Subject, alternate, run
from tests.bench.report import Comparison, Limit, Section, growth
from tests.lab import cleaning, faults, peers
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT

DEPLOYER = str(CHECKOUT / ".venv" / "bin" / "deployer")
_MOST_ANSIBLE_ROUNDS = 3
_FEW = 3

# Compose logs in once for every request under way, more at a time than sshd's default of 10:30:100 lets in: without
# this its first `up` of twenty services fails.
_SSHD = {"MaxStartups": "200:30:400"}

HELP_CPU = 0.15
"""Seconds of CPU for `deployer --help`."""

NOISE = 1.05
"""The most that two runs of the same program differ."""

MEMORY = 250_000_000
"""Bytes, for a plan of up to a hundred hosts."""

VOLUME = "bench-data"
VOLUME_SIZE = 500_000_000
_PIECE = 1_000_000
COPY_MEMORY = 120_000_000
"""Bytes; what a volume has does not count."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: `hosts` are reserved and hold nothing else; files are in `folder`; `sizes` are the N of N × 20;
    `against` is another checkout whose program is measured beside this one's."""

    hosts: tuple[Host, ...]
    folder: Path
    rounds: int
    sizes: tuple[int, ...]
    with_ansible: bool = True
    against: Path | None = None

    def both(self, ours: Subject) -> list[Subject]:
        """A run of the program, and the same of the other checkout, in the same environment."""
        if self.against is None:
            return [ours]
        name = f"{ours.name} ({self.against})"
        return [ours, replace(ours, name=name, env={**ours.env, "PYTHONPATH": str(self.against)})]

    def plan(self, count: int) -> Subject:
        """A plan of the first hosts that finds nothing to change."""
        limit = ",".join(host.name for host in self.hosts[:count])
        words = ["plan", "--detailed-exitcode", *self._playbook, "--limit", limit]
        return Subject(f"deployer plan, {count} × {workload.COUNT}", [DEPLOYER, *words], check=_says("no changes"))

    def apply(self, hosts: Sequence[Host]) -> Subject:
        """A first apply."""
        limit = ",".join(host.name for host in hosts)
        words = ["apply", "--yes", *self._playbook, "--limit", limit]
        name = f"deployer apply, {len(hosts)} × {workload.COUNT}"
        return Subject(name, [DEPLOYER, *words], prepare=lambda: _clean(hosts))

    def compose(self, name: str, *words: str) -> Subject:
        """Compose on the first host, over SSH."""
        command = [str(peers.compose()), "-f", str(self.folder / "compose.yml"), *words]
        return Subject(name, command, peers.environment(self.hosts[0]))

    @property
    def _playbook(self) -> list[str]:
        return ["-i", str(self.folder / "hosts.yml"), str(self.folder / "bench.yml")]


def start(bench: Bench) -> Section:
    """The program alone."""
    ours, *before = alternate(bench.both(Subject("deployer --help", [DEPLOYER, "--help"])), bench.rounds)
    limit = Limit("deployer --help, seconds of CPU", ours.cpu, HELP_CPU)
    return Section("The program alone", (ours, *before), limits=(limit, *_since(ours, before)))


def first(bench: Bench) -> Section:
    """Twenty containers on an empty host that has the image."""
    host = bench.hosts[:1]
    up = bench.compose("Compose up, 1 × 20", "up", "-d")
    empty = Subject(up.name, up.command, up.env, prepare=lambda: _clean(host))
    ours, *before, theirs = alternate([*bench.both(bench.apply(host)), empty], bench.rounds)
    comparison = Comparison("first apply / Compose", ours, theirs, 1.0)
    return Section("First time, empty host", (ours, *before, theirs), (comparison,), _since(ours, before))


def fleet(bench: Bench) -> Section:
    """Nothing to change on N hosts, beside the bare read of the same objects."""
    found: list[list[Series]] = []
    comparisons: list[Comparison] = []
    limits: list[Limit] = []
    for count in bench.sizes:
        ours, *before, theirs = alternate([*bench.both(bench.plan(count)), _bare(bench.hosts[:count])], bench.rounds)
        found.append([ours, *before, theirs])
        comparisons.append(Comparison(f"plan {count} × 20 / bare read", ours, theirs, 1.7))
        limits += _since(ours, before)
    limits.append(Limit("peak memory, MB", max(ours.memory for ours, *_ in found) / 1e6, MEMORY / 1e6))
    notes = [growth(bench.sizes, series) for series in zip(*found, strict=True)] if len(found) > 1 else []
    series = tuple(series for row in found for series in row)
    return Section("Nothing to change, N hosts", series, tuple(comparisons), tuple(limits), tuple(notes))


def few(bench: Bench) -> Section:
    """Nothing to change on three hosts, beside Ansible."""
    count = min(_FEW, len(bench.hosts))
    subjects = [bench.plan(count), ansible.subject(bench.folder, bench.hosts[:count])]
    ours, theirs = alternate(subjects, min(bench.rounds, _MOST_ANSIBLE_ROUNDS))
    comparison = Comparison(f"plan {count} × 20 / Ansible", ours, theirs, 1 / 25)
    return Section("Nothing to change, beside Ansible", (ours, theirs), (comparison,))


def files(bench: Bench) -> Section:
    """Two hundred files on three hosts, beside Ansible: a first time, and nothing to change."""
    hosts = bench.hosts[:_FEW]
    where = ["-i", str(bench.folder / "hosts.yml"), str(bench.folder / "files.yml")]
    where += ["--limit", ",".join(host.name for host in hosts)]
    size = f"{len(hosts)} × {workload.FILES} files"

    def empty() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda host: host.ssh("rm", "-rf", workload.FOLDER), hosts))
        _clean(hosts)

    theirs = ansible.subject(bench.folder, hosts, "ansible-files.yml")
    first_theirs = replace(theirs, name=f"Ansible, first {size}", prepare=empty, check=ansible.succeeded)
    first_ours = Subject(f"deployer apply, {size}", [DEPLOYER, "apply", "--yes", *where], prepare=empty)
    ours = Subject(f"deployer plan, {size}", [DEPLOYER, "plan", *where], check=_says("no changes"))
    # Ansible takes minutes for each: the sections before have warmed all caches.
    first_found = alternate([first_theirs, first_ours], 1, warm=True)
    found = alternate([ours, theirs], 1, warm=True)
    empty()
    comparisons = (
        Comparison(f"first apply of {size} / Ansible", first_found[1], first_found[0], 1 / 10),
        Comparison(f"plan of {size} / Ansible", found[0], found[1], 1 / 30),
    )
    return Section("Files, beside Ansible", (*first_found, *found), comparisons)


def one(bench: Bench) -> Section:
    """Nothing to change on one host, beside one SSH login and Compose."""
    host = bench.hosts[0]
    login = Subject("ssh host true", [*host.ssh_command(), "true"])
    up = bench.compose("Compose up, nothing to change", "up", "-d")
    run(up)
    ssh, ours, *before, theirs = alternate([login, *bench.both(bench.plan(1)), up], bench.rounds)
    comparisons = (
        Comparison("plan 1 × 20 / ssh host true", ours, ssh, 2.0),
        Comparison("plan 1 × 20 / Compose", ours, theirs, 1.3),
    )
    return Section("Nothing to change, one host", (ssh, ours, *before, theirs), comparisons, _since(ours, before))


def volume(bench: Bench) -> Section:
    """500 MB from one host to another, beside tar in containers over two SSH logins."""
    source, target = bench.hosts[:2]
    source.docker("volume", "create", VOLUME)
    with (source.root / f"var/lib/docker/volumes/{VOLUME}/_data/data").open("wb") as file:
        # In pieces: a child's peak counts what this process had when it was forked.
        for _ in range(VOLUME_SIZE // _PIECE):
            file.write(os.urandom(_PIECE))

    def clean() -> None:
        target.docker("volume", "rm", "-f", VOLUME)

    words = ["volume", "migrate", "-i", str(bench.folder / "hosts.yml"), f"{source.name}/{VOLUME}", target.name]
    ours = Subject("deployer volume migrate, 500 MB", [DEPLOYER, *words, "--yes"], prepare=clean)
    run = f"docker run --rm -i --network none -v {VOLUME}:/v {workload.IMAGE} tar -C /v"
    ends = [shlex.join([*host.ssh_command(), f"{run} {how}"]) for host, how in ((source, "-c ."), (target, "-x"))]
    pipe = Subject("tar through SSH and docker run", ["sh", "-c", " | ".join(ends)], prepare=clean)
    rounds = min(bench.rounds, _MOST_ANSIBLE_ROUNDS)
    mine, *before, theirs = alternate([*bench.both(ours), pipe], rounds)
    comparison = Comparison("volume migrate / tar through SSH", mine, theirs, 1.0)
    limits = (Limit("peak memory of a copy, MB", mine.memory / 1e6, COPY_MEMORY / 1e6), *_since(mine, before))
    clean()
    source.docker("volume", "rm", VOLUME)
    return Section("A volume to another host", (mine, *before, theirs), (comparison,), limits)


def all_sections(bench: Bench) -> list[Section]:
    """Everything, in an order in which each finds the hosts as it needs them; they are left empty."""
    workload.write(bench.folder, bench.hosts)
    faults.restart_sshd(bench.hosts[0], _SSHD)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda host: host.docker("pull", "-q", workload.IMAGE), bench.hosts))
    try:
        sections = [start(bench), first(bench), volume(bench)]
        run(bench.apply(bench.hosts))
        sections.append(fleet(bench))
        if bench.with_ansible:
            sections += [few(bench), files(bench)]
        from tests.bench import building, daily

        sections += [building.section(bench), daily.section(bench), one(bench)]
        return [*sections, sending.section(bench.folder, bench.hosts, bench.rounds)]
    finally:
        faults.restart_sshd(bench.hosts[0])
        _clean(bench.hosts)


def _since(ours: Series, before: Sequence[Series]) -> tuple[Limit, ...]:
    """What became of the CPU time since the other checkout."""
    return tuple(Limit(f"{ours.name}: CPU / before", ours.least_cpu / old.least_cpu, NOISE) for old in before)


def _bare(hosts: Sequence[Host]) -> Subject:
    addresses = [host.address for host in hosts]
    command = [sys.executable, "-m", "tests.bench.bare", str(hosts[0].key), *addresses]
    expected = f"{len(hosts)} hosts, {len(hosts) * workload.COUNT} containers"
    return Subject(f"bare paramiko read, {len(hosts)} × {workload.COUNT}", command, check=_says(expected))


def _says(expected: str) -> "_Says":
    return _Says(expected)


@dataclass(frozen=True, slots=True)
class _Says:
    """Output that must hold a text."""

    expected: str

    def __call__(self, output: str) -> None:
        if self.expected not in output:
            raise BenchError(f"expected '{self.expected}', got: {output.strip()[-2000:]}")


def _clean(hosts: Sequence[Host]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cleaning.clean, hosts))
