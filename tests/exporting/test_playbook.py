"""A host read back as a playbook: applied to it nothing changes, applied elsewhere the same containers come out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deployer.errors import EngineError
from deployer.exporting.playbook import host_playbook
from deployer.fields.container import CONTAINER
from deployer.fields.field import Field
from deployer.model.desired import Kind
from deployer.model.files import Written, labels_of, name_of
from deployer.simulated import SimulatedEngine
from deployer.usecases.observe_whole import observe_whole
from tests.exporting.imports import check_unchanged, container, imported, made_again, plays, values
from tests.fields.declare import declare, try_declare
from tests.fields.engine_answers import body_of
from tests.planning.build import HOST, play
from tests.planning.hosts import Host
from tests.planning.test_properties import plays as any_play
from tests.planning.test_properties import read

EVERYTHING = "deployer/everything:1"
PLAIN = "one:1"
BESIDE: dict[str, dict[str, Any]] = {"memswap_limit": {"mem_limit": "64m"}, "mem_reservation": {"mem_limit": "64m"}}
NOT_HERE = {"storage_opt", "annotations", "configs", "secrets"}
"""Fields that no simulated engine takes, and those whose content no container tells."""
ROWS = [row for row in CONTAINER.fields if row.name not in NOT_HERE]
EXAMPLES = [
    pytest.param(row, written, id=f"{row.name}-{which}")
    for row in ROWS
    for which, written in (("example", row.example), ("other", row.other))
]


def test_a_job_is_imported_as_one() -> None:
    host = Host()
    host.converge("containers: {web: {image: one:1}}\njobs: {migrate: {image: one:1, command: up, mem_limit: 64m}}")
    text = imported(host.engine, "web", "migrate")
    (found,) = plays(text)
    assert found["jobs"] == {"migrate": {"image": "one:1", "command": ["up"], "mem_limit": "64m"}}
    assert found["containers"] == {"web": {"image": "one:1"}}
    check_unchanged(host.engine, text)


def test_files_and_configs_are_named_and_leave_the_plan_empty_without_their_reactions() -> None:
    host = Host()
    mount = "{type: bind, source: /srv/app, target: /conf, on_change: restart}"
    host.converge(f"containers: {{web: {{image: one:1, update: {{probe: {{exec: ['true']}}}}, volumes: [{mount}]}}}}")
    entries = {f"/srv/app/{number}": Written("x") for number in range(10)} | {
        "/srv/app": Written("directory", above=True)
    }
    host.engine.create_volume({"Name": name_of("shop", 1), "Labels": labels_of("shop", entries)})
    text = imported(host.engine, project="shop")
    listed = ", ".join(f"/srv/app/{number}" for number in range(8))
    assert f"#   files {listed} and 2 more: their content is not read; declare them\n" in text
    check_unchanged(host.engine, text)
    assert "files" not in imported(host.engine, "web")

    host.converge("configs: {a: {content: x, on_change: restart}}\ncontainers: {web: {image: one:1, configs: [a]}}")
    assert "configs a: their content is not read; declare them, and on_change, which some of them had" in imported(
        host.engine, "web"
    )


def machine(version: str = "26.1") -> SimulatedEngine:
    """A host with images, two networks with addresses of their own and a container to refer to."""
    engine = SimulatedEngine(version)
    for reference in (EVERYTHING, PLAIN):
        engine.pull_image(f"docker.io/{reference if '/' in reference else f'library/{reference}'}", "", None, _quiet)
    engine.create_network({"Name": "front", "IPAM": {"Config": [{"Subnet": "10.9.1.0/24"}]}})
    engine.create_network({"Name": "back", "Internal": True, "Options": {"a": "b"}, "Labels": {"team": "shop"}})
    engine.create_container("db", {"Image": PLAIN, "HostConfig": {}}, "")
    engine.start_container("db")
    return engine


def _quiet(_message: object) -> None:
    """Nobody watches the pull."""


def by_hand(engine: SimulatedEngine, name: str, written: dict[str, Any], image: str = PLAIN) -> None:
    """A container as somebody without this tool makes it."""
    canonical = declare(CONTAINER, written).values
    body: dict[str, Any] = {"Image": image} | body_of(CONTAINER, canonical)
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    first, *rest = endpoints or [""]
    if rest:
        body["NetworkingConfig"] = {"EndpointsConfig": {first: endpoints[first]}}
    engine.create_container(name, body, "")
    for network in rest:
        engine.connect_network(network, name, endpoints[network])


@pytest.mark.parametrize("image", [PLAIN, EVERYTHING])
@pytest.mark.parametrize(("row", "written"), EXAMPLES)
def test_every_field_comes_out_again(row: Field, written: Any, image: str) -> None:
    engine = machine()
    by_hand(engine, "it", {row.name: written} | BESIDE.get(row.name, {}), image)
    text = imported(engine)
    check_unchanged(engine, text)
    assert values(made_again(engine, text), "it") == values(engine, "it"), text


@pytest.mark.parametrize("version", ["20.10", "26.1", "28.5"])
def test_values_of_image_and_engine_are_left_out(version: str) -> None:
    engine = machine(version)
    by_hand(engine, "it", {}, EVERYTHING)
    engine.start_container("it")
    assert container(engine, "it") == {"image": EVERYTHING}


def test_parts_that_differ_from_the_image_are_declared_alone() -> None:
    engine = machine()
    written = {
        "environment": {"A": "mine", "C": "new", "B": None},
        "labels": {"shared": "mine"},
        "healthcheck": {"retries": 9},
        "volumes": ["data:/data", "/own"],
        "expose": ["90"],
        "ports": ["8080:80"],
    }
    by_hand(engine, "it", written, EVERYTHING)
    assert container(engine, "it") == {
        "image": EVERYTHING,
        "state": "created",
        "environment": {"A": "mine", "B": None, "C": "new"},
        "labels": {"shared": "mine"},
        "expose": ["90"],
        "healthcheck": {"retries": 9},
        "ports": ["8080:80"],
        "volumes": ["data:/data", "/own"],
    }


def test_values_are_spelled_as_people_write_them() -> None:
    engine = machine()
    by_hand(
        engine,
        "it",
        {
            "mem_limit": 64 * 1024**2,
            "memswap_limit": -1,
            "cpus": 0.5,
            "healthcheck": {"test": "true", "interval": "90s"},
            "networks": {"front": {"aliases": ["www"], "ipv4_address": "10.9.1.7"}, "back": {}},
            "devices": ["/dev/null"],
            "shm_size": "128m",
            "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
            "stop_grace_period": 90,
        },
    )
    text = imported(engine, "it")
    assert text == (
        "# 1 container of web1, as it was read.\n"
        "- name: Imported from web1\n"
        "  hosts: web1\n"
        "  networks:\n"
        "    back:\n"
        "      driver_opts:\n"
        "        a: b\n"
        "      internal: true\n"
        "      labels:\n"
        "        team: shop\n"
        "    front:\n"
        "      ipam:\n"
        "        config:\n"
        '          - subnet: "10.9.1.0/24"\n'
        "  containers:\n"
        "    it:\n"
        "      image: one:1\n"
        "      state: created\n"
        "      stop_grace_period: 1m30s\n"
        "      healthcheck:\n"
        '        test: [CMD-SHELL, "true"]\n'
        "        interval: 1m30s\n"
        "      networks:\n"
        "        front:\n"
        "          aliases: [www]\n"
        '          ipv4_address: "10.9.1.7"\n'
        "        back: {}\n"
        "      logging:\n"
        "        options:\n"
        "          max-size: 10m\n"
        "      mem_limit: 64m\n"
        "      memswap_limit: -1\n"
        "      shm_size: 128m\n"
        "      cpus: 0.5\n"
        "      devices: [/dev/null]\n"
    )


def test_secrets_are_left_to_variables() -> None:
    engine = machine()
    written = {
        "environment": {
            "DB_PASSWORD": "hunter2",
            "db-password": "hunter3",
            "DATABASE_URL": "postgres://shop:hunter4@db/shop",
            "EMPTY_TOKEN": "",
            "MODE": "production",
        },
        "command": ["serve", "--password=hunter5", "--port=80"],
    }
    by_hand(engine, "web-1", written)
    text = imported(engine)
    assert "hunter" not in text
    assert (
        "  hosts: web1\n"
        "  # Secrets were left out. Set these variables in a vault, with -e, or here:\n"
        "  # vars:\n"
        "  #   vault_web_1_command_2:  # container.web-1 command.2\n"
        "  #   vault_web_1_db_password:  # container.web-1 environment.DB_PASSWORD\n"
        "  #   vault_web_1_db_password_2:  # container.web-1 environment.db-password\n"
        "  #   vault_web_1_database_url:  # container.web-1 environment.DATABASE_URL\n"
        "  networks:\n"
    ) in text
    given = {
        "vault_web_1_command_2": "--password=hunter5",
        "vault_web_1_db_password": "hunter2",
        "vault_web_1_db_password_2": "hunter3",
        "vault_web_1_database_url": "postgres://shop:hunter4@db/shop",
    }
    check_unchanged(engine, text, given)
    assert values(made_again(engine, text, given), "web-1") == values(engine, "web-1")
    clear = imported(engine, with_secrets=True)
    assert "vault" not in clear
    assert clear.count("hunter") == 4
    check_unchanged(engine, clear)


def test_a_secret_is_hidden_wherever_it_is() -> None:
    engine = machine()
    web = {
        "command": ["serve", "--requirepass", "other4711", "--verbose", "plain"],
        "environment": {"DB_PASS": "hunter4711", "TOKEN_FILE": "/run/secrets/token", "URL": "x://me:weak1@db"},
        "healthcheck": {"test": "check -phunter4711 && check -a other4711"},
        "labels": {"note": "was hunter4711", "weak1": "weak1"},
    }
    db = {"environment": {"ROOT_PASSWORD": "root", "NAME": "root", "COPY": "hunter4711", "KEY": "weak1"}}
    by_hand(engine, "web", web)
    by_hand(engine, "db2", db)
    text = imported(engine, "web", "db2")
    assert [secret for secret in ("4711", "ROOT_PASSWORD: root") if secret in text] == []
    assert container(engine, "web")["command"] == [
        *("serve", "--requirepass", "{{ vault_web_command_3 }}", "--verbose", "plain"),
    ]
    assert "TOKEN_FILE: /run/secrets/token\n" in text
    assert "NAME: root\n" in text
    given = {
        "vault_web_command_3": "other4711",
        "vault_web_db_pass": "hunter4711",
        "vault_web_url": "x://me:weak1@db",
        "vault_web_note": "was hunter4711",
        "vault_web_healthcheck_test_2": "check -phunter4711 && check -a other4711",
        "vault_db2_root_password": "root",
        "vault_db2_copy": "hunter4711",
        "vault_db2_key": "weak1",
    }
    assert set(given) == {line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith("  #   ")}
    check_unchanged(engine, text, given)


def test_keys_that_compose_ignores_in_maps_are_written_as_a_list() -> None:
    engine = machine()
    by_hand(engine, "it", {"labels": ["x-note=a"], "environment": ["x-note=b", "DB_PASSWORD=s3cret-word"]})
    text = imported(engine)
    assert container(engine, "it") == {
        "image": PLAIN,
        "environment": ["x-note=b", "DB_PASSWORD={{ vault_it_db_password }}"],
        "labels": ["x-note=a"],
        "state": "created",
    }
    check_unchanged(engine, text, {"vault_it_db_password": "s3cret-word"})


def test_text_that_looks_like_a_template_stays_as_it_is() -> None:
    engine = machine()
    by_hand(
        engine,
        "it",
        {
            "logging": {"driver": "json-file", "options": {"tag": nothing("{{.Name}}")}},
            "labels": {nothing("{{ key }}"): "{# x #}"},
        },
    )
    text = imported(engine, "it")
    assert 'tag: !unsafe "{{.Name}}"' in text
    check_unchanged(engine, text)
    assert values(made_again(engine, text), "it") == values(engine, "it")


def nothing(text: str) -> str:
    """The text; what it says is nothing to Python."""
    return text


def test_containers_that_share_another_ones_namespaces_name_it() -> None:
    engine = machine()
    leader = engine.inspect_container("db")
    assert leader is not None
    host = {"NetworkMode": f"container:{leader['Id']}", "PidMode": "container:db", "IpcMode": "host"}
    engine.create_container("side", {"Image": PLAIN, "HostConfig": host}, "")
    assert container(engine, "side") == {
        "image": PLAIN,
        "state": "created",
        "network_mode": "container:db",
        "ipc": "host",
        "pid": "container:db",
    }
    text = imported(engine)
    check_unchanged(engine, text)
    assert values(made_again(engine, text), "side") == values(engine, "side")


def test_compose_labels_become_depends_on() -> None:
    engine = machine()
    for service, needs in (("db", ""), ("web", "db:service_healthy:false,cache:service_started:false")):
        labels = {
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": service,
            "com.docker.compose.depends_on": needs,
            "own": "label",
        }
        engine.create_container(f"shop-{service}-1", {"Image": PLAIN, "Labels": labels, "HostConfig": {}}, "")
    text = imported(engine)
    found = plays(text)[0]["containers"]
    assert found["shop-web-1"] == {
        "image": PLAIN,
        "state": "created",
        "depends_on": {"shop-db-1": {"condition": "service_healthy"}},
        "labels": {"own": "label"},
    }
    assert "#   container.shop-web-1 labels: com.docker.compose.* belong to another tool\n" in text
    check_unchanged(engine, text)


def test_states() -> None:
    engine = machine()
    for name in ("runs", "pauses", "stopped", "created"):
        engine.create_container(name, {"Image": PLAIN, "HostConfig": {}}, "")
    for name in ("runs", "stopped"):
        engine.start_container(name)
    engine.stop_container("stopped", None)
    found = plays(imported(engine))[0]["containers"]
    states = {name: keys.get("state") for name, keys in found.items()}
    assert states == {"runs": None, "db": None, "stopped": "stopped", "created": "created", "pauses": "created"}


def test_an_image_is_named_so_that_it_is_the_same_image() -> None:
    engine = machine()
    by_hand(engine, "it", {})
    engine.publish_image("docker.io/library/one:1", {"Config": {"Cmd": ["new"]}, "Digest": "sha256:" + "9" * 64})
    engine.pull_image("docker.io/library/one:1", "", None, _quiet)
    text = imported(engine, "it")
    named = container(engine, "it")["image"]
    assert named.startswith(("one@sha256:", "sha256:"))
    assert "container.it image one:1: refers to another image now, or to none" in text
    check_unchanged(engine, text)


def test_an_image_known_by_another_name_is_called_by_it() -> None:
    engine = machine()
    own = engine.inspect_image(PLAIN)
    assert own is not None
    engine.tag_image(own["Id"], "registry.example.com/team/one:stable")
    engine.create_container("it", {"Image": own["Id"], "HostConfig": {}}, "")
    assert container(engine, "it")["image"] == "one:1"


def test_containers_of_projects_are_left_out_unless_they_are_named() -> None:
    engine = machine()
    owned = "networks: {inner: {}, front: {external: true}}\nvolumes: {data: {}}\n"
    owned += "containers: {api: {image: one:1, networks: [inner, front], volumes: ['data:/data'], env: {A: b}}}"
    Host(engine).converge(play(owned, project="shop"))
    text = imported(engine)
    assert list(plays(text)[0]["containers"]) == ["db"]
    text = imported(engine, project="shop")
    (found,) = plays(text)
    assert (found["project"], list(found["containers"]), list(found["networks"])) == (
        "shop",
        ["api"],
        ["front", "inner"],
    )
    check_unchanged(engine, text)
    text = imported(engine, "api", "db")
    first, second = plays(text)
    assert "project" not in first
    assert second["project"] == "shop"
    assert second["volumes"] == {"data": {}}
    assert second["networks"] == {"front": {"ipam": {"config": [{"subnet": "10.9.1.0/24"}]}}, "inner": {}}
    assert second["containers"]["api"] == {
        "image": PLAIN,
        "environment": {"A": "b"},
        "networks": ["inner", "front"],
        "volumes": ["data:/data"],
    }
    check_unchanged(engine, text)


def test_networks_and_volumes_of_a_project_are_external_to_others() -> None:
    engine = machine()
    Host(engine).converge(play("networks: {inner: {}}\nvolumes: {data: {}}", project="shop"))
    by_hand(engine, "it", {"networks": ["inner"], "volumes": ["data:/data"]})
    (found,) = plays(imported(engine, "it"))
    assert (found["networks"], found["volumes"]) == ({"inner": {"external": True}}, {"data": {"external": True}})
    check_unchanged(engine, imported(engine, "it"))


def test_undeclarable_values_are_reported() -> None:
    engine = machine()
    host = {"NetworkMode": "host", "PortBindings": {"80/tcp": [{"HostPort": "80"}]}, "Dns": ["not an address"]}
    body = {"Image": PLAIN, "HostConfig": host, "ExposedPorts": {"80/tcp": {}}}
    engine.create_container("it", body, "")
    text = imported(engine, "it")
    assert container(engine, "it") == {"image": PLAIN, "state": "created", "network_mode": "host", "expose": ["80"]}
    assert "#   container.it dns: 'not an address' is not an IP address\n" in text
    check_unchanged(engine, text)


def test_containers_with_missing_networks_are_left_out() -> None:
    engine = machine()
    by_hand(engine, "it", {"networks": ["front"]})
    engine.create_container("side", {"Image": PLAIN, "HostConfig": {"NetworkMode": "container:db"}}, "")
    seen = observe_whole(engine, HOST)
    front, back = (network for network in seen.networks if network.name in ("front", "back"))
    rest = tuple(network for network in seen.networks if network.name != "front")
    only = tuple(found for found in seen.containers if found.name != "db")
    for networks, why in (
        (rest, "network front no longer exists"),
        ((*rest, front, replace(back, name="front")), "2 networks are called front"),
    ):
        found = host_playbook(replace(seen, networks=networks), engine.info(), ["it"])
        assert (found.left_out, found.counts[Kind.CONTAINER]) == ((f"container.it as a whole: {why}",), 0)
    found = host_playbook(replace(seen, containers=only), engine.info())
    assert found.left_out == ("container.side as a whole: the container whose network_mode it shares no longer exists",)
    assert list(plays(found.text)[0]["containers"]) == ["it"]


def test_tasks_of_a_swarm_are_left_out() -> None:
    engine = machine()
    labels = {"com.docker.swarm.service.name": "web", "com.docker.swarm.task.id": "x"}
    engine.create_container("web.1.x", {"Image": PLAIN, "Labels": labels, "HostConfig": {}}, "")
    found = host_playbook(observe_whole(engine, HOST), engine.info())
    assert found.left_out == ("container.web.1.x as a whole: it is a task of the swarm service web",)
    assert list(plays(found.text)[0]["containers"]) == ["db"]


def test_a_paused_container_continues() -> None:
    engine = machine()
    seen = observe_whole(engine, HOST)
    paused = tuple(replace(found, state="paused") for found in seen.containers)
    found = host_playbook(replace(seen, containers=paused), engine.info())
    assert found.left_out == ("container.db state: it is paused, and applying resumes it",)
    assert plays(found.text)[0]["containers"] == {"db": {"image": PLAIN}}


def test_networks_and_volumes_that_no_container_uses() -> None:
    """Those that the engine made by itself, and gave names of its own, are nobody's wish."""
    engine = machine()
    for name in ("idle", "0123456789abcdef" * 4):
        engine.create_volume({"Name": name})
    found = host_playbook(observe_whole(engine, HOST), engine.info())
    (play,) = plays(found.text)
    assert (sorted(play["networks"]), sorted(play["volumes"])) == (["back", "front"], ["idle"])
    assert found.counts == {Kind.NETWORK: 2, Kind.VOLUME: 1, Kind.CONTAINER: 1, Kind.JOB: 0}
    check_unchanged(engine, found.text)
    (play,) = plays(imported(engine, "db"))
    assert list(play) == ["name", "hosts", "containers"]


