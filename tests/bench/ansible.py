"""Ansible as a peer: its own virtual environment in the lab's cache, its settings, Python on the hosts."""

import re
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measure import BenchError, Subject
from tests.lab import peers
from tests.lab.host import Host
from tests.lab.settings import CACHE

# The package `ansible` is ansible-core and the collections, community.docker among them.
_WANTED = "ansible==12.*"
_FOLDER = CACHE / "peers" / "ansible-12"
_RECAP = re.compile(r"ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)")


def install() -> Path:
    """The folder of its programs; the first call installs it from the package index pip is set up for."""
    ready = _FOLDER / ".ready"
    if not ready.exists():
        print(f"bench: installing {_WANTED} into {_FOLDER}", file=sys.stderr, flush=True)
        venv.create(_FOLDER, with_pip=True, clear=True)
        pip = [str(_FOLDER / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", _WANTED]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"Ansible could not be installed: {done.stderr.strip()[-600:]}")
        ready.touch()
    return _FOLDER / "bin"


def subject(folder: Path, hosts: Sequence[Host], playbook: str = "ansible.yml") -> Subject:
    """A run on these hosts that changes nothing, with Ansible's faster settings."""
    programs = install()
    for host in hosts:
        peers.install_python(host)
    env = {
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_FORKS": "20",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "PATH": f"{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    limit = ",".join(host.name for host in hosts)
    words = ["-i", str(folder / "hosts.yml"), "--limit", limit, str(folder / playbook)]
    command = [str(programs / "ansible-playbook"), *words]
    return Subject("Ansible, nothing to change", command, env, check=lambda text: _unchanged(text, len(hosts)))


def succeeded(output: str) -> None:
    """On all hosts, whatever was changed."""
    found = _RECAP.findall(output)
    if not found or any(int(count) for _, _, *bad in found for count in bad):
        raise BenchError(f"Ansible failed: {output.strip()[-2000:]}")


def _unchanged(output: str, hosts: int) -> None:
    found = _RECAP.findall(output)
    if len(found) != hosts or any(int(count) for _, *bad in found for count in bad):
        raise BenchError(f"Ansible did not find everything as declared: {output.strip()[-2000:]}")
