"""How declarations are read: every error in one pass, each with its place; secrets in none of them."""

from __future__ import annotations

from typing import Any

import pytest

from deployer import nodes
from deployer.diagnostics import Origin, Severity
from deployer.fields.container import CONTAINER
from deployer.fields.field import Field
from deployer.fields.image import IMAGE
from deployer.fields.job import JOB
from deployer.fields.network import NETWORK
from deployer.fields.shapes import Entry
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from tests.fields.declare import HERE, declare, errors_of, try_declare
from tests.fields.written import read_text

SENTINEL = "s3ntinel-pa55"
ZONED = "networks.a.ipv6_address: 'fd00::5%eth0' has a zone (%eth0), which Docker does not support"


def test_every_error_is_found_in_one_pass_and_knows_its_place() -> None:
    _, found = read_text(
        """\
        image: Redis
        imagee: redis
        ports: [80:80:80, 8080:80]
        mem_limit: 64x
        environment:
          A: [1]
        restart: sometimes
        volumes:
          - data
          - type: bind
            sourc: /srv
            target: srv
        read_only: maybe
        """
    )
    assert found == [
        "play.yml:1:8: containers.web.image: 'Redis' is not an image reference: repository names are lower case",
        "play.yml:2:1: containers.web: unknown key 'imagee'; did you mean 'image'?",
        "play.yml:3:9: containers.web.ports[0]: '80:80:80': '80' is not an IP address; host names cannot be bound",
        "play.yml:4:12: containers.web.mem_limit: '64x' is not a size such as 512m, 1.5g or 67108864",
        "play.yml:6:6: containers.web.environment.A: expected text, a number or null, got a list",
        "play.yml:7:10: containers.web.restart: 'sometimes' is not one of no, always, unless-stopped, "
        "on-failure[:retries]",
        "play.yml:9:5: containers.web.volumes[0]: 'data': 'data' is not an absolute path in the container",
        "play.yml:11:5: containers.web.volumes[1]: unknown key 'sourc'; did you mean 'source'?",
        "play.yml:12:13: containers.web.volumes[1].target: 'srv' is not an absolute path",
        "play.yml:13:12: containers.web.read_only: expected true or false, got 'maybe'",
    ]


def test_a_name_and_its_alias_together_are_an_error() -> None:
    _, found = read_text("environment: {A: b}\nenv: {C: d}\n")
    assert found == ["play.yml:2:1: containers.web: 'env' and 'environment' are the same; write one of them"]


def test_a_flat_spelling_and_the_field_it_belongs_to_are_an_error() -> None:
    _, found = read_text("logging: {driver: local}\nlog_driver: json-file\nlog_options: {max-size: 1m}\n")
    assert found == [
        "play.yml:2:13: containers.web.log_driver: 'log_driver' and 'logging' are the same; write one of them",
        "play.yml:3:14: containers.web.log_options: 'log_options' and 'logging' are the same; write one of them",
    ]


def test_flat_spellings_are_gathered_with_their_places() -> None:
    declaration, found = read_text("log_driver: json-file\nlog_options:\n  max-file: 3\n")
    assert found == []
    assert declaration is not None
    assert declaration.values == {"logging": {"driver": "json-file", "options": {"max-file": "3"}}}
    assert declaration.origins["logging", "driver"] == Origin("play.yml", 1, 13)
    assert declaration.origins["logging", "options", "max-file"] == Origin("play.yml", 3, 13)


def test_a_flat_spelling_with_an_error_in_it() -> None:
    _, found = read_text("log_options: [=1m]\n")
    assert found == ["play.yml:1:15: containers.web.log_options[0]: '=1m' does not have the form KEY=value"]


def test_null_means_not_declared() -> None:
    assert declare(CONTAINER, {"ports": None, "published_ports": ["80:80"], "mem_limit": None}).values == {
        "ports": ["80:80/tcp"]
    }


def test_messages_have_the_spelling_of_the_user() -> None:
    _, found = read_text(
        """\
        published_ports: [abc]
        restart_policy: maybe
        env: [1]
        log_driver: [local]
        mounts: [{type: bind, src: srv, dst: srv}, {source: [], target: /x}]
        healthcheck: {interval: x}
        """
    )
    assert [line.partition(" containers.web.")[2].partition(": ")[0] for line in found] == [
        "published_ports[0]",
        "restart_policy",
        "env[0]",
        "log_driver",
        "mounts[0].dst",
        "mounts[1].source",
        "healthcheck.interval",
    ]


