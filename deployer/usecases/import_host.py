"""Writes a host as a playbook. Only reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.errors import DeployerError, UnreachableError
from deployer.exporting.playbook import HostPlaybook, host_playbook
from deployer.model.observed import Observed
from deployer.model.plan import Unreachable
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.observe_whole import observe_whole
from deployer.usecases.system import System

_SIGNATURE: Final = "# Written by deployer import; while it is not edited, it may be overwritten: "
_CONTAINER: Final = Origin("CONTAINER")


def import_host(
    request: Request, system: System, host: str, names: Iterable[str] = (), *, with_secrets: bool = False
) -> HostPlaybook:
    """Imports the named containers, the request's project, or everything that belongs to no project. Raises
    `InputError` for containers that do not exist, `UnreachableError`, and `DeployerError` if there is nothing to
    import."""
    names, secrets, asking = tuple(names), set[str](), system.asking

    def learn(found: Iterable[str]) -> None:
        secrets.update(filter(None, found))
        asking.learn(secrets)

    system = replace(system, asking=replace(asking, learn=learn))
    with fleet_of(request, system, host) as fleet:
        (answer,) = fleet.each([host], lambda name, engine: (observe_whole(engine, name), engine.info())).values()
    if isinstance(answer, Unreachable):
        raise UnreachableError(f"{host}: {answer.message}", hint=answer.hint)
    observed, info = answer
    _check_names(observed, names, request.project)
    found = host_playbook(observed, info, names, project=request.project, with_secrets=with_secrets, secrets=secrets)
    if not any(found.counts.values()):
        raise _nothing(host, request.project, found)
    return found


def signed(text: str) -> str:
    """The text of a file, with a last line that shows whether it was edited."""
    return f"{text}{_SIGNATURE}{_digest(text)}\n"


def is_unedited(text: str) -> bool:
    """Whether a file is unchanged since an import wrote it."""
    body, mark, digest = text.rpartition(_SIGNATURE)
    return bool(mark) and digest == f"{_digest(body)}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_names(observed: Observed, names: Iterable[str], project: str) -> None:
    """Raises `InputError`."""
    problems, known = Problems(), [found.name for found in observed.containers]
    for name in names:
        found = observed.container(name)
        if found is None:
            hint = did_you_mean(name, known) or "deployer ps lists the containers"
            problems.add(_CONTAINER, f"{observed.host} has no container '{name}'", hint=hint)
        elif project not in ("", found.owner.project):
            whose = f"belongs to project {found.owner.project}" if found.owner.managed else "belongs to no project"
            problems.add(_CONTAINER, f"'{name}' on {observed.host} {whose}", hint=f"omit --project {project}")
    problems.raise_if_any()


def _nothing(host: str, project: str, found: HostPlaybook) -> DeployerError:
    if found.left_out:
        return DeployerError("\n".join(["nothing to import:", *found.left_out]))
    others = tuple(found.projects)
    hint = (
        f"--project imports the resources of {'' if len(others) == 1 else 'one of '}{', '.join(others)}"
        if others
        else ""
    )
    what = f"no resources of project {project}" if project else "no unmanaged resources"
    return DeployerError(f"nothing to import: {host} has {what}", hint=hint)
