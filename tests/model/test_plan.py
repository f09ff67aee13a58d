"""Plans as values: how steps read, and what is counted."""

from __future__ import annotations

import pytest

from deployer.diagnostics import Origin
from deployer.model.desired import Address, Kind
from deployer.model.operations import (
    AwaitCompleted,
    AwaitHealthy,
    ConnectNetwork,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    Made,
    Operation,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    StartContainer,
    StopContainer,
    UpdateContainer,
)
from deployer.model.plan import Action, Counts, Group, HostPlan, Plan, PlayPlan, ResourceChange, Step, Work, count

ID = "0123456789ab" + "f" * 52
WEB = Address("web1", Kind.CONTAINER, "web")


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (PullImage("docker.io/library/web:1"), "PullImage docker.io/library/web:1"),
        (PullImage("docker.io/library/web:1", "linux/arm64"), "PullImage docker.io/library/web:1 for linux/arm64"),
        (RemoveImage("docker.io/library/web:1"), "RemoveImage docker.io/library/web:1"),
        (CreateNetwork("front", {"Name": "front"}), "CreateNetwork front"),
        (RemoveNetwork("front"), "RemoveNetwork front"),
        (ConnectNetwork("front", ID, {}), "ConnectNetwork front 0123456789ab"),
        (DisconnectNetwork("front", Made(3)), "DisconnectNetwork front made by #3"),
        (CreateVolume("data", {}), "CreateVolume data"),
        (RemoveVolume("data"), "RemoveVolume data"),
        (CreateContainer("web", {}, "linux/arm64"), "CreateContainer web"),
        (UpdateContainer(ID, {"Memory": 5}), "UpdateContainer 0123456789ab"),
        (StartContainer(ID), "StartContainer 0123456789ab"),
        (StopContainer(Made(1)), "StopContainer made by #1"),
        (StopContainer(Made(1), 5), "StopContainer made by #1 (5s)"),
        (RenameContainer(ID, "web"), "RenameContainer 0123456789ab to web"),
        (RemoveContainer(ID), "RemoveContainer 0123456789ab"),
        (AwaitHealthy(ID, 60, 5), "AwaitHealthy 0123456789ab"),
        (AwaitCompleted(ID), "AwaitCompleted 0123456789ab"),
    ],
)
def test_operations_are_described_without_their_bodies(operation: Operation, text: str) -> None:
    assert str(operation) == text


@pytest.mark.parametrize(
    "operation",
    [
        CreateContainer("web", {"Env": ["A=hidden"]}),
        CreateNetwork("front", {"Labels": {"a": "hidden"}}),
        CreateVolume("data", {"DriverOpts": {"o": "hidden"}}),
        ConnectNetwork("front", ID, {"DriverOpts": {"a": "hidden"}}),
        UpdateContainer(ID, {"a": "hidden"}),
    ],
)
def test_python_prints_no_bodies_either(operation: Operation) -> None:
    assert "hidden" not in repr(Step(1, operation, WEB, "missing", undo=(operation,)))


def test_a_step_reads_as_needs_number_call_cause_and_group() -> None:
    step = Step(4, StartContainer(Made(3)), WEB, "missing")
    assert str(step) == "#4 container.web, StartContainer made by #3, missing"
    further = Step(5, StopContainer(ID), WEB, "replaced", (1, 4), Group(Work.REPLACE, ("web",)))
    assert str(further) == "[1,4] -> #5 container.web, StopContainer 0123456789ab, replaced [replace web]"
    assert str(HostPlan("web1", "shop", steps=(step, further))) == f"{step}\n{further}"


def test_every_action_counts_once() -> None:
    changes = [ResourceChange(WEB, action, origin=Origin("play.yml")) for action in Action]
    assert count(changes) == Counts(create=1, update=3, replace=2, remove=1, run=1)
    assert count(changes).total == len(Action)
    assert {action for action in Action if action.replaces} == {
        Action.REPLACE_STOP_FIRST,
        Action.REPLACE_START_FIRST,
    }


def test_a_plan_sees_all_hosts_of_all_plays() -> None:
    change = ResourceChange(WEB, Action.CREATE)
    hosts = (HostPlan("web1", "shop", changes=(change,)), HostPlan("web2", "shop"))
    plan = Plan((PlayPlan("one", "shop", hosts[:1]), PlayPlan("two", "shop", hosts[1:])))
    assert tuple(plan.hosts) == hosts
    assert tuple(plan.changes) == (change,)
    assert not plan.empty
    assert Plan().empty


def test_addresses_read_as_host_kind_and_name() -> None:
    assert str(WEB) == "web1/container.web"
    assert WEB.label == "container.web"
