"""Compose projects as they are read: files over files, what they include and extend, variables and profiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer import nodes
from deployer.config.compose.project import Project, load_project
from deployer.config.compose.scalars import compose_scalar
from deployer.config.compose.wanted import Wanted
from deployer.diagnostics import Problems

WEB = "services: {web: {image: nginx}}\n"


def read(folder: Path, files: Mapping[str, str], *names: str, **wanted: Any) -> tuple[Project | None, Problems]:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    problems = Problems()
    chosen = tuple(str(folder / name) for name in names or ("compose.yml",))
    return load_project(Wanted(files=chosen, **wanted), problems), problems


def services(folder: Path, files: Mapping[str, str], *names: str, **wanted: Any) -> dict[str, Any]:
    """What was read without errors, with the folder as `DIR`."""
    project, problems = read(folder, files, *names, **wanted)
    assert (project is not None, [str(found) for found in problems.errors]) == (True, [])
    assert project is not None
    found = {name: nodes.to_plain(body) for name, body in project.sections["services"].items()}
    return dict(_relative(found, str(folder)))


def _relative(value: Any, folder: str) -> Any:
    match value:
        case dict():
            return {key: _relative(part, folder) for key, part in value.items()}
        case list():
            return [_relative(part, folder) for part in value]
        case str():
            return value.replace(folder, "DIR")
        case _:
            return value


BASE = """\
services:
  web:
    image: nginx
    command: [one, two]
    entrypoint: sh
    environment: {A: "1", B: "2"}
    labels: [a=1, b=2, x-c=3]
    ports: ["80:80"]
    volumes: ["one:/data", "./x:/x"]
    dns: 192.0.2.1
    networks: [front]
    depends_on: [db]
    logging: {driver: syslog, options: {tag: a}}
    healthcheck: {test: [CMD, a], interval: 5s}
    ulimits: {nproc: 1, nofile: {soft: 1, hard: 2}}
    extra_hosts: {a: 192.0.2.2}
    build: ./web
    devices: [/dev/a]
    tmpfs: [/tmp, "/run:size=1m"]
    env_file: a.env
    annotations: [a]
