"""The kinds of resources: how each is declared, and how ownership of its objects is known. `planning.kinds` has how
each is planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from deployer.fields.container import CONTAINER
from deployer.fields.file import FILE
from deployer.fields.image import IMAGE
from deployer.fields.job import JOB
from deployer.fields.network import NETWORK
from deployer.fields.options import Condition
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.model.container_names import FAILED, NEW, OLD, PREVIOUS, is_beside
from deployer.model.desired import Kind
from deployer.model.settings import (
    ContainerSettings,
    FileSettings,
    ImageSettings,
    JobSettings,
    NetworkSettings,
    Settings,
    VolumeSettings,
)
from deployer.values import image, paths


class Owned(Enum):
    """How an object is known to belong to a project."""

    BY_LABELS = "labels"
    BY_RECORD = "record"


class Naming(Struct, frozen=True):
    """`parse`: the name as addresses bear it; ValueError for one that cannot be. `hint`: what can be. `settings`: those
    that the name tells. `reserved`: what is wrong with a name that has a meaning of its own, and what to do."""

    parse: Callable[[str], str]
    hint: str = ""
    reserved: Callable[[str], tuple[str, str] | None] = lambda _name: None
    settings: Callable[[str], Mapping[str, Any]] = lambda _name: {}


class Declarable(Struct, frozen=True):
    """How a kind is declared. `section`: its key in a play. `condition`: the default condition of those that depend on
    it."""

    section: str
    table: Table
    settings: type[Settings]
    naming: Naming
    owned: Owned = Owned.BY_LABELS
    condition: Condition = Condition.STARTED


_ALLOWED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def _reserved_container(name: str) -> tuple[str, str] | None:
    if not is_beside(name):
        return None
    suffixes = f"{PREVIOUS}, {PREVIOUS}-N, {FAILED}, {NEW} or {OLD}"
    return "is a name that a container gets when it is replaced", f"choose a name that does not end with {suffixes}"


def _reserved_network(name: str) -> tuple[str, str] | None:
    """The engine refuses it: its own default network, `bridge`, answers to it."""
    if name != "default":
        return None
    hint = "give the network another name, and name it under 'networks' of the containers that use it"
    return "is a network that only Compose adds to every service", hint


_RESERVED: Final = {Kind.CONTAINER: _reserved_container, Kind.JOB: _reserved_container, Kind.NETWORK: _reserved_network}


def _named(kind: Kind, shortest: int) -> Naming:
    def parse(name: str) -> str:
        if len(name) < shortest or not set(name) <= _ALLOWED or not name[0].isalnum():
            raise ValueError(f"'{name}' cannot be the name of a {kind}")
        return name

    hint = f"{shortest} or more of a-z A-Z 0-9 _ . -, beginning with a letter or digit"
    return Naming(parse, hint, _RESERVED.get(kind, lambda _name: None))


_BY_REFERENCE: Final = Naming(
    lambda name: image.parse(name).familiar, settings=lambda name: {"image": str(image.parse(name))}
)


def _path(name: str) -> str:
    found = paths.parse_absolute(name)
    if found == "/" or not found.isprintable() or "\\" in found:
        raise ValueError(f"'{name}' cannot be the path of a file")
    return found


_BY_PATH: Final = Naming(_path, "an absolute path on the host, such as /etc/shop/app.conf; no backslash or line break")


KINDS: Final[Mapping[Kind, Declarable]] = {
    Kind.IMAGE: Declarable("images", IMAGE, ImageSettings, _BY_REFERENCE, Owned.BY_RECORD),
    Kind.NETWORK: Declarable("networks", NETWORK, NetworkSettings, _named(Kind.NETWORK, 1)),
    Kind.VOLUME: Declarable("volumes", VOLUME, VolumeSettings, _named(Kind.VOLUME, 2)),
    Kind.FILE: Declarable("files", FILE, FileSettings, _BY_PATH, Owned.BY_RECORD),
    Kind.CONTAINER: Declarable("containers", CONTAINER, ContainerSettings, _named(Kind.CONTAINER, 2)),
    Kind.JOB: Declarable("jobs", JOB, JobSettings, _named(Kind.JOB, 2), condition=Condition.COMPLETED),
}
"""In the order plans list them."""

BY_SECTION: Final[Mapping[str, Kind]] = {found.section: kind for kind, found in KINDS.items()}


def named_sections() -> str:
    """`images, networks and volumes`."""
    *others, last = BY_SECTION
    return f"{', '.join(others)} and {last}"
