"""Images sent to hosts, beside `docker save` and `docker load` over ssh."""

import hashlib
import io
import json
import random
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.bench.measure import Series, Subject, alternate
from tests.bench.report import Comparison, Section
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT

_DEPLOYER = str(CHECKOUT / ".venv" / "bin" / "deployer")
_BASE, _APP = "bench/sent:base", "bench/sent:app"
_LAYERS = (16_000_000, 16_000_000, 16_000_000, 2_000_000)
"""Bytes; the last layer is what the application adds to its base."""

_FEW = 3


def section(folder: Path, hosts: Sequence[Host], rounds: int) -> Section:
    """To one and to three hosts at once: everything, and with all layers but one there."""
    # In a process of its own: what this one needs at most would count as memory of its children.
    subprocess.run([sys.executable, "-m", "tests.bench.sending", str(folder)], check=True, cwd=CHECKOUT)
    found: list[Series] = []
    comparisons: list[Comparison] = []
    try:
        for count in dict.fromkeys((1, min(_FEW, len(hosts)))):
            for what, there, budget in (("all layers", False, 1.6), ("one layer of four", True, 1.0)):
                name = f"{what} to {count}"
                ours, theirs = alternate(_subjects(folder, hosts[:count], name, there=there), rounds)
                found += [ours, theirs]
                comparisons.append(Comparison(f"image copy / docker load, {name}", ours, theirs, budget))
    finally:
        _prepare(folder, hosts, there=False)
    return Section("Images without a registry, 50 MB", tuple(found), tuple(comparisons))


def _subjects(folder: Path, hosts: Sequence[Host], name: str, *, there: bool) -> list[Subject]:
    archive, prepare = str(folder / "app.tar"), partial(_prepare, folder, hosts, there=there)
    pattern, inventory = ",".join(host.name for host in hosts), str(folder / "hosts.yml")
    ours = [_DEPLOYER, "image", "copy", _APP, pattern, "--from", archive, "-i", inventory]
    loads = (f"{shlex.join(host.ssh_command())} docker load < {shlex.quote(archive)}" for host in hosts)
    theirs = ["sh", "-c", f"{' & '.join(loads)} & wait"]
    return [
        Subject(f"deployer image copy, {name}", ours, prepare=prepare),
        Subject(f"ssh docker load, {name}", theirs, prepare=prepare),
    ]


def _prepare(folder: Path, hosts: Sequence[Host], *, there: bool) -> None:
    """Hosts without the image, with its base or without."""

    def one(host: Host) -> None:
        host.docker("rmi", "-f", _APP, _BASE, check=False)
        if there:
            host.docker("load", "-q", "-i", _placed(folder, host))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, hosts))


def _placed(folder: Path, host: Host) -> str:
    """The archive of the base, on the host."""
    place = host.root / "root" / "base.tar"
    if not place.exists():
        place.write_bytes((folder / "base.tar").read_bytes())
    return "/root/base.tar"


def _write(path: Path, tag: str, sizes: Sequence[int]) -> None:
    """An archive as `docker save` writes it, with random layers, the same ones each time."""
    layers = [_layer(number, size) for number, size in enumerate(sizes)]
    digests = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    rootfs = {"type": "layers", "diff_ids": digests}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "c.json", "RepoTags": [tag], "Layers": names}]
    files = {"c.json": config, "manifest.json": json.dumps(manifest).encode(), **dict(zip(names, layers, strict=True))}
    path.write_bytes(_tar(files))


def _layer(number: int, size: int) -> bytes:
    return _tar({f"file{number}": random.Random(number).randbytes(size)})


def _tar(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


if __name__ == "__main__":
    _write(Path(sys.argv[1], "base.tar"), _BASE, _LAYERS[:-1])
    _write(Path(sys.argv[1], "app.tar"), _APP, _LAYERS)
