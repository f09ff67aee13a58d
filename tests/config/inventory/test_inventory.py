"""Every form an inventory can have, and what is said of errors in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from deployer.config.inventory.ini import literal
from deployer.config.inventory.inventory import Inventory, load_inventory
from deployer.config.inventory.names import NameFaultError, expand
from deployer.config.scripts import RunScript, ScriptResult
from deployer.config.vault import VaultSecret, VaultSecrets, encrypt
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Plain, is_secret, to_plain
from tests.config.helpers import SENTINEL, messages


def read(*sources: str | Path, run: RunScript | None = None) -> Inventory:
    """An inventory without an error or a warning."""
    problems = Problems()
    inventory = load_inventory([str(source) for source in sources], problems, run=run)
    assert messages(problems) == []
    return inventory


def reported(*sources: str | Path, run: RunScript | None = None) -> list[str]:
    problems = Problems()
    load_inventory([str(source) for source in sources], problems, run=run)
    return messages(problems)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def host_variables(inventory: Inventory) -> dict[str, dict[str, Plain]]:
    return {
        name: {key: to_plain(value) for key, value in host.variables.items()} for name, host in inventory.hosts.items()
    }


def group_variables(inventory: Inventory, group: str) -> dict[str, Plain]:
    return {key: to_plain(value) for key, value in inventory.groups[group].variables.items()}


@pytest.mark.parametrize(
    ("written", "names", "port"),
    [
        ("web1", ("web1",), None),
        ("web1:2222", ("web1",), 2222),
        ("10.0.0.1:22", ("10.0.0.1",), 22),
        ("[::1]:22", ("::1",), 22),
        ("[::1]", ("::1",), None),
        ("fe80::1", ("fe80::1",), None),
        ("web[1:3]", ("web1", "web2", "web3"), None),
        ("web[01:03].x:22", ("web01.x", "web02.x", "web03.x"), 22),
        ("web[01:10:4]", ("web01", "web05", "web09"), None),
        ("web[:2]", ("web0", "web1", "web2"), None),
        ("db-[a:c]", ("db-a", "db-b", "db-c"), None),
        ("[a:b][1:2]", ("a1", "a2", "b1", "b2"), None),
        ("web[8:11]", ("web8", "web9", "web10", "web11"), None),
    ],
)
def test_names_with_ranges_and_ports(written: str, names: tuple[str, ...], port: int | None) -> None:
    assert expand(written) == (names, port)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("web[1:]", "the range [1:] has no end"),
        ("web[01:9]", "the ends of the padded range [01:9] differ in length"),
        ("web[3:1]", "the range [3:1] ends before it begins"),
        ("web[c:a]", "the range [c:a] ends before it begins"),
        ("web[1:z]", "the ends of the range [1:z] are neither numbers nor single letters"),
        ("web[1:9:0]", "the step of the range [1:9:0] is not a positive number"),
        ("web[1:2:3:4]", "[1:2:3:4] is not a range; write [first:last] or [first:last:step]"),
        ("web[1]", "'web[1]' is not a host name; a range is written [first:last] or [first:last:step]"),
        ("web[0:999999999]", "the range expands to more than 100,000 hosts"),
        ("web:99999", "99999 is not a port number"),
        ("web:", "a host name cannot end with ':'"),
        ("a b", "'a b' is not a host name"),
    ],
)
def test_names_that_cannot_be_understood(written: str, expected: str) -> None:
    with pytest.raises(NameFaultError) as caught:
        expand(written)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("1.5", 1.5),
        ('"5"', "5"),
        ("'x'", "x"),
        ("[1, 'a']", [1, "a"]),
        ("(1, 2)", (1, 2)),
        ("{'a': 1}", {"a": 1}),
        ("{2, 1}", [1, 2]),
        ("True", True),
        ("None", None),
        ("true", "true"),
        ("yes", "yes"),
        ("web", "web"),
        ("", ""),
        ("3.10", "3.10"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("0777", "0777"),
        ("b'x'", "b'x'"),
        ("1 # one", 1),
        ("(" * 500, "(" * 500),
        ("web:1.10", "web:1.10"),
    ],
)
def test_ini_values_are_python_literals_or_text(written: str, value: object) -> None:
    assert literal(written) == value
    assert type(literal(written)) is type(value)


INI = """\
# ungrouped hosts come first
alone ansible_host=10.0.0.9

