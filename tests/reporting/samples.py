"""Hand-built plans and outcomes for the reports."""

from deployer.diagnostics import Origin
from deployer.fields.field import Change
from deployer.model.desired import Address, Kind
from deployer.model.operations import (
    AwaitHealthy,
    CreateContainer,
    CreateNetwork,
    Made,
    Operation,
    PullImage,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
    UpdateContainer,
)
from deployer.model.outcome import HostOutcome, Outcome, Status, StepResult
from deployer.model.plan import (
    Action,
    FieldDiff,
    Group,
    HostPlan,
    Part,
    Plan,
    PlayPlan,
    Refusal,
    ResourceChange,
    Step,
    Unreachable,
    Work,
)
from deployer.planning.container.replace import part_replaced

SHOP = "playbooks/shop.yml"
OLD_ID = "0ldc0ntainer" + "0" * 52


def container(name: str, host: str = "web1") -> Address:
    return Address(host, Kind.CONTAINER, name)


def network(name: str, host: str = "web1") -> Address:
    return Address(host, Kind.NETWORK, name)


def image(name: str, host: str = "web1") -> Address:
    return Address(host, Kind.IMAGE, name)


def volume(name: str, host: str = "web1") -> Address:
    return Address(host, Kind.VOLUME, name)


def shop_changes(host: str = "web1") -> tuple[ResourceChange, ...]:
    """One of each everyday action."""
    return (
        ResourceChange(image("shop/web:1.4.2", host), Action.CREATE, reason="pull", origin=Origin(SHOP, 24, 14)),
        ResourceChange(network("front", host), Action.CREATE, origin=Origin(SHOP, 11, 5)),
        ResourceChange(container("db", host), Action.UPDATE, (memory_diff(),), "in place", Origin(SHOP, 14, 5)),
        ResourceChange(
            container("web", host),
            Action.REPLACE_STOP_FIRST,
            (
                FieldDiff(("image",), "shop/web:1.4.1", "shop/web:1.4.2", Change.REPLACE, Origin(SHOP, 24, 14)),
                FieldDiff(("environment", "MODE"), "a", "", Change.REPLACE, source="no longer declared"),
            ),
            "stop-first: host port 8080 is fixed",
            Origin(SHOP, 22, 5),
        ),
    )


def memory_diff() -> FieldDiff:
    return FieldDiff(("mem_limit",), "512 MiB", "1 GiB", Change.UPDATE, Origin("group_vars/db.yml", 3, 12))


def _replacing(number: int, operation: Operation, address: Address, needs: tuple[int, ...]) -> Step:
    return Step(
        number, operation, address, "replaced", needs, Group(Work.REPLACE, ("web",)), part=part_replaced(operation)
    )


def shop_steps(host: str = "web1") -> tuple[Step, ...]:
    web, made = container("web", host), Made(4)
    return (
        Step(1, PullImage("docker.io/shop/web:1.4.2"), image("shop/web:1.4.2", host), "pull"),
        Step(2, CreateNetwork("front", {}), network("front", host), "missing"),
        Step(3, UpdateContainer("db" * 32, {}), container("db", host), "changed"),
        _replacing(4, CreateContainer("web.new", {}), web, (1, 2)),
        _replacing(5, StopContainer(OLD_ID), web, (4,)),
        _replacing(6, RenameContainer(made, "web"), web, (5,)),
        _replacing(7, StartContainer(made), web, (6,)),
        _replacing(8, AwaitHealthy(made, 60, 5), web, (7,)),
        Step(9, RemoveContainer(OLD_ID), web, "replaced by #4", (8,), part=Part.OLD),
    )


def host_plan(host: str = "web1", *, simulated: bool = False, notes: tuple[str, ...] = ()) -> HostPlan:
    return HostPlan(host, "shop", shop_changes(host), shop_steps(host), notes, simulated=simulated)


def unchanged(host: str, *, simulated: bool = False) -> HostPlan:
    return HostPlan(host, "shop", simulated=simulated)


def refusing(host: str = "web1") -> HostPlan:
    diffs = (FieldDiff(("driver",), "local", "nfs", Change.REPLACE, Origin(SHOP, 31, 14)),)
    refusal = Refusal(
        volume("db-data", host),
        "differs from its declaration, and changing it would lose its data",
        "a volume cannot be changed, and a new one is empty",
        Origin(SHOP, 30, 5),
        diffs,
    )
    change = ResourceChange(network("front", host), Action.CREATE, origin=Origin(SHOP, 11, 5))
    return HostPlan(host, "shop", (change,), refusals=(refusal,))


def play(*hosts: HostPlan, name: str = "Web tier", batches: tuple[tuple[str, ...], ...] = ()) -> PlayPlan:
    return PlayPlan(name, "shop", hosts, batches or (tuple(host.host for host in hosts),))


def plan(*hosts: HostPlan, unreachable: tuple[Unreachable, ...] = ()) -> Plan:
    return Plan((play(*hosts),), unreachable)


LOST = Unreachable("web3", "web3:22 refused the connection", "is sshd running there?")


def result(step: Step, status: Status = Status.DONE, *, error: str = "", hint: str = "", log: str = "") -> StepResult:
    return StepResult(step, status, 0.3, error, hint, log)


def succeeded(host: str = "web1") -> HostOutcome:
    found = host_plan(host)
    return HostOutcome(found, tuple(result(step) for step in found.steps), unchanged=3)


def rolled_back(host: str = "web1") -> HostOutcome:
    """web never became healthy; the old one runs again; what others wait for is skipped."""
    found = host_plan(host)
    log = "listening on :80\n\x1b[31mpanic\x1b[0m: no database\n"
    results = [result(step) for step in found.steps[:3]]
    results += [result(step, Status.UNDONE) for step in found.steps[3:7]]
    results.append(
        result(
            found.steps[7],
            Status.FAILED,
            error="not healthy after 60s\nlast check: connection refused",
            hint="docker logs web",
            log=log,
        )
    )
    results.append(result(found.steps[8], Status.SKIPPED))
    return HostOutcome(found, tuple(results), unchanged=1)


def outcome(*hosts: HostOutcome, unreachable: tuple[Unreachable, ...] = ()) -> Outcome:
    return Outcome(plan(*(host.plan for host in hosts), unreachable=unreachable), hosts)
