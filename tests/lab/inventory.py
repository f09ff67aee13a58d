"""Writing the running lab down as an Ansible inventory, for this checkout."""

import shutil
from collections.abc import Sequence

from tests.lab.host import KEY, KNOWN_HOSTS, Host
from tests.lab.settings import INVENTORY, KINDS

# `ansible_ssh_common_args` is what Ansible's own ssh needs to find the same file.
_HEAD = f"""\
# Written by `make lab`: the test hosts that run on this machine now. `make lab-down` removes it.
all:
  vars:
    ansible_user: root
    ansible_ssh_private_key_file: {KEY}
    ansible_ssh_common_args: -o UserKnownHostsFile={KNOWN_HOSTS}
    deployer_known_hosts_file: {KNOWN_HOSTS}
  children:
    lab:
      children:
"""


def text(hosts: Sequence[Host]) -> str:
    """The inventory as YAML: group `lab`, in it one group an engine."""
    lines = [_HEAD]
    for kind in KINDS:
        members = [host for host in hosts if host.plan.kind == kind]
        if members:
            lines.append(f"        {kind.group}:\n          hosts:\n")
        lines += [f"            {host.name}:\n              ansible_host: {host.address}\n" for host in members]
    return "".join(lines)


def write(hosts: Sequence[Host]) -> None:
    """Write `inventory/lab/hosts.yml`, in one step, if it does not say so already."""
    wanted = text(hosts)
    file = INVENTORY / "hosts.yml"
    if file.exists() and file.read_text() == wanted:
        return
    INVENTORY.mkdir(parents=True, exist_ok=True)
    new = INVENTORY / ".hosts.yml.new"
    new.write_text(wanted)
    new.rename(file)


def remove() -> None:
    """Remove what `write` wrote."""
    shutil.rmtree(INVENTORY, ignore_errors=True)
