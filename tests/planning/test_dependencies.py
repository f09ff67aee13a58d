"""In which order containers come and go, and what they wait for."""

from __future__ import annotations

import pytest

from tests.planning.build import EMPTY, applied, changed, changes, nothing, plan, steps


def pair(condition: str, *, db: str = "", web: str = "") -> str:
    return f"""
containers:
  db: {{image: db:1{db}}}
  web: {{image: web:1, depends_on: {{db: {{condition: {condition}}}}}{web}}}
"""


def test_a_started_dependency_is_started_before() -> None:
    assert steps(plan(pair("service_started"), applied(EMPTY))) == [
        "#1 image.db:1, PullImage docker.io/library/db:1, pull",
        "[1] -> #2 container.db, CreateContainer db, missing",
        "[2] -> #3 container.db, StartContainer made by #2, missing",
        "#4 image.web:1, PullImage docker.io/library/web:1, pull",
        "[4] -> #5 container.web, CreateContainer web, missing",
        "[3,5] -> #6 container.web, StartContainer made by #5, missing",
        "[3] -> #7 container.db, AwaitHealthy made by #2, must work",
        "[6] -> #8 container.web, AwaitHealthy made by #5, must work",
    ]


PROBED = ", healthcheck: {test: [CMD, 'true']}"


def test_a_healthy_dependency_is_waited_for_once() -> None:
    wish = pair("service_healthy", db=PROBED) + "  api: {image: web:1, depends_on: {db: {condition: service_healthy}}}"
    found = steps(plan(wish, applied(EMPTY)))
    assert [line for line in found if "others wait" in line] == [
        "[3] -> #5 container.db, AwaitHealthy made by #2, others wait for it"
    ]
    assert [line for line in found if "StartContainer" in line] == [
        "[2] -> #3 container.db, StartContainer made by #2, missing",
        "[5,6] -> #7 container.api, StartContainer made by #6, missing",
        "[5,8] -> #9 container.web, StartContainer made by #8, missing",
    ]


def test_a_completed_dependency_is_waited_for() -> None:
    found = steps(plan(pair("service_completed_successfully"), applied(EMPTY)))
    assert found[4:] == [
        "[3] -> #5 container.db, AwaitCompleted made by #2, others wait for it",
        "[4] -> #6 container.web, CreateContainer web, missing",
        "[5,6] -> #7 container.web, StartContainer made by #6, missing",
        "[7] -> #8 container.web, AwaitHealthy made by #6, must work",
    ]


def test_a_dependency_that_is_healthy_already_is_not_waited_for() -> None:
    wish = pair("service_healthy", db=PROBED)
    host = changed(applied(wish), "web", state="exited")
    assert steps(plan(wish, host)) == [
        "#1 container.web, StartContainer web-1, is exited with code 0",
        "[1] -> #2 container.web, AwaitHealthy web-1, must work",
    ]


@pytest.mark.parametrize("health", ["starting", "unhealthy"])
def test_a_wait_is_not_a_change(health: str) -> None:
    wish = pair("service_healthy", db=PROBED)
    assert nothing(plan(wish, changed(applied(wish), "db", health=health)))


@pytest.mark.parametrize("health", ["starting", "unhealthy"])
def test_a_dependency_that_is_not_healthy_yet_is_waited_for(health: str) -> None:
    wish = pair("service_healthy", db=PROBED)
    host = changed(changed(applied(wish), "db", health=health), "web", state="exited")
    assert steps(plan(wish, host)) == [
        "#1 container.db, AwaitHealthy db-1, others wait for it",
        "[1] -> #2 container.web, StartContainer web-1, is exited with code 0",
        "[2] -> #3 container.web, AwaitHealthy web-1, must work",
    ]


def test_a_job_that_completed_is_not_run_again() -> None:
    wish = pair("service_completed_successfully")
    done = changed(applied(wish), "db", state="exited", exit_code=0)
    assert nothing(plan(wish, done))
    failed = changed(applied(wish), "db", state="exited", exit_code=3)
    assert steps(plan(wish, failed)) == ["#1 container.db, StartContainer db-1, is exited with code 3"]


