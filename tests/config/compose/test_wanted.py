"""Which files a Compose project is read from, with which variables, and its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deployer.config.compose.project import Project, load_project
from deployer.config.compose.wanted import Wanted
from deployer.diagnostics import Problems

WEB = "services: {web: {image: 'a:${TAG:-1}', volumes: ['./v:/v']}}\n"


def load(**wanted: Any) -> Project:
    problems = Problems()
    found = load_project(Wanted(**wanted), problems)
    assert found is not None, problems.errors
    return found


def errors(**wanted: Any) -> list[str]:
    problems = Problems()
    load_project(Wanted(**wanted), problems)
    return [f"{found.origin}: {found.summary}" for found in problems.errors]


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)


def test_the_name_of_the_project(tmp_path: Path) -> None:
    """What a file or a folder says is made right; what the caller says must be right."""
    file = tmp_path / "_My.App-1" / "compose.yml"
    file.parent.mkdir()

    def name(text: str, **wanted: Any) -> str:
        file.write_text(text)
        return load(files=(str(file),), **wanted).name

    named = "name: ${NAME:-first}\n" + WEB
    assert name(WEB) == "myapp-1"
    assert name(named) == "first"
    assert name(named, environ={"NAME": "My Second"}) == "mysecond"
    assert name(named, environ={"COMPOSE_PROJECT_NAME": "third"}) == "third"
    assert name(named, environ={"COMPOSE_PROJECT_NAME": "third"}, project_name="fourth") == "fourth"
    assert name("name: '-'\n" + WEB) == "myapp-1"
    assert name(named, project_directory=str(tmp_path / "Other")) == "first"
    assert name(WEB, project_directory=str(tmp_path / "Other")) == "other"
    assert errors(files=(str(file),), project_name="A") == ["--project-name: 'A' is not a project name"]
    bad = {"COMPOSE_PROJECT_NAME": "A"}
    assert errors(files=(str(file),), environ=bad) == ["COMPOSE_PROJECT_NAME: 'A' is not a project name"]


def test_files_that_are_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in/side").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in")
    names = "compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml"
    assert errors() == [f"FILE: none of {names} is in this folder or in one above it"]
    write(tmp_path / "in", {"docker-compose.yml": WEB, "compose.override.yaml": WEB, "other.yml": WEB})
    usual = ("docker-compose.yml", "compose.override.yaml")
    assert load().files == usual
    assert load(environ={"COMPOSE_FILE": "other.yml:docker-compose.yml"}).files == ("other.yml", "docker-compose.yml")
    apart = {"COMPOSE_FILE": "other.yml,docker-compose.yml", "COMPOSE_PATH_SEPARATOR": ","}
    assert load(environ=apart).files == ("other.yml", "docker-compose.yml")
    write(tmp_path / "in", {".env": "COMPOSE_FILE=other.yml\n"})
    assert load().files == ("other.yml",)
    assert load(environ={"COMPOSE_DISABLE_ENV_FILE": "1"}).files == usual
    monkeypatch.chdir(tmp_path / "in/side")
    found = load()
    assert (found.files, found.folder, found.name) == (
        tuple(str(tmp_path / "in" / name) for name in usual),
        str(tmp_path / "in"),
        "in",
    )


def test_env_files_of_the_caller_and_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the caller's folder are read if no file is named there, and win."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {".env": "COMPOSE_FILE=sub/c.yml\nA=here\n", "sub/c.yml": WEB, "sub/.env": "A=sub\nB=sub\n"})
    assert {name: load().environ.get(name) for name in "AB"} == {"A": "here", "B": "sub"}
    assert {name: load(files=("sub/c.yml",)).environ.get(name) for name in "AB"} == {"A": "sub", "B": "sub"}
    write(tmp_path, {"a.env": "A=a\n"})
    assert {name: load(files=("sub/c.yml",), env_files=("a.env",)).environ.get(name) for name in "AB"} == {
        "A": "a",
        "B": None,
    }


def test_standard_input_is_read_once_and_counts_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deployer.config.compose.project._STDIN", str(tmp_path / "piped"))
    os.mkfifo(tmp_path / "piped")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((tmp_path / "piped").write_text, "name: piped\n" + WEB)
        found = load(files=("-",))
    assert (found.name, found.folder, list(found.sections["services"])) == ("piped", str(tmp_path), ["web"])


def test_the_folder_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything counts from it, and files that are not named are looked for there."""
    monkeypatch.chdir(tmp_path)
    files = {
        "files/web.yml": "include: [sub.yml]\n" + WEB,
        "app/.env": "TAG=2\n",
        "app/sub.yml": "services: {one: {image: one, volumes: ['./w:/w']}}\n",
        "app/compose.yml": "services: {found: {image: a}}\n",
    }
    write(tmp_path, files)
    found = load(files=("files/web.yml",), project_directory="app")
    services = {name: str(body.get("volumes")) for name, body in found.sections["services"].items()}
    assert (found.name, found.folder) == ("app", str(tmp_path / "app"))
    assert f"'{tmp_path}/app/v:/v'" in services["web"]
    assert f"'{tmp_path}/app/w:/w'" in services["one"]
    assert "'a:2'" in str(found.sections["services"]["web"].get("image"))
    assert list(load(project_directory="app").sections["services"]) == ["found"]
