"""The read-only use cases: load, observe, reconcile. `apply.apply` executes what `plan` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from deployer import __version__
from deployer.diagnostics import Diagnostic
from deployer.engine.observe import Needs, needs_of, observe
from deployer.engine.registry_auth import Credentials
from deployer.interfaces import Engine, RegistryAuth
from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.plan import HostPlan, Plan, PlayPlan, Unreachable
from deployer.model.settings import FileSettings
from deployer.planning.earlier import after
from deployer.planning.policy import Policy
from deployer.reach.connectors import ConnectionType
from deployer.usecases.fleet import Fleet
from deployer.usecases.load import Loaded, PlayInput, Request, load
from deployer.usecases.system import System
from deployer.values import image

if TYPE_CHECKING:
    from deployer.model.drift import DriftReport
    from deployer.planning.container.secret_uses import SecretUse
    from deployer.usecases.moves import Move

Found = TypeVar("Found")
Planner = Callable[[Desired, Observed, Policy], HostPlan]
Reader = Callable[[Loaded, str], Needs]
Observer = Callable[[Engine, str, Needs, Sequence[Desired]], Observed]
Plans = dict[tuple[int, str], HostPlan]
"""By number of the play, and host."""
Moves: TypeAlias = "Mapping[tuple[int, str], Move]"


def needs_to_reconcile(loaded: Loaded, host: str) -> Needs:
    """What the run's plays read of a host."""
    plays = loaded.of_host(host)
    return needs_of(plays, credentials(plays))


def observe_once(engine: Engine, host: str, needs: Needs, plays: Sequence[Desired]) -> Observed:
    return observe(engine, host, needs)


class Method(Struct, frozen=True):
    """How a run plans a host: `needs` selects what is read, `planner` creates the plan. `verifier`, if it differs from
    the planner, finds changed resources that did not converge. `observe` reads a host for the plays of the run;
    `removes_all`: whether all of their projects goes."""

    planner: Planner
    needs: Reader = needs_to_reconcile
    verifier: Planner | None = None
    observe: Observer = observe_once
    removes_all: bool = False


class Validated(Struct, frozen=True):
    plays: int
    hosts: int
    resources: int
    warnings: tuple[Diagnostic, ...]


class Planned(Struct, frozen=True):
    """A plan and its inputs. `read_at`: when its hosts were read, by the system's clock; `records`: the newest record
    of a run on each host and of each project at that time."""

    plan: Plan
    loaded: Loaded
    policy: Policy
    read_at: float
    records: Mapping[tuple[str, str], int]
    locked: frozenset[tuple[str, str]]
    playbooks: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self.loaded.warnings


class Session:
    """A plan, the open connections to apply it, the method to create it again, and what it moves between hosts."""

    def __init__(self, planned: Planned, fleet: Fleet, method: Method, moves: Moves = MappingProxyType({})) -> None:
        self.planned = planned
        self.fleet = fleet
        self.method = method
        self.moves = moves

    @property
    def plan(self) -> Plan:
        return self.planned.plan

    def replace_plan(self, plan: Plan) -> None:
        self.planned = replace(self.planned, plan=plan)

    def plan_again(self, host: str, engine: Engine, desired: Desired) -> HostPlan:
        """The remaining changes of a host, after the plays before this one."""
        seen = self.observe(host, engine)
        for play, given in zip(self.plan.plays, self.planned.loaded.plays, strict=True):
            if any(found is desired for found in given.desired):
                break
            for plan in play.hosts:
                seen = after(seen, plan) if plan.host == host else seen
        return self.method.planner(desired, seen, self.planned.policy)

    def observe(self, host: str, engine: Engine) -> Observed:
        return _observe(self.planned.loaded, self.fleet, self.method, host, engine)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.fleet.close()


def validate(request: Request, system: System) -> Validated:
    """Raises `InputError` with all errors in the input. Contacts no host."""
    loaded = load(request, system.asking)
    resources = sum(len(desired.resources) for desired in loaded.desired)
    return Validated(len(loaded.plays), len(loaded.hosts), resources, loaded.warnings)


