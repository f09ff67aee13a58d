"""From the command line's words to what every play wants of every host, and every error on the way at once."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from msgspec.structs import replace

from deployer.config.scripts import ScriptResult
from deployer.config.vault import VaultSecret, encrypt
from deployer.errors import InputError
from deployer.model.desired import Kind, OnFailure
from deployer.reach.connectors import ConnectionType
from deployer.reach.ssh_config import SshConfig
from deployer.usecases.batches import batches
from deployer.usecases.load import Asking, Loaded, Request, load
from deployer.usecases.system import this_machine

HOSTS = """
all:
  vars: {connection: simulated}
  children:
    web: {hosts: {web1: {}, web2: {}, web3: {}}}
    db: {hosts: {db1: {}}}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    write("hosts.yml", HOSTS)


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(dedent(text).lstrip("\n"))


def asking(answers: dict[str, str] | None = None) -> Asking:
    config = SshConfig(this_machine())
    return Asking(lambda command: ScriptResult(1, "", "no"), lambda text: (answers or {})[text], lambda: config)


def loaded(playbook: str = "", *names: str, **words: object) -> Loaded:
    if playbook:
        write("site.yml", playbook)
    request = Request(playbooks=names or ("site.yml",), **words)  # type: ignore[arg-type]
    return load(request, asking())


def errors_of(playbook: str = "", *names: str, **words: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        loaded(playbook, *names, **words)
    return [str(found) for found in caught.value.diagnostics]


def hosts(found: Loaded) -> list[list[str]]:
    return [[desired.host for desired in play.desired] for play in found.plays]


# Batches


TEN = tuple(f"h{number}" for number in range(10))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], [10]),
        ([1], [1] * 10),
        ([3], [3, 3, 3, 1]),
        ([20], [10]),
        (["30%"], [3, 3, 3, 1]),
        (["100%"], [10]),
        (["1%"], [1] * 10),
        (["35%"], [3, 3, 3, 1]),
        ([1, 5, "30%"], [1, 5, 3, 1]),
        ([1, 2], [1, 2, 2, 2, 2, 1]),
        (["10%", 20], [1, 9]),
    ],
)
def test_batches(sizes: list[int | str], expected: list[int]) -> None:
    found = batches(TEN, sizes)
    assert [len(batch) for batch in found] == expected
    assert tuple(host for batch in found for host in batch) == TEN


def test_a_percentage_is_of_the_hosts_that_the_limit_leaves() -> None:
    play = "- hosts: all\n  serial: 50%\n"
    assert loaded(play).plays[0].batches == (("web1", "web2"), ("web3", "db1"))
    assert loaded(play, limit="web").plays[0].batches == (("web1",), ("web2",), ("web3",))


@pytest.mark.parametrize("serial", ["2", "'2'", "'{{ n }}'", "['{{ n }}']", "'{{ own }}'"])
def test_a_size_may_be_a_variable_of_the_play_or_the_command_line(serial: str) -> None:
    found = loaded(f"- hosts: web\n  vars: {{own: 2}}\n  serial: {serial}\n", extra_vars=("n=2",))
    assert found.plays[0].batches == (("web1", "web2"), ("web3",))


def test_max_fail_percentage() -> None:
    plays = "- hosts: web\n- hosts: db\n  max_fail_percentage: '{{ share }}'\n"
    assert [play.max_fail_percentage for play in loaded(plays, extra_vars=("share=30",)).plays] == [None, 30.0]


# Hosts


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("web", "web1 web2 web3"),
        ("all:!web2", "web1 web3 db1"),
        ("[db, web1]", "db1 web1"),
        ("'{{ where }}'", "db1"),
        ("'{{ mine }}[0]'", "web1"),
    ],
)
def test_hosts_of_a_play(pattern: str, expected: str) -> None:
    found = loaded(f"- hosts: {pattern}\n  vars: {{mine: web}}\n", extra_vars=("where=db",))
    assert " ".join(hosts(found)[0]) == expected


