"""Whose a container is, and what may be done to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.fields.field import Field
from deployer.model import ownership
from deployer.model.observed import Observed, Ownership
from deployer.model.operations import CreateContainer, CreateNetwork, CreateVolume, RemoveVolume, WriteRecord
from deployer.model.secrets import Sealing
from tests.planning.build import EMPTY, applied, changed, changes, nothing, plan, play, refusals, steps
from tests.planning.test_rounds import wish as wish_of

WEB = "containers: {web: {image: web:1, environment: {MODE: a}, labels: {team: shop}}}"
OTHER = WEB.replace("MODE: a", "MODE: b")
DIFFERS = "container.web: a container of that name exists that this project did not create, and it differs"


def unmanaged(text: str) -> Observed:
    return changed(applied(text), "web", owner=Ownership())


def test_created_objects_have_owner_and_declaration_in_labels() -> None:
    wish = "networks: {front: {}}\nvolumes: {data: {}}\ncontainers: {web: {image: web:1, tty: true}}"
    found = plan(wish, applied(EMPTY), version="1.2.3")
    labels = {
        step.address.label: step.operation.body["Labels"]
        for step in found.steps
        if isinstance(step.operation, CreateContainer | CreateNetwork | CreateVolume)
    }
    assert labels["container.web"] == {
        "deployer.project": "shop",
        "deployer.resource": "container.web",
        "deployer.spec": '{"fields":{"image":"docker.io/library/web:1","tty":true},"format":1}',
        "deployer.version": "1.2.3",
    }
    assert {name: found["deployer.resource"] for name, found in labels.items()} == {
        name: name for name in ("network.front", "volume.data", "container.web")
    }


def test_an_unmanaged_container_that_fits_is_left_as_it_is() -> None:
    found = plan(WEB, unmanaged(WEB))
    assert nothing(found)
    assert found.notes == (
        "container.web: not created by this project; matches the declaration, so it is not changed; --adopt adds it to "
        "this project",
    )


def test_only_declared_fields_are_compared_on_unmanaged_objects() -> None:
    more = WEB.replace("labels: {team: shop}", "labels: {team: shop, x: y}, cap_add: [NET_ADMIN], mem_limit: 64m")
    assert nothing(plan(WEB, unmanaged(more)))
    assert refusals(plan(more, unmanaged(WEB))) == [DIFFERS]


def test_an_unmanaged_container_that_differs_is_refused_with_what_differs() -> None:
    found = plan(OTHER, unmanaged(WEB))
    assert refusals(found) == [DIFFERS]
    assert [each.name for each in found.refusals[0].diffs] == ["environment.MODE"]
    assert not found.changes


def test_it_is_replaced_when_adoption_is_allowed() -> None:
    found = plan(OTHER, unmanaged(WEB), adopt=True)
    assert changes(found) == [
        "+/- container.web (adopted, start-first: no downtime): environment.MODE a → b",
    ]
    assert steps(found)[0] == "#1 container.web, WriteRecord web-1, replaced [replace web]"
    assert "RenameContainer web-1 to web.previous" in str(found)


def test_adoption_keeps_what_can_be_changed_in_place() -> None:
    found = plan(WEB.replace("labels", "mem_limit: 64m, labels"), unmanaged(WEB), adopt=True)
    assert changes(found) == ["~ container.web (adopted, in place): mem_limit no limit → 64 MiB"]
    assert steps(found) == [
        "#1 container.web, UpdateContainer web-1, changed",
        "[1] -> #2 container.web, WriteRecord web-1, adopted",
    ]


def test_adoption_leaves_matching_containers_unchanged() -> None:
    host = unmanaged(WEB.replace("labels: {team: shop}", "labels: {team: shop, by: hand}"))
    found = plan(WEB, host, adopt=True)
    assert changes(found) == ["~ container.web (adopted, kept as it is)"]
    assert steps(found) == ["#1 container.web, WriteRecord web-1, adopted"]
    (step,) = found.steps
    assert isinstance(step.operation, WriteRecord)
    assert step.operation.number == 1
    assert step.undo == (RemoveVolume("deployer.spec.web-1.1"),)
    later = ownership.Later(1, step.operation.labels)
    live = {"team": "shop", "by": "hand"}
    adopted = changed(host, "web", owner=ownership.read_latest(live, "web", later))
    assert nothing(plan(WEB, adopted))
    dropped = plan(WEB.replace("labels: {team: shop}", "labels: {}"), adopted)
    assert changes(dropped)[0].endswith("environment.MODE a → -, labels.by hand → -, labels.team shop → -") or changes(
        dropped
    )[0].endswith("labels.by hand → -, labels.team shop → -")


def test_a_takeover_shows_all_that_goes() -> None:
    more = (
        "containers: {web: {image: web:1, environment: {MODE: a}, labels: {team: shop, by: hand}, cap_add: [NET_ADMIN],"
        " mem_limit: 64m, restart: always, ports: ['8080:80'], volumes: ['/srv:/srv'], shm_size: 128m, runtime: crun,"
        " pid: host, logging: {driver: syslog}, ipc: host, ulimits: {nofile: 10}, memswap_limit: -1}}"
    )
    info = {"DefaultRuntime": "runc", "LoggingDriver": "json-file"}
    found = plan(OTHER, replace(unmanaged(more), info=info), adopt=True)
    (change,) = found.changes
    assert {each.name for each in change.diffs} == {
        "environment.MODE", "labels.by", "cap_add", "mem_limit", "memswap_limit", "restart", "ports", "volumes./srv",
        "shm_size", "runtime", "pid", "logging", "ipc", "ulimits",
    }  # fmt: skip
    usual = replace(unmanaged(WEB), info=info)
    assert [each.name for each in plan(OTHER, usual, adopt=True).changes[0].diffs] == ["environment.MODE"]


def _of_takeover(before: str, after: str) -> dict[str, str]:
    """The new values that the plan of a takeover lists, by field."""
    info = {"DefaultRuntime": "runc", "LoggingDriver": "json-file", "SecurityOptions": ["name=cgroupns"]}
    found = plan(after, replace(unmanaged(before), info=info), adopt=True)
    (change,) = (each for each in found.changes if each.address.name == "web")
    assert change.action.replaces
    return {each.name: each.new for each in change.diffs}


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in CONTAINER.fields])
def test_a_takeover_shows_every_field_that_goes(row: Field) -> None:
    anew = wish_of(row, None).replace("image: web:1", "image: web:2")
    for written in (row.example, row.other):
        if written in (False, "", "private", "runc"):
            continue
        goes = _of_takeover(wish_of(row, written), anew)
        assert {"image", row.name} <= {name.partition(".")[0] for name in goes}, (written, goes)


@pytest.mark.parametrize(
    ("before", "after", "goes"),
    [
        ("security_opt: ['label=type:shop_t', no-new-privileges]", "", {"security_opt": "none"}),
        ("security_opt: ['label=type:shop_t']", "", {"security_opt": "the default"}),
        (
            "security_opt: ['label=type:shop_t', no-new-privileges]",
            "security_opt: [no-new-privileges]",
            {"security_opt": "no-new-privileges=true"},
        ),
        ("privileged: true, security_opt: ['label=disable']", "privileged: true", {}),
        (
            "logging: {driver: json-file, options: {max-size: 10m, max-file: 3}}",
            "logging: {driver: json-file, options: {max-size: 10m}}",
            {"logging.options.max-file": "the default"},
        ),
        ("ulimits: {nofile: 10, nproc: 20}", "ulimits: {nofile: 10}", {"ulimits.nproc": "the default"}),
        ("volumes: [/cache]", "", {}),
    ],
)
def test_a_takeover_shows_the_parts_that_go(before: str, after: str, goes: dict[str, str]) -> None:
    web = "containers: {web: {image: web:%s, %s}}"
    found = _of_takeover(web % ("1", before), web % ("2", after))
    assert found == {"image": "web:2"} | goes


LATER = {
    "deployer.project": "shop",
    "deployer.resource": "container.web",
    "deployer.spec": '{"fields":{"image":"docker.io/library/web:1","memswap_limit":-1},"format":1}',
    "deployer.version": "1.0",
}


@pytest.mark.parametrize(
    ("live", "later", "owner"),
    [
        ({}, LATER, ("shop", "container.web", False, 3)),
        (LATER, LATER, ("shop", "container.web", True, 3)),
        (LATER | {"deployer.spec": "{}"}, LATER, ("shop", "container.web", True, 3)),
        (LATER | {"deployer.project": "other"}, LATER, ("other", "container.web", True, 0)),
        (LATER, LATER | {"deployer.resource": "container.db"}, ("shop", "container.web", True, 0)),
        ({}, LATER | {"deployer.resource": "container.db"}, ("", "", True, 0)),
        ({}, {"deployer.version": "1.0"}, ("", "", True, 0)),
    ],
)
def test_the_newest_record_counts(live: dict[str, str], later: dict[str, str], owner: tuple[Any, ...]) -> None:
    found = ownership.read_latest(live, "web", ownership.Later(3, later))
    assert (found.project, found.resource, found.labelled, found.number) == owner
    if found.number:
        assert found.recorded == {"image": "docker.io/library/web:1", "memswap_limit": -1}


def test_records_in_volumes_are_found_by_container() -> None:
    volumes: list[dict[str, Any]] = [
        {"Name": "deployer.spec.aa.2", "Labels": {"x": "2"}},
        {"Name": "deployer.spec.aa.10", "Labels": {"x": "10"}},
        {"Name": "deployer.spec.bb.1", "Labels": None},
        {"Name": "deployer.spec..1", "Labels": {}},
        {"Name": "deployer.spec.cc", "Labels": {}},
        {"Name": "deployer.spec.dd.x", "Labels": {}},
        {"Name": "data", "Labels": {}},
    ]
    assert ownership.later_records(volumes) == {"aa": ownership.Later(10, {"x": "10"})}


@pytest.mark.parametrize(
    ("old", "new", "recorded"),
    [
        ("mem_limit: 64m", "mem_limit: 64m, memswap_limit: 300m", ""),
        ("ulimits: {nofile: 10}", "ulimits: {nofile: 10, nproc: 20}", "ulimits"),
        ("shm_size: 64m", "shm_size: 128m", "shm_size"),
        ("tty: true", "tty: true, shm_size: 64m", ""),
        ("tty: true", "tty: true, runtime: runc", ""),
        ("tty: true", "tty: true, cpus: 1", ""),
    ],
)
def test_a_value_that_was_there_before_it_was_declared_is_recorded(old: str, new: str, recorded: str) -> None:
    """Otherwise its removal from the playbook would be missed."""
    text = "containers: {web: {image: web:1, KEYS}}"
    host = applied(text.replace("KEYS", new))
    owner = applied(text.replace("KEYS", old)).containers[0].owner
    stale = owner if recorded != "shm_size" else replace(owner, recorded={"image": owner.recorded["image"]})
    found = plan(text.replace("KEYS", new), changed(host, "web", owner=stale))
    assert changes(found) == ([f"~ container.web ({recorded} recorded)"] if recorded else [])
    assert steps(found) == (["#1 container.web, WriteRecord web-1, recorded"] if recorded else [])


@pytest.mark.parametrize(
    ("keys", "refusal"),
    [
        ("recreate: always", DIFFERS),
        ("recreate: never", DIFFERS),
    ],
)
def test_recreate_does_not_replace_unmanaged_containers(keys: str, refusal: str) -> None:
    wish = (WEB if keys == "recreate: always" else OTHER).replace("labels", f"{keys}, labels")
    assert refusals(plan(wish, unmanaged(WEB))) == [refusal]


def test_adoption_respects_protection() -> None:
    wish = OTHER.replace("labels", "protect: true, labels")
    assert refusals(plan(wish, unmanaged(WEB), adopt=True)) == ["container.web: must be replaced, but is protected"]


def test_a_stopped_unmanaged_container_that_fits_is_started() -> None:
    host = changed(unmanaged(WEB), "web", state="exited")
    assert steps(plan(WEB, host)) == [
        "#1 container.web, StartContainer web-1, is exited with code 0",
        "[1] -> #2 container.web, AwaitHealthy web-1, must work",
    ]


def test_a_container_of_another_project_is_never_touched() -> None:
    host = applied(play(WEB, project="other"))
    for wish in (WEB, OTHER, WEB.replace("labels", "recreate: always, labels")):
        assert refusals(plan(wish, host, adopt=True, prune=True)) == [
            "container.web: the name is taken by project other"
        ]
    absent = "containers: {web: {state: absent}}"
    assert refusals(plan(absent, host, adopt=True)) == ["container.web: belongs to project other"]


def test_an_unmanaged_container_declared_absent_needs_consent_too() -> None:
    absent = "containers: {web: {state: absent}}"
    assert refusals(plan(absent, unmanaged(WEB))) == ["container.web: belongs to no project"]
    assert [line.split(", ")[1] for line in steps(plan(absent, unmanaged(WEB), adopt=True))] == [
        "StopContainer web-1",
        "RemoveContainer web-1",
    ]


def recorded(**changes: object) -> Observed:
    """A container of ours with another record."""
    host = applied("containers: {web: {image: web:1, tty: true, shm_size: 64m}}")
    labels = ownership.labels(play(WEB).resources[0], "shop", Sealing(), "1.0")
    written = json.loads(labels["deployer.spec"]) | changes
    return changed(host, "web", owner=ownership.read(labels | {"deployer.spec": json.dumps(written)}, "web"))


WITHOUT_SHM = "containers: {web: {image: web:1, tty: true}}"


def test_a_key_no_longer_declared_returns_to_its_default() -> None:
    fields = {"image": "docker.io/library/web:1", "tty": True, "shm_size": 67108864}
    assert changes(plan(WITHOUT_SHM, recorded(fields=fields))) == [
        "+/- container.web (start-first: no downtime): shm_size 64 MiB → the default",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": 0},
        {"format": "1"},
        {"fields": ["shm_size"]},
        {"fields": {"image": "x", "shm_sizes": 5, "unheard_of": {"a": [1]}}},
    ],
)
def test_a_record_of_another_release_is_not_a_difference(changes: dict[str, object]) -> None:
    fields = {"image": "docker.io/library/web:1", "shm_size": 67108864}
    assert nothing(plan(WITHOUT_SHM, recorded(**({"fields": fields} | changes))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"x"',
        "5",
        "\x00",
        '{"format":1}',
        '{"format":1,"fields":[]}',
        '{"format":1,"fields":{"tty":' + "[" * 15 + '{"a":' * 4 + "1" + "}" * 4 + "]" * 15 + "}}",
        '{"format":1,"fields":{"tty":' + "[" * 900 + "]" * 900 + "}}",
        "[" * 200_000,
        '{"format":1,"fields":{"tty":"' + "x" * ownership.LARGEST + '"}}',
    ],
    ids=lambda text: text[:40],
)
def test_a_record_that_cannot_be_read_counts_as_none(text: str) -> None:
    labels = {"deployer.project": "shop", "deployer.resource": "container.web", "deployer.spec": text}
    assert ownership.read(labels, "web") == Ownership("shop", "container.web", {}, damaged=("deployer.spec",))
    host = changed(applied(WEB), "web", owner=ownership.read(labels, "web"))
    assert nothing(plan(WEB, host))


def test_records_that_an_earlier_release_wrote_are_read() -> None:
    spec = (
        r'{"fields":{"cpus":500000000,"environment":{"MODE":"a\"é","PW":{"$secret":"adb5b0857ad64447a5c406a2e8786e9a"}},'
        r'"healthcheck":{"interval":5000000000,"test":["CMD","true"]},"image":"docker.io/library/web:1",'
        r'"mem_limit":67108864,"ports":["8080:80/tcp"],"tty":true,'
        r'"volumes":{"/data":{"read_only":true,"source":"data","type":"volume"}}},"format":1}'
    )
    labels = {"deployer.project": "shop", "deployer.resource": "container.web", "deployer.version": "0.1.0"}
    fields = {
        "cpus": 500000000,
        "environment": {"MODE": 'a"é', "PW": {"$secret": "adb5b0857ad64447a5c406a2e8786e9a"}},
        "healthcheck": {"interval": 5000000000, "test": ["CMD", "true"]},
        "image": "docker.io/library/web:1",
        "mem_limit": 67108864,
        "ports": ["8080:80/tcp"],
        "tty": True,
        "volumes": {"/data": {"read_only": True, "source": "data", "type": "volume"}},
    }
    assert ownership.read(labels | {"deployer.spec": spec}, "web") == Ownership("shop", "container.web", fields)
    wish = play(
        """
        volumes: {data: {}}
        containers:
          web:
            {image: web:1, environment: {MODE: 'a"é', PW: "{{ pw }}"}, ports: ["8080:80"], volumes: ["data:/data:ro"],
             mem_limit: 64m, cpus: 0.5, tty: true, healthcheck: {test: [CMD, "true"], interval: 5s}}
        """,
        secrets={"pw": "hunter2hunter2"},
    )
    written = [
        step.operation.body["Labels"]["deployer.spec"]
        for step in plan(wish, applied(EMPTY)).steps
        if isinstance(step.operation, CreateContainer)
    ]
    sealed = spec.replace("adb5b0857ad64447a5c406a2e8786e9a", "ca0127cb5c0afbb0ba30002e1518e5ad")
    assert written == [sealed.replace('"format":1', '"format":1,"key":"eea7016e"')]


def test_labels_without_a_project_are_not_ours() -> None:
    assert ownership.read(None, "web") == Ownership()
    assert ownership.read({"deployer.resource": "container.web"}, "web") == Ownership()


def test_resources_that_tags_leave_out_are_neither_changed_nor_removed() -> None:
    host = applied("containers: {api: {image: web:1}, old: {image: web:1}, web: {image: web:1}}")
    wish = """
    networks: {front: {}}
    containers:
      api: {image: web:2, tags: [api]}
      old: {state: absent, tags: [web]}
      web: {image: web:1, tty: true, tags: [web], mem_limit: 64m}
    """
    found = plan(play(wish, tags=("api",)), host)
    assert {change.address.label for change in found.changes} == {"image.web:2", "container.api"}
    assert nothing(plan(play(wish, tags=("nosuch",)), host, prune=True))


def test_resources_excluded_by_tags_are_not_undeclared() -> None:
    host = applied("networks: {front: {}}\ncontainers: {web: {image: web:1, networks: [front]}}")
    wish = "networks: {front: {tags: [x]}}\ncontainers: {web: {image: web:2, networks: [front], tags: [x]}}"
    assert nothing(plan(play(wish, tags=("y",)), host, prune=True))


def test_a_reference_to_an_excluded_resource_must_exist_on_the_host() -> None:
    wish = "networks: {front: {tags: [x]}}\ncontainers: {web: {image: web:1, networks: [front], tags: [y]}}"
    assert refusals(plan(play(wish, tags=("y",)), applied(EMPTY))) == [
        "container.web: network front is excluded by tags, and not on the host"
    ]
    assert refusals(plan(play(wish, tags=("y",)), applied("networks: {front: {}}"))) == []


def test_pruning_frees_ports_before_they_are_needed() -> None:
    host = applied("containers: {web: {image: web:1, ports: ['8080:80']}}")
    found = plan("containers: {www: {image: web:1, ports: ['8080:80']}}", host, prune=True)
    assert steps(found) == [
        "#1 container.web, StopContainer web-1, no longer declared",
        "[1] -> #2 container.web, RemoveContainer web-1, no longer declared, at last",
        "#3 container.www, CreateContainer www, missing",
        "[1,3] -> #4 container.www, StartContainer made by #3, missing",
        "[4] -> #5 container.www, AwaitHealthy made by #3, must work",
    ]
    assert nothing(plan("containers: {}", host))


def test_pruning_removes_networks_after_their_containers_and_spares_other_plays() -> None:
    host = applied("networks: {front: {}}\ncontainers: {web: {image: web:1, networks: [front]}}")
    assert steps(plan("", host, prune=True)) == [
        "#1 container.web, StopContainer web-1, no longer declared",
        "[1] -> #2 container.web, RemoveContainer web-1, no longer declared, at last",
        "[1,2] -> #3 network.front, RemoveNetwork front-1, no longer declared, at last",
    ]
    elsewhere = frozenset((each.kind, each.name) for each in play("networks: {front: {}}\n" + WEB).resources)
    assert nothing(plan(replace(EMPTY, elsewhere=elsewhere), host, prune=True))
    assert nothing(plan("", applied(play(WEB, project="other")), prune=True))
