"""The use case that writes a Compose project as a playbook. No host is contacted."""

from __future__ import annotations

from deployer.config.compose.project import load_project
from deployer.config.compose.wanted import Wanted
from deployer.diagnostics import Problems
from deployer.errors import InputError
from deployer.exporting.compose.playbook import ComposePlaybook, compose_playbook
from deployer.usecases.system import System


def import_compose(
    wanted: Wanted, system: System, *, hosts: str = "all", file: str = "", with_secrets: bool = False
) -> ComposePlaybook:
    """The playbook as it is written to `file`. Warns of what is not in it. Raises `InputError`."""
    problems = Problems()
    project = load_project(wanted, problems)
    if project is None:
        problems.raise_if_any()
    assert project is not None
    try:
        found = compose_playbook(project, problems, hosts=hosts, file=file, with_secrets=with_secrets)
    except InputError:
        system.warn(problems.warnings)  # an error may come from a variable that is not set
        raise
    system.asking.learn(found.values.values())
    system.warn(problems.warnings)
    return found
