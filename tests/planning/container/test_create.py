"""What is missing is made, in the order it is needed; what is as declared is left alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.model.plan import Plan, PlayPlan
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from deployer.reporting.human import plan_text
from deployer.reporting.json_plan import plan_document
from deployer.reporting.lines import render
from tests.planning.build import EMPTY, applied, changed, changes, nothing, plan, play, refusals, steps, without

SHOP = """
networks: {front: {}}
volumes: {data: {}}
containers:
  web:
    image: web:1
    environment: {MODE: production}
    ports: ["8080:80"]
    volumes: ["data:/data"]
    networks: {front: {aliases: [www]}}
    mem_limit: 64m
    healthcheck: {test: [CMD, "true"]}
"""


def test_everything_a_container_needs_is_made_before_it() -> None:
    found = plan(SHOP, applied(EMPTY))
    assert steps(found) == [
        "#1 network.front, CreateNetwork front, missing",
        "#2 volume.data, CreateVolume data, missing",
        "#3 image.web:1, PullImage docker.io/library/web:1, pull",
        "[1,2,3] -> #4 container.web, CreateContainer web, missing",
        "[4] -> #5 container.web, StartContainer made by #4, missing",
        "[5] -> #6 container.web, AwaitHealthy made by #4, must work",
    ]
    assert changes(found) == ["+ image.web:1 (pull)", "+ network.front", "+ volume.data", "+ container.web"]


def test_every_change_says_where_it_was_declared() -> None:
    found = plan(SHOP, applied(EMPTY))
    places = {change.address.label: change.origin.short if change.origin else "" for change in found.changes}
    assert places == {
        "image.web:1": "shop.yml:5",
        "network.front": "shop.yml:1",
        "volume.data": "shop.yml:2",
        "container.web": "shop.yml:4",
    }


def test_the_second_run_has_nothing_to_do() -> None:
    assert nothing(plan(SHOP, applied(SHOP)))


def test_existing_objects_are_not_created() -> None:
    found = plan(SHOP, without(applied(SHOP), "web"))
    assert steps(found) == [
        "#1 container.web, CreateContainer web, missing",
        "[1] -> #2 container.web, StartContainer made by #1, missing",
        "[2] -> #3 container.web, AwaitHealthy made by #1, must work",
    ]


def test_a_container_that_is_only_to_be_created_is_not_started() -> None:
    for state in ("created", "stopped"):
        found = plan(f"containers: {{web: {{image: web:1, state: {state}}}}}", applied(EMPTY))
        assert steps(found) == [
            "#1 image.web:1, PullImage docker.io/library/web:1, pull",
            "[1] -> #2 container.web, CreateContainer web, missing",
        ]


def test_engines_before_api_1_44_get_further_networks_one_by_one() -> None:
    wish = """
    networks: {front: {}, back: {}, far: {}}
    containers: {web: {image: web:1, networks: [front, far, back]}}
    """
    found = plan(wish, applied(EMPTY, api="1.43"))
    assert steps(found)[4:] == [
        "[1,2,3,4] -> #5 container.web, CreateContainer web, missing",
        "[5] -> #6 container.web, ConnectNetwork far made by #5, missing",
        "[6] -> #7 container.web, ConnectNetwork back made by #5, missing",
        "[7] -> #8 container.web, StartContainer made by #5, missing",
        "[8] -> #9 container.web, AwaitHealthy made by #5, must work",
    ]
    assert len(steps(plan(wish, applied(EMPTY, api="1.44")))) == 7


def test_a_container_interrupted_before_its_networks_were_connected_gets_them_before_it_starts() -> None:
    wish = "networks: {front: {}, back: {}}\ncontainers: {web: {image: web:1, networks: [front, back]}}"
    host = changed(applied(wish, api="1.43"), "web", state="created", values={"networks": {"front": {}}})
    assert steps(plan(wish, host)) == [
        "#1 container.web, ConnectNetwork back web-1, changed [reconnect web]",
        "[1] -> #2 container.web, StartContainer web-1, was never started",
        "[2] -> #3 container.web, AwaitHealthy web-1, must work",
    ]


@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        ("exited", 0, "is exited with code 0"),
        ("exited", 137, "is exited with code 137"),
        ("created", 0, "was never started"),
    ],
)
def test_a_container_that_does_not_run_is_started(state: str, code: int, reason: str) -> None:
    found = plan(SHOP, changed(applied(SHOP), "web", state=state, exit_code=code))
    assert steps(found) == [
        f"#1 container.web, StartContainer web-1, {reason}",
        "[1] -> #2 container.web, AwaitHealthy web-1, must work",
    ]
    assert changes(found) == [f"> container.web ({reason})"]


def test_a_running_container_that_should_not_run_is_stopped() -> None:
    found = plan(SHOP + "    state: stopped", applied(SHOP))
    assert steps(found) == ["#1 container.web, StopContainer web-1, is running"]
    assert changes(found) == ["# container.web (is running)"]


def test_a_container_to_be_created_may_run() -> None:
    assert nothing(plan(SHOP + "    state: created", applied(SHOP)))


def test_a_start_waits_for_the_network_that_has_to_be_made_again() -> None:
    """One that has run keeps the id of the network that is gone, and would not start."""
    host = changed(without(applied(SHOP), "front"), "web", state="exited")
    assert steps(plan(SHOP, host)) == [
        "#1 network.front, CreateNetwork front, missing",
        "[1] -> #2 container.web, ConnectNetwork front web-1, changed [reconnect web]",
        "[1,2] -> #3 container.web, StartContainer web-1, is exited with code 0",
        "[3] -> #4 container.web, AwaitHealthy web-1, must work",
    ]


def test_a_container_declared_absent_is_stopped_and_removed() -> None:
    wish = "containers: {web: {state: absent}}"
    found = plan(wish, applied("containers: {web: {image: web:1}}"))
    assert steps(found) == [
        "#1 container.web, StopContainer web-1, absent",
        "[1] -> #2 container.web, RemoveContainer web-1, absent, at last",
    ]
    assert changes(found) == ["- container.web (absent)"]
    assert nothing(plan(wish, applied(EMPTY)))


def test_a_stopped_container_declared_absent_is_only_removed() -> None:
    host = changed(applied("containers: {web: {image: web:1}}"), "web", state="exited")
    assert steps(plan("containers: {web: {state: absent}}", host)) == [
        "#1 container.web, RemoveContainer web-1, absent, at last",
    ]


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("annotations: {a: b}", "annotations needs Docker API 1.43"),
        ("devices: [vendor.com/gpu=0]", "CDI device vendor.com/gpu=0 needs Docker API 1.44"),
        ("gpus: [{driver: cdi, device_ids: [vendor.com/gpu=0]}]", "CDI device vendor.com/gpu=0 needs Docker API 1.44"),
        ("networks: {front: {gw_priority: 5}}", "networks.front.gw_priority needs Docker API 1.48"),
        ("networks: {front: {interface_name: eth7}}", "networks.front.interface_name needs Docker API 1.49"),
        ("healthcheck: {test: x, start_interval: 1s}", "healthcheck.start_interval needs Docker API 1.44"),
        (
            "volumes: [{type: volume, source: data, target: /d, volume: {subpath: a}}]",
            "volumes./d.subpath needs Docker API 1.45",
        ),
        (
            "volumes: [{type: bind, source: /d, target: /d, read_only: true, bind: {recursive: readonly}}]",
            "volumes./d.recursive needs Docker API 1.44",
        ),
    ],
)
def test_values_that_the_engine_ignores_silently_are_refused(key: str, what: str) -> None:
    """W21."""
    wish = f"networks: {{front: {{}}}}\nvolumes: {{data: {{}}}}\ncontainers:\n  web:\n    image: web:1\n    {key}\n"
    found = plan(wish, applied(EMPTY, api="1.41"))
    assert refusals(found) == [f"container.web: {what}; the engine here is 26.1.5 (API 1.41)"]
    assert refusals(plan(wish, applied(EMPTY, api="1.49"))) == []


def test_a_healthcheck_of_the_image_that_crashes_the_engine_is_refused() -> None:
    """Unless the container has a test of its own."""
    images = {"web:1": {"Healthcheck": {"Test": ["CMD"]}}}
    wish = """
    containers:
      web: {image: web:1, healthcheck: {interval: 5s}}
      api: {image: web:1, healthcheck: {test: x}, state: created}
    """
    found = plan(wish, without(applied(wish, images), "web", "api"))
    assert refusals(found) == [
        "container.web: the image has a healthcheck without a command, which crashes Docker itself"
    ]
    assert changes(found) == ["+ container.api"]


def test_binds_without_what_is_mounted_below_are_older_than_the_other_kinds() -> None:
    """API 1.40."""
    mount = "{type: bind, source: /d, target: /d, bind: {recursive: disabled}}"
    wish = f"containers: {{web: {{image: web:1, volumes: [{mount}]}}}}"
    assert refusals(plan(wish, applied(EMPTY, api="1.41"))) == []


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        (
            "containers: {web: {image: web:1, networks: [front]}}",
            "container.web: network front is neither declared nor on the host",
        ),
        (
            "containers: {web: {image: web:1, volumes: ['data:/d']}}",
            "container.web: volume data is neither declared nor on the host",
        ),
        (
            "containers: {web: {image: web:1, network_mode: 'container:db'}}",
            "container.web: container db is neither declared nor on the host",
        ),
        (
            "networks: {front: {state: absent}}\ncontainers: {web: {image: web:1, networks: [front]}}",
            "container.web: network front is declared absent",
        ),
    ],
)
def test_a_dangling_reference_is_refused(wish: str, refusal: str) -> None:
    assert refusals(plan(wish, applied(EMPTY))) == [refusal]


def test_a_network_that_a_container_uses_cannot_be_declared_absent() -> None:
    host = applied("networks: {front: {}}\ncontainers: {web: {image: web:1, networks: [front]}}")
    wish = "networks: {front: {state: absent}}\ncontainers: {web: {image: web:1, networks: [front]}}"
    assert refusals(plan(wish, host)) == [
        "container.web: network front is declared absent",
        "network.front: cannot be removed while containers are attached: web",
    ]


def test_resources_of_earlier_plays_can_be_used() -> None:
    desired = play("containers: {web: {image: web:1, networks: [front]}}")
    network = play("networks: {front: {}}").resources[0]
    desired = replace(desired, elsewhere=frozenset({(network.kind, network.name)}))
    assert refusals(plan(desired, applied(EMPTY))) == []


def test_existing_objects_can_be_used_undeclared() -> None:
    host = applied("networks: {front: {}}\nvolumes: {data: {}}")
    wish = "containers: {web: {image: web:1, networks: [front], volumes: ['data:/d']}}"
    assert refusals(plan(wish, host)) == []


def test_a_new_resource_lists_what_is_declared() -> None:
    text = """
