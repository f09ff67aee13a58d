"""Playbooks read and checked without any host: structure, names, plain values, the syntax of templates."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from deployer.config.playbook import Play, check_tags, load_playbooks
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Problems
from tests.config.helpers import messages


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str) -> tuple[tuple[Play, ...], list[str]]:
    Path("site.yml").write_text(dedent(text).lstrip("\n"))
    problems = Problems()
    return load_playbooks(["site.yml"], problems, VaultSecrets()), messages(problems)


def complaints(text: str) -> list[str]:
    return read(text)[1]


def of_container(keys: str) -> list[str]:
    """What is wrong with a container `web` with an image and these keys, from line 6 on."""
    head = "- hosts: all\n  containers:\n    web:\n      image: web:1\n"
    return complaints(head + "".join(f"      {line}\n" for line in dedent(keys).strip().splitlines()))


# The file as a whole


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "null\n"])
def test_an_empty_file_has_no_plays(text: str) -> None:
    assert complaints(text) == ["site.yml: has no plays; a playbook is a list of plays"]


@pytest.mark.parametrize(("text", "place"), [("hosts: all\n", "1:1"), ("\n\n  {hosts: all}\n", "3:3")])
def test_a_playbook_is_a_list(text: str, place: str) -> None:
    Path("site.yml").write_text(text)
    problems = Problems()
    assert load_playbooks(["site.yml"], problems, VaultSecrets()) == ()
    assert messages(problems) == [f"site.yml:{place}: a playbook is a list of plays; begin each play with '- name: …'"]


def test_a_list_has_only_plays_and_every_other_item_is_named() -> None:
    plays, found = read("- just text\n- hosts: all\n- [a, list]\n-\n")
    assert [play.name for play in plays] == ["site.yml:2"]
    assert found == [f"site.yml:{place}: a play is a map with at least 'hosts'" for place in ("1:3", "3:3", "4:2")]


def test_a_missing_file_and_a_folder_are_named_and_the_others_are_read() -> None:
    Path("site.yml").write_text("- hosts: all\n")
    Path("folder").mkdir()
    problems = Problems()
    plays = load_playbooks(["gone.yml", "folder", "site.yml"], problems, VaultSecrets())
    assert len(plays) == 1
    assert messages(problems) == [
        "folder: cannot be read: Is a directory; name a playbook file",
        "gone.yml: cannot be read: No such file or directory; name a playbook file",
    ]


def test_a_yaml_error_is_the_only_complaint_about_its_file() -> None:
    found = complaints("- hosts: all\n  containers: {web: [\n")
    assert len(found) == 1
    assert found[0].startswith("site.yml:3:1: ")


def test_names_of_plays() -> None:
    plays, found = read("- name: Web tier\n  hosts: all\n\n- hosts: all\n  project: shop\n")
    assert (found, [play.name for play in plays]) == ([], ["Web tier", "site.yml:4"])
    assert {play.default_project for play in plays} == {"site"}


# Keys of a play


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("container", "; did you mean 'containers'?"),
        ("host", "; did you mean 'hosts'?"),
        ("max_fail_percent", "; did you mean 'max_fail_percentage'?"),
        ("gather_facts", ""),
    ],
)
def test_an_unknown_key_of_a_play(key: str, hint: str) -> None:
    assert complaints(f"- hosts: all\n  {key}: x\n") == [f"site.yml:2:3: play: unknown key '{key}'{hint}"]


@pytest.mark.parametrize("text", ["- name: x\n", "- name: x\n  hosts:\n"])
def test_a_play_without_hosts(text: str) -> None:
    assert complaints(text) == ["site.yml:1:3: play: 'hosts' is missing; name a host, a group or a pattern"]


@pytest.mark.parametrize("section", ["images", "networks", "volumes", "containers"])
@pytest.mark.parametrize("value", ["[web]", "web", "7"])
def test_a_section_is_a_map(section: str, value: str) -> None:
    column = 3 + len(section) + 2
    assert complaints(f"- hosts: all\n  {section}: {value}\n") == [
        f"site.yml:2:{column}: {section}: {section} is a map of names; write each as 'name:' with its keys below"
    ]


def test_an_empty_section_declares_nothing() -> None:
    plays, found = read("- hosts: all\n  containers:\n  networks: {}\n")
    assert found == []
    assert [str(kind) for kind, _ in plays[0].sections()] == ["network"]


@pytest.mark.parametrize(
    "serial", ["1", "30%", "'100%'", "[1, 5, '30%']", "['10%']", "'{{ size }}'", "[1, '{{ size }}']", "'2'"]
)
def test_serial(serial: str) -> None:
    assert complaints(f"- hosts: all\n  serial: {serial}\n") == []


@pytest.mark.parametrize(
    ("serial", "what"),
    [
        ("0", "0 is not a number of hosts"),
        ("-1", "-1 is not a number of hosts"),
        ("0%", "'0%' is not a number of hosts or a percentage such as 30%"),
        ("101%", "'101%' is not a number of hosts or a percentage such as 30%"),
        ("half", "'half' is not a number of hosts or a percentage such as 30%"),
        ("true", "expected a number of hosts or a percentage such as 30%, got true"),
        ("1.5", "expected a number of hosts or a percentage such as 30%, got 1.5"),
        ("{a: 1}", "expected a number of hosts, a percentage, or a list of them, got a map"),
    ],
)
def test_invalid_values_of_serial(serial: str, what: str) -> None:
    assert complaints(f"- hosts: all\n  serial: {serial}\n") == [f"site.yml:2:11: serial: {what}"]
    assert complaints(f"- hosts: all\n  serial: [1, {serial}]\n") == [f"site.yml:2:15: serial[1]: {what}"]


@pytest.mark.parametrize("value", ["0", "33.3", "100", "'{{ share }}'", "'25'"])
def test_max_fail_percentage(value: str) -> None:
    assert complaints(f"- hosts: all\n  max_fail_percentage: {value}\n") == []


@pytest.mark.parametrize(("value", "shown"), [("101", "101"), ("-1", "-1"), ("true", "true"), ("many", "'many'")])
def test_invalid_values_of_max_fail_percentage(value: str, shown: str) -> None:
    assert complaints(f"- hosts: all\n  max_fail_percentage: {value}\n") == [
        f"site.yml:2:24: max_fail_percentage: expected a percentage from 0 to 100, got {shown}"
    ]


def test_registries_need_both_and_a_wrong_password_is_not_shown() -> None:
    assert complaints(
        """
        - hosts: all
          registries:
            one.example.com: {username: ci}
            two.example.com: {username: ci, password: x, passwd: y}
        """
    ) == [
        "site.yml:3:22: registries.one.example.com: 'password' is missing",
        "site.yml:4:50: registries.two.example.com: unknown key 'passwd'; did you mean 'password'?",
    ]


@pytest.mark.parametrize("tags", ["web", "'web, db'", "[web, db]", "'{{ tag }}'", "[]"])
def test_tags(tags: str) -> None:
    assert complaints(f"- hosts: all\n  tags: {tags}\n  networks: {{front: {{tags: {tags}}}}}\n") == []


def test_invalid_values_of_tags() -> None:
    assert complaints("- hosts: all\n  tags: {a: b}\n  networks:\n    front:\n      tags: [1, ok]\n") == [
        "site.yml:2:9: tags: expected a tag or a list of tags, got a map",
        "site.yml:5:14: networks.front.tags[0]: expected text, got 1",
    ]


# Names of resources


@pytest.mark.parametrize("name", ["web", "Web_1.x-y", "0web"])
@pytest.mark.parametrize("section", ["networks", "volumes"])
def test_names(section: str, name: str) -> None:
    assert complaints(f"- hosts: all\n  {section}: {{{name}: {{}}}}\n") == []


@pytest.mark.parametrize("name", ["-web", ".web", "we b", "wéb", "web/1", "a:b"])
@pytest.mark.parametrize(("section", "kind"), [("networks", "network"), ("volumes", "volume")])
def test_names_that_engines_refuse(section: str, kind: str, name: str) -> None:
    shortest = 1 if kind == "network" else 2
    place = f"site.yml:2:{3 + len(section) + 3}"
    hint = f"{shortest} or more of a-z A-Z 0-9 _ . -, beginning with a letter or digit"
    assert complaints(f"- hosts: all\n  {section}: {{'{name}': {{}}}}\n") == [
        f"{place}: {section}.{name}: '{name}' cannot be the name of a {kind}; {hint}"
    ]


@pytest.mark.parametrize("suffix", [".previous", ".previous-2", ".failed", ".deployer-new", ".deployer-old"])
@pytest.mark.parametrize(("section", "column"), [("containers", 16), ("jobs", 10)])
def test_names_that_a_replacement_gives(section: str, column: int, suffix: str) -> None:
    name = f"web{suffix}"
    assert complaints(f"- hosts: all\n  {section}: {{{name}: {{image: a}}}}\n") == [
        f"site.yml:2:{column}: {section}.{name}: '{name}' is a name that a container gets when it is replaced; choose "
        "a name that does not end with .previous, .previous-N, .failed, .deployer-new or .deployer-old"
    ]


def test_the_default_network_of_compose() -> None:
    assert complaints("- hosts: all\n  networks: {default: {driver: bridge}}\n") == [
        "site.yml:2:14: networks.default: 'default' is a network that only Compose adds to every service; give the "
        "network another name, and name it under 'networks' of the containers that use it"
    ]


def test_one_letter_names_a_network_only() -> None:
    found = complaints("- hosts: all\n  networks: {n: {}}\n  volumes: {v: {}}\n  containers: {c: {image: a}}\n")
    assert [text.partition(": ")[2].partition(":")[0] for text in found] == ["volumes.v", "containers.c"]


def test_a_templated_name_waits_for_its_variables() -> None:
    assert complaints("- hosts: all\n  volumes: {'{{ name }}': {}}\n  images: {'web:{{ tag }}': {}}\n") == []


def test_an_image_is_named_by_a_reference() -> None:
    assert complaints("- hosts: all\n  images: {'ghcr.io/a/b:1': {}, 'Web:1': {}}\n") == [
        "site.yml:2:33: images.Web:1: 'Web:1' is not an image reference: repository names are lower case"
    ]


def test_two_of_a_name_are_an_error_of_yaml() -> None:
    found = complaints("- hosts: all\n  volumes:\n    data: {}\n    data: {}\n")
    assert len(found) == 1
    assert found[0].startswith("site.yml:4:5: ")
    assert "3:5" in found[0]


# Templates


def test_templates_are_passed_over() -> None:
    assert (
        complaints(
            """
            - name: "{{ what }}"
              hosts: "{{ where }}"
              project: "{{ project }}"
              serial: "{{ batch }}"
              containers:
                "{{ item }}":
                  loop: "{{ names }}"
                  when: wanted | bool
                  image: "{{ image }}"
                  ports: "{{ ports }}"
                  mem_limit: "{{ limit }}"
                  environment: {"{{ key }}": "{{ value }}"}
                  healthcheck: {test: "{{ test }}", interval: "{{ seconds }}s"}
                  depends_on: "{{ others }}"
                  state: "{% if on %}started{% else %}stopped{% endif %}"
            """
        )
        == []
    )


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("image: 'web:{{ tag'", "3:18: containers.web.image"),
        ("image: a, environment: {A: '{{ 1 + }}'}", "3:38: containers.web.environment.A"),
        ("image: a, labels: {'{{ x': y}", "3:30: containers.web.labels.{{ x"),
    ],
)
def test_a_template_with_a_syntax_error(line: str, place: str) -> None:
    found = complaints(f"- hosts: all\n  containers:\n    web: {{{line}, mem_limit: 64m}}\n")
    assert [text.startswith(f"site.yml:{place}: template syntax: ") for text in found] == [True]


@pytest.mark.parametrize("when", ["a ==", "a b", "(a", "'{% x %}'", "a | no_such_filter"])
def test_a_when_with_a_syntax_error(when: str) -> None:
    found = of_container(f"when: {when}")
    assert len(found) == 1
    assert found[0].startswith("site.yml:5:13: containers.web.when: ")


@pytest.mark.parametrize("when", ["{a: b}", "7", ""])
def test_invalid_values_of_when(when: str) -> None:
    assert of_container(f"when: {when}") == [
        f"site.yml:5:{13 if when else 12}: containers.web.when: a condition is an expression, true or false"
    ]


@pytest.mark.parametrize("loop", ["{a: b}", "7", "true"])
def test_invalid_values_of_loop(loop: str) -> None:
    assert of_container(f"loop: {loop}") == ["site.yml:5:13: containers.web.loop: expected a list to loop over"]


def test_every_condition_of_a_list_is_checked() -> None:
    found = of_container("when:\n  - a is defined\n  - b ==\n  - (c\n  - true")
    assert [text.partition(" ")[0] for text in found] == ["site.yml:7:11:", "site.yml:8:11:"]


def test_a_loop_with_a_syntax_error() -> None:
    found = of_container("loop: groups[")
    assert len(found) == 1
    assert found[0].startswith("site.yml:5:13: containers.web.loop: ")
    assert of_container("loop: '{{ groups[ }}'")[0].startswith("site.yml:5:13: containers.web.loop: ")


# All of it


ELEVEN = """\
- name: Eleven errors
  hosts: all
  serials: 1
  max_fail_percentage: 200
  networks:
    front: {drivr: bridge}
  volumes:
    -data: {}
  containers:
    web:
      image: web:1
      ports: ["80:80", "99999:80"]
      restart: sometimes
      mem_limit: much
      environment: {MODE: [a]}
      when: a ==
    api:
      image: "api:{{ tag"
      depends_on: {web: {condition: service_happy}}
