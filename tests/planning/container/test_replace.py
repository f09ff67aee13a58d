"""A container that has to be replaced: in which order, with what, and how the steps are undone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.model.operations import CreateContainer, PauseContainer, StartContainer, StopContainer
from tests.planning.build import Images, applied, changed, changes, nothing, plan, refusals, steps, stub

WEB = "containers: {web: {image: web:1, environment: {MODE: a}}}"
PUBLISHED = "containers: {web: {image: web:1, ports: ['8080:80'], environment: {MODE: a}}}"
DOWN = "; stopped while the new one starts"

STOP_FIRST = [
    "#1 container.web, CreateContainer web.deployer-new, replaced [replace web]",
    "[1] -> #2 container.web, StopContainer web-1, replaced [replace web]",
    "[2] -> #3 container.web, RenameContainer web-1 to web.deployer-old, replaced [replace web]",
    "[3] -> #4 container.web, RenameContainer made by #1 to web, replaced [replace web]",
    "[4] -> #5 container.web, StartContainer made by #1, replaced [replace web]",
    "[5] -> #6 container.web, AwaitHealthy made by #1, replaced [replace web]",
    "[6] -> #7 container.web, RenameContainer web-1 to web.previous, replaced by #1, at last",
]
START_FIRST = [
    "#1 container.web, CreateContainer web.deployer-new, replaced [replace web]",
    "[1] -> #2 container.web, StartContainer made by #1, replaced [replace web]",
    "[2] -> #3 container.web, AwaitHealthy made by #1, replaced [replace web]",
    "[3] -> #4 container.web, RenameContainer web-1 to web.deployer-old, replaced [replace web]",
    "[4] -> #5 container.web, RenameContainer made by #1 to web, replaced [replace web]",
    "[5] -> #6 container.web, StopContainer web-1, replaced [replace web]",
    "[6] -> #7 container.web, RenameContainer web-1 to web.previous, replaced by #1, at last",
]


def test_a_fixed_host_port_is_given_up_before_the_new_one_starts() -> None:
    found = plan(PUBLISHED.replace("MODE: a", "MODE: b"), applied(PUBLISHED))
    assert steps(found) == STOP_FIRST
    assert changes(found) == [f"-/+ container.web (stop-first: host port 8080 is fixed{DOWN}): environment.MODE a → b"]


def test_where_nothing_is_exclusive_the_new_one_starts_first() -> None:
    found = plan(WEB.replace("MODE: a", "MODE: b"), applied(WEB))
    assert steps(found) == START_FIRST
    assert changes(found) == ["+/- container.web (start-first: no downtime): environment.MODE a → b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PUBLISHED,
            [
                "[1] -> #2 container.web, StopContainer web-1, replaced [replace web]",
                "[2] -> #3 container.web, UpdateContainer web-1, replaced [replace web]",
                "[3] -> #4 container.web, RenameContainer web-1 to web.deployer-old, replaced [replace web]",
                "[4] -> #5 container.web, RenameContainer made by #1 to web, replaced [replace web]",
                "[5] -> #6 container.web, StartContainer made by #1, replaced [replace web]",
            ],
        ),
        (
            WEB,
            [
                "[3] -> #4 container.web, UpdateContainer web-1, replaced [replace web]",
                "[4] -> #5 container.web, RenameContainer web-1 to web.deployer-old, replaced [replace web]",
                "[5] -> #6 container.web, RenameContainer made by #1 to web, replaced [replace web]",
                "[6] -> #7 container.web, StopContainer web-1, replaced [replace web]",
            ],
        ),
    ],
)
def test_one_set_aside_loses_its_restart_policy_before_its_name(text: str, expected: list[str]) -> None:
    """An engine that starts also starts what has a policy: both would run."""
    before = text.replace("image", "restart: unless-stopped, image")
    found = steps(plan(before.replace("MODE: a", "MODE: b"), applied(before)))
    assert "\n".join(expected) in "\n".join(found)


@pytest.mark.parametrize(("keys", "time"), [("3s", "3s"), ("0", "0s"), ("-1", "no limit")])
def test_the_old_one_gets_the_time_that_is_said_for_being_replaced(keys: str, time: str) -> None:
    wish = WEB.replace("MODE: a}", f"MODE: b}}, stop_grace_period: 2m, update: {{stop_grace_period: {keys}}}")
    found = plan(wish, applied(WEB))
    assert steps(found)[5] == f"[5] -> #6 container.web, StopContainer web-1 ({time}), replaced [replace web]"


SHARED = """
networks: {front: {}, back: {}}
containers:
  web: {image: web:1, environment: {MODE: a}, networks: {front: {aliases: [www]}}}
  proxy: {image: proxy:1, networks: [front]}