def test_the_limit_is_laid_over_every_play() -> None:
    plays = "- hosts: web\n- hosts: db\n- hosts: all\n"
    assert hosts(loaded(plays, limit="web2,db1")) == [["web2"], ["db1"], ["web2", "db1"]]
    assert hosts(loaded(plays, limit="web2")) == [["web2"], ["web2"]]
    assert list(loaded(plays, limit="web2").hosts) == ["web2"]


def test_a_limit_that_leaves_nothing_of_any_play() -> None:
    assert errors_of("- hosts: web\n", limit="db") == ["--limit: 'db' matches no host of any play"]


def test_a_limit_from_a_file() -> None:
    write("some.txt", "# a comment\nweb1\n\nweb3\n")
    assert hosts(loaded("- hosts: all\n", limit="@some.txt")) == [["web1", "web3"]]
    write("some.txt", "web1\nwebb\n")
    assert errors_of("- hosts: all\n", limit="@some.txt")[0].startswith("some.txt:2:1: no host or group matches 'webb'")
    assert errors_of("- hosts: all\n", limit="@gone.txt")[0].startswith("--limit: the file gone.txt cannot be read")


def test_a_pattern_that_matches_nothing_is_an_error_at_its_place() -> None:
    assert errors_of("- hosts: wbe\n- hosts: web\n") == [
        "site.yml:1:10: no host or group matches 'wbe'; did you mean 'web'?"
    ]


def test_an_undefined_variable_in_a_key_of_a_play_is_one_error() -> None:
    assert len(errors_of("- hosts: '{{ missing }}'\n")) == 1
    assert len(errors_of("- hosts: web\n  serial: '{{ missing }}'\n  max_fail_percentage: '{{ gone }}'\n")) == 2


# Tags


def test_unknown_tags() -> None:
    play = "- hosts: web\n  networks: {front: {tags: edge}}\n"
    assert errors_of(play, tags=("egde",), skip_tags=("nothing",)) == [
        "--skip-tags: no resource has the tag 'nothing'",
        "--tags: no resource has the tag 'egde'; did you mean 'edge'?",
    ]
    assert loaded(play, tags=("edge",)).plays[0].desired[0].resources[0].selected


# Inventories and playbooks


def test_an_inventory_or_playbook_that_is_not_there() -> None:
    found = errors_of("", "gone.yml", inventory=("nowhere.yml",))
    assert [text.partition(":")[0] for text in found] == ["gone.yml", "nowhere.yml"]


@pytest.mark.parametrize("name", ["inventory", "inventory.yml", "hosts.yml", "hosts"])
def test_inventories_that_need_not_be_named(name: str) -> None:
    Path("hosts.yml").unlink()
    write(name, "x1 connection=simulated\n" if "." not in name else "all: {hosts: {x1: {connection: simulated}}}\n")
    assert hosts(loaded("- hosts: all\n")) == [["x1"]]


def test_the_first_of_them_counts_and_a_named_one_replaces_it() -> None:
    write("hosts", "x1 connection=simulated\n")
    write("inventory.yml", "all: {hosts: {y1: {connection: simulated}}}\n")
    assert hosts(loaded("- hosts: all\n")) == [["y1"]]
    assert hosts(loaded("- hosts: all\n", inventory=("hosts",))) == [["x1"]]


def test_no_inventory_at_all() -> None:
    Path("hosts.yml").unlink()
    assert errors_of("- hosts: web\n") == [
        "site.yml:1:10: 'web' matches nothing: the inventory has no hosts; name an inventory with -i"
    ]


def test_playbooks_in_different_folders_have_their_own_variables() -> None:
    for folder, tag in (("one", "1.1"), ("two", "2.2")):
        write(f"{folder}/group_vars/all.yml", f"tag: '{tag}'\n")
        write(f"{folder}/site.yml", f"- hosts: web1\n  containers: {{c-{folder}: {{image: 'app:{{{{ tag }}}}'}}}}\n")
    found = loaded("", "one/site.yml", "two/site.yml")
    images = [desired.resources[0].image for play in found.plays for desired in play.desired]
    assert images == ["docker.io/library/app:1.1", "docker.io/library/app:2.2"]
    assert [desired.project for desired in found.of_host("web1")] == ["site", "site"]
    assert found.plays[0].desired[0].elsewhere == {(Kind.CONTAINER, "c-two")}


