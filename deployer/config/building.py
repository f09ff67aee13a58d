"""From the keys of `build` to what is built: the context, the Dockerfile and the secrets are read and checked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.config.build_context import Context, read_context, read_ignored
from deployer.config.compose.paths import is_remote
from deployer.config.files import read_file, read_text
from deployer.diagnostics import Origin, Problems
from deployer.fields.table import Declaration
from deployer.model.build import INLINE, Build
from deployer.model.desired import Desired, Imaged
from deployer.model.settings import CONTROLLER, FromImage
from deployer.values import dockerfile, image

_LARGEST_SECRET: Final = 500 * 1024
"""Bytes; the engine takes no larger one (moby/buildkit, session/secrets)."""


class Written(Struct, frozen=True):
    """A declaration with `build`, and where it is written. `caller`: the caller's environment."""

    declaration: Declaration
    address: str
    origin: Origin
    playbook: str
    caller: Mapping[str, str]

    @property
    def value(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.declaration.settings["build"]
        return found

    @property
    def folder(self) -> Path:
        return Path(self.playbook).parent

    def wrong(self, problems: Problems, key: tuple[str, ...], summary: str, hint: str = "") -> None:
        above = (("build", *key)[:length] for length in range(len(key) + 1, 0, -1))
        origins = self.declaration.origins
        place = next((origins[path] for path in above if path in origins), self.origin)
        problems.add(place, summary, address=".".join((self.address, "build", *key)), hint=hint)


def with_build(written: Written, default: str, problems: Problems) -> Declaration:
    """The declaration with what its image is built from. `default`: the image's name if it has none; "" for an image
    that is declared by its name."""
    found = dict(written.declaration.settings)
    if default:
        found.setdefault("image", str(image.parse(re.sub("[^a-z0-9]+", "-", default.lower()).strip("-"))))
    if "@" in found.get("image", ""):
        written.wrong(problems, (), "an image that is built has no digest yet", "write a name and a tag under 'image'")
    build = read_build(written, problems)
    if build is not None and build.platforms:
        _check_platforms(written, build, problems, of_container=bool(default))
    elif build is not None and not build.platform:
        build = replace(build, platform=found.get("platform", ""))
    return replace(written.declaration, settings={**found, "build": build})


def _check_platforms(written: Written, build: Build, problems: Problems, *, of_container: bool) -> None:
    """A host keeps an image for its own platform: one for several is built here, and pushed."""
    settings, key = written.declaration.settings, ("platforms",)
    if build.on != CONTROLLER:
        written.wrong(problems, key, "a host builds for one platform", "write on: controller, which builds with buildx")
    if build.platform or settings.get("platform"):
        written.wrong(problems, key, "'platform' and 'platforms' exclude each other", "each host pulls for its own one")
    if of_container:
        hint = "declare it under images with this build and push: true, and name it here"
        written.wrong(problems, key, "an image for several platforms is pushed to a registry", hint)
    elif list(settings.get("push") or ()) != [""]:
        hint = "write push: true beside build"
        written.wrong(problems, key, "an image for several platforms is pushed to its registry, under its name", hint)


def check_builds(plays: Iterable[Desired], problems: Problems) -> None:
    """One image of a host is built in one way."""
    first: dict[str, Imaged] = {}
    for resource in (found for play in plays for found in play.of(FromImage)):
        own = resource.settings
        if own.build is None or resource.absent:
            continue
        before = first.setdefault(own.image, resource)
        if before.settings.build != own.build:
            name, label = image.parse(own.image).familiar, resource.address.label
            summary = f"image {name} is built in another way at {before.place(('build',))}"
            problems.add(resource.place(("build",)), summary, address=label, hint="give one of them another name")


def read_build(written: Written, problems: Problems) -> Build | None:
    """None after reporting."""
    found, before = written.value, len(problems.errors)
    args = {name: written.caller.get(name) if value is None else value for name, value in found.get("args", {}).items()}
    known = {name: value for name, value in args.items() if value is not None}
    _refuse_secrets(written, problems)
    secrets = {name: _secret(written, name, source, problems) for name, source in found.get("secrets", {}).items()}
    folder = Path(os.path.normpath(written.folder / found["context"]))
    if is_remote(found["context"]):
        hint = "clone or unpack it first, and name the folder"
        written.wrong(problems, ("context",), f"'{found['context']}' is not a folder of this machine", hint)
        return None
    if not folder.is_dir():
        summary = f"{folder} is not a folder" if folder.exists() else f"there is no folder {folder}"
        written.wrong(problems, ("context",), summary, "name the folder with what the image is built from")
        return None
    file, text = _dockerfile(written, folder, problems)
    context = _context(written, folder, file, problems)
    if text is None or context is None or len(problems.errors) > before:
        return None
    copied = ("target", "labels", "platform", "no_cache", "pull", "network", "shm_size", "on")
    return Build(
        str(folder.absolute()),
        text,
        name=INLINE if file is None else os.path.relpath(file, folder),
        files=context.files,
        bases=dockerfile.bases(text, known),
        args=known,
        cache_from=tuple(found.get("cache_from", ())),
        extra_hosts=tuple(found.get("extra_hosts", ())),
        platforms=tuple(sorted(set(found.get("platforms", ())))),
        secrets=secrets,
        built=context.built,
        **{key: found[key] for key in copied if key in found},
    )


def _dockerfile(written: Written, folder: Path, problems: Problems) -> tuple[Path | None, str | None]:
    """The file and its text, which is None after reporting."""
    if INLINE in written.value:
        return None, str(written.value[INLINE])
    name = written.value.get("dockerfile", "Dockerfile")
    file = Path(os.path.normpath(folder / name))
    try:
        return file, read_text(file)
    except UnicodeDecodeError:
        written.wrong(problems, ("dockerfile",), f"{file} is not UTF-8")
    except FileNotFoundError:
        others = sorted(found.name for found in folder.glob("*ockerfile*") if found.is_file())
        hint = f"write dockerfile: {others[0]}" if others else "name it with 'dockerfile', or its folder with 'context'"
        written.wrong(problems, ("dockerfile",), f"folder {folder} has no file {name}", hint)
    except OSError as error:
        written.wrong(problems, ("dockerfile",), f"{file} cannot be read: {error.strerror}")
    return file, None


def _context(written: Written, folder: Path, file: Path | None, problems: Problems) -> Context | None:
    try:
        _, ignored = read_ignored(folder, file)
        return read_context(folder, ignored)
    except ValueError as error:
        written.wrong(problems, ("context",), str(error))
    except OSError as error:
        hint = "change its permissions, or name it in .dockerignore"
        written.wrong(problems, ("context",), f"{error.filename} cannot be read: {error.strerror}", hint)
    return None


def _secret(written: Written, name: str, source: Mapping[str, str], problems: Problems) -> bytes:
    """Empty after reporting."""
    if not source:
        written.wrong(problems, ("secrets", name), "expected one of file, environment, value")
        return b""
    ((kind, what),) = source.items()
    key = ("secrets", name, kind)
    value = what.encode()
    if kind == "environment":
        found = written.caller.get(what)
        if found is None:
            written.wrong(problems, key, f"the variable {what} is not set", "export it before running deployer")
        value = (found or "").encode()
    elif kind == "file":
        path = written.folder / Path(what).expanduser()
        try:
            value = read_file(path)
        except OSError as error:
            written.wrong(problems, key, f"{path} cannot be read: {error.strerror}")
            return b""
    if len(value) > _LARGEST_SECRET:
        written.wrong(problems, key, "the secret has more than 500 KiB, which no engine accepts")
    return value


def _refuse_secrets(written: Written, problems: Problems) -> None:
    """What the image shows to everyone who has it."""
    for path in sorted(written.declaration.secrets):
        if path[:2] in (("build", "args"), ("build", "labels"), ("build", INLINE)):
            summary = "is secret, and the image's history and labels show it"
            written.wrong(problems, path[1:], summary, "write it under build.secrets, and RUN --mount=type=secret,id=…")