"""


def test_the_name_leads_to_the_new_one_for_a_while_before_the_old_one_stops() -> None:
    found = plan(SHARED.replace("MODE: a", "MODE: b"), applied(SHARED))
    assert steps(found)[3:7] == [
        "[3] -> #4 container.web, RenameContainer web-1 to web.deployer-old, replaced [replace web]",
        "[4] -> #5 container.web, RenameContainer made by #1 to web, replaced [replace web]",
        "[5] -> #6 container.web, Drain web-1 (2s), replaced [replace web]",
        "[6] -> #7 container.web, StopContainer web-1, replaced [replace web]",
    ]
    assert changes(found) == ["+/- container.web (start-first: no downtime, drains 2s): environment.MODE a → b"]
    assert found.notes == ("container.web: the old container is reached as www until it stops",)


@pytest.mark.parametrize(
    ("old", "new", "drains"),
    [
        ("proxy:1, networks: [front]", "proxy:1, networks: [back]", ""),
        ("networks: {front: {aliases: [www]}}", "ports: ['80']", ""),
        ("{aliases: [www]}}", "{}}, update: {drain: 500ms}", "500ms"),
        ("{aliases: [www]}}", "{}}, update: {drain: 0}", ""),
        ("proxy: {image: proxy:1, networks: [front]}", "", ""),
    ],
)
def test_how_long(old: str, new: str, drains: str) -> None:
    wish = SHARED.replace(old, new)
    found = plan(wish.replace("MODE: a", "MODE: b"), applied(wish))
    assert [change.reason for change in found.changes] == [
        "start-first: no downtime" + (f", drains {drains}" if drains else "")
    ]
    assert sum("Drain" in line for line in steps(found)) == bool(drains)


@pytest.mark.parametrize(("network", "drains"), [("front", ", drains 2s"), ("bridge", ""), ("back", "")])
def test_a_container_of_others_counts_where_it_could_look_the_name_up(network: str, drains: str) -> None:
    wish = SHARED.replace("proxy: {image: proxy:1, networks: [front]}", "")
    beside = replace(applied(wish), others=(stub("theirs", networks=frozenset({network})),))
    reason = plan(wish.replace("MODE: a", "MODE: b"), beside).changes[0].reason
    assert reason == f"start-first: no downtime{drains}"


@pytest.mark.parametrize("keeps", [False, True])
def test_two_in_a_row_do_not_both_have_their_name_as_an_alias(keeps: bool) -> None:
    wish = SHARED.replace("{aliases: [www]}", "{}")
    found = plan(wish.replace("MODE: a", "MODE: b"), changed(applied(wish), "web", keeps_name=keeps))
    create = found.steps[0].operation
    assert isinstance(create, CreateContainer)
    endpoint = create.body["NetworkingConfig"]["EndpointsConfig"]["front"]
    assert endpoint.get("Aliases", []) == ([] if keeps else ["web"])
    said = "container.web: the old container is reached as web until it stops"
    assert found.notes == ((said,) if keeps else ())


def test_the_steps_are_undone_one_by_one() -> None:
    found = plan(PUBLISHED.replace("MODE: a", "MODE: b"), applied(PUBLISHED))
    undo = [" ".join(type(each).__name__ for each in step.undo) for step in found.steps]
    assert undo == [
        "RemoveContainer",
        "StartContainer",
        "RenameContainer",
        "RenameContainer",
        "StopContainer",
        "",
        "",
    ]


def test_one_that_was_paused_is_paused_again() -> None:
    found = plan(PUBLISHED.replace("MODE: a", "MODE: b"), changed(applied(PUBLISHED), "web", state="paused"))
    (stop,) = [step for step in found.steps if isinstance(step.operation, StopContainer)]
    assert stop.undo == (StartContainer("web-1"), PauseContainer("web-1"))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("ports: ['127.0.0.1:8080:80']", "stop-first: host port 8080 is fixed" + DOWN),
        ("ports: ['8080-8081:80']", "start-first: no downtime"),
        ("ports: ['80']", "start-first: no downtime"),
        ("network_mode: host", "stop-first: network_mode host is shared" + DOWN),
        ("network_mode: none", "start-first: no downtime"),
        ("networks: {front: {ipv4_address: 10.0.0.9}}", "stop-first: its address on front is fixed" + DOWN),
        ("networks: {front: {aliases: [www]}}", "start-first: no downtime"),
        ("volumes: ['data:/data']", "stop-first: /data is writable" + DOWN),
        ("volumes: ['data:/data:ro']", "start-first: no downtime"),
        ("volumes: ['/srv:/srv']", "stop-first: /srv is writable" + DOWN),
        ("volumes: ['/cache']", "stop-first: /cache is writable" + DOWN),
        ("tmpfs: ['/run']", "start-first: no downtime"),
        ("hostname: web", "stop-first: its host name or MAC address is fixed" + DOWN),
        ("update: {order: stop-first}", "stop-first" + DOWN),
        ("update: {order: start-first}", "start-first: no downtime"),
        ("ports: ['8080:80'], update: {order: start-first}", "stop-first: host port 8080 is fixed" + DOWN),
    ],
)
def test_which_order(keys: str, reason: str) -> None:
    wish = f"""
    networks: {{front: {{}}}}
    volumes: {{data: {{}}}}
    containers: {{web: {{image: web:1, environment: {{MODE: a}}, {keys}}}}}
    """
    found = plan(wish.replace("MODE: a", "MODE: b"), applied(wish))
    assert [change.reason for change in found.changes] == [reason]


def test_resources_held_by_the_old_container_count() -> None:
    found = plan(WEB, applied(PUBLISHED))
    assert changes(found) == [
        f"-/+ container.web (stop-first: host port 8080 is fixed{DOWN}): ports 8080:80/tcp → none"
    ]


def test_one_that_does_not_run_is_replaced_and_started() -> None:
    host = changed(applied(WEB), "web", state="exited")
    found = plan(WEB.replace("MODE: a", "MODE: b"), host)
    assert changes(found) == ["-/+ container.web (not running): environment.MODE a → b"]
    assert [line.split(", ")[1] for line in steps(found)] == [
        "CreateContainer web.deployer-new",
        "RenameContainer web-1 to web.deployer-old",
        "RenameContainer made by #1 to web",
        "StartContainer made by #1",
        "AwaitHealthy made by #1",
        "RenameContainer web-1 to web.previous",
    ]


def test_one_that_should_not_run_is_replaced_and_stays_down() -> None:
    wish = WEB.replace("MODE: a", "MODE: b, X: y").replace("}}}", "}, state: stopped}}")
    host = changed(applied(WEB), "web", state="exited")
    assert [line.split(", ")[1] for line in steps(plan(wish, host))] == [
        "CreateContainer web.deployer-new",
        "RenameContainer web-1 to web.deployer-old",
        "RenameContainer made by #1 to web",
        "RenameContainer web-1 to web.previous",
    ]


REMOVES_ITSELF = "containers: {web: {image: web:1, auto_remove: true, ports: ['80:80'], environment: {MODE: a}}}"


STOPS = "but the engine removes it as soon as it stops (auto_remove), so it could not be rolled back"


@pytest.mark.parametrize(
    ("old", "new", "state", "refused"),
    [
        ("MODE: a", "MODE: b", "running", "must be replaced"),
        ("auto_remove: true, ", "", "running", "must be replaced"),
        ("{web: {", "{web: {recreate: always, ", "running", "must be replaced"),
        ("{web: {", "{web: {state: stopped, ", "running", "is to be stopped"),
    ],
)
def test_one_that_removes_itself_is_not_stopped_to_be_changed(old: str, new: str, state: str, refused: str) -> None:
    found = plan(REMOVES_ITSELF.replace(old, new), changed(applied(REMOVES_ITSELF), "web", state=state))
    assert refusals(found) == [f"container.web: {refused}, {STOPS}"]
    assert found.refusals[0].hint == "remove it first, with state: absent or docker stop web, then apply the change"
    assert not found.steps


def test_one_that_removes_itself_is_unpaused_since_that_does_not_stop_it() -> None:
    found = plan(REMOVES_ITSELF, changed(applied(REMOVES_ITSELF), "web", state="paused"))
    assert (steps(found)[0], refusals(found)) == ("#1 container.web, UnpauseContainer web-1, is paused", [])


def test_one_that_removes_itself_stops_at_last_when_it_is_removed() -> None:
    wish = REMOVES_ITSELF.replace("{web: {", "{web: {state: absent, ")
    for found in (plan(wish, applied(REMOVES_ITSELF)), plan("containers: {}", applied(REMOVES_ITSELF), prune=True)):
        assert [line.split(", ", 1)[1].partition(", ")[0] for line in steps(found)] == [
            "StopContainer web-1",
            "RemoveContainer web-1",
        ]
        assert all(line.endswith("at last") for line in steps(found))
    two = "containers: {web: {image: web:1, state: absent}, api: {image: web:1, ports: ['80:80']}}"
    (refusal,) = plan(two, applied(REMOVES_ITSELF)).refusals
    assert refusal.summary == (
        "holds host port 80/tcp for api until the end of the run, and its stop cannot be rolled back (auto_remove)"
    )
    assert refusal.hint == "stop it first: docker stop web on the host"
    (refusal,) = plan(wish, changed(applied(REMOVES_ITSELF), "web", anonymous={"/data": "0" * 64})).refusals
    assert refusal.summary == "removing it would lose its anonymous volumes: /data (auto_remove)"
    assert refusal.hint == "copy the data, then docker stop web on the host"


@pytest.mark.parametrize(
    ("old", "new", "diff"),
    [
        ("environment: {A: a, B: b}", "environment: {A: a}", "environment.B b → -"),
        ("labels: {a: b}", "tty: false", "labels.a b → -"),
        ("ports: ['80', '81']", "ports: ['81']", "ports 80/tcp, 81/tcp → 81/tcp"),
        ("cap_add: [NET_ADMIN]", "tty: false", "cap_add NET_ADMIN → none"),
        ("mem_limit: 64m", "tty: false", "mem_limit 64 MiB → no limit"),
        ("cpus: 1", "cpu_quota: 50000", "cpus 1 → no limit, cpu_quota no limit → 50000"),
        ("cpu_quota: 50000", "cpus: 1", "cpus no limit → 1, cpu_quota 50000 → no limit"),
        ("command: sleep 5", "command: sleep 6", "command sleep 5 → sleep 6"),
        ("shm_size: 64m", "tty: false", "shm_size 64 MiB → the default"),
        ("network_mode: none", "tty: false", "network_mode none → networks, networks.bridge - → attached"),
    ],
)
def test_fields_that_require_a_replacement(old: str, new: str, diff: str) -> None:
    found = plan(
        f"containers: {{web: {{image: web:1, {new}}}}}", applied(f"containers: {{web: {{image: web:1, {old}}}}}")
    )
    assert [change.split("): ", 1)[1] for change in changes(found)] == [diff]
    assert found.changes[0].action.replaces


def test_anonymous_volumes_move_to_the_new_one() -> None:
    """W24."""
    images: Images = {"web:1": {"Volumes": {"/cache": {}}}}
    wish = "containers: {web: {image: web:1, volumes: ['/data', '/logs:ro'], environment: {MODE: a}}}"
    host = applied(wish, images)
    assert nothing(plan(wish, host))
    found = plan(wish.replace("MODE: a", "MODE: b"), host)
    create = found.steps[0].operation
    assert isinstance(create, CreateContainer)
    assert create.body["HostConfig"]["Binds"] == [
        "anonymous /cache:/cache",
        "anonymous /data:/data",
        "anonymous /logs:/logs:ro",
    ]
    assert "Volumes" not in create.body
    assert "Mounts" not in create.body["HostConfig"]


def test_an_anonymous_volume_that_was_dropped_or_covered_does_not_move() -> None:
    images: Images = {"web:1": {"Volumes": {"/cache": {}}}}
    old = "containers: {web: {image: web:1, volumes: ['/data', '/cache']}}"
    new = "volumes: {named: {}}\ncontainers: {web: {image: web:1, volumes: ['named:/logs'], tmpfs: [/cache]}}"
    found = plan(new, applied(old, images))
    create = found.steps[1].operation
    assert isinstance(create, CreateContainer)
    assert create.body["HostConfig"]["Binds"] == ["named:/logs"]


def test_a_dropped_anonymous_volume_of_the_image_still_moves() -> None:
    images: Images = {"web:1": {"Volumes": {"/cache": {}}}}
    host = applied("containers: {web: {image: web:1, volumes: ['/cache']}}", images)
    found = plan("containers: {web: {image: web:1, environment: {MODE: b}}}", host)
    create = found.steps[0].operation
    assert isinstance(create, CreateContainer)
    assert create.body["HostConfig"]["Binds"] == ["anonymous /cache:/cache"]


def test_recreate_always_replaces_unchanged_containers() -> None:
    found = plan(WEB.replace("MODE: a}", "MODE: a}, recreate: always"), applied(WEB))
    assert steps(found) == START_FIRST
    assert changes(found) == ["+/- container.web (recreate: always, start-first: no downtime)"]


def test_recreate_never_refuses_a_replacement_and_nothing_else() -> None:
    never = WEB.replace("MODE: a}", "MODE: a}, recreate: never")
    assert nothing(plan(never, applied(WEB)))
    found = plan(never.replace("MODE: a", "MODE: b"), applied(WEB))
    assert refusals(found) == ["container.web: must be replaced, but sets recreate: never"]
    assert [each.name for each in found.refusals[0].diffs] == ["environment.MODE"]
    assert changes(plan(never.replace("recreate", "mem_limit: 64m, recreate"), applied(WEB))) == [
        "~ container.web (in place): mem_limit no limit → 64 MiB"
    ]


def test_a_protected_container_is_neither_replaced_nor_removed() -> None:
    wish = WEB.replace("MODE: a}", "MODE: b}, protect: true")
    assert refusals(plan(wish, applied(WEB))) == ["container.web: must be replaced, but is protected"]
    always = WEB.replace("MODE: a}", "MODE: a}, protect: true, recreate: always")
    assert refusals(plan(always, applied(WEB))) == ["container.web: must be replaced, but is protected"]
    absent = "containers: {web: {state: absent, protect: true}}"
    assert refusals(plan(absent, applied(WEB))) == ["container.web: is protected"]


def test_ignored_fields_are_left_alone() -> None:
    wish = WEB.replace("MODE: a}", "MODE: b, X: y}, ignore_changes: [environment.MODE]")
    found = plan(wish, applied(WEB))
    assert [each.name for each in found.changes[0].diffs] == ["environment.X"]
    assert nothing(plan(wish.replace("environment.MODE", "environment"), applied(WEB)))


def test_an_ignored_image_is_left_alone() -> None:
    wish = WEB.replace("web:1", "web:2").replace("MODE: a}", "MODE: a}, ignore_changes: image")
    assert [change.address.label for change in plan(wish, applied(WEB)).changes] == []


def test_the_container_whose_network_it_shared_is_called_by_its_name() -> None:
    """Declared anew, no longer, and of one that is replaced in the same run."""
    db, shared = "db: {image: db:1, tty: true}", "web: {image: web:1, network_mode: 'container:db'}"
    host = applied(f"containers: {{{db}, {shared}}}")
    found = plan(f"containers: {{{db}, web: {{image: web:1}}}}", host)
    assert "network_mode container:db → networks" in changes(found)[0]
    found = plan(f"containers: {{{db.replace('true', 'false')}, {shared}}}", host)
    assert "network_mode container:db → container:the new db" in changes(found)[1]