@pytest.mark.parametrize("suffix", [".previous", ".previous-2", ".failed", ".deployer-new", ".deployer-old"])
def test_names_of_a_replacement_are_passed_over(suffix: str) -> None:
    host = Host()
    host.converge(play("containers: {web: {image: one:1}}", project="shop"))
    seen = observe_whole(host.engine, HOST)
    (web,) = seen.containers
    both = replace(seen, containers=(web, replace(web, id="f" * 64, name=f"web{suffix}")))
    found = host_playbook(both, host.engine.info(), project="shop")
    assert list(plays(found.text)[0]["containers"]) == ["web"]
    assert host_playbook(both, host.engine.info()).projects == {"shop": ("container.web",)}


def test_a_host_without_containers() -> None:
    """Those of deployer itself do not count."""
    engine = SimulatedEngine()
    assert imported(engine) == f"# 0 containers of {HOST}, as they were read.\n[]\n"
    engine.pull_image("docker.io/library/one:1", "", None, lambda _message: None)
    for name in ("deployer.files", "deployer.files.running"):
        engine.create_container(name, {"Image": "one:1"}, "")
    assert imported(engine) == f"# 0 containers of {HOST}, as they were read.\n[]\n"


def combination(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs) | {key: value for name, _ in pairs for key, value in BESIDE.get(name, {}).items()}