def test_one_resource_in_two_playbooks() -> None:
    for name in ("one.yml", "two.yml"):
        write(name, "- hosts: web1\n  volumes: {data: {}}\n")
    assert errors_of("", "one.yml", "two.yml") == [
        "two.yml:2:13: volume.data: volume data is declared twice for one host, first at one.yml:2:13"
    ]


def test_the_same_name_on_two_hosts_is_no_error() -> None:
    plays = "- hosts: web1\n  volumes: {data: {}}\n- hosts: web2\n  volumes: {data: {}}\n"
    assert hosts(loaded(plays)) == [["web1"], ["web2"]]


# Variables


def test_extra_variables_win_over_all() -> None:
    write("group_vars/all.yml", "size: 32m\n")
    write("host_vars/web1.yml", "size: 33m\n")
    write("more.yml", "size: 34m\n")
    play = """
    - hosts: web1
      vars: {size: 35m}
      vars_files: [more.yml]
      containers: {web: {image: a, mem_limit: '{{ size }}'}}
    """

    def limit(**words: object) -> int:
        return int(loaded(play, **words).plays[0].desired[0].resources[0].values["mem_limit"]) // 1024**2

    assert limit() == 34
    assert limit(extra_vars=("size=36m",)) == 36
    assert limit(extra_vars=("size=36m", '{"size": "37m"}')) == 37


def test_an_error_for_every_host_is_reported_once() -> None:
    assert (
        len(errors_of("- hosts: all\n  containers: {web: {image: a, mem_limit: '{{ nothing }}', cpus: much}}\n")) == 2
    )


# Connections


def test_how_hosts_are_reached() -> None:
    write("hosts.yml", "all: {hosts: {web1: {connection: simulated}, web2: {host: 10.0.0.2, user: me}}}\n")
    found = loaded("- hosts: all\n- hosts: web2\n", private_key="~/.ssh/id").hosts
    assert (found["web1"].kind, found["web2"].kind) == (ConnectionType.SIMULATED, ConnectionType.SSH)
    assert (found["web2"].host, found["web2"].user) == ("10.0.0.2", "me")


ANSIBLE = """
all:
  vars: {ansible_user: deploy, user: shop}
  children:
    web:
      vars: {port: 8080, connection: keepalive}
      hosts:
        web1: {ansible_host: 10.0.0.1, host: shop.example.com, password: app}
        web2: {host: shop.example.com}
"""


def reached(**words: object) -> dict[str, tuple[str, str, int, str]]:
    found = loaded("- hosts: all\n", **words).hosts
    return {name: (spec.kind.value, spec.host, spec.port, spec.user) for name, spec in found.items()}


def test_an_inventory_for_ansible_may_have_short_names_for_its_application() -> None:
    write("hosts.yml", ANSIBLE)
    write("group_vars/all.yml", "tls_cert: /app.pem\nprivate_key_file: /app.key\n")
    assert reached() == {"web1": ("ssh", "10.0.0.1", 22, "deploy"), "web2": ("ssh", "web2", 22, "deploy")}
    (spec, _) = loaded("- hosts: all\n").hosts.values()
    assert (spec.password, spec.private_key_files, spec.tls) == ("", (), None)
    play = "- hosts: web1\n  containers: {web: {image: a, environment: {A: '{{ host }}:{{ port }}/{{ user }}'}}}\n"
    ((wish,),) = (play.desired for play in loaded(play).plays)
    assert "shop.example.com:8080/shop" in repr(wish)


@pytest.mark.parametrize(
    ("given", "evidence"),
    [
        ("[web]\nweb1 ansible_port=22 port=8080 host=x user=y connection=local\n", ""),
        ("[web]\nweb1 port=8080 host=x user=y\n[web:vars]\nansible_python_interpreter=/usr/bin/python3\n", ""),
        ("[web]\nweb1 port=8080 host=x user=y\n[all:vars]\nport=8081\n", "group_vars/web.yml"),
        ("[web]\nweb1 port=8080 host=x user=y\n", "host_vars/web1.yml"),
    ],
)
def test_one_name_of_ansible_s_at_any_level_makes_short_ones_ordinary(given: str, evidence: str) -> None:
    write("hosts.ini", given)
    if evidence:
        write(evidence, "ansible_ssh_pipelining: true\n")
    assert reached(inventory=("hosts.ini",), user="me") == {"web1": ("ssh", "web1", 22, "me")}


