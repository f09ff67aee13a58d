"""What is done every day on hosts with their containers, beside Docker's CLI over SSH, once per container or host and
all at the same time (`xargs -P`)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from tests.bench import workload
from tests.bench.measure import Subject, alternate
from tests.bench.report import Comparison, Section
from tests.bench.scenarios import DEPLOYER, Bench
from tests.lab import peers
from tests.lab.host import Host

_LINES = 1000
_TALKING = [f"talk-{number:02}" for number in range(1, workload.COUNT + 1)]
_FEW = 3
_TALK = f"i=0; while [ $i -lt {_LINES * 2} ]; do i=$((i+1)); echo line $i; done; exec sleep 1000000"


def section(bench: Bench) -> Section:
    """On hosts that have their twenty containers; the first gets twenty that have written lines."""
    _talk(bench.hosts[0])
    try:
        pairs = (_logs(bench), _ps(bench), _exec(bench))
        found = [alternate(pair, bench.rounds) for pair in pairs]
    finally:
        bench.hosts[0].docker("rm", "-f", *_TALKING)
    comparisons = tuple(Comparison(f"{ours.name} / docker", ours, theirs, 1.0) for ours, theirs in found)
    return Section("Daily", tuple(series for pair in found for series in pair), comparisons)


def _talk(host: Host) -> None:
    names = " ".join(_TALKING)
    run = f"docker run -d --name $name --stop-signal SIGKILL {workload.IMAGE} sh -c {shlex.quote(_TALK)}"
    host.run("sh", "-c", f"for name in {names}; do {run}; done")


def _logs(bench: Bench) -> list[Subject]:
    words = [bench.hosts[0].name, "talk-*", "--tail", str(_LINES)]
    ours = _ours(bench, f"logs --tail {_LINES}, 1 × {len(_TALKING)}", "logs", words)
    return [ours, _theirs(ours.name, bench.hosts[:1], _TALKING, f"logs --tail {_LINES} {{}}")]


def _ps(bench: Bench) -> list[Subject]:
    hosts = bench.hosts[:_FEW]
    ours = _ours(bench, f"ps, {len(hosts)} × {workload.COUNT}", "ps", [_pattern(hosts)])
    return [ours, _theirs(ours.name, hosts, _addresses(hosts), "-H ssh://root@{} ps -a")]


def _exec(bench: Bench) -> list[Subject]:
    hosts = bench.hosts
    name = workload.names()[0]
    ours = _ours(bench, f"exec true, {len(hosts)} hosts", "exec", [_pattern(hosts), name, "--", "true"])
    return [ours, _theirs(ours.name, hosts, _addresses(hosts), f"-H ssh://root@{{}} exec {name} true")]


def _ours(bench: Bench, name: str, verb: str, words: Sequence[str]) -> Subject:
    return Subject(f"deployer {name}", [DEPLOYER, verb, "-i", str(bench.folder / "hosts.yml"), *words])


def _theirs(name: str, hosts: Sequence[Host], items: Sequence[str], command: str) -> Subject:
    env: Mapping[str, str] = peers.environment(hosts[0])
    listed = " ".join(items)
    script = f"printf '%s\\n' {listed} | xargs -P {len(items)} -I {{}} {peers.docker_cli()} {command}"
    return Subject(f"{name.replace('deployer', 'docker')}, xargs -P", ["sh", "-c", script], env)


def _pattern(hosts: Sequence[Host]) -> str:
    return ",".join(host.name for host in hosts)


def _addresses(hosts: Sequence[Host]) -> list[str]:
    return [host.address for host in hosts]