@pytest.mark.parametrize("table", [CONTAINER, JOB, NETWORK, VOLUME, IMAGE], ids=lambda table: table.kind)
def test_a_key_with_empty_text_counts_as_not_written(table: Table) -> None:
    """But for booleans and whole numbers, which Ansible does not take for one either."""
    typed: dict[str, list[str]] = {}
    rows: list[Field | Entry] = [*table.fields, *table.settings]
    for row in rows:
        found, problems = try_declare(table, {row.name: ""})
        typed[row.name] = [error.summary for error in problems.errors]
        assert found is not None
        assert row.name in ("entrypoint", "cpuset", "cpuset_mems") or {*found.values, *found.settings} == set()
    refused = {name: found for name, found in typed.items() if found}
    assert {message.partition(",")[0] for found in refused.values() for message in found} <= {
        "expected true or false",
        "expected a whole number",
        "is cleared",
        "expected a whole number from -1000 to 1000",
        "expected a whole number from 0 to 100",
        "expected microseconds",
        "expected microseconds from 1000 to 1000000",
    }
    assert not {"image", "pid", "ports", "networks", "mem_limit", "healthcheck", "labels"} & refused.keys()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"ports": "8080:80"}, {"ports": ["8080:80"]}),
        ({"expose": 9100}, {"expose": ["9100"]}),
        ({"networks": "front"}, {"networks": ["front"]}),
        ({"volumes": "data:/data"}, {"volumes": ["data:/data"]}),
        ({"volumes": "a1:/a", "mounts": "b1:/b"}, {"volumes": ["a1:/a", "b1:/b"]}),
        ({"capabilities": "NET_ADMIN"}, {"cap_add": ["NET_ADMIN"]}),
        ({"groups": 100}, {"group_add": ["100"]}),
        ({"depends_on": "db"}, {"depends_on": ["db"]}),
        ({"volumes_from": "db:ro"}, {"volumes_from": ["db:ro"]}),
        ({"links": "db"}, {"links": ["db"]}),
        ({"extra_hosts": "db:10.0.0.1"}, {"extra_hosts": ["db:10.0.0.1"]}),
        ({"networks": {"front": {"aliases": "www"}}}, {"networks": {"front": {"aliases": ["www"]}}}),
        ({"command": ["sleep", 1.0]}, {"command": ["sleep", "1.0"]}),
        ({"command": "sleep", "entrypoint": ""}, {"command": ["sleep"], "entrypoint": [""]}),
    ],
)
def test_a_text_stands_for_a_list_of_one(written: dict[str, Any], meant: dict[str, Any]) -> None:
    found, expected = declare(CONTAINER, written), declare(CONTAINER, meant)
    assert (found.values, found.settings) == (expected.values, expected.settings)


@pytest.mark.parametrize("key", ["environment", "labels", "sysctls"])
def test_a_text_is_not_a_map(key: str) -> None:
    assert errors_of(CONTAINER, {key: "A=b"}) == [
        f"containers.it.{key}: expected a map, or a list of KEY=value, got 'A=b'"
    ]


def test_extensions_of_compose_are_ignored_in_free_maps_too() -> None:
    found, problems = try_declare(
        CONTAINER, {"labels": {"x-note": {"a": 1}, "team": "shop"}, "environment": ["x-note=1"], "x-more": [1]}
    )
    assert found is not None
    assert found.values == {"labels": {"team": "shop"}, "environment": {"x-note": "1"}}
    assert [(each.severity, each.summary, each.hint) for each in problems] == [
        (Severity.WARNING, "'x-note' is ignored, as in Compose", "to set it, write a list: [x-note=…]")
    ]


def test_words_that_cmd_shell_ignores_are_noticed() -> None:
    found, problems = try_declare(CONTAINER, {"healthcheck": {"test": ["CMD-SHELL", "curl", "-f", "localhost"]}})
    assert found is not None
    assert found.values == {"healthcheck": {"test": ["CMD-SHELL", "curl", "-f", "localhost"]}}
    assert [each.summary for each in problems.warnings] == [
        "CMD-SHELL runs only 'curl'; the words after it are ignored"
    ]
    assert not tuple(try_declare(CONTAINER, {"healthcheck": {"test": ["CMD-SHELL", "curl -f localhost"]}})[1])


