"""File trees built from Debian packages, once, in the cache: a root layer, and layers stacked on it by overlay.

The same layers serve as root file systems of hosts and as content of images. A layer's folder is named by the hash
of its recipe and appears by rename, so what exists is complete and fits the recipe. Every mount of a build lives in
a mount namespace of its own and vanishes with the build, however it ends.
"""

import hashlib
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.machine import Mirror
from tests.lab.settings import CACHE, CACHE_LOCKS
from tests.lab.shell import LabError, lock, run

# Part of every key: raise it when the way layers are built changes.
FORMAT = 1
LAYERS = CACHE / "layers"
OVERLAY_OPTIONS = "index=off,metacopy=off,redirect_dir=off"
# A mirror that lags behind a release in the making still serves it.
_STALE = "-o Acquire::Check-Valid-Until=false"
NO_FSYNC = {"DPKG_FORCE": "unsafe-io", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}

_locks: dict[str, threading.Lock] = {}
_locks_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Layer:
    """A recipe: packages to install and a script to run on top of a base, or on nothing but the release itself."""

    name: str
    suite: str
    packages: tuple[str, ...] = ()
    script: str = ""
    base: "Layer | None" = None

    @property
    def key(self) -> str:
        """Hash of everything that decides the content, bases included; the mirror is no part of it."""
        text = json.dumps([FORMAT, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """Where the layer's own files lie once built."""
        return LAYERS / f"{self.name}-{self.key}"

    @property
    def folders(self) -> list[Path]:
        """The folders of this layer and its bases, topmost first."""
        return [self.folder, *(self.base.folders if self.base else ())]

    @property
    def lower(self) -> str:
        """The overlay option `lowerdir` for this layer on its bases."""
        return ":".join(map(str, self.folders))


def build_all(layers: list[Layer], mirror: Mirror) -> None:
    """Build what is missing, bases first, unrelated layers side by side, one process at a time."""
    with lock("build", folder=CACHE_LOCKS), ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(_build, layer, mirror) for layer in layers]:
            done.result()


def _build(layer: Layer, mirror: Mirror) -> None:
    """Make sure that a layer and its bases exist."""
    if layer.folder.is_dir():
        return
    if layer.base:
        _build(layer.base, mirror)
    with _lock_of(layer):
        if layer.folder.is_dir():
            return
        print(f"lab: building {layer.name} ({layer.suite})\n", end="", flush=True)
        work = LAYERS / f".building-{layer.name}-{layer.key}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            tree = _stacked(layer, work, mirror) if layer.base else _bootstrapped(layer, work, mirror)
        except LabError as error:
            raise LabError(f"cannot build {layer.name} ({layer.suite}): {error}") from error
        tree.rename(layer.folder)
        shutil.rmtree(work, ignore_errors=True)


def _lock_of(layer: Layer) -> threading.Lock:
    with _locks_guard:
        return _locks.setdefault(layer.key, threading.Lock())


def _bootstrapped(layer: Layer, work: Path, mirror: Mirror) -> Path:
    tree = work / "tree"
    wanted: tuple[str | Path, ...] = (layer.suite, tree, mirror.url, *_script(layer.suite))
    run(*_private_mounts("--mount-proc"), "debootstrap", "--variant=minbase", *wanted, env=NO_FSYNC)
    (tree / "etc/apt/sources.list").write_text(f"deb {mirror.url} {layer.suite} main\n")
    _executable(tree / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
    _in_root(f"mount --bind '{tree}' '{tree}'\ncd '{tree}'", f"apt-get {_STALE} update -q\napt-get clean", mirror)
    return tree


def _script(suite: str) -> tuple[Path, ...]:
    """The script that bootstraps a release; one newer than this machine's debootstrap takes that of unstable."""
    scripts = Path("/usr/share/debootstrap/scripts")
    return () if (scripts / suite).exists() else (scripts / "sid",)


def _stacked(layer: Layer, work: Path, mirror: Mirror) -> Path:
    assert layer.base
    for name in ("upper", "work", "root"):
        (work / name).mkdir()
    options = f"lowerdir={layer.base.lower},upperdir={work}/upper,workdir={work}/work,{OVERLAY_OPTIONS}"
    install = ""
    if layer.packages:
        proxy = " ".join(f"'{word}'" for word in mirror.apt_options)
        install = f"apt-get {proxy} install -y -q --no-install-recommends {' '.join(layer.packages)}\napt-get clean\n"
    _in_root(f"mount -t overlay overlay -o '{options}' '{work}/root'\ncd '{work}/root'", install + layer.script, mirror)
    return work / "upper"


def _in_root(enter: str, script: str, mirror: Mirror) -> None:
    """Run a script as root of a tree, with the machine's name resolution and certificates."""
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    if mirror.url.startswith("https:"):
        script = f"export SSL_CERT_FILE={certificates}\n{script}"
        enter += f"\nmkdir -p etc/ssl/certs\ntouch .{certificates}\nmount --bind {certificates} .{certificates}"
    outer = "\n".join(
        (
            "set -eu",
            enter,
            "mount -t proc proc proc",
            "touch etc/resolv.conf etc/hosts",
            "mount --bind /etc/resolv.conf etc/resolv.conf",
            "mount --bind /etc/hosts etc/hosts",
            'exec chroot . /bin/sh -eu -c "$SCRIPT"',
        )
    )
    env = NO_FSYNC | {"SCRIPT": script, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    run(*_private_mounts(), "sh", "-c", outer, env=env)


def _private_mounts(*options: str) -> tuple[str, ...]:
    return ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", *options)


def _executable(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