def test_an_address_under_a_short_name_that_does_not_count_is_a_warning() -> None:
    text = (
        "all: {hosts: {web1: {host: 10.0.0.8, ansible_user: app}, web2: {host: 10.0.0.9, ansible_host: 10.0.0.10}}}\n"
    )
    write("hosts.yml", text)
    assert [str(warning) for warning in loaded("- hosts: all\n").warnings] == [
        "hosts.yml:1:28: 'host' does not set the connection here;"
        " name it deployer_host; docs/inventory.md lists where short names apply"
    ]


@pytest.mark.parametrize("where", ["group_vars/all.yml", "host_vars/web1.yml", "vars", "files", "-e"])
def test_a_variable_outside_the_inventory_steers_no_connection(where: str) -> None:
    write("hosts.yml", "all: {vars: {connection: simulated}, hosts: {web1: {user: me}}}\n")
    text = "{host: 10.0.0.8, port: 8080, user: app, connection: tcp, password: p, tls_ca: /x, docker_command: x}"
    write(where if where.endswith("yml") else "more.yml", text)
    more = {"vars": f"  vars: {text}\n", "files": "  vars_files: [more.yml]\n"}.get(where, "")
    found = loaded(f"- hosts: all\n{more}", extra_vars=(text,) if where == "-e" else ())
    assert (found.hosts["web1"].kind, found.hosts["web1"].host) == (ConnectionType.SIMULATED, "web1")
    assert [warning.summary for warning in found.warnings] == ["'docker_command' does not set the connection here"]
    prefixed = "{deployer_connection: ssh, ansible_host: 10.0.0.8, ansible_user: app, deployer_port: 2222}"
    write(where if where.endswith("yml") else "more.yml", prefixed)
    more = {"vars": f"  vars: {prefixed}\n", "files": "  vars_files: [more.yml]\n"}.get(where, "")
    (spec,) = loaded(f"- hosts: all\n{more}", extra_vars=(prefixed,) if where == "-e" else ()).hosts.values()
    assert (spec.kind, spec.host, spec.port, spec.user) == (ConnectionType.SSH, "10.0.0.8", 2222, "app")


def test_a_short_name_keeps_its_value_of_the_inventory_beside_a_variable_of_that_name() -> None:
    write("hosts.yml", "all: {hosts: {web1: {host: 10.0.0.2, user: me}, 'web2:2222': {user: me}}}\n")
    write("group_vars/all.yml", "host: shop.example.com\nuser: shop\n")
    assert reached(extra_vars=("port=8080",)) == {
        "web1": ("ssh", "10.0.0.2", 22, "me"),
        "web2": ("ssh", "web2", 2222, "me"),
    }


def test_extra_variables_with_ansible_s_names_leave_an_inventory_with_short_names_as_it_is() -> None:
    write("hosts.yml", "all: {hosts: {web1: {host: 10.0.0.2, user: me, port: 2222}}}\n")
    assert reached(extra_vars=("ansible_user=root",)) == {"web1": ("ssh", "10.0.0.2", 2222, "root")}


def test_misspelt_names_are_noticed() -> None:
    write("hosts.yml", "all: {vars: {connection: simulated}, hosts: {web1: {ansible_usr: me, ansible_facts: x}}}\n")
    write("group_vars/all.yml", "deployer_hots: x\ndeploy_user: x\nansible_user_dir: x\n")
    found = loaded("- hosts: all\n  vars: {anisble_port: 2}\n", extra_vars=("ansible_conection=local",))
    assert [f"{warning.summary}; {warning.hint}" for warning in found.warnings] == [
        "'ansible_conection' is not a connection variable; did you mean 'ansible_connection'?",
        "'deployer_hots' is not a connection variable; did you mean 'deployer_host'?",
        "'ansible_usr' is not a connection variable; did you mean 'ansible_user'?",
        "'anisble_port' is not a connection variable; did you mean 'ansible_port'?",
    ]


