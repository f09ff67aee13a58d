"""Where a host's variables come from, and which of several wins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from deployer.config.inventory.inventory import load_inventory
from deployer.config.templates.templar import HostVariables, Templates
from deployer.config.variables.extra_vars import parse_extra_vars
from deployer.config.variables.variables import PlayVariables, Variables, play_vars
from deployer.config.variables.vars_files import VariableReader
from deployer.config.vault import VaultSecret, VaultSecrets, encrypt
from deployer.diagnostics import Problems
from deployer.nodes import Node, Plain, is_secret, place, to_plain
from tests.config.helpers import SENTINEL, mapping, messages, rendered, tree

SECRET = VaultSecret("default", b"pw")

#: Every file that can give `v`, lowest level first.
LEVELS = {
    "inv/01": "[all:vars]\nv=N\n",
    "inv/02": "[top:children]\nmid\n[mid]\nh\n[top:vars]\nv=N\n",
    "inv/03": "[mid:vars]\nv=N\n",
    "inv/04": "[late]\nh\n[late:children]\nlatest\n[latest]\nh\n[latest:vars]\nansible_group_priority=5\nv=N\n",
    "inv/group_vars/all.yml": "v: N",
    "play/group_vars/all": "v: N",
    "inv/group_vars/top.json": '{"v": N}',
    "inv/group_vars/mid/a.yml": "v: N",
    "inv/group_vars/mid/b/c.yml": "v: N",
    "inv/group_vars/latest.yaml": "v: N",
    "play/group_vars/top.yml": "v: N",
    "inv/05": "h v=N\n",
    "inv/host_vars/h.yml": "v: N",
    "play/host_vars/h.yml": "v: N",
}


def plain(variables: Mapping[str, Node]) -> dict[str, Plain]:
    return {name: to_plain(value) for name, value in variables.items()}


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def variables(
    folder: Path, problems: Problems, extra: Mapping[str, Node] | None = None, vault: VaultSecrets | None = None
) -> Variables:
    inventory = load_inventory([str(folder / "inv")], problems, vault=vault)
    reader = VariableReader(problems, vault)
    base = folder / "play"
    return Variables(inventory, reader, Templates(base), playbook_dir=base, extra=extra)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "inv/hosts", "[web]\nweb1 ansible_host=10.0.0.1\nweb2\n[db]\ndb1.example.com\n")
    (tmp_path / "play").mkdir()
    return tmp_path


@pytest.mark.parametrize("count", range(1, len(LEVELS) + 1))
def test_each_level_wins_over_all_before_it(tmp_path: Path, count: int) -> None:
    for number, (name, text) in enumerate(LEVELS.items(), 1):
        given = text.replace("N", str(number))
        hidden = given.replace("v=", "w=").replace("v: ", "w: ").replace('"v"', '"w"')
        write(tmp_path, name, given if number <= count else hidden)
    problems = Problems()
    found = variables(tmp_path, problems).of_host("h")
    assert messages(problems) == []
    assert to_plain(found.variables["v"]) == count


def test_play_vars_vars_files_and_extra_vars_come_last(folder: Path) -> None:
    write(folder, "play/group_vars/web.yml", "a: 1\nb: 1\nc: 1\nd: 1\n")
    write(folder, "play/one.yml", "c: 3\nd: 3\n")
    write(folder, "play/two.yml", "d: 4\ne: 4\n")
    problems = Problems()
    play = PlayVariables(mapping("{b: 2, c: 2, d: 2}", "site.yml"), tree("[one.yml, two.yml]"))
    extra = parse_extra_vars(["e=5"], problems)
    found = variables(folder, problems, extra).of_play("web1", play, problems)
    assert messages(problems) == []
    assert plain(found.variables) == {"ansible_host": "10.0.0.1", "a": 1, "b": 2, "c": 3, "d": 4, "e": "5"}


def test_a_mapping_replaces_another_whole(folder: Path) -> None:
    write(folder, "inv/group_vars/all.yml", "db: {host: a, port: 1}")
    write(folder, "inv/group_vars/web.yml", "db: {host: b}")
    assert plain(variables(folder, Problems()).of_host("web1").variables)["db"] == {"host": "b"}


def test_the_levels_are_one_ordered_list(folder: Path) -> None:
    write(folder, "inv/group_vars/web.yml", "a: 1")
    levels = variables(folder, Problems()).levels("web1")
    assert [level.name for level in levels] == [
        "inventory group all",
        "inventory group web",
        f"{folder}/inv/group_vars/web",
        "inventory host web1",
        "play vars",
        "extra vars",
    ]


def test_all_inline_group_variables_come_before_any_file(folder: Path) -> None:
    write(folder, "inv/hosts", "[zone_a]\nh\n[zone_b]\nh\n[zone_b:vars]\nv=inline\n")
    write(folder, "inv/group_vars/zone_a.yml", "v: file")
    assert plain(variables(folder, Problems()).of_host("h").variables) == {"v": "file"}


def test_files_are_read_with_their_place_and_secrecy(folder: Path) -> None:
    write(folder, "inv/group_vars/web/vault", encrypt(f"pw: {SENTINEL}\n", SECRET))
    problems = Problems()
    found = variables(folder, problems, vault=VaultSecrets((SECRET,))).of_host("web1").variables
    assert messages(problems) == []
    assert is_secret(found["pw"])
    assert str(place(found["pw"])) == f"{folder}/inv/group_vars/web/vault:1:5"
    assert SENTINEL not in repr(found)


def test_only_one_of_several_files_for_a_group_is_read_and_the_other_is_pointed_out(folder: Path) -> None:
    write(folder, "inv/group_vars/web.yml", "a: 1")
    write(folder, "inv/group_vars/web.yaml", "a: 2")
    problems = Problems()
    assert to_plain(variables(folder, problems).of_host("web1").variables["a"]) == 1
    assert messages(problems) == [
        f"{folder}/inv/group_vars/web.yaml: not read, because {folder}/inv/group_vars/web.yml exists"
    ]


def test_backups_hidden_and_foreign_files_in_a_folder_are_skipped(folder: Path) -> None:
    for name in (".hidden.yml", "a.yml~", "notes.txt", "old.d/x.yml"):
        write(folder, f"inv/group_vars/web/{name}", "[broken")
    write(folder, "inv/group_vars/web/ok", "a: 1")
    problems = Problems()
    assert to_plain(variables(folder, problems).of_host("web1").variables["a"]) == 1
    assert messages(problems) == []


def test_errors_in_files_are_reported_once_for_all_hosts(folder: Path) -> None:
    write(folder, "inv/group_vars/all.yml", "- a\n")
    write(folder, "inv/group_vars/web.yml", "hostvars: 1\na b: 2\n")
    write(folder, "inv/host_vars/web1.yml", "a: [\n")
    problems = Problems()
    everything = variables(folder, problems)
    for host in ("web1", "web2", "web1"):
        everything.of_host(host)
    files = f"{folder}/inv/group_vars"
    assert messages(problems) == [
        f"{files}/all.yml:1:1: a file of variables is a mapping: name: value",
        f"{files}/web.yml:1:1: the variable 'hostvars' is reserved and cannot be set",
        f"{files}/web.yml:2:1: 'a b' is not a variable name: use letters, digits and _, not starting with a digit",
        f"{folder}/inv/host_vars/web1.yml:2:1: not valid YAML: did not find expected node content "
        "while parsing a flow node",
    ]


def test_magic_variables(folder: Path) -> None:
    everything = variables(folder, Problems())
    found = everything.of_play("db1.example.com", PlayVariables({}, hosts=("web1", "db1.example.com")), Problems())
    text = """