def test_a_job_that_is_replaced_is_waited_for_to_its_end() -> None:
    wish = pair("service_completed_successfully", db=", command: one")
    host = changed(applied(wish), "db", state="exited", exit_code=0)
    assert steps(plan(wish.replace("one", "two"), host)) == [
        "#1 container.db, CreateContainer db.deployer-new, replaced [replace db]",
        "[1] -> #2 container.db, RenameContainer db-1 to db.deployer-old, replaced [replace db]",
        "[2] -> #3 container.db, RenameContainer made by #1 to db, replaced [replace db]",
        "[3] -> #4 container.db, StartContainer made by #1, replaced [replace db]",
        "[4] -> #5 container.db, AwaitCompleted made by #1, replaced [replace db]",
        "[5] -> #6 container.db, RenameContainer db-1 to db.previous, replaced by #1, at last",
    ]


def test_a_replaced_dependency_is_up_before_its_dependant_is_replaced() -> None:
    wish = pair("service_started", db=", tty: true", web=", tty: true")
    found = steps(plan(wish, applied(pair("service_started"))))
    assert "[6,7] -> #8 container.web, StartContainer made by #7, replaced [replace web]" in found
    assert "[5] -> #6 container.db, StopContainer db-1, replaced [replace db]" in found


def test_dependants_are_removed_before_their_dependencies() -> None:
    host = applied(pair("service_started"))
    wish = """
    containers:
      db: {state: absent}
      web: {state: absent, depends_on: [db]}
    """
    assert steps(plan(wish, host)) == [
        "#1 container.web, StopContainer web-1, absent",
        "[1] -> #2 container.web, RemoveContainer web-1, absent, at last",
        "[1] -> #3 container.db, StopContainer db-1, absent",
        "[3] -> #4 container.db, RemoveContainer db-1, absent, at last",
    ]


SHARED = """
containers:
  app: {image: app:1}
  proxy: {image: web:1, network_mode: 'container:app'}
"""


def test_a_follower_is_created_after_the_owner_of_its_namespace() -> None:
    found = steps(plan(SHARED, applied(EMPTY)))
    assert found[3:] == [
        "#4 image.web:1, PullImage docker.io/library/web:1, pull",
        "[3,4] -> #5 container.proxy, CreateContainer proxy, missing",
        "[5] -> #6 container.proxy, StartContainer made by #5, missing",
        "[3] -> #7 container.app, AwaitHealthy made by #2, must work",
        "[6] -> #8 container.proxy, AwaitHealthy made by #5, must work",
    ]
    assert nothing(plan(SHARED, applied(SHARED)))


@pytest.mark.parametrize(
    ("key", "diff"),
    [
        ("network_mode: 'container:app'", "network_mode container:app → container:the new app"),
        ("pid: 'container:app'", "pid container:app → container:the new app"),
        ("ipc: 'container:app'", "ipc container:app → container:the new app"),
        ("volumes_from: [app]", "volumes_from app → the new app"),
    ],
)
def test_it_follows_when_its_leader_is_replaced(key: str, diff: str) -> None:
    old = SHARED.replace("network_mode: 'container:app'", key)
    host = applied(old)
    if key.startswith(("pid", "ipc")):
        host = changed(host, "proxy", values={key.split(":")[0]: "container:app-1"})
    assert nothing(plan(old, host))
    found = plan(old.replace("app:1}", "app:1, tty: true}"), host)
    assert [change.address.name for change in found.changes] == ["app", "proxy"]
    assert changes(found)[1].split("): ")[1] == diff
    create = next(line for line in steps(found) if "CreateContainer proxy" in line)
    at = 7 if key.startswith("volumes_from") else 9
    assert create == f"[{at - 1}] -> #{at} container.proxy, CreateContainer proxy.deployer-new, replaced [replace app]"
    assert steps(found)[-2:] == [
        f"[{at - 1},12] -> #13 container.app, RenameContainer app-1 to app.previous, replaced by #1, at last",
        f"[{at - 1},12] -> #14 container.proxy, RenameContainer proxy-1 to proxy.previous, replaced by #{at}, at last",
    ]
    if at == 9:
        assert "start-first" not in changes(found)[1]
        assert steps(found)[5:8] == [
            "[5] -> #6 container.proxy, StopContainer proxy-1, shares a namespace of app [replace app]",
            "[6] -> #7 container.proxy, RenameContainer proxy-1 to proxy.deployer-old, shares a namespace of app "
            "[replace app]",
            "[7] -> #8 container.app, StopContainer app-1, replaced [replace app]",
        ]