def test_an_empty_resource_is_valid_and_a_list_is_not() -> None:
    assert declare(VOLUME, nodes.Scalar(None, HERE)).values == {}
    assert errors_of(VOLUME, nodes.from_plain([], HERE)) == ["volumes.it: expected a map of volume keys"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"tty": "maybe"}, "tty: expected true or false, got 'maybe'"),
        ({"tty": 1}, "tty: expected true or false, got 1"),
        ({"mem_limit": True}, "mem_limit: expected a size such as 512m, got true"),
        ({"pids_limit": False}, "pids_limit: expected a whole number, got false"),
        ({"cpu_shares": True}, "cpu_shares: expected a whole number, 0 or more, got true"),
        ({"cpu_shares": -1}, "cpu_shares: expected a whole number, 0 or more, got -1"),
        ({"cpu_shares": "-1"}, "cpu_shares: expected a whole number, 0 or more, got '-1'"),
        ({"pids_limit": "0100"}, "pids_limit: expected a whole number, got '0100'"),
        ({"oom_score_adj": "1001"}, "oom_score_adj: 1001 is not between -1000 and 1000"),
        ({"cpus": True}, "cpus: expected a number of CPUs such as 0.5, got true"),
        ({"ports": [True]}, "ports[0]: expected [ip:][host:]container[/protocol], got true"),
        ({"user": True}, "user: expected text or a number, got true"),
        ({"command": False}, "command: expected a command, got false"),
        ({"command": ["a", True]}, "command[1]: expected text or a number, got true"),
        ({"gpus": [{"count": True}]}, "gpus[0].count: expected a number or 'all', got true"),
        ({"healthcheck": {"retries": True}}, "healthcheck.retries: expected a whole number, 0 or more, got true"),
        ({"restart": False}, "restart: expected one of no, always, unless-stopped, on-failure[:retries], got false"),
        ({"hostname": 5}, "hostname: expected text, got 5"),
        ({"ports": [{"published": 80}]}, "ports[0]: 'target' is missing"),
        (
            {"ports": [{"target": 80, "host_ip": "x"}]},
            "ports[0]: 'x::80/tcp': 'x' is not an IP address; host names cannot be bound",
        ),
        (
            {"volumes": [{"source": "/y", "target": "/x"}]},
            "volumes[0]: '/y' cannot be the name of a volume; for a path on the host, write type: bind",
        ),
        ({"environment": ["=x"]}, "environment[0]: '=x' does not have the form KEY=value"),
        (
            {"environment": ["A=1", "A=2"]},
            "environment[1]: 'A' is given twice, first at play.yml:1:18; this counts",
        ),
        *(
            (
                {"entrypoint": entrypoint, **command},
                "entrypoint: is cleared, which leaves out the image's command too: write a command, or entrypoint: []",
            )
            for entrypoint, command in (("", {}), ([""], {"command": ""}), ("", {"command": []}))
        ),
        (
            {"pids_limit": ""},
            "pids_limit: expected a whole number, got ''; to leave it out, write {{ … | default(omit) }} or remove the "
            "key",
        ),
        (
            {"configs": ["app", {"source": "db", "target": "app"}]},
            "configs[1]: '/app' is given twice, first at play.yml:1:14",
        ),
        (
            {"secrets": [{"source": "a", "target": "x"}, {"source": "b", "target": "/run/secrets/x"}]},
            "secrets[1]: '/run/secrets/x' is given twice, first at play.yml:1:14",
        ),
        (
            {"configs": ["app", {"source": "app"}]},
            "configs[1]: '/app' is given twice, first at play.yml:1:14; this counts",
        ),
        ({"volumes": ["a1:/t", "b1:/t/"]}, "volumes[1]: '/t' is given twice, first at play.yml:1:14; this counts"),
        ({"tmpfs": ["/run", "/run/"]}, "tmpfs: '/run' is given twice"),
        (
            {"labels": {"deployer.project": "x"}},
            "labels: 'deployer.project': labels with the prefix 'deployer.' are reserved",
        ),
        (
            {"labels": ["deployer.spec=x"]},
            "labels[0]: 'deployer.spec': labels with the prefix 'deployer.' are reserved",
        ),
        *(
            (
                {"healthcheck": {"test": [word]}},
                "healthcheck.test: a test list requires a command after CMD or CMD-SHELL; without one, Docker itself "
                "crashes",
            )
            for word in ("CMD", "CMD-SHELL")
        ),
        (
            {"volumes": [{"type": "bind", "source": "/a", "target": "/b", "consistency": "foo"}]},
            "volumes[0].consistency: expected one of cached, delegated, consistent, default, got 'foo'",
        ),
        ({"networks": {"a": {"ipv6_address": "fd00::5%eth0"}}}, ZONED),
        ({"networks": {"a": {"link_local_ips": ["fd00::5%eth0"]}}}, ZONED.replace("ipv6_address", "link_local_ips[0]")),
        ({"extra_hosts": ["db:fd00::5%eth0"]}, ZONED.replace("networks.a.ipv6_address", "extra_hosts[0]")),
        (
            {"ports": [{"target": 80, "host_ip": "fd00::5%eth0", "published": 80}]},
            "ports[0]: '[fd00::5%eth0]:80:80/tcp': 'fd00::5%eth0' has a zone (%eth0), which Docker does not support",
        ),
        ({"healthcheck": {"test": ["curl", "x"]}}, "healthcheck.test: a test list begins with CMD, CMD-SHELL or NONE"),
        (
            {"healthcheck": {"interval": "1us"}},
            "healthcheck.interval: '1us' is shorter than the engine's minimum of 1ms",
        ),
        ({"ulimits": {"nofile": {"soft": 1}}}, "ulimits.nofile: a limit has both soft and hard"),
        ({"ulimits": ["nofile"]}, "ulimits[0]: 'nofile' does not have the form name:soft[:hard]"),
        ({"ulimits": {"nofile": "many"}}, "ulimits.nofile: 'many' is not a whole number"),
        ({"devices": [{"target": "/dev/x"}]}, "devices[0]: 'source' is missing"),
        ({"device_cgroup_rules": ["c 1:3"]}, "device_cgroup_rules[0]: 'c 1:3' is not a rule such as c 1:3 mr"),
        ({"gpus": [{"count": "some"}]}, "gpus[0].count: 'some' is not 'all' or a number of GPUs"),
        ({"network_mode": "container:"}, "network_mode: 'container:' names no container"),
        (
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"mode": "9"}}]},
            "volumes[0].tmpfs.mode: '9' is not an octal mode such as 1777",
        ),
        (
            {"volumes": [{"source": "data", "target": "/t", "bind": {"propagation": "rshared"}}]},
            "volumes[0]: options of a bind cannot be combined with type: volume",
        ),
        (
            {"mounts": [{"type": "bind", "source": "/srv", "target": "/t", "no_copy": True}]},
            "mounts[0]: options of a volume cannot be combined with type: bind",
        ),
        ({"volumes": [{"type": "tmpfs", "source": "x", "target": "/t"}]}, "volumes[0]: a tmpfs has no source"),
        (
            {"volumes": [{"type": "bind", "source": "srv", "target": "/t"}]},
            "volumes[0]: 'srv' must be an absolute path on the host",
        ),
        (
            {
                "volumes": [
                    {
                        "type": "bind",
                        "source": "/srv",
                        "target": "/t",
                        "bind": {"selinux": "z", "create_host_path": False},
                    }
                ]
            },
            "volumes[0]: the engine relabels (selinux) only binds without create_host_path: false and recursive",
        ),
        (
            {"network_mode": ["host"]},
            "network_mode: expected host, none, container:NAME or a network's name, got a list",
        ),
        ({"ipc": "foo"}, "ipc: 'foo' is not one of private, shareable, host, none, container:NAME"),
        ({"uts": "private"}, "uts: expected one of host, got 'private'"),
        ({"platform": "a/b/c/d"}, "platform: 'a/b/c/d' is not a platform such as linux/amd64"),
        (
            {"depends_on": {"db": {"condition": "ready"}}},
            "depends_on.db.condition: expected one of service_started, service_healthy, "
            "service_completed_successfully, got 'ready'",
        ),
        ({"mem_swappiness": 101}, "mem_swappiness: 101 is not between 0 and 100"),
        ({"mem_swappiness": -2}, "mem_swappiness: -2 is not between 0 and 100"),
    ],
)
def test_errors(written: dict[str, Any], message: str) -> None:
    assert errors_of(CONTAINER, written) == [f"containers.it.{message}"]


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ({"environment": ["A=1", "B=", "C"]}, {"environment": {"A": "1", "B": "", "C": None}}),
        (
            {"environment": {"A": 1, "B": True, "C": None, "D": 1.5}},
            {"environment": {"A": "1", "B": "true", "C": None, "D": "1.5"}},
        ),
        ({"labels": ["a", "b=c=d"]}, {"labels": {"a": "", "b": "c=d"}}),
        ({"labels": {"a": None}}, {"labels": {"a": ""}}),
        ({"sysctls": ["net.core.somaxconn=1024"]}, {"sysctls": {"net.core.somaxconn": "1024"}}),
        ({"command": "sh -c 'a b'"}, {"command": ["sh", "-c", "a b"]}),
        ({"command": ["sleep", 5]}, {"command": ["sleep", "5"]}),
        ({"entrypoint": "", "command": "up"}, {"entrypoint": [""], "command": ["up"]}),
        ({"entrypoint": []}, {"entrypoint": []}),
        ({"healthcheck": {"test": "curl x"}}, {"healthcheck": {"test": ["CMD-SHELL", "curl x"]}}),
        ({"healthcheck": {"test": "NONE"}}, {"healthcheck": {"test": ["NONE"]}}),
        ({"healthcheck": {"test": ["NONE"], "interval": "5s"}}, {"healthcheck": {"test": ["NONE"]}}),
        ({"healthcheck": {"disable": True}}, {"healthcheck": {"test": ["NONE"]}}),
        ({"healthcheck": {"disable": False, "retries": 2}}, {"healthcheck": {"retries": 2}}),
        (
            {"ports": [{"target": 80, "published": "8080", "host_ip": "::1", "protocol": "udp"}]},
            {"ports": ["[::1]:8080:80/udp"]},
        ),
        ({"ports": [{"target": 80, "published": "8080", "host_ip": "[::1]"}]}, {"ports": ["[::1]:8080:80/tcp"]}),
        ({"ports": ["443:443", 80, "443:443/tcp"]}, {"ports": ["80/tcp", "443:443/tcp"]}),
        ({"expose": ["80-81", "53/UDP"]}, {"expose": ["53/udp", "80/tcp", "81/tcp"]}),
        ({"networks": ["front", "back"]}, {"networks": {"front": {}, "back": {}}}),
        (
            {"networks": {"front": None, "back": {"aliases": ["b", "a", "a"]}}},
            {"networks": {"front": {}, "back": {"aliases": ["a", "b"]}}},
        ),
        ({"cap_add": ["cap_net_admin", "NET_ADMIN"]}, {"cap_add": ["NET_ADMIN"]}),
        ({"group_add": [100, "100"]}, {"group_add": ["100"]}),
        (
            {"ulimits": ["nofile:1024:2048", "nproc:5"]},
            {"ulimits": {"nofile": {"soft": 1024, "hard": 2048}, "nproc": {"soft": 5, "hard": 5}}},
        ),
        ({"extra_hosts": {"b": "::1", "a": "1.2.3.4"}}, {"extra_hosts": ["a:1.2.3.4", "b:::1"]}),
        (
            {"pids_limit": "100", "cpu_shares": "512", "oom_score_adj": "-5", "healthcheck": {"retries": "3"}},
            {"pids_limit": 100, "cpu_shares": 512, "oom_score_adj": -5, "healthcheck": {"retries": 3}},
        ),
        ({"tmpfs": "/run:mode=1777,size=64m"}, {"tmpfs": {"/run": "mode=1777,size=67108864"}}),
        ({"tmpfs": ["/run:size=50%"]}, {"tmpfs": {"/run": "size=50%"}}),
        ({"dns": "8.8.8.8"}, {"dns": ["8.8.8.8"]}),
        ({"links": ["db", "cache:c"]}, {"links": ["cache:c", "db:db"]}),
        ({"volumes_from": ["container:db:ro", "web:rw"]}, {"volumes_from": ["db:ro", "web"]}),
        (
            {"gpus": 2},
            {"gpus": [{"driver": "", "count": 2, "device_ids": [], "capabilities": [["gpu"]], "options": {}}]},
        ),
        (
            {"gpus": [{"device_ids": ["1", "0"]}]},
            {"gpus": [{"driver": "", "count": 0, "device_ids": ["0", "1"], "capabilities": [["gpu"]], "options": {}}]},
        ),
        ({"pid": "service:db"}, {"pid": "container:db"}),
        ({"mem_swappiness": -1}, {"mem_swappiness": None}),
        ({"stop_grace_period": "1m30s"}, {"stop_grace_period": 90}),
        ({"volumes": [{"type": "volume", "target": "/t"}]}, {"volumes": {"/t": {"type": "volume", "source": ""}}}),
        (
            {"volumes": [{"type": "bind", "source": "/a/", "target": "/t/", "bind": {"create_host_path": True}}]},
            {"volumes": {"/t": {"type": "bind", "source": "/a"}}},
        ),
        (
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m", "mode": "1777"}}]},
            {"volumes": {"/t": {"type": "tmpfs", "size": 1048576, "mode": 0o1777}}},
        ),
        (
            {
                "volumes": [
                    {"type": "volume", "source": "data", "target": "/t", "volume": {"nocopy": True, "labels": {"a": 1}}}
                ]
            },
            {"volumes": {"/t": {"type": "volume", "source": "data", "nocopy": True, "volume_labels": {"a": "1"}}}},
        ),
    ],
)
def test_one_spelling_for_everything_that_means_the_same(written: dict[str, Any], values: dict[str, Any]) -> None:
    assert declare(CONTAINER, written).values == values