"""
STARTED = {"condition": "service_started", "required": True}

MERGED: list[tuple[str, Any, Any]] = [
    ("command: three", "command", "three"),
    ("entrypoint: !reset null", "entrypoint", None),
    ("environment: [B=3, C, D=]", "environment", {"A": "1", "B": "3", "C": None, "D": ""}),
    ("environment: !override {C: x}", "environment", {"C": "x"}),
    ("environment: {A: !reset null}", "environment", {"B": "2"}),
    ("labels: {b: x, x-ignored: y}", "labels", {"a": "1", "b": "x", "x-c": "3", "x-ignored": "y"}),
    ('ports: ["81:81", "80:80"]', "ports", ["80:80", "81:81"]),
    ('ports: !override ["81:81"]', "ports", ["81:81"]),
    ("ports: !reset []", "ports", None),
    ('volumes: ["two:/data:ro"]', "volumes", ["two:/data:ro", "DIR/x:/x"]),
    ("volumes: [{type: tmpfs, target: /x}]", "volumes", ["one:/data", {"type": "tmpfs", "target": "/x"}]),
    ("dns: [192.0.2.9]", "dns", ["192.0.2.1", "192.0.2.9"]),
    ("networks: {front: {aliases: [a]}, back: }", "networks", {"front": {"aliases": ["a"]}, "back": None}),
    ("depends_on: {c: {condition: x}}", "depends_on", {"db": STARTED, "c": {"condition": "x"}}),
    ("devices: ['/dev/b:/dev/a']", "devices", ["/dev/b:/dev/a"]),
    ("tmpfs: '/run:size=2m'", "tmpfs", ["/tmp", "/run:size=2m"]),
    ("env_file: [{path: a.env, required: false}]", "env_file", [{"path": "DIR/a.env", "required": False}]),
    ("annotations: {c: }", "annotations", {"a": "", "c": ""}),
    ("logging: {options: {size: b}}", "logging", {"driver": "syslog", "options": {"tag": "a", "size": "b"}}),
    ("logging: {driver: local}", "logging", {"driver": "local"}),
    ("healthcheck: {test: [CMD, b]}", "healthcheck", {"test": ["CMD", "b"], "interval": "5s"}),
    (
        "ulimits: {nproc: {soft: 3, hard: 4}, nofile: {hard: 5, soft: 5}}",
        "ulimits",
        {"nproc": {"soft": 3, "hard": 4}, "nofile": {"hard": 5, "soft": 5}},
    ),
    ('extra_hosts: ["a=192.0.2.3"]', "extra_hosts", ["a=192.0.2.2", "a=192.0.2.3"]),
    ("build: {args: [X=1]}", "build", {"context": "DIR/web", "args": {"X": "1"}}),
]


@pytest.mark.parametrize(("over", "key", "expected"), MERGED, ids=[over for over, _, _ in MERGED])
def test_a_file_over_another(tmp_path: Path, over: str, key: str, expected: Any) -> None:
    """The same is asserted of `extends`, which merges alike."""
    files = {"compose.yml": BASE, "over.yml": "services: {web: {image: other}}\n".replace("}}", f", {over}}}}}")}
    found = services(tmp_path, files, "compose.yml", "over.yml")["web"]
    assert (found["image"], found.get(key)) == ("other", expected)
    files = {
        "compose.yml": f"services:\n  api:\n    extends: {{file: base.yml, service: web}}\n    {over}\n",
        "base.yml": BASE,
    }
    assert services(tmp_path, files)["api"].get(key) == expected


INTERPOLATED = [
    ("${A}", "a"),
    ("$A", "a"),
    ("$$A", "$A"),
    ("${EMPTY:-x}", "x"),
    ("${EMPTY-x}", ""),
    ("${NO:-${ALSO:-y}}", "y"),
    ("${A:+z}${NO:+z}", "z"),
    ("${NO:-{}", "{"),
    ("${A:?needed}", "a"),
    ("${FILE}", "from .env"),
    ("${OWN}", "caller's"),
    ("${COMPOSE_PROJECT_NAME}", "shop"),
]


@pytest.mark.parametrize(("text", "expected"), INTERPOLATED)
def test_variables(tmp_path: Path, text: str, expected: str) -> None:
    files = {
        "compose.yml": f"name: shop\nservices: {{web: {{image: nginx, hostname: '{text}'}}}}\n",
        ".env": 'FILE="from .env"\nOWN=file\n',
    }
    environ = {"A": "a", "EMPTY": "", "OWN": "caller's"}
    assert services(tmp_path, files, environ=environ)["web"]["hostname"] == expected


SCALARS = [
    ("0777", 511),
    ("0o17", 15),
    ("0x1f", 31),
    ("-012", -10),
    ("08", 8),
    ("1_000", 1000),
    ("3.10", 3.1),
    ("1e3", 1000),
    (".5", 0.5),
    ("yes", "yes"),
    ("true", True),
    ("~", None),
    ("22:22", "22:22"),
    ("1.2.3", "1.2.3"),
    ("_1", "_1"),
]


@pytest.mark.parametrize(("text", "expected"), SCALARS)
def test_plain_scalars(text: str, expected: object) -> None:
    found = compose_scalar(text)
    assert (found, type(found)) == (expected, type(expected))


def test_an_included_project_has_its_own_folder_and_variables(tmp_path: Path) -> None:
    files = {
        "compose.yml": "include: [sub/compose.yml, {path: [b.yml, c.yml], env_file: b.env}]\n" + WEB,
        "sub/compose.yml": "services: {one: {image: '$TAG', volumes: ['./a:/a'], env_file: x.env}}\n",
        "sub/.env": "TAG=sub\n",
        "b.yml": "services: {two: {image: '$TAG'}}\n",
        "c.yml": "services: {two: {hostname: c}}\n",
        "b.env": "TAG=b\n",
    }
    assert services(tmp_path, files) == {
        "web": {"image": "nginx"},
        "one": {"image": "sub", "volumes": ["DIR/sub/a:/a"], "env_file": ["DIR/sub/x.env"]},
        "two": {"image": "b", "hostname": "c"},
    }
    over = {"over.yml": "services: {one: {image: other}}\n"}
    assert services(tmp_path, files | over, "compose.yml", "over.yml")["one"]["image"] == "other"


def test_extended_services_bring_their_folder(tmp_path: Path) -> None:
    files = {
        "compose.yml": "services: {web: {extends: {file: sub/base.yml, service: b}}, api: {extends: web, image: x}}\n",
        "sub/base.yml": "services: {a: {image: a, volumes: ['./a:/a']}, b: {extends: a, env_file: [b.env]}}\n",
    }
    web = {"image": "a", "volumes": ["DIR/sub/a:/a"], "env_file": ["DIR/sub/b.env"]}
    assert services(tmp_path, files) == {"web": web, "api": web | {"image": "x"}}


def test_anchors_and_extensions(tmp_path: Path) -> None:
    text = (
        "x-a: &a {image: nginx, labels: {a: b, x-c: d}}\n"
        "services: {web: {<<: *a, image: other, x-b: c, ulimits: {x-d: 1}, depends_on: [x-web]}, x-web: {image: x}}\n"
    )
    assert services(tmp_path, {"compose.yml": text}) == {
        "web": {"labels": {"a": "b"}, "image": "other", "ulimits": {}, "depends_on": {"x-web": STARTED}},
        "x-web": {"image": "x"},
    }


def test_profiles(tmp_path: Path) -> None:
    files = {
        "compose.yml": "services: {web: {image: a}, x: {image: b, profiles: [p]}, y: {image: c, profiles: [q, r]}}\n"
    }
    assert list(services(tmp_path, files)) == ["web"]
    assert list(services(tmp_path, files, profiles=("p", "r"))) == ["web", "x", "y"]
    assert list(services(tmp_path, files, environ={"COMPOSE_PROFILES": "q"})) == ["web", "y"]
    assert list(services(tmp_path, files, profiles=("*",))) == ["web", "x", "y"]


def test_several_documents_of_a_file_are_put_over_each_other(tmp_path: Path) -> None:
    """Also of a file that is extended. `extends` finds only services of its own document."""
    files = {
        "compose.yml": "services: {api: {extends: {file: two.yml, service: web}}}\n",
        "two.yml": "---\nname: one\nservices: {web: {extends: b, labels: [q=1]}, b: {image: b}}\n---\n"
        "name: two\nservices: {web: {image: other}}\n",
        "apart.yml": "services: {web: {image: a}}\n---\nservices: {api: {extends: web}}\n",
        "empty.yml": f"{WEB}---\n",
    }
    web = {"image": "other", "labels": {"q": "1"}}
    assert services(tmp_path, files) == {"api": web}
    assert services(tmp_path, files, "two.yml") == {"web": web, "b": {"image": "b"}}
    project, _ = read(tmp_path, files, "two.yml")
    assert project is not None
    assert project.name == "two"
    for name, expected in (
        ("apart.yml", "3:27 apart.yml has no service 'web'"),
        ("empty.yml", "3:1 is an empty document"),
    ):
        _, problems = read(tmp_path, files, name)
        (found,) = problems.errors
        text = f"{found.origin.line}:{found.origin.column} {found.summary}".replace(f"{tmp_path}/", "")
        assert text.startswith(expected)


def test_of_one_list_the_last_item_counts(tmp_path: Path) -> None:
    text = (
        "services:\n  web:\n    image: a\n    cap_add: [A, A]\n    volumes: ['./a:/x/', {type: tmpfs, target: /x}]\n"
        "    secrets: [s, {source: t, target: /run/secrets/s}]\n    command: [a, a]\n    tmpfs: [/a, /a]\n"
        "    ports: ['80:80', {target: 80, published: 80}, {target: 80, published: '80', host_ip: 0.0.0.0}, '80:80']\n"
    )
    assert services(tmp_path, {"compose.yml": text})["web"] == {
        "image": "a",
        "cap_add": ["A"],
        "volumes": [{"type": "tmpfs", "target": "/x"}],
        "secrets": [{"source": "t", "target": "/run/secrets/s"}],
        "command": ["a", "a"],
        "tmpfs": ["/a"],
        "ports": ["80:80", {"target": 80, "published": "80", "host_ip": "0.0.0.0"}],
    }


def test_address_pools_are_those_of_the_last_file(tmp_path: Path) -> None:
    base = "networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.1}, {subnet: 10.2.0.0/24}]}}}\n" + WEB
    over = "networks: {n: {ipam: {config: [{subnet: 10.1.0.0/24, ip_range: 10.1.0.0/28}, {subnet: 10.3.0.0/24}]}}}\n"
    project, _ = read(tmp_path, {"compose.yml": base, "over.yml": over}, "compose.yml", "over.yml")
    assert project is not None
    assert nodes.to_plain(project.sections["networks"]["n"]) == {
        "ipam": {
            "config": [
                {"subnet": "10.1.0.0/24", "gateway": "10.1.0.1", "ip_range": "10.1.0.0/28"},
                {"subnet": "10.3.0.0/24"},
            ]
        }
    }


def test_a_build_without_a_folder_is_of_that_of_its_project(tmp_path: Path) -> None:
    files = {
        "compose.yml": "include: [sub/compose.yml]\nservices: {web: {build: {target: a}}}\n",
        "over.yml": "services: {web: {build: {target: b}}, one: {build: {no_cache: true}}}\n",
        "sub/compose.yml": "services: {one: {build: {target: c}}, two: {build: {context: x}}}\n",
    }
    found = services(tmp_path, files, "compose.yml", "over.yml")
    assert {name: body["build"] for name, body in found.items()} == {
        "web": {"target": "b", "context": "DIR"},
        "one": {"target": "c", "context": "DIR/sub", "no_cache": True},
        "two": {"context": "DIR/sub/x"},
    }


ERRORS: list[tuple[str, dict[str, str], list[str]]] = [
    ("nothing", {"compose.yml": "# nothing\n"}, ["compose.yml: is empty"]),
    ("a list", {"compose.yml": "- a\n"}, ["compose.yml:1:1: is not a Compose file"]),
    ("missing", {}, ["compose.yml: cannot be read: No such file or directory"]),
    ("an unknown key", {"compose.yml": "servces: {}\n" + WEB}, ["compose.yml:1:1: unknown key 'servces'"]),
    ("a bad name", {"compose.yml": "name: 12\n" + WEB}, ["compose.yml:1:7: expected text"]),
    (
        "a key that is no text",
        {"compose.yml": "services: {web: {image: a, environment: {1: a, yes: b}}}\n"},
        ["compose.yml:1:42: a key must be text, not 1"],
    ),
    (
        "a project elsewhere",
        {"compose.yml": f"include: ['https://example.com/a.git']\n{WEB}"},
        ["compose.yml:1:11: https://example.com/a.git is not a file of this machine"],
    ),
    ("a service", {"compose.yml": "services: {web: nginx}\n"}, ["compose.yml:1:17: expected a map"]),
    (
        "a required variable",
        {"compose.yml": "services: {web: {image: '${TAG:?}'}}\n"},
        ["compose.yml:1:25: the required variable TAG is not set"],
    ),
    (
        "an extended service",
        {"compose.yml": "services: {web: {extends: {file: b.yml, service: api}}}\n", "b.yml": WEB},
        ["compose.yml:1:50: DIR/b.yml has no service 'api'"],
    ),
    (
        "an extended file",
        {"compose.yml": "services: {web: {extends: {file: c.yml, service: api}}}\n"},
        ["compose.yml:1:34: DIR/c.yml cannot be read: No such file or directory"],
    ),
    (
        "a circle",
        {"compose.yml": "services: {a: {extends: b}, b: {extends: a}}\n"},
        ["compose.yml:1:25: extends itself: b → a → b", "compose.yml:1:42: extends itself: a → b → a"],
    ),
    (
        "an included resource",
        {"compose.yml": f"include: [b.yml]\n{WEB}", "b.yml": "services: {web: {image: x}}\n"},
        ["b.yml:1:12: is declared at DIR/compose.yml:2:12 too"],
    ),
    (
        "an include of itself",
        {"compose.yml": f"include: [b.yml]\n{WEB}", "b.yml": "include: [compose.yml]\nservices: {api: {image: x}}\n"},
        ["b.yml:1:11: includes itself: DIR/compose.yml → DIR/b.yml → DIR/compose.yml"],
    ),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_errors(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    _, problems = read(tmp_path, files)
    found = [
        f"{one.origin}: {one.summary}".replace(f"{tmp_path}/", "", 1).replace(str(tmp_path), "DIR")
        for one in problems.errors
    ]
    assert found == expected


def test_a_file_of_the_first_version_says_what_to_write(tmp_path: Path) -> None:
    _, problems = read(tmp_path, {"compose.yml": "web: {image: nginx}\nvolums: {}\n"})
    found = [f"{one.summary}; {one.hint}" for one in problems.errors]
    assert found == ["unknown key 'web'; write it under services", "unknown key 'volums'; did you mean 'volumes'?"]


def test_an_unset_variable_is_a_warning(tmp_path: Path) -> None:
    _, problems = read(tmp_path, {"compose.yml": "services: {web: {image: 'a$TAG'}}\n"})
    assert [found.summary for found in problems.warnings] == ["the variable TAG is not set; it is read as empty"]
