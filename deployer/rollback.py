"""Going back to the containers that were replaced: which ones, and what that would do. `rollout.apply` executes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from deployer import runner
from deployer.diagnostics import Diagnostic, Origin, did_you_mean
from deployer.engine.observe import Needs, needs_of
from deployer.errors import InputError
from deployer.fleet import Fleet
from deployer.inputs import Loaded, Request
from deployer.interfaces import Engine
from deployer.model.container_names import NEW, OLD, PREVIOUS
from deployer.model.desired import Desired, Kind
from deployer.model.history import read_records, replaced_last
from deployer.model.observed import Observed
from deployer.model.plan import HostPlan, Unreachable
from deployer.planning import rollback
from deployer.planning.policy import Policy
from deployer.world import World

SUFFIXES = ("", NEW, OLD, PREVIOUS)


def plan(request: Request, world: World, wanted: Sequence[str]) -> runner.Planned:
    """`wanted`: names of containers, as `web` or `container.web`; without any, those that the last run that replaced
    any did replace, on each host. Only reads. Raises `InputError` for a name that nothing declares."""
    names = frozenset(name.removeprefix(f"{Kind.CONTAINER}.") for name in wanted)
    chosen: dict[tuple[str, str], frozenset[str]] = {}

    def planner(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
        return rollback.roll_back(desired, observed, policy, chosen.get((desired.host, desired.project), frozenset()))

    def choose(loaded: Loaded, fleet: Fleet) -> None:
        _check(names, loaded)
        for host, last in fleet.each(loaded.hosts, partial(_last, loaded)).items():
            if isinstance(last, Unreachable):
                continue
            for desired in loaded.of_host(host):
                declared = frozenset(resource.name for resource in desired.of(Kind.CONTAINER) if not resource.absent)
                chosen[host, desired.project] = declared & (names or last[desired.project])

    return runner.plan_with(request, world, planner, needs=needs, before=choose, verifier=rollback.check)


def needs(loaded: Loaded, host: str) -> Needs:
    """What was replaced is looked at too."""
    plays = loaded.of_host(host)
    return needs_of(plays, runner.credentials(plays), SUFFIXES)


def _last(loaded: Loaded, host: str, engine: Engine) -> Mapping[str, frozenset[str]]:
    """By project, what its last run that replaced containers did replace."""
    volumes = list(engine.list_volumes())
    return {desired.project: replaced_last(read_records(volumes, desired.project)) for desired in loaded.of_host(host)}


def _check(names: frozenset[str], loaded: Loaded) -> None:
    known = {
        resource.name for play in loaded.plays for desired in play.desired for resource in desired.of(Kind.CONTAINER)
    }
    unknown = sorted(names - known)
    if unknown:
        raise InputError(
            [
                Diagnostic(
                    Origin("rollback"),
                    f"no container '{name}' is declared on these hosts",
                    hint=did_you_mean(name, known) or "name one of the playbook's containers",
                )
                for name in unknown
            ]
        )