def test_diffs_find_the_line_of_every_part() -> None:
    declaration, _ = read_text(
        """\
        environment:
          A: b
        env_file: x.env
        ports:
          - 80:80
          - target: 443
            published: 443
        volumes:
          - data:/data
          - type: bind
            source: /srv
            target: /srv
        networks:
          front: {aliases: [www]}
        """
    )
    assert declaration is not None
    lines = {path: origin.line for path, origin in declaration.origins.items()}
    assert lines["environment", "A"] == 2
    assert lines["ports",] == 5
    assert lines["volumes", "/data"] == 9
    assert lines["volumes", "/srv"] == 10
    assert lines["volumes",] == 9
    assert lines["networks", "front", "aliases"] == 14


def secret(value: object) -> nodes.Node:
    return nodes.from_plain(value, HERE, secret=True)


def with_secret(key: str, value: nodes.Node) -> nodes.Mapping:
    return nodes.Mapping(((nodes.Scalar(key, HERE), value),), HERE)


WRONG_SECRETS: list[tuple[str, object]] = [
    ("image", f"{SENTINEL} x"),
    ("mem_limit", SENTINEL),
    ("ports", [SENTINEL]),
    ("ports", [{"target": 80, "host_ip": SENTINEL}]),
    ("environment", [f"={SENTINEL}"]),
    ("environment", SENTINEL),
    ("volumes", [SENTINEL]),
    ("volumes", [{"type": "bind", "source": SENTINEL, "target": "/t"}]),
    ("tmpfs", [SENTINEL]),
    ("tmpfs", [f"/{SENTINEL}", f"/{SENTINEL}/"]),
    ("healthcheck", {"interval": SENTINEL}),
    ("networks", {"front": {"ipv4_address": SENTINEL}}),
    ("extra_hosts", {"a": SENTINEL}),
    ("tty", SENTINEL),
    ("depends_on", {"db": {"condition": SENTINEL}}),
    ("command", f"'{SENTINEL}"),
]