def test_a_group_without_hosts_is_skipped() -> None:
    write("hosts.yml", "all: {children: {new: {}, web: {hosts: {web1: {connection: simulated}}}}}\n")
    found = loaded("- hosts: new\n- hosts: web:new\n- hosts: web:&new\n- hosts: new:!web\n- hosts: web:!new\n")
    assert hosts(found) == [["web1"], ["web1"]]
    assert [warning.summary for warning in found.warnings] == ["the group 'new' has no hosts"] * 3
    assert hosts(loaded("- hosts: new\n")) == []
    assert errors_of("- hosts: all\n", limit="new") == ["--limit: the group 'new' has no hosts"]


def test_an_error_of_a_connection_is_at_its_variable() -> None:
    write("hosts.yml", "all:\n  hosts:\n    web1: {connection: telnet}\n    web2: {ansible_port: many}\n")
    found = errors_of("- hosts: all\n")
    assert [text.partition(": ")[0] for text in found] == ["hosts.yml:3:24", "hosts.yml:4:26"]


def test_passwords_are_secret() -> None:
    write("hosts.yml", "all: {hosts: {web1: {ansible_password: hunter2}}}\n")
    found = loaded("- hosts: all\n")
    assert "hunter2" in found.secrets
    assert "hunter2" not in repr(found)


# All of it


def test_every_error_of_every_file_at_once() -> None:
    write("hosts.yml", "all:\n  hosts:\n    web1: {ansible_port: many}\n    web1:x: {}\n")
    write("host_vars/web1.yml", encrypt("a: 1\n", VaultSecret("default", b"unknown")))
    play = """
    - hosts: web1
      serial: none
      networks: {front: {drivr: bridge}}
    - hosts: nowhere
    - hots: web1
    """
    found = errors_of(play, extra_vars=("novalue", "{a: [}"), vault_password_files=("gone.txt",), tags=("zz",))
    files = [text.partition(": ")[0].partition(":")[0] for text in found]
    expected = {
        "--extra-vars",
        "--tags",
        "--vault-password-file gone.txt",
        "hosts.yml",
        "host_vars/web1.yml",
        "site.yml",
    }
    assert set(files) == expected
    assert files.count("site.yml") == 5
    assert files.count("--extra-vars") == 2


@pytest.mark.parametrize("broken", ["nowhere.yml", "broken.yml", "empty/nowhere.yml"])
def test_hosts_and_variables_of_an_inventory_that_cannot_be_read_are_not_missed(broken: str) -> None:
    write("broken.yml", "all: {hosts: {web1: {\n")
    play = "- hosts: web\n  containers: {web: {image: '{{ image }}', environment: {A: '{{ gone }}'}}}\n- hosts: all\n"
    options = {"limit": "web1", "extra_vars": ("other=1",), "prune_hosts": ("old1",)}
    assert [text.split(":")[0] for text in errors_of(play, inventory=(broken,), **options)] == [broken]
    assert [text.split(":")[0] for text in errors_of(play, inventory=("web1,web,", broken), **options)] == [broken]


def test_variables_of_a_file_that_cannot_be_read_are_not_missed() -> None:
    write("hosts.yml", "all: {hosts: {web1: {connection: simulated}}}\n")
    write("group_vars/all.yml", encrypt("pw: hunter2\n", VaultSecret("default", b"sesame")))
    write("word", "wrong\n")
    play = (
        "- hosts: web1\n  containers: {web: {image: a, environment: {PW: '{{ pw }}'}, cpus: much}}\n- hosts: nowhere\n"
    )
    found = errors_of(play, vault_password_files=("word",), extra_vars=("other=1",))
    assert [text.partition(";")[0] for text in found] == [
        "group_vars/all.yml:1:1: the vault password does not match: HMAC verification failed",
        "site.yml:2:69: containers.web.cpus: 'much' is not a number of CPUs such as 0.5 or 2",
        "site.yml:3:10: no host or group matches 'nowhere'",
    ]


