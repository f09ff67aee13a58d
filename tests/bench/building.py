"""An image built on a host from thousands of files of which one has changed, beside Docker's own client of BuildKit,
and the plan that finds none changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.bench.measure import Subject, alternate, run
from tests.bench.report import Comparison, Section
from tests.bench.scenarios import DEPLOYER, Bench
from tests.bench.workload import IMAGE
from tests.lab import peers

_FILES = 5000
_FOLDERS = 50
_SIZE = 2000
_BUILT = "bench/built:1"


def section(bench: Bench) -> Section:
    """On the first host, which is left without the image."""
    host, folder = bench.hosts[0], bench.folder / "context"
    _write(folder)
    play = {"hosts": host.name, "project": "bench-build", "images": {_BUILT: {"build": "context"}}}
    (bench.folder / "build.yml").write_text(json.dumps([play]))

    def change() -> None:
        (folder / "changed").write_bytes(os.urandom(_SIZE))

    words = ["-i", str(bench.folder / "hosts.yml"), str(bench.folder / "build.yml")]
    ours = Subject("deployer image build", [DEPLOYER, "image", "build", "--yes", *words], prepare=change)
    plan = Subject(f"deployer plan, {_FILES} files", [DEPLOYER, "plan", "--detailed-exitcode", *words])
    command = [str(peers.buildx()), "build", "--progress", "quiet", "-t", f"{_BUILT}-docker", str(folder)]
    theirs = Subject("docker buildx build over SSH", command, peers.environment(host), prepare=change)
    login = Subject("ssh host true", [*host.ssh_command(), "true"])
    try:
        built = alternate([ours, theirs], bench.rounds)
        run(ours)
        planned = alternate([plan, login], bench.rounds)
    finally:
        host.docker("rmi", "-f", _BUILT, f"{_BUILT}-docker")
    comparisons = (
        Comparison(f"build of {_FILES} files / docker buildx build", built[0], built[1], 1.0),
        Comparison(f"plan with {_FILES} files / ssh host true", planned[0], planned[1], 2.5),
    )
    return Section("A build, one file changed", (*built, *planned), comparisons)


def _write(folder: Path) -> None:
    for number in range(_FOLDERS):
        below = folder / f"src{number:02}"
        below.mkdir(parents=True)
        for each in range(_FILES // _FOLDERS):
            (below / f"{each:02}.js").write_bytes(os.urandom(_SIZE))
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY . /app\n")
