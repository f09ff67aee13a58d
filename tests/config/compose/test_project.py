"""Compose projects as they are read: files over files, what they include and extend, variables and profiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer import nodes
from deployer.config.compose.project import Project, Wanted, load_project
from deployer.config.compose.scalars import compose_scalar
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
"""

MERGED: list[tuple[str, Any, Any]] = [
    ("command: three", "command", "three"),
    ("entrypoint: !reset null", "entrypoint", None),
    ("environment: [B=3, C, D=]", "environment", {"A": "1", "B": "3", "C": None, "D": ""}),
    ("environment: !override {C: x}", "environment", {"C": "x"}),
    ("environment: {A: !reset null}", "environment", {"B": "2"}),
    ("labels: {b: x, x-ignored: y}", "labels", {"a": "1", "b": "x", "x-c": "3"}),
    ('ports: ["81:81", "80:80"]', "ports", ["80:80", "81:81"]),
    ('ports: !override ["81:81"]', "ports", ["81:81"]),
    ("ports: !reset []", "ports", None),
    ('volumes: ["two:/data:ro"]', "volumes", ["two:/data:ro", "DIR/x:/x"]),
    ("volumes: [{type: tmpfs, target: /x}]", "volumes", ["one:/data", {"type": "tmpfs", "target": "/x"}]),
    ("dns: [192.0.2.9]", "dns", ["192.0.2.1", "192.0.2.9"]),
    ("networks: {front: {aliases: [a]}, back: }", "networks", {"front": {"aliases": ["a"]}, "back": None}),
    ("depends_on: {c: {condition: x}}", "depends_on", {"db": None, "c": {"condition": "x"}}),
    ("logging: {options: {size: b}}", "logging", {"driver": "syslog", "options": {"tag": "a", "size": "b"}}),
    ("logging: {driver: local}", "logging", {"driver": "local"}),
    ("healthcheck: {test: [CMD, b]}", "healthcheck", {"test": ["CMD", "b"], "interval": "5s"}),
    (
        "ulimits: {nproc: {soft: 3, hard: 4}}",
        "ulimits",
        {"nproc": {"soft": 3, "hard": 4}, "nofile": {"soft": 1, "hard": 2}},
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
    text = "x-a: &a {image: nginx, labels: {a: b}}\nservices: {web: {<<: *a, image: other, x-b: c}}\n"
    assert services(tmp_path, {"compose.yml": text})["web"] == {"labels": {"a": "b"}, "image": "other", "x-b": "c"}


def test_profiles(tmp_path: Path) -> None:
    files = {
        "compose.yml": "services: {web: {image: a}, x: {image: b, profiles: [p]}, y: {image: c, profiles: [q, r]}}\n"
    }
    assert list(services(tmp_path, files)) == ["web"]
    assert list(services(tmp_path, files, profiles=("p", "r"))) == ["web", "x", "y"]
    assert list(services(tmp_path, files, environ={"COMPOSE_PROFILES": "q"})) == ["web", "y"]
    assert list(services(tmp_path, files, profiles=("*",))) == ["web", "x", "y"]


def test_the_name_of_the_project(tmp_path: Path) -> None:
    def name(text: str, **wanted: Any) -> str:
        found, _ = read(tmp_path / "My_App-1", {"compose.yml": text}, **wanted)
        assert found is not None
        return found.name

    (tmp_path / "My_App-1").mkdir()
    named = "name: ${NAME:-first}\n" + WEB
    assert name(WEB) == "my_app-1"
    assert name(named) == "first"
    assert name(named, environ={"NAME": "second"}) == "second"
    assert name(named, environ={"COMPOSE_PROJECT_NAME": "third"}) == "third"
    assert name(named, environ={"COMPOSE_PROJECT_NAME": "third"}, project_name="fourth") == "fourth"


def test_files_that_are_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    problems = Problems()
    assert load_project(Wanted(), problems) is None
    assert [found.summary for found in problems.errors] == [
        "none of compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml is in this folder"
    ]
    (tmp_path / "docker-compose.yml").write_text(WEB)
    (tmp_path / "docker-compose.override.yml").write_text("services: {api: {image: a}}\n")
    (tmp_path / "other.yml").write_text(WEB)
    for environ, files in (
        ({}, ("docker-compose.yml", "docker-compose.override.yml")),
        ({"COMPOSE_FILE": "other.yml:docker-compose.yml"}, ("other.yml", "docker-compose.yml")),
        (
            {"COMPOSE_FILE": "other.yml,docker-compose.yml", "COMPOSE_PATH_SEPARATOR": ","},
            ("other.yml", "docker-compose.yml"),
        ),
    ):
        found = load_project(Wanted(environ=environ), Problems())
        assert found is not None
        assert found.files == files
    (tmp_path / ".env").write_text("COMPOSE_FILE=other.yml\n")
    found = load_project(Wanted(), Problems())
    assert found is not None
    assert found.files == ("other.yml",)


ERRORS: list[tuple[str, dict[str, str], list[str]]] = [
    ("no services", {"compose.yml": "name: x\n"}, ["compose.yml:1:1: declares no services"]),
    ("a list", {"compose.yml": "- a\n"}, ["compose.yml:1:1: is not a Compose file"]),
    ("missing", {}, ["compose.yml: cannot be read: No such file or directory"]),
    ("an unknown key", {"compose.yml": "servces: {}\n" + WEB}, ["compose.yml:1:1: unknown key 'servces'"]),
    ("a bad name", {"compose.yml": "name: A B\n" + WEB}, ["compose.yml:1:7: 'A B' is not a project name"]),
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


def test_an_unset_variable_is_a_warning(tmp_path: Path) -> None:
    _, problems = read(tmp_path, {"compose.yml": "services: {web: {image: 'a$TAG'}}\n"})
    assert [found.summary for found in problems.warnings] == ["the variable TAG is not set; it is read as empty"]
