"""Plans the rollback to replaced containers. `apply.apply` executes it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from deployer.engine.observe import Needs, needs_of, observe
from deployer.fields.options import PullPolicy
from deployer.interfaces import Engine
from deployer.model.container_names import NEW, OLD, PREVIOUS
from deployer.model.desired import Desired, Kind
from deployer.model.observed import Observed
from deployer.model.plan import HostPlan
from deployer.planning import rollback, rollback_to
from deployer.planning.policy import Policy
from deployer.usecases.load import Loaded, Request
from deployer.usecases.plan import Method, Session, credentials, needs_to_reconcile, plan_with
from deployer.usecases.system import System

SUFFIXES = ("", NEW, OLD, PREVIOUS)


def plan(request: Request, system: System, wanted: Sequence[str], run: int = 0) -> Session:
    """`wanted`: names of containers, as `web` or `container.web`; if empty, the containers replaced by each host's most
    recent run that replaced any. `run`: restore the containers as they were after the run of this number; 0 restores
    the replaced ones. Only reads. Raises `InputError` for an undeclared name."""
    names = frozenset(name.removeprefix(f"{Kind.CONTAINER}.") for name in wanted)

    def planner(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
        return rollback.roll_back(desired, observed, policy, names)

    def planner_to(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
        return rollback_to.roll_back_to(desired, observed, policy, names, run)

    def observe_past(engine: Engine, host: str, wanted: Needs, plays: Sequence[Desired]) -> Observed:
        """Reads twice: the records name images to look for."""
        seen = observe(engine, host, wanted)
        found = {each for play in plays for each in rollback_to.image_references(play, seen, names, run)}
        missing = dict.fromkeys(sorted(found - wanted.images.keys()), PullPolicy.NEVER)
        return observe(engine, host, replace(wanted, images={**wanted.images, **missing})) if missing else seen

    given = replace(request, containers=tuple(sorted(names)))
    if run:
        return plan_with(given, system, Method(planner_to, needs_to, observe=observe_past))
    return plan_with(given, system, Method(planner, needs, rollback.check))


def needs_to(loaded: Loaded, host: str) -> Needs:
    """Also reads the recorded runs."""
    return replace(needs_to_reconcile(loaded, host), history=True)


def needs(loaded: Loaded, host: str) -> Needs:
    """Also reads what was replaced."""
    plays = loaded.of_host(host)
    return replace(needs_of(plays, credentials(plays), SUFFIXES), history=True)