@pytest.mark.parametrize(("key", "value"), WRONG_SECRETS)
def test_an_error_in_a_secret_does_not_show_it(key: str, value: object) -> None:
    _, problems = try_declare(CONTAINER, with_secret(key, secret(value)))
    found = [str(each) for each in problems]
    assert found
    assert SENTINEL not in "\n".join(found)


def test_a_secret_key_is_not_shown_either() -> None:
    key = nodes.Scalar(f"={SENTINEL}", HERE, secret=True)
    node = with_secret("environment", nodes.Mapping(((key, nodes.Scalar("x", HERE)),), HERE))
    assert errors_of(CONTAINER, node) == ["containers.it.environment: '***' cannot be a key"]
    unknown = nodes.Mapping(((nodes.Scalar(SENTINEL, HERE, secret=True), nodes.Scalar("x", HERE)),), HERE)
    assert errors_of(CONTAINER, unknown) == ["containers.it: unknown key '***'"]


def test_a_rule_does_not_show_a_secret() -> None:
    node = nodes.Mapping(
        (
            (nodes.Scalar("network_mode", HERE), secret(f"container:{SENTINEL}")),
            (nodes.Scalar("hostname", HERE), nodes.Scalar("web", HERE)),
        ),
        HERE,
    )
    assert errors_of(CONTAINER, node) == ["containers.it.hostname: cannot be combined with network_mode: ***"]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (with_secret("command", secret(f"run --pw {SENTINEL}")), ("command",)),
        (with_secret("command", nodes.Sequence((nodes.Scalar("run", HERE), secret(SENTINEL)), HERE)), ("command",)),
        (with_secret("environment", nodes.Sequence((secret(f"PW={SENTINEL}"),), HERE)), ("environment", "PW")),
        (with_secret("environment", with_secret("PW", secret(SENTINEL))), ("environment", "PW")),
        (with_secret("volumes", nodes.Sequence((secret(f"/{SENTINEL}:/t"),), HERE)), ("volumes", "/t")),
        (with_secret("healthcheck", with_secret("test", secret(f"curl {SENTINEL}"))), ("healthcheck", "test")),
        (with_secret("extra_hosts", with_secret("a", secret("1.2.3.4"))), ("extra_hosts", "a")),
    ],
)
def test_the_declaration_knows_which_paths_are_secret(written: nodes.Node, path: tuple[str, ...]) -> None:
    assert path in declare(CONTAINER, written).secrets


