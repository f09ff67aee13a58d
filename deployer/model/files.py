"""Files on a host: what is declared, what is there, and the manifest of what a project wrote.

The manifest of a project is the label of a volume, `deployer.manifest.<project>.<number>`: the highest number counts.
It is written before the files, with the digests of their content before and after, so that a run that was killed
between two files leaves none that nobody knows.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable, Iterator, Mapping
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
    where it is compared with what is declared. `left`: an interrupted run left a file beside it; `below`: the paths
    below a directory, where they are asked for."""

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
    below: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        return identity(self.kind, self.sha256, self.target)


LINK: Final = "link "
"""What identities of links begin with."""


def identity(kind: FileKind, sha256: str, target: str) -> str:
    """What is there, in a word: the digest of a file, the target of a link."""
    return {FileKind.FILE: sha256, FileKind.LINK: f"{LINK}{target}"}.get(kind, str(kind))


class Written(Struct, frozen=True, omit_defaults=True):
    """What a project wrote. `digest` of its identity, `before` of the identity that this replaced; both as `digest_of`
    makes them. `owed`: containers that mount it have not reacted yet; `above`: it is a directory that was made because
    a file is below it."""

    digest: str = ""
    before: str = ""
    mode: str = ""
    owner: str = ""
    group: str = ""
    owed: bool = False
    above: bool = False


class Manifest(Struct, frozen=True):
    """What a project wrote, by path. `number` 0: nothing. `older`: the numbers of those that killed runs left."""

    number: int = 0
    entries: Mapping[str, Written] = field(default_factory=dict)
    older: tuple[int, ...] = ()


def digest_of(identity: str, sealing: Sealing, *, secret: bool) -> str:
    """As a manifest has it: that of secret content depends on the controller's key."""
    return f"{KEYED}{sealing.key_id}:{sealing.digest(identity)}" if secret and identity else identity


def is_written(entry: Written | None, identity: str, sealing: Sealing) -> bool | None:
    """Whether what is at its path is what the project wrote; None if another controller's key is needed to tell."""
    if entry is None:
        return False
    known = {identity, digest_of(identity, sealing, secret=True)}
    if entry.digest in known or (entry.before and entry.before in known):
        return True
    return False if key_of(entry.digest) in ("", sealing.key_id) else None


def above(path: str) -> Iterator[str]:
    """The directories above, the nearest first."""
    while path != "/":
        path = posixpath.dirname(path)
        yield path


def is_excluded(relative: str, patterns: tuple[str, ...]) -> bool:
    """By its name, or by its path in the directory; what is in an excluded directory is excluded too."""
    parts = relative.split("/")
    paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatch.fnmatchcase(text, each) for each in patterns for text in (*parts, *paths))


def name_of(project: str, number: int) -> str:
    return f"{volume_names.MANIFESTS}{volume_names.slug(project)}.{number}"


def labels_of(project: str, entries: Mapping[str, Written]) -> dict[str, str]:
    return {PROJECT: project, LABEL: msgspec.json.encode(entries, order="sorted").decode()}


def manifests(volumes: Iterable[Mapping[str, Any]]) -> dict[str, Manifest]:
    """The newest of each project. One that cannot be read counts as empty."""
    found: dict[str, dict[int, object]] = {}
    for volume in volumes:
        number = volume_names.read_manifest(str(volume.get("Name") or ""))
        labels = volume_names.labels_of(volume)
        if number is not None and (project := str(labels.get(PROJECT) or "")):
            found.setdefault(project, {})[number] = labels.get(LABEL)
    return {
        project: Manifest(max(texts), _entries(texts[max(texts)]), tuple(sorted(texts))[:-1])
        for project, texts in found.items()
    }


def _entries(text: object) -> Mapping[str, Written]:
    try:
        return decode(str(text), dict[str, Written])
    except (ValueError, RecursionError):
        return {}