def plan(request: Request, system: System) -> Session:
    """The plan of a run. Only reads."""
    return plan_with(request, system, Method(reconcile))


def destroy(request: Request, system: System) -> Session:
    """The plan that removes the projects' containers, networks and files. Only reads."""
    from deployer.planning.reconcile import destroy

    return plan_with(request, system, Method(destroy, removes_all=True))


def build_images(request: Request, system: System) -> Session:
    """The plan of a run that only builds images. Only reads."""

    def planner(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
        from deployer.planning.image.build import only_builds

        return reconcile(only_builds(desired), observed, policy)

    return plan_with(request, system, Method(planner))


def drift(request: Request, system: System) -> tuple[DriftReport, Loaded]:
    """Compares the live, last applied and declared state. Only reads."""
    from deployer.usecases.probes import with_probes

    loaded = load(request, system.asking)
    with Fleet(loaded.hosts, request.forks, system.awaiting) as fleet:
        report = compare_all(loaded, fleet)
        return with_probes(report, tuple(loaded.desired), fleet, system.clock), loaded


def compare_all(loaded: Loaded, fleet: Fleet) -> DriftReport:
    from deployer.model.drift import DriftReport
    from deployer.planning.drift import find_drift

    return DriftReport(*_look_at_all(loaded, fleet, find_drift))


def _look_at_all(
    loaded: Loaded, fleet: Fleet, look: Callable[[Desired, Observed], Found]
) -> tuple[tuple[Found, ...], tuple[Unreachable, ...]]:
    """What `look` finds for each host of each play, in their order, without the hosts that cannot be reached."""
    found: dict[tuple[int, str], Found] = {}

    def at(host: str, seen: Observed) -> None:
        found.update({(number, host): look(desired, seen) for number, desired in _desired_of(loaded, host)})

    _, unreachable = _observe_all(loaded, fleet, Method(reconcile), at)
    order = ((number, desired.host) for number, play in enumerate(loaded.plays) for desired in play.desired)
    return tuple(found[key] for key in order if key in found), unreachable


def secret_uses(request: Request, system: System) -> tuple[tuple[SecretUse, ...], tuple[Unreachable, ...], Loaded]:
    """Which containers and jobs use which secrets, in the order of the plays. Only reads."""
    from deployer.planning.container.secret_uses import uses_of

    loaded = load(request, system.asking)
    with Fleet(loaded.hosts, request.forks, system.awaiting) as fleet:
        found, unreachable = _look_at_all(loaded, fleet, uses_of)
    return tuple(chain.from_iterable(found)), unreachable, loaded


def reconcile(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
    """See `planning.reconcile`."""
    from deployer.planning.reconcile import reconcile

    return reconcile(desired, observed, policy)


def _load_what_follows(ways: Set[ConnectionType]) -> None:
    """Loads the modules that are needed after the hosts have answered, while waiting for them."""
    if ConnectionType.SSH in ways:
        import deployer.transport.ssh
    import deployer.engine.agreeing
    import deployer.planning.reconcile
    import deployer.reporting.human  # noqa: F401


def plan_with(request: Request, system: System, method: Method) -> Session:
    loaded = load(request, system.asking)
    policy = _policy(request)
    if policy.adopt:
        method = _adopting(method)
    fleet = Fleet({**loaded.hosts, **loaded.aside}, request.forks, system.awaiting)
    read_at = system.clock.now()
    try:
        plans: Plans = {}

        def plan_host(host: str, found: Observed) -> None:
            for number, desired in _desired_of(loaded, host):
                plans[number, host] = made = method.planner(desired, found, policy)
                found = after(found, made) if made.steps else found

        seen, unreachable = _observe_all(loaded, fleet, method, plan_host)
        plays = tuple(_plan_play(number, play, plans, method.planner) for number, play in enumerate(loaded.plays))
        if policy.data_loss:
            plays = _check_consents(plays, loaded, seen, policy)
        moves: Moves = {}
        if method.planner is reconcile and any(play.move for play in loaded.plays):
            from deployer.usecases.moves import find_moves

            plays, moves = find_moves(plays, loaded, fleet, request)
        if any(host.steps for play in plays for host in play.hosts):
            plays = _preflight(plays, loaded, seen, fleet)
    except BaseException:
        fleet.close()
        raise
    records = {(host, project): number for host, found in seen.items() for project, number in found.records.items()}
    locked = frozenset((host, project) for host, found in seen.items() for project in found.locked)
    planned = Planned(Plan(plays, unreachable), loaded, policy, read_at, records, locked, request.playbooks)
    return Session(planned, fleet, method, moves)


def _desired_of(loaded: Loaded, host: str) -> Iterator[tuple[int, Desired]]:
    """The desired states of one host, with the numbers of their plays."""
    for number, play in enumerate(loaded.plays):
        yield from ((number, desired) for desired in play.desired if desired.host == host)


def _adopting(method: Method) -> Method:
    needs = method.needs
    return replace(method, needs=lambda loaded, host: replace(needs(loaded, host), adopt=True))


def _policy(request: Request) -> Policy:
    return Policy(
        request.prune,
        request.adopt,
        frozenset((*request.allow_data_loss, *request.remove_volumes)),
        __version__,
        remove_volumes=frozenset(request.remove_volumes),
        volumes=request.volumes,
    )


def _check_consents(
    plays: tuple[PlayPlan, ...], loaded: Loaded, seen: Mapping[str, Observed], policy: Policy
) -> tuple[PlayPlan, ...]:
    from deployer.planning import consents

    return consents.check(plays, loaded.desired, seen, policy)


def _preflight(
    plays: tuple[PlayPlan, ...], loaded: Loaded, seen: Mapping[str, Observed], fleet: Fleet
) -> tuple[PlayPlan, ...]:
    """The plays with the findings of the preflight checks. Imported here: a run without changes does not need it."""
    from deployer.usecases import preflight

    auth = {host: credentials(loaded.of_host(host)) for host in seen}
    basis = preflight.Basis(seen, lambda host, reference: auth[host](reference))
    return preflight.check(plays, (play.desired for play in loaded.plays), basis, fleet)


def _observe(loaded: Loaded, fleet: Fleet, method: Method, host: str, engine: Engine) -> Observed:
    plays = loaded.of_host(host)
    found = method.observe(engine, host, method.needs(loaded, host), plays)
    if not (found.manifests or any(play.of(FileSettings) for play in plays)):
        return found
    from deployer.usecases.observe_files import with_files

    return with_files(found, lambda: fleet.host(host), plays, removes_all=method.removes_all)


def _observe_all(
    loaded: Loaded, fleet: Fleet, method: Method, then: Callable[[str, Observed], None]
) -> tuple[dict[str, Observed], tuple[Unreachable, ...]]:
    """Every host is read once for the run; `then` is called for each while others are still being read."""
    ways = {spec.kind for spec in loaded.hosts.values()}
    answers = fleet.read(
        loaded.hosts,
        lambda host, engine: _observe(loaded, fleet, method, host, engine),
        meanwhile=lambda: _load_what_follows(ways),
        then=then,
    )
    seen = {host: found for host, found in answers.items() if isinstance(found, Observed)}
    return seen, tuple(found for found in answers.values() if isinstance(found, Unreachable))


def credentials(plays: Iterable[Desired]) -> Callable[[str], RegistryAuth | None]:
    """Credentials for a complete reference: the plays' own, otherwise those of a login on this machine."""
    registries = {
        registry: {"username": user, "password": password}
        for desired in plays
        for registry, (user, password) in desired.registries.items()
    }
    known = Credentials(registries)
    return lambda reference: known.find(image.parse(reference).domain)


def _plan_play(number: int, play: PlayInput, plans: Plans, planner: Planner) -> PlayPlan:
    hosts = tuple(plans[number, desired.host] for desired in play.desired if (number, desired.host) in plans)
    project = play.desired[0].project if play.desired else ""
    reached = tuple(tuple(host for host in batch if (number, host) in plans) for batch in play.batches)
    planned = PlayPlan(play.name, project, hosts, tuple(batch for batch in reached if batch))
    if play.once is None or planner is not reconcile:
        return planned
    from deployer.planning.run_once import lead

    return lead(planned, play.once)
