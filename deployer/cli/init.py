"""`deployer init`: the files of a new project, with comments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import DeployerError, RefusedError

EXAMPLES = """\
deployer init
deployer init shop
"""
INVENTORY: Final = """\
# The hosts, in groups. Each has sshd, and a Docker socket that the user may access.
# Check them: deployer doctor
all:
  # Variables of all hosts. A group or a host may override them.
  vars:
    # Simulated hosts: files on this machine that answer as Docker engines do. Remove this line to use real ones.
    connection: simulated
    user: deploy
    # private_key_file: ~/.ssh/id_ed25519
  children:
    web:
      hosts:
        web1: {host: 192.0.2.11}
        # web2: {host: 192.0.2.12, port: 2222}
"""
PLAYBOOK: Final = """\
# What the hosts of the group web run.
# See what would change: deployer plan site.yml
# Change it:             deployer apply site.yml
- name: Web tier
  hosts: web
  vars:
    version: "1.27"
  networks:
    front: {}
  volumes:
    pages: {}
  containers:
    web:
      image: "nginx:{{ version }}"
      ports: ["8080:80"]
      networks: [front]
      volumes: ["pages:/usr/share/nginx/html"]
      restart: unless-stopped
      # A changed container replaces the running one only if it becomes healthy; otherwise the old one is restored.
      healthcheck:
        test: [CMD, curl, -fsS, "http://localhost/"]
        interval: 5s
      # Passwords belong in a vault: deployer vault encrypt-string --name db_password --prompt
      # environment: {DB_PASSWORD: "{{ db_password }}"}
"""
FILES: Final[Mapping[str, str]] = {"inventory/hosts.yml": INVENTORY, "site.yml": PLAYBOOK}


def _run(call: Call) -> int:
    """Raises `RefusedError` if one of the files exists: nothing is written then."""
    from deployer.reporting.lines import line

    folder = Path(call.params["folder"])
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise RefusedError(f"{folder / there[0]} exists; nothing was written", hint="name another folder")
    for name, text in FILES.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DeployerError(f"{path} cannot be written: {error.strerror}") from error
    where = "" if folder == Path() else f"cd {call.params['folder']}; "
    call.console.result([line(f"Created {folder / name}") for name in FILES])
    call.console.tell([line(f"Next: {where}deployer plan site.yml")])
    return 0


COMMAND = Command(
    "init",
    run=_run,
    examples=EXAMPLES,
    help="Create an inventory and a playbook to start from. Existing files are not overwritten.",
    params=[
        click.Argument(["folder"], default=".", metavar="[FOLDER]", type=click.Path(file_okay=False)),
        *options.global_options(),
    ],
    suggestion=Suggestion("creates an inventory and a playbook", ("new", "scaffold")),
)