name: "{{ inventory_hostname }}"
short: "{{ inventory_hostname_short }}"
mine: "{{ group_names }}"
groups: "{{ groups }}"
web: "{{ groups.web | map('extract', hostvars, 'ansible_host') | first }}"
other: "{{ hostvars['web1'].ansible_host }} {{ hostvars.web2.group_names[0] }}"
play: "{{ ansible_play_hosts }}"
old: "{{ play_hosts | length }}"
gone: "{{ omit }}"
dir: "{{ playbook_dir == base + '/play' and inventory_dir == base + '/inv' }}"
file: "{{ inventory_file == base + '/inv/hosts' }}"
"""
    known = HostVariables({**found.variables, **mapping(f"base: {folder}")}, found.magic)
    assert rendered(text, everything.templar(known)) == {
        "name": "db1.example.com",
        "short": "db1",
        "mine": ["db"],
        "groups": {
            "all": ["web1", "web2", "db1.example.com"],
            "ungrouped": [],
            "web": ["web1", "web2"],
            "db": ["db1.example.com"],
        },
        "web": "10.0.0.1",
        "other": "10.0.0.1 web",
        "play": ["web1", "db1.example.com"],
        "old": 2,
        "dir": True,
        "file": True,
    }


def test_the_implicit_localhost_has_the_variables_of_all(folder: Path) -> None:
    write(folder, "play/group_vars/all.yml", "a: 1")
    assert plain(variables(folder, Problems()).of_host("localhost").variables) == {
        "ansible_connection": "local",
        "a": 1,
    }


def test_vars_files_are_templated_looked_for_and_the_first_found_of_a_list(folder: Path) -> None:
    write(folder, "play/vars/prod.yml", "a: vars folder\nnext: extra")
    write(folder, "play/prod.yml", "a: beside")
    write(folder, "play/default.yml", "b: default")
    write(folder, "play/extra.yml", "c: chained")
    problems = Problems()
    files = tree('["{{ env }}.yml", ["{{ env }}-web.yml", default.yml], "{{ next }}.yml"]')
    play = PlayVariables(mapping("env: prod"), files)
    found = variables(folder, problems).of_play("web1", play, problems).variables
    assert messages(problems) == []
    assert (to_plain(found["a"]), to_plain(found["b"]), to_plain(found["c"])) == ("vars folder", "default", "chained")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("[none.yml]", "site.yml:1:2: vars_files: there is no file 'none.yml' next to the playbook"),
        ("none.yml", "site.yml:1:1: vars_files: there is no file 'none.yml' next to the playbook"),
        ("[[a.yml, b.yml]]", "site.yml:1:2: vars_files: there is no file 'a.yml' and 'b.yml' next to the playbook"),
        ("[{a: b}]", "site.yml:1:2: vars_files: vars_files names files: a list of paths"),
        ("['{{ nope }}.yml']", "site.yml:1:2: vars_files: undefined variable 'nope'"),
    ],
)
def test_errors_in_vars_files(folder: Path, files: str, expected: str) -> None:
    problems = Problems()
    variables(folder, problems).of_play("web1", PlayVariables({}, tree(files)), problems)
    assert messages(problems)[0] == expected


def test_vars_of_a_play() -> None:
    problems = Problems()
    assert plain(play_vars(tree("[{a: 1}, {b: 2, a: 3}]"), problems)) == {"a": 3, "b": 2}
    assert play_vars(None, problems) == play_vars(tree("~"), problems) == {}
    assert messages(problems) == []
    assert plain(play_vars(tree("{groups: 1, in: 2, 1a: 3, lookup: 4, ok: 5}"), problems)) == {"ok": 5}
    play_vars(tree("text"), problems)
    assert messages(problems) == [
        "site.yml:1:1: vars are a mapping: name: value",
        "site.yml:1:2: the variable 'groups' is reserved and cannot be set",
        "site.yml:1:13: 'in' is reserved in templates and cannot be the name of a variable",
        "site.yml:1:20: '1a' is not a variable name: use letters, digits and _, not starting with a digit",
        "site.yml:1:27: 'lookup' is reserved in templates and cannot be the name of a variable",
    ]


def test_extra_vars_in_every_form(tmp_path: Path) -> None:
    write(tmp_path, "x.yml", "d: [4]\na: file")
    problems = Problems()
    given = ["a=1 b='two words' c==", '{"e": {"f": 1.5}}', "{g: 22:22}", f"@{tmp_path}/x.yml", "h="]
    assert plain(parse_extra_vars(given, problems)) == {
        "a": "file",
        "b": "two words",
        "c": "=",
        "e": {"f": 1.5},
        "g": "22:22",
        "d": [4],
        "h": "",
    }
    assert messages(problems) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "vars.yml",
            "--extra-vars: expected name=value, JSON, YAML or @FILE; write @vars.yml for a file of variables",
        ),
        ("./x", "--extra-vars: expected name=value, JSON, YAML or @FILE; write @./x for a file of variables"),
        ("word", "--extra-vars: expected name=value, JSON, YAML or @FILE"),
        ("=1", "--extra-vars: expected name=value, JSON, YAML or @FILE"),
        ("a='b", "--extra-vars: a quote is not closed"),
        ("[1, 2]", "--extra-vars: extra variables are a mapping: {name: value}"),
        (
            "a-b=1",
            "--extra-vars: 'a-b' is not a variable name: use letters, digits and _, not starting with a digit",
        ),
        ("{hostvars: 1}", "--extra-vars: the variable 'hostvars' is reserved and cannot be set"),
        ("@/none.yml", "/none.yml: cannot be read: No such file or directory"),
    ],
)
def test_errors_in_extra_vars(given: str, expected: str) -> None:
    problems = Problems()
    assert parse_extra_vars([given], problems) == {}
    assert messages(problems) == [expected]


def test_an_error_in_extra_vars_does_not_show_values() -> None:
    problems = Problems()
    parse_extra_vars([SENTINEL, f"pw '{SENTINEL}", f"{{pw: [{SENTINEL}}}"], problems)
    assert len(messages(problems)) == 3
    assert SENTINEL not in str(messages(problems))