networks: {front: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}
volumes: {data: {}}
jobs: {once: {image: 'db:1', command: migrate}}
containers:
  web: {image: 'web:1', networks: [front], mem_limit: 64m, environment: {DB_PASSWORD: '{{ secret }}', MODE: a}}
"""
    found = reconcile(play(text, secrets={"secret": "hunter2"}), applied(EMPTY), Policy())
    declared = {each.address.label: [(f.name, f.old, f.new) for f in each.declared] for each in found.changes}
    assert declared == {
        "image.db:1": [],
        "image.web:1": [],
        "network.front": [("ipam.config", "", "10.9.0.0/24")],
        "volume.data": [],
        "container.web": [
            ("image", "", "web:1"),
            ("environment.DB_PASSWORD", "", "***"),
            ("environment.MODE", "", "a"),
            ("networks.front", "", "attached"),
            ("mem_limit", "", "64 MiB"),
        ],
        "job.once": [("image", "", "db:1"), ("command", "", "migrate")],
    }
    whole = Plan((PlayPlan("shop", "shop", (found,)),))
    short, long = (render(plan_text(whole, steps=steps), colour=False) for steps in (False, True))
    assert "environment" not in short
    assert "         environment.DB_PASSWORD  (secret)" in long
    web = next(each for each in plan_document(whole)["plays"][0]["hosts"][0]["changes"] if each["name"] == "web")
    assert [(each["path"], each["old"], each["new"]) for each in web["fields"]][-1] == (["mem_limit"], None, "64 MiB")
    assert all(not each.declared for each in plan(SHOP, changed(applied(SHOP), "web", values={"tty": True})).changes)