def test_a_vault_password_may_be_asked_for() -> None:
    write("group_vars/all.yml", encrypt("pw: hunter2\n", VaultSecret("default", b"sesame")))
    write("site.yml", "- hosts: web1\n  containers: {web: {image: a, environment: {PW: '{{ pw }}'}}}\n")
    request = Request(playbooks=("site.yml",), ask_vault_pass=True)
    found = load(request, asking({"Vault password (default)": "sesame"}))
    assert "hunter2" in found.secrets


def test_the_password_for_sudo_may_be_asked_for() -> None:
    write("site.yml", "- hosts: web1\n  containers: {web: {image: a}}\n")
    request = Request(playbooks=("site.yml",), ask_become_pass=True)
    found = load(request, asking({"BECOME password": "sesame"}))
    assert [str(each) for each in found.warnings] == [
        "--ask-become-pass: no host of this run uses sudo; set ansible_become: true"
    ]
    write("host_vars/web1.yml", "ansible_become: true\nansible_user: admin\n")
    told: list[str] = []
    found = load(request, replace(asking({"BECOME password": "sesame"}), learn=told.extend))
    assert (found.hosts["web1"].sudo_password, found.warnings) == ("sesame", ())
    assert "sesame" in found.secrets
    assert "sesame" in told


NETWORKS = """
- hosts: web1
  project: one
  networks:
    back: {{ipam: {{config: [{{subnet: 10.9.0.0/24}}]}}}}
    {second}
- hosts: web
  project: two
  networks:
    lan: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}
"""


def networks(subnet: str = "10.7.0.0/24", second: str = "front: {}") -> str:
    return NETWORKS.format(subnet=subnet, second=second)


@pytest.mark.parametrize("subnet", ["10.9.0.0/24", "10.9.0.64/26", "10.0.0.0/8"])
def test_subnets_of_two_networks_of_a_host_overlap(subnet: str) -> None:
    assert errors_of(networks(subnet)) == [
        f"site.yml:9:26: networks.lan: subnet {subnet} overlaps with 10.9.0.0/24 of network back at site.yml:4:27; "
        "use different subnets"
    ]


@pytest.mark.parametrize(
    "second",
    [
        "front: {}",
        "front: {ipam: {config: [{subnet: 10.9.1.0/24}]}}",
        "front: {state: absent, ipam: {config: [{subnet: 10.9.0.0/24}]}}",
        "front: {driver: overlay, ipam: {config: [{subnet: 10.9.0.0/24}]}}",
        "front: {ipam: {driver: other, config: [{subnet: 10.9.0.0/24}]}}",
    ],
)
def test_valid_subnets(second: str) -> None:
    assert loaded(networks(second=second))


def test_a_bridge_of_two_networks_of_a_host() -> None:
    bridge = "{driver_opts: {com.docker.network.bridge.name: br-shop}}"
    assert errors_of(networks(second=f"front: {bridge}\n    side: {bridge}")) == [
        "site.yml:6:25: networks.side: bridge br-shop is also of network front, at site.yml:5:5; "
        "use different interfaces"
    ]
    parents = "a: {driver: macvlan, driver_opts: {parent: eth0}}\n    b: {driver: macvlan, driver_opts: {parent: eth0}}"
    assert loaded(networks(second=parents))


ATTACHED = """
- hosts: web1
  project: one
  networks:
    lan: {{ipam: {{config: [{{subnet: 10.9.0.0/24}}]}}}}
    auto: {{}}
    theirs: {{external: true}}
- hosts: web1
  project: two
  containers:
    one: {{image: "web:1", mac_address: "02:42:0a:09:00:05", networks: {{lan: {{ipv4_address: 10.9.0.5}}}}}}
    two: {{image: "web:1", networks: {{{endpoint}}}}}
"""