def test_it_follows_when_its_leader_was_missing() -> None:
    host = applied(SHARED)
    gone = changed(host, "app", rename="unrelated")
    found = plan(SHARED, gone)
    assert [change.address.name for change in found.changes] == ["app", "proxy"]


def test_it_follows_when_its_leader_was_replaced_by_hand() -> None:
    found = plan(SHARED, changed(applied(SHARED), "app", id="app-2"))
    assert changes(found) == [
        "-/+ container.proxy (stop-first: network_mode container is shared; stopped while the new one starts): "
        "network_mode container:app-1 → container:app"
    ]


def test_it_is_started_again_when_its_leader_is() -> None:
    found = plan(SHARED, changed(applied(SHARED), "app", state="exited"))
    assert steps(found) == [
        "#1 container.app, StartContainer app-1, is exited with code 0",
        "[1] -> #2 container.proxy, StopContainer proxy-1, shares the network of app, which is started",
        "[2] -> #3 container.proxy, StartContainer proxy-1, shares the network of app, which is started",
        "[1] -> #4 container.app, AwaitHealthy app-1, must work",
        "[3] -> #5 container.proxy, AwaitHealthy proxy-1, must work",
    ]


def test_both_are_started_in_order() -> None:
    host = changed(changed(applied(SHARED), "app", state="exited"), "proxy", state="exited")
    assert steps(plan(SHARED, host)) == [
        "#1 container.app, StartContainer app-1, is exited with code 0",
        "[1] -> #2 container.proxy, StartContainer proxy-1, is exited with code 0",
        "[1] -> #3 container.app, AwaitHealthy app-1, must work",
        "[2] -> #4 container.proxy, AwaitHealthy proxy-1, must work",
    ]


def test_a_linked_container_is_started_before() -> None:
    wish = "containers: {db: {image: db:1}, web: {image: web:1, links: [db]}}"
    found = steps(plan(wish, applied(EMPTY)))
    assert "[3,5] -> #6 container.web, StartContainer made by #5, missing" in found


def test_a_changed_link_to_a_container_that_is_recreated_is_one_difference() -> None:
    old = "containers: {db: {image: db:1}, web: {image: web:1, links: ['db:a']}}"
    new = "containers: {db: {image: db:1, tty: true}, web: {image: web:1, links: ['db:b']}}"
    found = {change.address.name: change for change in plan(new, applied(old)).changes}
    assert [(diff.name, diff.old, diff.new) for diff in found["web"].diffs] == [("links", "db:a", "db:b")]


def test_a_port_is_free_before_another_container_gets_it() -> None:
    old = "containers: {aa: {image: x:1, ports: ['8080:80']}, bb: {image: x:1}}"
    absent = "containers: {aa: {state: absent}, bb: {image: x:1, ports: ['8080:80']}}"
    found = steps(plan(absent, applied(old)))
    assert "[1,3] -> #4 container.bb, StopContainer bb-1, replaced [replace bb]" in found
    moved = "containers: {aa: {image: x:1, ports: ['8081:80']}, bb: {image: x:1, ports: ['8080:80']}}"
    found = steps(plan(moved, applied(old)))
    assert "[2,7] -> #8 container.bb, StopContainer bb-1, replaced [replace aa, bb]" in found
    stopped = """
    containers:
      aa: {image: x:1, ports: ['8080:80'], state: stopped}
      cc: {image: x:1, ports: ['8080:80']}
    """
    found = steps(plan(stopped, applied(old)))
    assert found[2] == "[1,2] -> #3 container.cc, StartContainer made by #2, missing"
