"""One play on one host: loops, conditions, tags, names, settings, files of variables, secrets, places."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.playbook import load_playbooks
from deployer.config.resolve import Inputs, resolve
from deployer.config.tag_filter import TagFilter
from deployer.diagnostics import Origin, Problems
from deployer.fields.options import Condition, UpdateOrder
from deployer.model.desired import Kind
from deployer.model.settings import ContainerSettings, Dependency, UpdatePolicy
from tests.config.helpers import SENTINEL, messages, secret, templar
from tests.config.resolving import VAULT, body, complaints, desired, names, try_resolve, web


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# Project


def test_the_project_is_the_file_unless_the_play_or_the_operator_names_one() -> None:
    assert desired("- hosts: all\n").project == "site"
    assert desired("- hosts: all\n  project: '{{ team }}-shop'\n", "team: a").project == "a-shop"
    problems = Problems()
    plays = load_playbooks(["site.yml"], problems, VAULT)
    assert resolve(plays[0], "web1", templar(), Inputs(problems, project="mine")).project == "mine"
    assert messages(problems) == []


def test_prune_is_false_unless_said() -> None:
    assert desired("- hosts: all\n").prune is False
    assert desired("- hosts: all\n  prune: '{{ yes_please }}'\n", "yes_please: true").prune is True


def test_order_of_resources() -> None:
    text = """
    - hosts: all
      containers: {bb: {image: a}, aa: {image: a}}
      volumes: {data: {}}
      networks: {front: {}, back: {}}
      images: {zz: {}}
    """
    expected = ["image.zz:latest", "network.back", "network.front", "volume.data", "container.aa", "container.bb"]
    assert names(desired(text)) == expected


# Loops


def test_a_loop_declares_one_for_each_item_and_templates_its_key() -> None:
    text = """
    - hosts: all
      containers:
        "app-{{ item.name }}":
          loop:
            - {name: blue, port: 81}
            - {name: green, port: 82}
          image: "app:{{ item.name }}"
          ports: ["{{ item.port }}:80"]
    """
    found = desired(text)
    assert names(found) == ["container.app-blue", "container.app-green"]
    assert [resource.values["ports"] for resource in found.resources] == [["81:80/tcp"], ["82:80/tcp"]]
    assert [resource.image[-4:] for resource in found.resources] == ["blue", "reen"]


@pytest.mark.parametrize("loop", ["sizes", "'{{ sizes }}'", "[x, 'y{{ n }}']", "sizes | list"])
def test_valid_loops(loop: str) -> None:
    text = f"- hosts: all\n  volumes:\n    'data-{{{{ item }}}}': {{loop: {loop}}}\n"
    assert names(desired(text, "sizes: [x, y1]\nn: 1")) == ["volume.data-x", "volume.data-y1"]


def test_an_empty_loop_declares_nothing() -> None:
    assert names(desired("- hosts: all\n  volumes: {'{{ item }}': {loop: []}}\n")) == []


@pytest.mark.parametrize(("value", "loop"), [("{a: b}", "'{{ it }}'"), ("text", "it"), ("7", "it")])
def test_only_lists_can_be_looped_over(value: str, loop: str) -> None:
    text = f"- hosts: all\n  volumes:\n    data:\n      loop: {loop}\n"
    assert complaints(text, f"it: {value}") == ["site.yml:4:13: volumes.data.loop: expected a list to loop over"]


def test_item_is_unknown_outside_its_loop() -> None:
    found = complaints("- hosts: all\n  volumes:\n    'a{{ item }}': {loop: [1]}\n    'b{{ item }}': {}\n")
    assert len(found) == 1
    assert found[0].startswith("site.yml:4:5: volumes.b{{ item }}: ")


def test_an_error_of_every_item_is_reported_once() -> None:
    text = "- hosts: all\n  containers:\n    'w{{ item }}': {loop: [1, 2, 3], image: a, mem_limit: '{{ limit }}'}\n"
    assert complaints(text, "limit: much") == [
        "vars.yml:1:8: containers.w1.mem_limit: 'much' is not a size such as 512m, 1.5g or 67108864"
    ]


# Conditions


@pytest.mark.parametrize(
    ("when", "there"),
    [
        ("on", True),
        ("not on", False),
        ("[on, n == 1]", True),
        ("[on, n == 2]", False),
        ("true", True),
        ("false", False),
        ("missing is defined", False),
        ("inventory_hostname == 'web1'", True),
    ],
)
def test_when(when: str, there: bool) -> None:
    found = desired(f"- hosts: all\n  volumes:\n    data: {{when: {when}}}\n", "on: true\nn: 1")
    assert names(found) == (["volume.data"] if there else [])


def test_skipped_resources_are_not_rendered() -> None:
    text = (
        "- hosts: all\n  containers:\n    web: {image: '{{ missing }}', when: missing is defined, tags: '{{ gone }}'}\n"
    )
    assert names(desired(text)) == []


def test_when_sees_the_item() -> None:
    text = "- hosts: all\n  volumes:\n    'd{{ item }}': {loop: [1, 2, 3], when: item != 2}\n"
    assert names(desired(text)) == ["volume.d1", "volume.d3"]


def test_invalid_values_of_when() -> None:
    assert complaints(body("when: n"), "n: 1") == [
        "site.yml:5:13: containers.web.when: the condition is a number, not true or false; add '| bool'"
    ]
    assert complaints(body("when: '{{ on }}'"), "on: true") == [
        "site.yml:5:13: containers.web.when: a condition is already an expression; "
        "write the bare expression, without {{ }}"
    ]


# Tags


ALL = """
- hosts: all
  volumes:
    plain: {}
    web: {tags: web}
    both: {tags: 'web, db'}
    ever: {tags: [always, db]}
    rare: {tags: [never, debug]}
    only-never: {tags: never}