[web]
web[01:02].example.com:2222 http_port=80 tags="['a', 'b']"   # behind
web03 note='two words' empty=
[2001:db8::1]:2022

[db]
db1

[prod:children]
web
db

[prod:vars]
env = production
size=5
url = http://x/?a=b
flags=[1, 2]
"""


def test_ini(tmp_path: Path) -> None:
    inventory = read(write(tmp_path, "hosts", INI))
    assert list(inventory.hosts) == [
        *("alone", "web01.example.com", "web02.example.com", "web03", "2001:db8::1", "db1"),
    ]
    assert host_variables(inventory)["web01.example.com"] == {"ansible_port": 2222, "http_port": 80, "tags": ["a", "b"]}
    assert host_variables(inventory)["web03"] == {"note": "two words", "empty": ""}
    assert host_variables(inventory)["2001:db8::1"] == {"ansible_port": 2022}
    assert group_variables(inventory, "prod") == {
        "env": "production",
        "size": 5,
        "url": "http://x/?a=b",
        "flags": [1, 2],
    }
    assert inventory.groups["prod"].children == ("web", "db")
    assert inventory.groups["prod"].hosts[-1] == "db1"
    assert inventory.groups["ungrouped"].hosts == ("alone",)
    assert inventory.hosts["web03"].groups == ("all", "prod", "web")


def test_ini_values_know_their_place(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts", INI)
    inventory = read(path)
    assert inventory.hosts["web01.example.com"].variables["tags"].origin == Origin(str(path), 5, 42)
    assert inventory.groups["prod"].variables["size"].origin == Origin(str(path), 18, 1)
    assert inventory.hosts["db1"].origin == Origin(str(path), 10, 1)
    assert inventory.hosts["db1"].file == path


def test_errors_in_ini_are_reported_together(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "hosts",
        """\
web1 port
web2 a='b
web[3:1]
web4:
[web server]
ignored because=the section is wrong
[db:var]
ignored
[db]
db1
[prod:children]
dbs
db extra=1
[stage:vars]
a=1
[db:vars]
novalue
""",
    )
    assert reported(path) == [
        f"{path}:1:6: expected key=value after the host, found 'port'",
        f"{path}:2:1: a quote is not closed in this line: No closing quotation",
        f"{path}:3:1: the range [3:1] ends before it begins",
        f"{path}:4:1: the host 'web4:' ends with ':'; is this a YAML inventory?",
        f"{path}:5:1: not a section: [web server]; "
        "a section is [group], [group:children] or [group:vars], without spaces",
        f"{path}:7:1: the section [db:var] has an unknown kind; did you mean 'vars'?",
        f"{path}:12:1: [prod:children] names the group 'dbs', which does not exist; did you mean 'db'?",
        f"{path}:13:1: 'db extra=1' is not a group's name; variables belong in [group:vars]",
        f"{path}:15:1: [stage:vars] is for a group that does not exist",
        f"{path}:17:1: expected key=value in [db:vars], found 'novalue'",
    ]


YAML = """\
all:
  vars: {env: prod}
  hosts:
    lone:
  children:
    web:
      hosts:
        web[1:2]:2222: {http_port: 80}
        web3: {version: 3.10, on: yes}
      vars:
        tier: front
    db:
      hosts: db1
      children: shard
shard:
  hosts: {db2: null}
empty:
"""


@pytest.mark.parametrize("name", ["hosts.yml", "hosts.yaml", "hosts"])
def test_yaml(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, YAML)
    inventory = read(path)
    assert list(inventory.hosts) == ["lone", "web1", "web2", "web3", "db1", "db2"]
    assert host_variables(inventory)["web2"] == {"ansible_port": 2222, "http_port": 80}
    assert host_variables(inventory)["web3"] == {"version": "3.10", "on": "yes"}
    assert group_variables(inventory, "all") == {"env": "prod"}
    assert inventory.hosts["db2"].groups == ("all", "db", "shard")
    assert inventory.groups["all"].children == ("ungrouped", "web", "db", "empty")
    assert inventory.groups["shard"].depth == 2
    assert inventory.groups["web"].variables["tier"].origin == Origin(str(path), 11, 15)


def test_json(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts.json", json.dumps({"web": {"hosts": {"web1": {"a": 1}}, "vars": {"b": [1]}}}))
    assert host_variables(read(path)) == {"web1": {"a": 1}}


def test_toml(tmp_path: Path) -> None:
    text = '[web.hosts]\nweb1 = {a = 1}\n[web.vars]\nb = "x"\n[top]\nchildren = ["web"]\n'
    inventory = read(write(tmp_path, "hosts.toml", text))
    assert host_variables(inventory) == {"web1": {"a": 1}}
    assert inventory.groups["top"].hosts == ("web1",)


def test_errors_in_yaml_are_reported_together(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "hosts.yml",
        """\
