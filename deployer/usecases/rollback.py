"""Plans the rollback to replaced containers. `apply.apply` executes it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from deployer.engine.observe import Needs, needs_of
from deployer.model.container_names import NEW, OLD, PREVIOUS
from deployer.model.desired import Desired, Kind
from deployer.model.observed import Observed
from deployer.model.plan import HostPlan
from deployer.planning import rollback
from deployer.planning.policy import Policy
from deployer.usecases.load import Loaded, Request
from deployer.usecases.plan import Method, Session, credentials, plan_with
from deployer.usecases.system import System

SUFFIXES = ("", NEW, OLD, PREVIOUS)


def plan(request: Request, system: System, wanted: Sequence[str]) -> Session:
    """`wanted`: names of containers, as `web` or `container.web`; if empty, the containers replaced by each host's most
    recent run that replaced any. Only reads. Raises `InputError` for an undeclared name."""
    names = frozenset(name.removeprefix(f"{Kind.CONTAINER}.") for name in wanted)

    def planner(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
        return rollback.roll_back(desired, observed, policy, names)

    given = replace(request, containers=tuple(sorted(names)))
    return plan_with(given, system, Method(planner, needs, rollback.check))


def needs(loaded: Loaded, host: str) -> Needs:
    """Also read what was replaced."""
    plays = loaded.of_host(host)
    return replace(needs_of(plays, credentials(plays), SUFFIXES), history=True)