"""


@pytest.mark.parametrize(
    ("only", "skip", "expected"),
    [
        ("", "", "both ever plain web"),
        ("all", "", "both ever plain web"),
        ("web", "", "both ever web"),
        ("db", "", "both ever"),
        ("tagged", "", "both ever web"),
        ("untagged", "", "ever plain"),
        ("debug", "", "ever rare"),
        ("never", "", "ever only-never rare"),
        ("web debug", "", "both ever rare web"),
        ("", "web", "ever plain"),
        ("", "db", "plain web"),
        ("", "always", "both plain web"),
        ("", "tagged", "plain"),
        ("", "untagged", "both ever web"),
        ("web", "db", "web"),
        ("debug", "debug", "ever"),
        ("", "all", "ever"),
    ],
)
def test_tags_as_ansible_reads_them(only: str, skip: str, expected: str) -> None:
    found = try_resolve(ALL, tags=TagFilter(tuple(only.split()), tuple(skip.split()))).one
    assert len(found.resources) == 6
    assert " ".join(resource.name for resource in found.resources if resource.selected) == expected


def test_tags_of_a_play_are_those_of_all_in_it() -> None:
    text = "- hosts: all\n  tags: '{{ tier }}'\n  volumes: {aa: {}, bb: {tags: never}}\n"
    found = try_resolve(text, templar("tier: shop"), TagFilter(("shop",))).one
    assert [resource.selected for resource in found.resources] == [True, True]
    found = try_resolve(text, templar("tier: shop"), TagFilter()).one
    assert [resource.selected for resource in found.resources] == [True, False]


def test_tags_may_depend_on_the_item() -> None:
    text = "- hosts: all\n  volumes: {'d-{{ item }}': {loop: [a, b], tags: '{{ item }}'}}\n"
    found = try_resolve(text, tags=TagFilter(("b",))).one
    assert [resource.selected for resource in found.resources] == [False, True]


def test_invalid_tags() -> None:
    found = complaints("- hosts: all\n  tags: '{{ n }}'\n  volumes:\n    data: {tags: '{{ n }}'}\n", "n: 7")
    assert found == ["vars.yml:1:4: tags: expected a tag, got 7"]


# The same resource twice


def test_a_loop_that_gives_one_name_twice() -> None:
    text = "- hosts: all\n  volumes:\n    'd-{{ item }}': {loop: [1, 2, 1]}\n"
    assert complaints(text) == [
        "site.yml:3:5: volume.d-1: volume d-1 is declared twice for one host, first at site.yml:3:5"
    ]


def test_two_keys_that_give_one_name() -> None:
    text = "- hosts: all\n  volumes:\n    data: {}\n    '{{ name }}': {}\n"
    assert complaints(text, "name: data") == [
        "site.yml:4:5: volume.data: volume data is declared twice for one host, first at site.yml:3:5"
    ]


def test_two_spellings_of_one_image() -> None:
    text = "- hosts: all\n  images:\n    redis: {}\n    docker.io/library/redis:latest: {}\n"
    assert complaints(text) == [
        "site.yml:4:5: image.redis:latest: image redis:latest is declared twice for one host, first at site.yml:3:5"
    ]


def test_two_plays_with_one_name() -> None:
    text = "- hosts: all\n  volumes: {data: {}}\n- hosts: all\n  volumes: {data: {}}\n  networks: {data: {}}\n"
    assert complaints(text) == [
        "site.yml:4:13: volume.data: volume data is declared twice for one host, first at site.yml:2:13"
    ]


def test_each_play_knows_the_resources_of_the_others() -> None:
    text = "- hosts: all\n  volumes: {data: {}}\n- hosts: all\n  networks: {front: {}}\n"
    first, second = try_resolve(text).plays
    assert first.elsewhere == {(Kind.NETWORK, "front")}
    assert second.elsewhere == {(Kind.VOLUME, "data")}


# Dependencies and images


def test_dependencies() -> None:
    text = """
    - hosts: all
      containers:
        db: {image: a}
        job: {image: a}
        web:
          image: a
          depends_on:
            db: {condition: service_healthy}
            job: {condition: service_completed_successfully}
            gone: {required: false}
        api: {image: a, depends_on: [db]}
    """
    found = desired(text)
    api, web = found.container("api"), found.container("web")
    assert api is not None
    assert web is not None
    assert api.settings.depends_on == (Dependency("db"),)
    assert web.settings.depends_on == (
        Dependency("db", Condition.HEALTHY),
        Dependency("job", Condition.COMPLETED),
        Dependency("gone", required=False),
    )


def test_an_undeclared_dependency() -> None:
    text = "- hosts: all\n  containers:\n    redis: {image: a}\n    web: {image: a, depends_on: [reds, zzz]}\n"
    assert complaints(text) == [
        "site.yml:4:34: container.web: no container or job 'reds'; did you mean 'redis'?",
        "site.yml:4:40: container.web: no container or job 'zzz'; declare it in the same play",
    ]


def test_a_dependency_with_an_error_is_there_all_the_same() -> None:
    text = (
        "- hosts: all\n  containers:\n    db: {image: a, mem_limit: '{{ x }}'}\n    web: {image: a, depends_on: [db]}\n"
    )
    assert len(complaints(text)) == 1


def test_containers_in_a_circle() -> None:
    text = """
    - hosts: all
      containers:
        aa: {image: a, depends_on: [bb]}
        bb: {image: a, network_mode: "container:cc"}
        cc: {image: a, volumes_from: [aa]}
    """
    found = complaints(text)
    assert len(found) == 1
    assert found[0].startswith("site.yml:")
    assert "containers depend on each other: " in found[0]


def test_a_container_without_an_image() -> None:
    text = "- hosts: all\n  containers:\n    web: {}\n    gone: {state: absent}\n    bad: {image: 7}\n"
    assert complaints(text) == [
        "site.yml:3:5: containers.web: 'image' is missing; every container requires one",
        "site.yml:5:18: containers.bad.image: expected an image such as redis:7, got 7",
    ]


# Secrets


def test_passwords_of_registries_are_secret_wherever_they_come_from() -> None:
    text = "- hosts: all\n  registries: {r.example.com: {username: ci, password: '{{ pw }}'}}\n"
    found = desired(text, "pw: plain-text")
    assert found.registries == {"r.example.com": ("ci", "plain-text")}
    assert found.secrets == {"plain-text"}
    assert "plain-text" not in repr(found)


def test_values_made_from_secrets_are_secret() -> None:
    text = body("environment: {URL: 'pg://u:{{ pw }}@db', LEN: '{{ pw | length }}', HOST: '{{ inventory_hostname }}'}")
    found = desired(text, pw=secret())
    assert found.secrets >= {f"pg://u:{SENTINEL}@db", str(len(SENTINEL))}
    assert "web1" not in found.secrets
    assert found.resources[0].secret_paths == {("environment", "URL"), ("environment", "LEN")}


@pytest.mark.parametrize(
    "text",
    [
        "environment: {URL: 'pg://u:{{ pw }}@db'}",
        "environment: ['KEY={{ pw }}']",
        "environment: {URL: '{{ pw | urlencode }}'}",
        "command: ['{{ [pw, 1] | join }}']",
        "labels: {a: \"{{ {'k': pw}.k ~ 'x' }}\"}",
    ],
)
def test_a_secret_is_known_by_itself_where_it_is_part_of_a_text(text: str) -> None:
    assert SENTINEL in desired(body(text), pw=secret()).secrets


def test_values_with_the_form_of_credentials_are_secret() -> None:
    found = desired(body("environment: {DB_PASSWORD: hunter47, MODE: plain-1, URL: 'pg://u:hunter48@db'}"))
    assert found.secrets == {"hunter47", "hunter48"}


def test_a_secret_is_not_shown_in_an_error() -> None:
    found = complaints(body("mem_limit: '{{ pw }}'\nrestart: 'x{{ pw }}'"), pw=secret())
    assert len(found) == 2
    assert SENTINEL not in "".join(found)


def test_a_secret_in_a_name_is_known() -> None:
    text = "- hosts: all\n  volumes: {'d-{{ pw }}': {}}\n"
    assert f"d-{SENTINEL}" in desired(text, pw=secret()).secrets


# Places of values


def test_a_value_is_where_it_can_be_changed() -> None:
    variables = "tag: '1.2'\nlimit: 64m\nlabels: {a: b}\n"
    environment = "environment: {A: '{{ tag }}{{ limit }}', B: '{{ tag }}'}"
    keys = "mem_limit: '{{ limit }}'\nlabels: '{{ labels }}'\n" + environment + "\ntty: true"
    found = web(keys, variables)
    assert str(found.place(("mem_limit",))) == "vars.yml:2:8"
    assert str(found.place(("labels", "a"))).startswith("vars.yml:3:")
    assert str(found.place(("environment", "A"))) == "site.yml:7:24"
    assert str(found.place(("environment", "B"))) == "vars.yml:1:6"
    assert str(found.place(("tty",))) == "site.yml:8:12"
    assert str(found.place(("nothing",))) == "site.yml:3:5"
    assert found.origin == Origin("site.yml", 3, 5)


# Values


def test_omit_leaves_a_key_or_an_item_out() -> None:
    found = web("mem_limit: '{{ limit | default(omit) }}'\ncap_add: [NET_ADMIN, '{{ more | default(omit) }}']")
    assert dict(found.values) == {"cap_add": ["NET_ADMIN"]}


def test_a_lone_template_keeps_its_type_and_other_text_is_text() -> None:
    found = web(
        "environment: {A: '{{ version }}'}\nprivileged: '{{ on }}'\npids_limit: '{{ n }}'",
        "version: '1.10'\non: true\nn: 7",
    )
    assert dict(found.values) == {"environment": {"A": "1.10"}, "privileged": True, "pids_limit": 7}


def test_an_undefined_variable_is_reported_with_the_other_errors() -> None:
    found = complaints(body("mem_limit: '{{ missing }}'\nrestart: sometimes\ncpus: much"))
    assert [text.partition(": ")[0] for text in found] == ["site.yml:5:18", "site.yml:6:16", "site.yml:7:13"]
    assert "'missing'" in found[0]


@pytest.mark.parametrize("recreate", ["auto", "always", "never"])
def test_recreate(recreate: str) -> None:
    assert web(f"recreate: {recreate}").settings.recreate == recreate


def test_settings_that_are_not_said() -> None:
    settings = web("tty: true").settings
    assert (settings.state, settings.pull, settings.recreate, settings.protect) == ("started", "missing", "auto", False)
    assert settings.update == UpdatePolicy(UpdateOrder.AUTO, 60.0, 5.0)
    assert (settings.image, settings.platform, settings.ignore_changes) == ("docker.io/library/web:1", "", ())


def test_settings_that_are() -> None:
    settings = web(
        """
        update: {order: stop-first, health_timeout: 1m30s, monitor: 500ms, stop_grace_period: 90s}
        ignore_changes: [labels.build_time, image]
        protect: true
        state: stopped
        platform: linux/ARM64
        pull: always
        """
    ).settings
    assert settings.update == UpdatePolicy(UpdateOrder.STOP_FIRST, 90.0, 0.5, 90, watch=0.5)
    assert settings.ignore_changes == ("labels.build_time", "image")
    assert (settings.protect, settings.state) == (True, "stopped")
    assert (settings.platform, settings.pull) == ("linux/arm64", "always")


def test_a_duration_of_no_time() -> None:
    assert web("update: {monitor: 0}").settings.update.monitor == 0.0
    assert web("update: {stop_grace_period: 0}").settings.update.stop_grace_period == 0


def test_a_plays_update_is_the_default_of_its_containers_key_by_key() -> None:
    found = desired(
        """
        - hosts: all
          update: {order: stop-first, monitor: 1s, stop_grace_period: "{{ grace }}"}
          containers:
            own: {image: web:1, update: {monitor: 2s, health_timeout: 10s}}
            plain: {image: web:1}
        """.replace("\n        ", "\n").lstrip("\n"),
        "grace: 30s",
    )
    own, plain = found.of(ContainerSettings)
    assert own.settings.update == UpdatePolicy(UpdateOrder.STOP_FIRST, 10.0, 2.0, 30, watch=2.0)
    assert plain.settings.update == UpdatePolicy(UpdateOrder.STOP_FIRST, 60.0, 1.0, 30, watch=1.0)


@pytest.mark.parametrize("way", ['http: ":{{ port }}/"', 'tcp: "{{ port }}"', 'exec: ["{{ word }}"]'])
def test_a_choice_of_keys_waits_for_its_templates(way: str) -> None:
    source = '{type: bind, source: /a, target: /a, on_change: {exec: ["{{ word }}"]}}'
    found = web(f"update: {{probe: {{{way}}}}}\nvolumes: [{source}]", "port: 80\nword: ls")
    assert found.settings.update.probe is not None


def test_an_error_in_a_choice_of_keys_is_one_error() -> None:
    (error,) = complaints(body("update: {probe: {http: 80x}}"))
    assert error.startswith("site.yml:5:30: containers.web.update.probe.http: '80x' does not have the form")
    (error,) = complaints(body('update: {probe: {http: ":80/", header: {X-Key: "a\\r\\nHost: b"}}}'))
    assert error.endswith("containers.web.update.probe: a header is one line")


def test_an_error_in_a_plays_update() -> None:
    text = "- hosts: all\n  update: {stop_grace_perod: 1s, monitor: soon}\n"
    assert complaints(text) == [
        "site.yml:2:12: update: unknown key 'stop_grace_perod'; did you mean 'stop_grace_period'?",
        "site.yml:2:43: update.monitor: 'soon' is not a duration such as 30s, 1m30s or 500ms",
    ]