@pytest.mark.parametrize(
    ("endpoint", "error"),
    [
        (
            "lan: {ipv4_address: 10.9.0.5}",
            "site.yml:11:58: containers.two.networks: address 10.9.0.5 on lan is also of container one, at "
            "site.yml:10:92; use different addresses",
        ),
        (
            "lan: {mac_address: '02-42-0A-09-00-05'}",
            "site.yml:11:57: containers.two.networks: MAC address 02:42:0a:09:00:05 on lan is also of container one, "
            "at site.yml:10:40; use different addresses",
        ),
        (
            "lan: {ipv4_address: 10.9.0.1}",
            "site.yml:11:58: containers.two.networks.lan.ipv4_address: 10.9.0.1 is the address of the gateway of "
            "subnet 10.9.0.0/24 of network lan, at site.yml:4:5; choose another address",
        ),
        (
            "lan: {ipv6_address: 'fd00::5'}",
            "site.yml:11:58: containers.two.networks.lan.ipv6_address: fd00::5 requires IPv6, which network lan at "
            "site.yml:4:5 does not enable; write enable_ipv6: true there",
        ),
        (
            "auto: {ipv4_address: 10.9.0.6}",
            "site.yml:11:59: containers.two.networks.auto.ipv4_address: 10.9.0.6 requires an IPv4 subnet, which "
            "network auto at site.yml:5:5 does not declare; write ipam: {config: [{subnet: …}]} there, or external: "
            "true if it has one",
        ),
    ],
)
def test_fixed_addresses_of_containers_of_a_host(endpoint: str, error: str) -> None:
    assert errors_of(ATTACHED.format(endpoint=endpoint)) == [error]


def test_valid_fixed_addresses() -> None:
    assert loaded(ATTACHED.format(endpoint="lan: {ipv4_address: 10.9.0.6}, theirs: {ipv4_address: 10.8.0.5}"))


PORTS = """
- hosts: web1
  project: one
  containers:
    one: {{image: "web:1", ports: ["8080:80", "81"]}}
- hosts: web
  project: two
  containers:
    two:
      image: "web:1"
      {keys}
"""


@pytest.mark.parametrize(
    "ports", ["['8080:81']", "['127.0.0.1:8080:90']", "['[::1]:8080:90/tcp']", "[{target: 9, published: 8080}]"]
)
def test_two_containers_of_a_host_publish_the_same_host_port(ports: str) -> None:
    assert errors_of(PORTS.format(keys=f"ports: {ports}")) == [
        "site.yml:10:14: containers.two.ports: host port 8080 is also published by container one, at site.yml:4:34; "
        "use different host ports"
    ]


def test_a_file_is_no_directory_of_another_file() -> None:
    text = """\
- hosts: web1
  files:
    /etc/a: {content: x}
    /etc/a/b/c: {content: x}
    /etc/gone: {state: absent}
    /etc/gone/a: {content: x}
    /etc/ab: {content: x}
"""
    assert errors_of(text) == [
        "site.yml:4:5: file./etc/a/b/c: /etc/a is not a directory, but a file that is declared at site.yml:3:5; "
        "give one of them another path"
    ]


@pytest.mark.parametrize(
    "keys",
    [
        "ports: ['8080:80/udp', '8081:80']",
        "ports: ['8080-8081:80', '80']",
        "{ports: ['8080:80'], state: created}",
        "{ports: ['8080:80'], state: absent}",
        "{ports: ['8080:80'], tags: never}",
        "ports: ['127.0.0.1:81:80', '127.0.0.2:81:80', '[::1]:81:80']",
    ],
)
def test_valid_host_ports(keys: str) -> None:
    assert loaded(
        PORTS.format(keys=keys.strip("{}").replace(", state", "\n      state").replace(", tags", "\n      tags"))
    )


def test_a_container_may_have_the_port_of_one_that_it_waits_for_to_end() -> None:
    waits = "ports: ['8080:80']\n      depends_on: {one: {condition: service_completed_successfully}}"
    one_play = PORTS.replace("- hosts: web\n  project: two\n  containers:\n", "")
    assert loaded(one_play.format(keys=waits))
    assert len(errors_of(one_play.format(keys="ports: ['8080:80']"))) == 1


LEFT = """
- name: Web tier
  hosts: web
  project: shop
  on_failure: stop
  containers: {web: {image: "web:1"}}
- hosts: db
  project: shop
  containers: {db: {image: "db:1"}}
- name: Logs
  hosts: "web:db"
  project: logs
  containers: {logs: {image: "logs:1"}}
"""
OLD = HOSTS + "    old: {hosts: {old1: {}}}\n"


