"""Files on a host: what is declared, what is there, and the manifest of what a project wrote.

The manifest of a project is the label of a volume, `deployer.manifest.<project>.<number>`: the highest number counts.
It is written before the files, with the digests of their content before and after, so that a run that was killed
between two files leaves none that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from deployer.fields.container.files import KEYED, key_of
from deployer.interfaces import FileKind
from deployer.model import volume_names
from deployer.model.decoding import decode
from deployer.model.secrets import Sealing

LABEL: Final = "deployer.manifest"
PROJECT: Final = "deployer.project"


class ObservedFile(Struct, frozen=True):
    """What is at a path; `user` and `group` are "" where only ids are known. `target`: of a link; `text`: the content,
    where it is compared with what is declared. `left`: an interrupted run left a file beside it."""

    path: str
    kind: FileKind
    size: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    sha256: str = ""
    target: str = ""
    text: str | None = None
    left: bool = False


class Written(Struct, frozen=True, omit_defaults=True):
    """A file that a project wrote. `digest` of its content, `before` of the content that this replaced; both as
    `digest_of` makes them, "" for what is no file."""

    digest: str = ""
    before: str = ""
    mode: str = ""
    owner: str = ""
    group: str = ""


class Manifest(Struct, frozen=True):
    """What a project wrote, by path. `number` 0: nothing."""

    number: int = 0
    entries: Mapping[str, Written] = field(default_factory=dict)


def digest_of(sha256: str, sealing: Sealing, *, secret: bool) -> str:
    """As a manifest has it: that of secret content depends on the controller's key."""
    return f"{KEYED}{sealing.key_id}:{sealing.digest(sha256)}" if secret and sha256 else sha256


def is_written(entry: Written | None, sha256: str, sealing: Sealing) -> bool | None:
    """Whether the content at its path is what the project wrote; None if another controller's key is needed to tell."""
    if entry is None:
        return False
    known = {sha256, digest_of(sha256, sealing, secret=True)}
    if entry.digest in known or (entry.before and entry.before in known):
        return True
    return False if key_of(entry.digest) in ("", sealing.key_id) else None


def name_of(project: str, number: int) -> str:
    return f"{volume_names.MANIFESTS}{volume_names.slug(project)}.{number}"


def labels_of(project: str, entries: Mapping[str, Written]) -> dict[str, str]:
    return {PROJECT: project, LABEL: msgspec.json.encode(entries, order="sorted").decode()}


def manifests(volumes: Iterable[Mapping[str, Any]]) -> dict[str, Manifest]:
    """The newest of each project. One that cannot be read counts as empty."""
    found: dict[str, Manifest] = {}
    for volume in volumes:
        number = volume_names.read_manifest(str(volume.get("Name") or ""))
        labels = volume_names.labels_of(volume)
        project = str(labels.get(PROJECT) or "")
        if number is None or not project or (project in found and found[project].number > number):
            continue
        found[project] = Manifest(number, _entries(labels.get(LABEL)))
    return found


def _entries(text: object) -> Mapping[str, Written]:
    try:
        return decode(str(text), dict[str, Written])
    except (ValueError, RecursionError):
        return {}
