"""What the machine must offer: rights, namespaces, Debian packages and a package mirror."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabError, LabUnavailableError, run, succeeds

# Command looked for, and the Debian package that brings it.
NEEDED = {
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "openssl": "openssl",
}


@dataclass(frozen=True, slots=True)
class Mirror:
    """The machine's own Debian mirror, and how apt reaches it."""

    url: str
    apt_options: tuple[str, ...]


def refusal() -> str | None:
    """The one reason why the lab cannot start here, or None; changes nothing."""
    if os.geteuid() != 0:
        return "the lab needs root"
    if not succeeds("unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "true"):
        return "this machine refuses to make namespaces (unshare failed)"
    if "\toverlay" not in Path("/proc/filesystems").read_text():
        return "the kernel has no overlay file system"
    if not Path("/sys/fs/cgroup").is_mount():
        return "no cgroups are mounted on /sys/fs/cgroup"
    missing = missing_packages()
    if missing and not shutil.which("apt-get"):
        return f"missing {', '.join(missing)}, and there is no apt-get to install them"
    return None


def missing_packages() -> list[str]:
    """The packages whose commands are not on this machine."""
    return sorted({package for command, package in NEEDED.items() if not shutil.which(command)})


def ensure_packages() -> None:
    """Install what is missing, and only that."""
    missing = missing_packages()
    if missing:
        install(missing)


def install(packages: Sequence[str]) -> None:
    """Raises `LabUnavailableError`."""
    print(f"lab: installing {' '.join(packages)}", flush=True)
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run("apt-get", "update", "-q", env=env)
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages, env=env)
    except LabError as error:
        raise LabUnavailableError(f"cannot install {', '.join(packages)}: {error}") from error


def mirror() -> Mirror:
    """The mirror in the machine's apt sources that carries the Debian releases themselves."""
    lines = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(LABEL)").splitlines()
    for line in lines:
        url, release, component, label = (line.split() + [""] * 4)[:4]
        if component == "main" and label in ("Debian", "") and "-" not in release:
            return Mirror(url.rstrip("/"), _apt_options())
    raise LabUnavailableError("the machine's apt sources name no Debian mirror")


def _apt_options() -> tuple[str, ...]:
    """The machine's apt proxy settings as options for an apt inside a new root."""
    dump = run("apt-config", "dump", "--format", "%f=%v%n", "Acquire").splitlines()
    proxies = [line for line in dump if line.lower().startswith(("acquire::http::proxy", "acquire::https::proxy"))]
    return tuple(word for line in proxies for word in ("-o", line))
