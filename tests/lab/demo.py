"""`make demo`: deploy the quickstart playbook to the lab, show its page, show that a second run changes nothing.

Where this machine cannot run the lab, the same commands run on simulated hosts, and the reason is printed.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from functools import partial
from pathlib import Path

from tests.lab import lab as the_lab
from tests.lab.lab import Lab
from tests.lab.settings import CHECKOUT, INVENTORY
from tests.lab.shell import LabError, wait_for

_PLAYBOOK = "playbooks/quickstart.yml"
_SIMULATED = """\
lab:
  vars: {connection: simulated}
  hosts: {lab1: {}, lab2: {}, lab3: {}}
"""


def main() -> int:
    """Run the demo and return the exit code of the first step that fails, or 0."""
    try:
        lab = the_lab.up()
    except LabError as error:
        print(f"No real hosts on this machine: {error}. The demo runs on simulated ones.\n", flush=True)
        return _on_simulated_hosts()
    return _deploy(str(INVENTORY.relative_to(CHECKOUT))) or _show_pages(lab)


def _on_simulated_hosts() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "hosts.yml")
        file.write_text(_SIMULATED)
        return _deploy(str(file))


def _deploy(inventory: str) -> int:
    """Plan, apply and plan again; the last plan must be empty, so there exit code 2 is a failure."""
    steps = (["plan"], ["apply", "--yes"], ["plan", "--detailed-exitcode"])
    for words in steps:
        code = _deployer(*words, "-i", inventory, _PLAYBOOK)
        if code:
            return code
    return 0


def _deployer(*words: str) -> int:
    print(f"$ deployer {' '.join(words)}", flush=True)
    code = subprocess.run([".venv/bin/deployer", *words], cwd=CHECKOUT, check=False).returncode
    print(flush=True)
    return code


def _show_pages(lab: Lab) -> int:
    for host in lab.hosts:
        url = f"http://{host.address}:8080/"
        try:
            wait_for(partial(_answers, url), 20, f"an answer of {url}")
        except LabError as error:
            print(f"{host.name}: {error}")
            return 1
        print(f"{url}  {_visit(url)}  ({host.name}, Docker {host.engine_version})")
    print("\nThe hosts run on; `make lab-down` removes them.")
    return 0


def _answers(url: str) -> bool:
    return _visit(url) is not None


def _visit(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            page = json.load(answer)
    except OSError:
        return None
    return f"version {page['version']}, visit {page['visits']}"


if __name__ == "__main__":
    sys.exit(main())
