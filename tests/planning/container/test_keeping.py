"""What becomes of replaced containers, and of successors that failed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from deployer.model.desired import OnFailure
from deployer.model.observed import Observed, Ownership, Stub
from deployer.model.operations import CreateContainer, UpdateContainer, WriteRecord
from deployer.model.plan import HostPlan, Phase
from tests.planning.build import EMPTY, applied, changed, changes, nothing, plan, steps, stub

WEB = "containers: {web: {image: web:1, command: a}}"
NEXT = WEB.replace("command: a", "command: b")


def kept(name: str, **facts: Any) -> Stub:
    """Its id is `previous`, `previous-2` or `failed`."""
    found = stub(name, owner=Ownership("shop", "container.web"), **{"state": "exited", **facts})
    return replace(found, id=name.removeprefix("web."))


def with_kept(host: Observed, *stubs: Stub) -> Observed:
    return replace(host, kept=stubs)


def at_last(found: HostPlan) -> list[str]:
    return [str(step.operation) for step in found.steps if step.phase is Phase.COMMIT]


def wish(text: str, count: int) -> str:
    return text.replace("command:", f"keep_previous: {count}, command:")


def test_a_replaced_container_is_kept() -> None:
    assert at_last(plan(NEXT, applied(WEB))) == ["RenameContainer web-1 to web.previous"]


def test_the_one_before_it_goes() -> None:
    host = with_kept(applied(WEB), kept("web.previous"))
    assert at_last(plan(NEXT, host)) == [
        "RemoveContainer previous",
        "RenameContainer web-1 to web.previous",
    ]


def test_as_many_are_kept_as_are_wanted() -> None:
    host = with_kept(applied(WEB), kept("web.previous"), kept("web.previous-2"), kept("web.previous-3"))
    assert at_last(plan(wish(NEXT, 3), host)) == [
        "RemoveContainer previous-3",
        "RenameContainer previous-2 to web.previous-3",
        "RenameContainer previous to web.previous-2",
        "RenameContainer web-1 to web.previous",
    ]
    assert at_last(plan(wish(NEXT, 1), host)) == [
        "RemoveContainer previous",
        "RemoveContainer previous-2",
        "RemoveContainer previous-3",
        "RenameContainer web-1 to web.previous",
    ]


def test_none_is_kept_when_none_is_wanted() -> None:
    host = with_kept(applied(WEB), kept("web.previous"))
    assert at_last(plan(wish(NEXT, 0), host)) == ["RemoveContainer previous", "RemoveContainer web-1"]
    assert at_last(plan("keep_previous: 0\n" + NEXT, applied(WEB))) == ["RemoveContainer web-1"]
    assert at_last(plan("keep_previous: 0\n" + wish(NEXT, 1), applied(WEB))) == [
        "RenameContainer web-1 to web.previous"
    ]


def test_gaps_that_an_interrupted_run_left_are_closed() -> None:
    host = with_kept(applied(WEB), kept("web.previous-2"), kept("web.previous-5"))
    assert at_last(plan(wish(NEXT, 3), host)) == [
        "RenameContainer previous-5 to web.previous-3",
        "RenameContainer web-1 to web.previous",
    ]


def test_kept_containers_are_never_restarted_by_the_engine() -> None:
    always = NEXT.replace("command: b", "restart: always, command: b")
    found = plan(always, applied(always.replace("command: b", "command: a")))
    assert at_last(found) == ["RenameContainer web-1 to web.previous"]
    (step,) = [step for step in found.steps if isinstance(step.operation, UpdateContainer)]
    assert step.operation == UpdateContainer("web-1", {"RestartPolicy": {"Name": "no"}})
    assert step.undo == (UpdateContainer("web-1", {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}),)


def test_kept_containers_are_owned_and_not_a_difference() -> None:
    host = with_kept(applied(WEB), kept("web.previous"), kept("web.failed"))
    assert nothing(plan(WEB, host, prune=True))


@pytest.mark.parametrize(
    ("host", "policy", "removed"),
    [
        (
            changed(applied(WEB), "web", volumes=frozenset({"data"})),
            {"data_loss": frozenset({"web1/volume.data"})},
            "web-1",
        ),
    ],
    ids=["holds a volume that may go"],
)
def test_some_cannot_be_kept(host: Observed, policy: dict[str, Any], removed: str) -> None:
    assert at_last(plan(NEXT, host, **policy)) == [f"RemoveContainer {removed}"]


def test_an_adopted_one_is_kept_and_known_by_its_record() -> None:
    host = changed(applied(WEB.replace("command", "restart: always, command")), "web", owner=Ownership())
    found = plan(NEXT, host, adopt=True)
    assert steps(found)[0] == "#1 container.web, WriteRecord web-1, replaced [replace web]"
    assert at_last(found) == ["RenameContainer web-1 to web.previous"]
    operation = found.steps[0].operation
    assert isinstance(operation, WriteRecord)
    assert operation.labels["deployer.spec"] == '{"fields":{"restart":"always"},"format":1}'


def test_one_whose_image_is_to_go_is_not_kept() -> None:
    host = with_kept(applied("images: {'web:1': {}}\n" + WEB), kept("web.previous", image_id="image web:1"))
    renewed = "images: {'web:1': {state: absent}}\n" + NEXT.replace("web:1", "web:2")
    assert at_last(plan(renewed, host)) == [
        "RemoveContainer web-1",
        "RemoveContainer previous",
        "RemoveImage docker.io/library/web:1",
    ]


def undone(found: HostPlan) -> tuple[list[str], list[str]]:
    """What takes a creation back, and what does when that container is what failed."""
    (step,) = [step for step in found.steps if isinstance(step.operation, CreateContainer)]
    texts: list[list[str]] = [[str(each) for each in part] for part in (step.undo, step.keep)]
    return texts[0], texts[1]


def test_a_successor_that_failed_is_kept_instead_of_removed() -> None:
    assert undone(plan(NEXT, applied(WEB))) == (
        ["RemoveContainer made by #1"],
        ["RenameContainer made by #1 to web.failed"],
    )
    again = with_kept(applied(WEB), kept("web.failed"))
    restarting = plan(NEXT.replace("command: b", "restart: always, command: b"), again)
    assert undone(restarting)[1] == [
        "RemoveContainer failed",
        "UpdateContainer made by #1",
        "RenameContainer made by #1 to web.failed",
    ]


def test_so_is_one_that_replaces_nothing() -> None:
    assert undone(plan(WEB, applied(EMPTY))) == (
        ["RemoveContainer made by #2"],
        ["RenameContainer made by #2 to web.failed"],
    )


@pytest.mark.parametrize("text", [NEXT.replace("command: b", "auto_remove: true, command: b")])
def test_one_that_vanishes_by_itself_is_not(text: str) -> None:
    assert undone(plan(text, applied(WEB)))[1] == []


def test_a_name_that_is_taken_is_left_to_its_owner() -> None:
    host = replace(applied(WEB), others=(stub("web.failed"),))
    assert undone(plan(NEXT, host)) == (["RemoveContainer made by #1"], [])


@pytest.mark.parametrize("host", [applied(WEB), applied(EMPTY)], ids=["replaces", "is new"])
def test_the_next_one_that_works_takes_the_failed_one_away(host: Observed) -> None:
    assert at_last(plan(NEXT, with_kept(host, kept("web.failed"))))[0] == "RemoveContainer failed"


@pytest.mark.parametrize("text", ["containers: {web: {state: absent}}", "prune: true"])
def test_they_go_with_their_resource(text: str) -> None:
    host = with_kept(applied(WEB), kept("web.previous"), kept("web.failed", state="running"))
    found = plan(text, host)
    reason = "absent" if "absent" in text else "no longer declared"
    assert changes(found) == [f"- container.{name} ({reason})" for name in ("web", "web.failed", "web.previous")]
    assert at_last(found) == [
        "StopContainer failed",
        "RemoveContainer failed",
        "RemoveContainer previous",
        "RemoveContainer web-1",
    ]


@pytest.mark.parametrize("text", ["containers: {web: {state: absent}}", "prune: true"])
def test_they_go_when_their_resource_is_gone_already(text: str) -> None:
    found = plan(text, with_kept(applied(EMPTY), kept("web.previous")))
    assert [change.address.label for change in found.changes] == ["container.web.previous"]
    assert at_last(found) == ["RemoveContainer previous"]


def test_a_network_they_are_on_can_go_unless_they_run() -> None:
    play = "networks: {front: {state: absent}}"
    host = applied("networks: {front: {}}")
    stopped, running = (
        with_kept(host, kept("web.previous", state=state, networks=frozenset({"front"})))
        for state in ("exited", "running")
    )
    assert steps(plan(play, stopped)) == ["#1 network.front, RemoveNetwork front-1, absent, at last"]
    (refusal,) = plan(play, running).refusals
    assert refusal.summary == "cannot be removed while containers are attached: web.previous"


def test_a_volume_they_hold_takes_them_along() -> None:
    host = with_kept(applied("volumes: {data: {}}"), kept("web.previous", volumes=frozenset({"data"})))
    found = plan("volumes: {data: {state: absent}}", host, data_loss=frozenset({"web1/volume.data"}))
    assert at_last(found) == ["RemoveContainer previous", "RemoveVolume data"]
    assert changes(found) == [
        "- volume.data (absent; its data is lost)",
        "- container.web.previous (mounts data)",
    ]


def test_a_first_container_has_no_predecessor() -> None:
    assert plan(WEB, applied(EMPTY)).on_failure is OnFailure.STOP
    assert plan("on_failure: rollback_all\n" + WEB, applied(EMPTY)).on_failure is OnFailure.ROLLBACK_ALL
    more = WEB.replace("{web:", "{api: {image: web:1}, web:")
    assert plan(more, applied(WEB)).on_failure is OnFailure.STOP
    assert plan(more.replace("command: a", "command: b"), applied(WEB)).on_failure is OnFailure.ROLLBACK_HOST
    assert plan("on_failure: stop\n" + NEXT, applied(WEB)).on_failure is OnFailure.STOP