"""


def test_eleven_errors_are_found_at_once() -> None:
    assert complaints(ELEVEN) == EXPECTED


RAW = "; tag text that is not a template with !unsafe, or enclose it in {% raw %} and {% endraw %}"
EXPECTED = [
    "site.yml:3:3: play: unknown key 'serials'; did you mean 'serial'?",
    "site.yml:4:24: max_fail_percentage: expected a percentage from 0 to 100, got 200",
    "site.yml:6:13: networks.front: unknown key 'drivr'; did you mean 'driver'?",
    "site.yml:8:5: volumes.-data: '-data' cannot be the name of a volume; "
    "2 or more of a-z A-Z 0-9 _ . -, beginning with a letter or digit",
    "site.yml:12:24: containers.web.ports[1]: '99999:80': '99999' is not between 1 and 65535",
    "site.yml:13:16: containers.web.restart: "
    "'sometimes' is not one of no, always, unless-stopped, on-failure[:retries]",
    "site.yml:14:18: containers.web.mem_limit: 'much' is not a size such as 512m, 1.5g or 67108864",
    "site.yml:15:27: containers.web.environment.MODE: expected text, a number or null, got a list",
    "site.yml:16:13: containers.web.when: template syntax: unexpected 'end of template'" + RAW,
    "site.yml:18:14: containers.api.image: template syntax: "
    "unexpected end of template, expected 'end of print statement'" + RAW,
    "site.yml:19:37: containers.api.depends_on.web.condition: expected one of service_started, service_healthy, "
    "service_completed_successfully, got 'service_happy'",
]


# Tags that are asked for


def unknown(*wanted: str, text: str) -> list[str]:
    plays, found = read(text)
    assert found == []
    problems = Problems()
    check_tags(wanted, plays, problems)
    return messages(problems)


TAGGED = (
    "- hosts: all\n  tags: [shop]\n  networks: {front: {tags: 'edge, web'}}\n  containers: {web: {image: a, tags: b}}\n"
)


def test_tags_that_something_has() -> None:
    assert unknown("shop", "edge", "web", "b", "all", "always", "never", "tagged", "untagged", text=TAGGED) == []


def test_a_tag_that_nothing_has() -> None:
    assert unknown("shp", "zzz", text=TAGGED) == [
        "--tags: no resource has the tag 'shp'; did you mean 'shop'?",
        "--tags: no resource has the tag 'zzz'",
    ]


def test_a_templated_tag_may_be_any() -> None:
    assert unknown("zzz", text=TAGGED.replace("[shop]", "['{{ tag }}']")) == []