web:
  hosts: [web1, web2]
  host: {web3: }
  vars: [a]
db:
  hosts: {db1: text, "db[2:1]": }
  children: 5
cache: redis1
""",
    )
    assert reported(path) == [
        f"{path}:2:10: the hosts of the group 'web' are a mapping, not a list; write 'name:' instead of '- name'",
        f"{path}:3:3: the key 'host' of the group 'web' is not read; did you mean 'hosts'?",
        f"{path}:4:9: the vars of the group 'web' are a mapping",
        f"{path}:6:16: the variables of the host 'db1' are a mapping",
        f"{path}:6:22: the range [2:1] ends before it begins",
        f"{path}:7:13: the children of the group 'db' are a mapping",
        f"{path}:8:8: the group 'cache' is a mapping with hosts, vars and children",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- web1", "1:1: an inventory in YAML has groups at the top, each with hosts, vars and children"),
        ("plugin: aws_ec2", "1:1: inventory plugins are not supported; use an executable that supports --list, "),
        ("web: [", "2:1: not valid YAML"),
    ],
)
def test_yaml_that_is_not_an_inventory(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, "hosts.yml", text)
    assert [message.startswith(f"{path}:{expected}") for message in reported(path)] == [True]


def script(folder: Path, name: str = "inventory.py") -> Path:
    path = write(folder, name, "#!/usr/bin/env python3\n")
    path.chmod(0o755)
    return path


def answers(**printed: object) -> RunScript:
    """Runs nothing; prints the JSON for `list` or for a host."""

    def run(command: Sequence[str]) -> ScriptResult:
        key = "list" if command[1] == "--list" else command[2]
        found = printed[key]
        return found if isinstance(found, ScriptResult) else ScriptResult(0, json.dumps(found))

    return run


def test_a_script_prints_groups_and_host_variables(tmp_path: Path) -> None:
    listed = {
        "web": {"hosts": ["web1", "web2"], "vars": {"tier": "front"}},
        "legacy": ["old1"],
        "prod": {"children": ["web"]},
        "_meta": {"hostvars": {"web1": {"port": 3.10, "flag": True}}},
    }
    inventory = read(script(tmp_path), run=answers(list=listed))
    assert list(inventory.hosts) == ["old1", "web1", "web2"]
    assert host_variables(inventory)["web1"] == {"port": 3.1, "flag": True}
    assert group_variables(inventory, "web") == {"tier": "front"}
    assert inventory.hosts["web1"].groups == ("all", "prod", "web")


def test_a_script_without_meta_is_asked_for_each_host(tmp_path: Path) -> None:
    inventory = read(script(tmp_path), run=answers(list={"web": ["web1", "web2"]}, web1={"a": 1}, web2={}))
    assert host_variables(inventory) == {"web1": {"a": 1}, "web2": {}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ScriptResult(1, "", "no\nbad token\n"), "{p} --list ended with status 1: bad token"),
        (
            ScriptResult(0, "x"),
            "{p} --list printed something that is not JSON: Expecting value: line 1 column 1 (char 0)",
        ),
        (ScriptResult(0, "[]"), "{p} --list printed JSON that is not an object"),
        ({"web": ["a"], "_meta": {"hostvars": {"a": 5}}}, "the variables of the host 'a' are not an object"),
        ({"web": 5}, "the group 'web' is not an object with hosts, vars and children"),
        ({"web": {"hosts": "web1"}}, "the hosts of the group 'web' are not a list of names"),
        ({"web": {"vars": []}, "_meta": {"hostvars": {}}}, None),
        ({"web": {"vars": [1]}, "_meta": {"hostvars": {}}}, "the vars of the group 'web' are not an object"),
    ],
)
def test_errors_of_a_script(tmp_path: Path, answer: object, expected: str | None) -> None:
    path = script(tmp_path)
    found = reported(path, run=answers(list=answer))
    assert found == ([] if expected is None else [f"{path}: {expected.format(p=path)}"])


def test_a_script_that_cannot_be_run(tmp_path: Path) -> None:
    def run(command: Sequence[str]) -> ScriptResult:
        raise OSError(8, "Exec format error")

    path = script(tmp_path)
    assert reported(path, run=run) == [
        f"{path}: {path} --list cannot be run: Exec format error; a script begins with #! and its interpreter"
    ]
    path.chmod(0o644)
    assert reported(path, run=run) == [f"{path}: an inventory script that is not executable; chmod +x {path}"]


def test_a_data_file_that_happens_to_be_executable_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts.yml", "web: {hosts: {web1: }}")
    path.chmod(0o755)
    assert list(read(path).hosts) == ["web1"]


def test_a_list_of_hosts() -> None:
    inventory = read("web1,web[2:3]:2222,[::1]:22,")
    assert list(inventory.hosts) == ["web1", "web2", "web3", "::1"]
    assert host_variables(inventory)["web3"] == {"ansible_port": 2222}
    assert inventory.hosts["web1"].origin == Origin("-i web1,web[2:3]:2222,[::1]:22,")
    assert inventory.hosts["web1"].groups == ("all", "ungrouped")
    assert inventory.hosts["web1"].file is None
    assert inventory.folders == ()


def test_a_directory_is_every_file_in_it_in_order(tmp_path: Path) -> None:
    write(tmp_path, "01-hosts", "[web]\nweb1 a=1\n")
    write(tmp_path, "02.yml", "web: {hosts: {web1: {a: 2}, web2: }}")
    write(tmp_path, "sub/03.ini", "[web]\nweb3\n")
    for ignored in ("README.md", "x.cfg", "x.bak", "x~", ".hidden", "notes.txt", "group_vars/web.yml", "host_vars/h"):
        write(tmp_path, ignored, "[broken section\n")
    inventory = read(tmp_path)
    assert list(inventory.hosts) == ["web1", "web2", "web3"]
    assert host_variables(inventory)["web1"] == {"a": 2}
    assert inventory.folders == (tmp_path,)


def test_later_sources_override_earlier_ones(tmp_path: Path) -> None:
    first = write(tmp_path, "a/hosts", "[web]\nweb1 a=1 b=1\n[web:vars]\ng=1\n")
    second = write(tmp_path, "b/hosts", "[web]\nweb1 b=2\nweb2\n[web:vars]\ng=2\n")
    inventory = read(first, second)
    assert host_variables(inventory) == {"web1": {"a": 1, "b": 2}, "web2": {}}
    assert group_variables(inventory, "web") == {"g": 2}
    assert inventory.folders == (tmp_path / "a", tmp_path / "b")
    assert inventory.hosts["web1"].file == first


def test_a_missing_inventory_is_one_error(tmp_path: Path) -> None:
    assert reported(tmp_path / "none", "web1") == [
        f"{tmp_path}/none: there is no such inventory file or directory",
        "web1: there is no such inventory file or directory; a list of hosts ends with a comma: -i web1,",
    ]


def test_no_source_gives_only_an_implied_localhost() -> None:
    inventory = read()
    assert inventory.hosts == {}
    host = inventory.find("localhost")
    assert host is not None
    assert to_plain(host.variables["ansible_connection"]) == "local"
    assert host.groups == ("all",)
    assert inventory.find("web1") is None


def test_a_localhost_in_the_inventory_is_an_ordinary_host() -> None:
    host = read("localhost,").find("localhost")
    assert host is not None
    assert host.variables == {}


def test_groups_that_contain_themselves_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts", "[a:children]\nb\n[b:children]\nc\n[c:children]\na\n[c]\nh1\n[d:children]\nd\n")
    assert reported(path) == [
        f"{path}:6:1: the group 'a' contains itself: a → b → c → a",
        f"{path}:10:1: the group 'd' contains itself: d → d",
    ]


def test_all_is_in_no_group(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts.yml", "web: {children: {all: }}")
    assert reported(path) == [f"{path}:1:18: the group 'all' contains 'web', not the other way round"]


def test_a_name_for_a_host_and_a_group_is_pointed_out(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts", "[web]\nweb\n")
    assert reported(path) == [f"{path}:2:1: 'web' is a host and a group; patterns mean the group"]


def test_priority_orders_groups_of_one_depth(tmp_path: Path) -> None:
    text = "[a]\nh\n[b]\nh\n[a:vars]\nansible_group_priority=10\n[c]\nh\n[c:vars]\nansible_group_priority=x\n"
    path = write(tmp_path, "hosts", text)
    problems = Problems()
    inventory = load_inventory([str(path)], problems)
    assert inventory.hosts["h"].groups == ("all", "b", "c", "a")
    assert messages(problems) == [f"{path}:10:1: ansible_group_priority is a whole number, not 'x'"]


def test_a_group_under_two_others_is_as_deep_as_the_longest_way(tmp_path: Path) -> None:
    text = "[leaf]\nh\n[mid:children]\nleaf\n[top:children]\nmid\n[other:children]\nleaf\n"
    inventory = read(write(tmp_path, "hosts", text))
    assert {name: group.depth for name, group in inventory.groups.items()} == {
        "all": 0,
        "ungrouped": 1,
        "top": 1,
        "other": 1,
        "mid": 2,
        "leaf": 3,
    }
    assert inventory.hosts["h"].groups == ("all", "other", "top", "mid", "leaf")


def test_names_the_program_sets_itself_are_left_out_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts", "web1 inventory_hostname=x groups=1 foo-bar=2\n")
    problems = Problems()
    inventory = load_inventory([str(path)], problems)
    assert problems.errors == ()
    assert messages(problems) == [
        f"{path}:1:6: the variable 'inventory_hostname' is reserved and cannot be set",
        f"{path}:1:27: the variable 'groups' is reserved and cannot be set",
        f"{path}:1:36: 'foo-bar' is not a variable name: use letters, digits and _, not starting with a digit",
    ]
    assert host_variables(inventory) == {"web1": {"foo-bar": 2}}


@pytest.mark.parametrize(
    ("name", "text"), [("hosts", f"web1 pw={SENTINEL}"), ("h.yml", f"a: {{hosts: {{web1: {{pw: {SENTINEL}}}}}}}")]
)
def test_a_vaulted_inventory_is_secret(tmp_path: Path, name: str, text: str) -> None:
    secret = VaultSecret("default", b"pw")
    path = write(tmp_path, name, encrypt(text, secret))
    problems = Problems()
    inventory = load_inventory([str(path)], problems, vault=VaultSecrets((secret,)))
    assert messages(problems) == []
    assert is_secret(inventory.hosts["web1"].variables["pw"])
    assert SENTINEL not in repr(inventory)
    assert len(reported(path)) == 1


@pytest.mark.parametrize("text", ["[fe80::1]\n", "[fe80::1]:22 a=1\n", "[a:c]x\n", "[2:3]\n", " [::1]\n"])
def test_ini_distinguishes_addresses_and_ranges_from_sections(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "hosts", f"[web]\n{text}")
    problems = Problems()
    inventory = load_inventory([str(path)], problems)
    assert (len(inventory.groups["web"].hosts) > 0) is (text != "[2:3]\n")


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"[web]\nw\xe9b\n")
    (tmp_path / "broken.toml").write_text("[web")
    script(tmp_path, "run.sh")
    assert reported(tmp_path) == [
        f"{tmp_path}/broken.toml: not valid TOML: Expected ']' at the end of a table declaration (at end of document)",
        f"{tmp_path}/gone: cannot be read: No such file or directory",
        f"{tmp_path}/latin: the file is not UTF-8 text",
        f"{tmp_path}/run.sh: inventory scripts are not supported here",
    ]
    assert reported(write(tmp_path, "empty/hosts.yml", "")) == []


def test_a_script_named_without_a_folder_is_run_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script(tmp_path, "list.sh")
    calls: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> ScriptResult:
        calls.append(command)
        return ScriptResult(0, "{}")

    assert read("list.sh", run=run).hosts == {}
    assert calls == [["./list.sh", "--list"]]
