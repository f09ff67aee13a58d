"""Containers, images, networks and volumes of several hosts, as the engines describe them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from deployer.engine import answers
from deployer.errors import DeployerError
from deployer.interfaces import Engine, Json
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import split
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.system import System
from deployer.values import image


class Inspected(Struct, frozen=True):
    """`found`: the engine's answer, with what it says of secrets."""

    host: str
    kind: str
    found: Json


def _containers(engine: Engine) -> Iterator[tuple[str, str]]:
    listed = answers.read(engine.list_containers(), tuple[answers.ListedContainer, ...], "/containers/json")
    return ((each.name, each.id) for each in listed)


def _images(engine: Engine) -> Iterator[tuple[str, str]]:
    listed = answers.read(engine.list_images(), tuple[answers.ListedImage, ...], "/images/json")
    return ((image.familiar(name), each.id) for each in listed for name in each.repo_tags or ())


def _networks(engine: Engine) -> Iterator[tuple[str, str]]:
    return ((str(each["Name"]), str(each["Id"])) for each in engine.list_networks())


def _volumes(engine: Engine) -> Iterator[tuple[str, str]]:
    return ((str(each["Name"]), "") for each in engine.list_volumes())


_LISTS: Final[Mapping[str, Callable[[Engine], Iterator[tuple[str, str]]]]] = {
    "container": _containers,
    "image": _images,
    "network": _networks,
    "volume": _volumes,
}
"""Names and ids."""

KINDS: Final = tuple(_LISTS)
_SHORTEST_ID: Final = 4


def inspect(
    request: Request, system: System, names: tuple[str, ...], kind: str
) -> tuple[tuple[Inspected, ...], tuple[Unreachable, ...]]:
    """By host, in the order of `KINDS`, and by name; of one kind if `kind` names it. Raises `DeployerError` for a name
    that no host knows."""
    meant = dict.fromkeys(names, False)

    def read(host: str, engine: Engine) -> list[Inspected]:
        found: dict[tuple[str, str], Json | None] = {}
        for each in (kind,) if kind else KINDS:
            for name, key in sorted(_LISTS[each](engine)):
                for word in names:
                    if _means(word, name, key, each):
                        meant[word] = True
                        found.setdefault((each, key or name), None)
        answers_ = ((each, _inspected(engine, each, key)) for each, key in found)
        return [Inspected(host, each, answer) for each, answer in answers_ if answer is not None]

    with fleet_of(request, system) as fleet:
        answered = fleet.read(fleet.hosts, read)
    rows, lost = split(answered)
    missing = [f"'{name}'" for name, known in meant.items() if not known]
    if missing and len(lost) < len(answered):
        what = kind or "container, image, network or volume"
        hint = f"{', '.join(each.host for each in lost)} could not be reached" if lost else ""
        raise DeployerError(f"these hosts have no {what} named {', '.join(missing)}", hint=hint)
    return rows, lost


def _means(word: str, name: str, key: str, kind: str) -> bool:
    """A name, a glob, or the beginning of an id; for an image without a tag, all its tags."""
    digits = key.removeprefix("sha256:")
    if len(word) >= _SHORTEST_ID and digits.startswith(word.removeprefix("sha256:")):
        return True
    if kind == "image" and ":" not in word.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    return fnmatch.fnmatchcase(name, word)


def _inspected(engine: Engine, kind: str, key: str) -> Json | None:
    match kind:
        case "container":
            return engine.inspect_container(key)
        case "image":
            return engine.inspect_image(key)
        case "network":
            return engine.inspect_network(key)
        case _:
            return engine.inspect_volume(key)