def left(*prune_hosts: str, **words: object) -> list[list[str]]:
    write("hosts.yml", OLD)
    found = loaded(LEFT, prune_hosts=prune_hosts, **words)
    return [[f"{wish.host}:{len(wish.resources)}" for wish in play.desired] for play in found.plays]


def test_a_host_that_left_wants_nothing_of_each_project() -> None:
    assert left("old1") == [
        ["web1:1", "web2:1", "web3:1", "old1:0"],
        ["db1:1"],
        ["web1:1", "web2:1", "web3:1", "db1:1", "old1:0"],
    ]
    found = loaded(prune_hosts=("old1", "old1"))
    wish = found.plays[0].desired[-1]
    assert (wish.project, wish.prune, wish.on_failure) == ("shop", True, OnFailure.STOP)
    assert found.plays[0].batches == (("web1", "web2", "web3"), ("old1",))
    assert "old1" in found.hosts
    assert not found.plays[0].desired[0].prune


def test_a_limit_says_nothing_about_hosts_that_are_named() -> None:
    assert left("old1", limit="web1") == [["web1:1", "old1:0"], ["web1:1", "old1:0"]]
    assert left("old1", limit="old1") == [["old1:0"], ["old1:0"]]


@pytest.mark.parametrize("limit", ["", "web1"])
def test_a_host_that_a_play_still_is_for_has_not_left(limit: str) -> None:
    write("hosts.yml", OLD)
    assert errors_of(LEFT, prune_hosts=("web2",), limit=limit) == [
        "--prune-host: 'web2' is still a host of play 'Web tier'; remove it from the play's hosts first; "
        "to remove undeclared resources there, use --prune"
    ]


def test_a_host_may_leave_one_project_and_stay_in_another() -> None:
    write("hosts.yml", OLD)
    found = loaded(LEFT.replace('"web:db"', "all"), prune_hosts=("old1",))
    assert [[wish.host for wish in play.desired][-1] for play in found.plays] == ["old1", "db1", "old1"]
    assert [len(play.desired[-1].resources) for play in found.plays] == [0, 1, 1]


def test_a_host_that_no_inventory_has() -> None:
    write("hosts.yml", OLD)
    assert errors_of(LEFT, prune_hosts=("old2",)) == [
        "--prune-host: no host 'old2' in the inventory; did you mean 'old1'?"
    ]


def test_prune_is_for_every_play_of_the_run() -> None:
    assert all(wish.prune for play in loaded(LEFT, prune=True).plays for wish in play.desired)


IN_ORDER = """\
- hosts: web
  project: one
  containers:
    one:
      image: "web:1"
      {keys}
- hosts: {hosts}
  project: two
  {later}
"""
LATER = {
    "network": ("networks: [front]", "networks: {front: {}}", "6:18", "network front", "9:14"),
    "network of the mode": ("network_mode: front", "networks: {front: {}}", "4:5", "network front", "9:14"),
    "volume": ("volumes: ['data:/d']", "volumes: {data: {}}", "6:17", "volume data", "9:13"),
    "container": ("network_mode: container:vpn", "containers: {vpn: {image: w:1}}", "4:5", "container vpn", "9:16"),
    "job": ("volumes_from: [fill]", "jobs: {fill: {image: w:1}}", "4:5", "job fill", "9:10"),
}


@pytest.mark.parametrize(("keys", "later", "place", "what", "there"), LATER.values(), ids=LATER)
def test_resources_of_later_plays_do_not_exist_yet(keys: str, later: str, place: str, what: str, there: str) -> None:
    assert errors_of(IN_ORDER.format(keys=keys, hosts="web", later=later)) == [
        f"site.yml:{place}: container.one: {what} is declared only in a later play, at site.yml:{there}; "
        "declare it in this play or an earlier one"
    ]


def test_references_are_checked_for_the_hosts_that_have_them() -> None:
    networks, front = "networks: [front]", "networks: {front: {}}"
    absent = "networks: {front: {state: absent}}"
    assert loaded(IN_ORDER.format(keys=networks, hosts="db", later=front))
    assert loaded(IN_ORDER.format(keys=networks, hosts="web", later=absent))
    assert loaded(IN_ORDER.format(keys=f"state: absent\n      {networks}", hosts="web", later=front))
