"""Which files a Compose project is read from, with which variables, and what it is called. Facts from Compose 2.40."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from msgspec import field

from deployer.config.variables.env_file import Environment, read_env_file
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems
from deployer.interfaces import Guarded

_COMMAND_LINE: Final = Origin("command line")
_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES: Final = tuple(
    f"{stem}.override.{suffix}" for stem in ("compose", "docker-compose") for suffix in ("yml", "yaml")
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})


class Wanted(Guarded, frozen=True, kw_only=True):
    """What is asked for; what is not, comes from the caller's environment, as in Compose."""

    hidden: ClassVar[tuple[str, ...]] = ("environ",)
    files: tuple[str, ...] = ()
    project_name: str = ""
    project_directory: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


class Located(Guarded, frozen=True):
    """`folder`: names of files count from it. `environ`: the variables of texts."""

    hidden: ClassVar[tuple[str, ...]] = ("environ",)
    files: tuple[str, ...]
    folder: str
    environ: Mapping[str, str]


def locate(wanted: Wanted, problems: Problems) -> Located | None:
    """None after reporting that there is no file. `.env` files are read here, where `COMPOSE_FILE` may be set, and in
    the folder of the project."""
    first = wanted.project_directory or _folder_of(wanted.files)
    environ = _environment(wanted, first, wanted.environ, problems)
    files = wanted.files or _named(environ) or _files_above(first)
    if not files:
        summary = f"none of {', '.join(_FILES)} is in this folder or in one above it"
        problems.add(Origin("FILE"), summary, hint="name a Compose file")
        return None
    folder = wanted.project_directory or _folder_of(files)
    return Located(files, folder, environ if folder == first else _environment(wanted, folder, environ, problems))


def _folder_of(files: tuple[str, ...]) -> str:
    """That of the first file; standard input, `-`, has none."""
    return next((str(Path(file).parent) for file in files if file != "-"), ".")


def _named(environ: Mapping[str, str]) -> tuple[str, ...]:
    separator = environ.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    return tuple(filter(None, environ.get("COMPOSE_FILE", "").split(separator)))


def _files_above(folder: str) -> tuple[str, ...]:
    """The file with a usual name, and the one that overrides it."""
    start = os.path.abspath(folder)  # noqa: PTH100
    for path in (Path(start), *Path(start).parents):
        found = _first(path, _FILES)
        if found:
            shown = os.path.relpath if path == Path.cwd() else str
            return tuple(map(shown, (*found, *_first(path, _OVERRIDES))))
    return ()


def _first(folder: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    return next(((folder / name,) for name in names if (folder / name).exists()), ())


def _environment(wanted: Wanted, folder: str, environ: Mapping[str, str], problems: Problems) -> Mapping[str, str]:
    """The variables, and those of `.env` or of the files that are named instead."""
    named = wanted.env_files or tuple(filter(None, wanted.environ.get("COMPOSE_ENV_FILES", "").split(",")))
    beside = os.path.join(folder, ".env")  # noqa: PTH118
    is_read = wanted.environ.get("COMPOSE_DISABLE_ENV_FILE") not in _TRUE and Path(beside).is_file()
    return with_env_files(environ, ((name, _COMMAND_LINE) for name in named or (beside,) * is_read), problems)


def with_env_files(
    environ: Mapping[str, str], files: Iterator[tuple[str, Origin]], problems: Problems
) -> Mapping[str, str]:
    """The variables with those of the files, which do not override them."""
    found: dict[str, str] = {}
    for name, at in files:
        known = Environment(environ, found)
        read = read_env_file(Path(name), at, raw=False, problems=problems, vault=VaultSecrets(), environment=known)
        found |= read.values
    return {**found, **environ}


def project_name(wanted: Wanted, located: Located, written: str, problems: Problems) -> str:
    """From the option or the environment, which must be right, or from the files or the folder, which are made right.
    `written`: what the files name the project, "" if they do not."""
    given = wanted.project_name or located.environ.get("COMPOSE_PROJECT_NAME", "")
    if given and not _NAME.fullmatch(given):
        at = Origin("--project-name" if wanted.project_name else "COMPOSE_PROJECT_NAME")
        problems.add(at, f"'{given}' is not a project name", hint="write lower case letters, digits, - and _")
    folder = Path(os.path.abspath(located.folder)).name  # noqa: PTH100
    found = given or _made_right(written) or _made_right(folder)
    if not found:
        hint = "name the project with --project-name"
        problems.add(Origin("--project-name"), "the folder's name makes no project name", hint=hint)
    return found


def _made_right(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")
