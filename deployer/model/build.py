"""How an image is built, and what its label records of that: it is built again when they differ."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import ClassVar, Final, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from deployer.interfaces import Guarded
from deployer.model.secrets import Sealing

LABEL: Final = "deployer.build"
"""The image's label with the record of its build."""

INLINE: Final = "dockerfile_inline"
"""The name of a Dockerfile that is no file."""

_NAMED: Final = 3
"""Files that a reason names."""


class ContextFile(Struct, frozen=True):
    """One file, folder or link of a context. `path` is relative to it; `mode` as in `st_mode`; `digest`: SHA-256 of the
    content in hexadecimal, or the target of a link."""

    path: str
    mode: int
    size: int = 0
    digest: str = ""

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)


class Build(Guarded, frozen=True, dict=True):
    """`context`: the folder on this machine; `files`: what is in it, without what `.dockerignore` leaves out, folders
    before their content. `dockerfile`: its text; `name`: its name in messages. `bases`: complete references of the
    images it begins with. `platforms`: several, for which this machine builds and pushes it. `shm_size` in bytes.
    `built`: of earlier builds of this context from this machine, the files with the beginnings of their digests, by the
    digest of the context."""

    hidden: ClassVar[tuple[str, ...]] = ("secrets", "files", "built")
    context: str
    dockerfile: str
    name: str = "Dockerfile"
    files: tuple[ContextFile, ...] = ()
    bases: tuple[str, ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    platforms: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    no_cache: bool = False
    pull: bool = False
    network: str = ""
    extra_hosts: tuple[str, ...] = ()
    shm_size: int = 0
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    on: str = ""
    built: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def context_digest(self) -> str:
        return context_digest(self.files)

    @property
    def is_inline(self) -> bool:
        """Whether the Dockerfile is no file."""
        return self.name == INLINE

    @property
    def secret_texts(self) -> frozenset[str]:
        """What must never be shown: each secret, and each line of it."""
        texts = (value.decode(errors="replace") for value in self.secrets.values())
        return frozenset(part for text in texts for part in (text, *text.splitlines()) if part.strip())


class BuildRecord(Struct, frozen=True, omit_defaults=True):
    """Digests of what an image was built from. `bases`: of those base images that were known, by reference. `secrets`
    are sealed with the key of the id `key`: another controller cannot compare them."""

    format: Literal[1]
    context: str
    dockerfile: str
    settings: str
    args: dict[str, str] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    key: str = ""


def record_of(build: Build, bases: Mapping[str, str], sealing: Sealing) -> BuildRecord:
    settings = [
        build.target,
        sorted(build.labels.items()),
        build.platform,
        build.network,
        list(build.extra_hosts),
        build.shm_size,
        *build.platforms,
    ]
    return BuildRecord(
        1,
        build.context_digest,
        _digest(build.dockerfile),
        _digest(repr(settings)),
        {name: _digest(value) for name, value in sorted(build.args.items())},
        {name: digest for name, digest in sorted(bases.items()) if digest},
        {name: sealing.digest([name, value.hex()]) for name, value in sorted(build.secrets.items())},
        sealing.key_id if build.secrets else "",
    )


def encode(record: BuildRecord) -> str:
    return msgspec.json.encode(record, order="sorted").decode()


def decode(label: str) -> BuildRecord | None:
    """None for a label that is missing, damaged or of another format."""
    try:
        return msgspec.json.decode(label, type=BuildRecord)
    except (ValueError, RecursionError):
        return None


def without_bases(label: str) -> tuple[str, Mapping[str, str]]:
    """A label, but for the digests of base images, which hosts may not all know; and these, by reference."""
    record = decode(label)
    return (label, {}) if record is None else (encode(replace(record, bases={})), record.bases)


def with_bases(label: str, bases: Mapping[str, str]) -> str:
    """`bases`: digests by reference, "" where not known."""
    record, known = decode(label), {name: digest for name, digest in bases.items() if digest}
    return label if record is None else encode(replace(record, bases={**record.bases, **known}))


def reasons(build: Build, now: BuildRecord, before: BuildRecord) -> Iterator[str]:
    """What differs between a build and the one on record: `src/app.js changed`. A base image or a secret of which
    either side knows nothing counts as unchanged."""
    if now.dockerfile != before.dockerfile:
        yield f"{build.name} changed"
    if now.context != before.context:
        told = {build.name} if now.dockerfile != before.dockerfile else set[str]()
        yield from _files_changed(manifest(build.files), build.built.get(before.context), told)
    yield from (f"argument {name} changed" for name in _differing(now.args, before.args))
    if now.settings != before.settings:
        yield "the build's settings changed"
    for name in _differing(now.secrets, before.secrets):
        known = now.secrets.get(name) and before.secrets.get(name)
        if not known or now.key == before.key:
            yield f"secret {name} changed"
    for name in sorted(now.bases.keys() & before.bases.keys()):
        if now.bases[name] != before.bases[name]:
            yield f"base image {name} changed"


def manifest(files: Iterable[ContextFile]) -> dict[str, str]:
    """What is kept of a context, to name the files that changed."""
    return {found.path: f"{found.mode:o} {found.digest[:16]}" for found in files}


def context_digest(files: Iterable[ContextFile]) -> str:
    """Names, modes, targets of links and bytes; never times."""
    found = hashlib.sha256()
    for each in files:
        found.update(f"{each.path}\0{each.mode:o}\0{each.digest}\0".encode(errors="surrogateescape"))
    return found.hexdigest()[:32]


def _files_changed(now: Mapping[str, str], before: Mapping[str, str] | None, told: Collection[str]) -> Iterator[str]:
    """`told`: names that need not be told again."""
    if before is None:
        yield "its context changed"
        return
    names = _differing(now, before)
    contents = [name for name in names if name not in told and not _is_folder_of(name, names)]
    shown, more = contents[:_NAMED], len(contents) - _NAMED
    if len(shown) == 1:
        word = "is new" if shown[0] not in before else "is gone" if shown[0] not in now else "changed"
        yield f"{shown[0]} {word}"
    elif shown:
        rest = f" and {more} more" if more > 0 else ""
        yield f"{', '.join(shown)}{rest} changed"


def _is_folder_of(name: str, names: Iterable[str]) -> bool:
    return any(other.startswith(f"{name}/") for other in names)


def _differing(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