COMBINATIONS = st.lists(
    st.sampled_from(ROWS).flatmap(lambda row: st.sampled_from([(row.name, row.example), (row.name, row.other)])),
    max_size=8,
    unique_by=lambda pair: pair[0],
).map(combination)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(COMBINATIONS.filter(lambda written: not try_declare(CONTAINER, written)[1].errors), st.booleans(), st.booleans())
def test_any_combination_comes_out_again(written: dict[str, Any], rich: bool, modern: bool) -> None:
    engine = machine("26.1" if modern else "20.10")
    try:
        by_hand(engine, "it", written, EVERYTHING if rich else PLAIN)
    except EngineError:
        return
    text = imported(engine)
    check_unchanged(engine, text)
    assert values(made_again(engine, text), "it") == values(engine, "it"), text


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(any_play())
def test_any_play_comes_out_again(written: dict[str, Any]) -> None:
    """No fixed addresses: an engine may pick that of a container which is started later."""
    host = Host()
    wish = read(written)
    if "ipv4_address" in str(written) or host.plan(wish).refusals:
        return
    host.apply(wish)
    names = sorted(host.containers)
    text = imported(host.engine, *names)
    if names:
        check_unchanged(host.engine, text)
        other = made_again(host.engine, text)
        assert {name: values(other, name) for name in names} == {name: values(host.engine, name) for name in names}
