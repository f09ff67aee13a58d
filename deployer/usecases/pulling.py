"""Pulls the images of containers: of those that are there, or of those that playbooks declare."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from functools import partial
from typing import TypeAlias

from deployer.applying.pulling import hint_of
from deployer.errors import DeployerError, UnreachableError
from deployer.interfaces import Engine, RegistryAuth
from deployer.model.desired import Desired
from deployer.model.plan import Unreachable
from deployer.usecases.containers import Choice, choose, hosts_of
from deployer.usecases.fleet import Fleet, split
from deployer.usecases.images import ImageResult, Results, Watch, pull_one
from deployer.usecases.load import Request
from deployer.usecases.plan import credentials
from deployer.usecases.system import System
from deployer.values import image

_Wanted: TypeAlias = tuple[str, str]
"""A complete reference, and a platform."""


def pull_all(request: Request, system: System, names: tuple[str, ...], watch: Watch) -> Results:
    """One image after the other on each host. Raises `DeployerError` for a name that means nothing."""
    with hosts_of(request, system, names) as (fleet, choice):
        declared = choice.declared
        if declared is None:
            wanted, lost = _of_containers(fleet, choice)
        else:
            wanted, lost = {host: sorted(_declared(declared[host], names)) for host in declared}, ()
            _check(names, (found.name for wishes in declared.values() for wish in wishes for found in wish.containers))

        def pull(host: str, engine: Engine) -> list[ImageResult]:
            auth = credentials((declared or {}).get(host, ()))
            done = []
            for one in wanted[host]:
                done.append(_pulled(host, engine, one, auth(one[0]), watch))
                watch.ended(done[-1])
            return done

        found, more = split(fleet.each(wanted, pull))
    return Results(found, (*lost, *more))


def _of_containers(fleet: Fleet, choice: Choice) -> tuple[dict[str, list[_Wanted]], tuple[Unreachable, ...]]:
    chosen = choose(fleet, choice)
    found = {host: {(_complete(row.image), "") for row in rows} for host, rows in chosen.by_host.items()}
    return {host: sorted(some - {("", "")}) for host, some in found.items()}, chosen.unreachable


def _declared(wishes: Iterable[Desired], names: tuple[str, ...]) -> set[_Wanted]:
    """Without images that are built, or sent."""
    return {
        (found.image, found.settings.platform)
        for wish in wishes
        for found in wish.containers
        if not found.absent and found.image not in wish.builds and found.image not in wish.sources
        if not names or any(map(partial(fnmatch.fnmatchcase, found.name), names))
    }


def _check(names: tuple[str, ...], declared: Iterable[str]) -> None:
    known = sorted(set(declared))
    if missing := [f"'{name}'" for name in names if not fnmatch.filter(known, name)]:
        summary = f"the playbook declares no container named {', '.join(missing)} on these hosts"
        raise DeployerError(summary, hint=f"declared: {', '.join(known) or 'no containers'}")


def _complete(name: str) -> str:
    """Empty for an image without a name."""
    try:
        found = image.parse(name)
    except ValueError:
        return ""
    return str(found) if found.path else ""


def _pulled(host: str, engine: Engine, wanted: _Wanted, auth: RegistryAuth | None, watch: Watch) -> ImageResult:
    name = image.familiar(wanted[0])
    try:
        return ImageResult(host, f"{name} {pull_one(host, engine, wanted, auth, watch)}")
    except UnreachableError:
        raise
    except DeployerError as error:
        return ImageResult(host, problem=f"{name}: {error.message}", hint=error.hint or hint_of(error.message))