def test_values_that_are_not_secret_are_not_hidden() -> None:
    both = nodes.Mapping(
        ((nodes.Scalar("A", HERE), nodes.Scalar("plain", HERE)), (nodes.Scalar("B", HERE), secret(SENTINEL))), HERE
    )
    assert declare(CONTAINER, with_secret("environment", both)).secrets == {("environment", "B")}


def test_templates_are_passed_over_before_they_have_a_value() -> None:
    declaration, found = read_text(
        """\
        image: "{{ image }}"
        mem_limit: "{{ limit }}"
        memswap_limit: 1m
        ports: ["{{ port }}:80", 8081:81]
        "{{ key }}": x
        environment: "{{ env }}"
        networks: {"{{ net }}": {}}
        volumes: [{type: bind, source: "{{ src }}", target: "{{ dst }}"}]
        update: {probe: {http: ":{{ port }}/healthz", status: 200}}
        read_only: maybe
        """,
        static=True,
    )
    assert found == ["play.yml:10:12: containers.web.read_only: expected true or false, got 'maybe'"]
    assert declaration is not None
    assert declaration.values["ports"] == ["8081:81/tcp"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("labels.build_time", ["labels.build_time"]),
        (["env.MODE", "environment"], ["environment.MODE", "environment"]),
        (["log_driver", "log_options.max-size"], ["logging.driver", "logging.options.max-size"]),
        (["image", "published_ports", "memory"], ["image", "ports", "mem_limit"]),
        (["labels.com.example.a.b"], ["labels.com.example.a.b"]),
    ],
)
def test_ignored_fields_may_have_any_spelling(written: Any, read: list[str]) -> None:
    assert declare(CONTAINER, {"ignore_changes": written}).settings["ignore_changes"] == read


def test_an_ignored_field_that_is_none_is_an_error() -> None:
    _, found = read_text("ignore_changes: [labels, enviroment.MODE]\n")
    assert found == ["play.yml:1:26: containers.web.ignore_changes: no field 'enviroment'; did you mean 'environment'?"]
    assert errors_of(VOLUME, {"ignore_changes": "state"}) == ["volumes.it.ignore_changes: no field 'state'"]
