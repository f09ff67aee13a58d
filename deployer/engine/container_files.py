"""Reads files of containers: configs that change, to show how, and secrets under the key of another controller."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from deployer.errors import EngineError
from deployer.fields.container.files import CONFIGS, DELIVERED, Delivered, key_of, text_of
from deployer.interfaces import Engine, Json
from deployer.model.observed import ObservedContainer
from deployer.model.secrets import Sealing, file_digest
from deployer.values import file_mount
from deployer.values.file_mount import UNSURE, Changing


def with_versions(found: ObservedContainer, inspect: Json) -> ObservedContainer:
    """Of files that may change under a container, its record says which count: its mounts are those it was created
    with."""
    values, changing = dict(found.values), dict[str, Changing]()
    for kind in DELIVERED:
        if place := file_mount.changing_in(inspect, kind.folder):
            files = file_mount.checked(found.owner.recorded.get(kind.name)) or values[kind.name]
            values[kind.name] = files
            changing[kind.name] = replace(place, version=file_mount.version(kind.name, file_mount.sure(files)))
    return replace(found, values=values, changing=changing) if changing else found


def is_sealed_elsewhere(found: ObservedContainer, sealing: Sealing) -> bool:
    """Whether any digest depends on another key than the one that is here."""
    keys = {
        key_of(str(entry.get("content", "")))
        for kind in DELIVERED
        for entry in (found.values.get(kind.name) or {}).values()
    }
    return bool(sealing.key) and not keys <= {"", sealing.key_id}


def resealed(engine: Engine, found: ObservedContainer, sealing: Sealing) -> ObservedContainer:
    """The container with digests under the key that is here. A file that cannot be read keeps its own."""
    own = replace(sealing, address=f"{found.owner.project}/{found.owner.resource}")
    fields = {kind.name: _resealed(engine, found, kind, own) for kind in DELIVERED if found.values.get(kind.name)}
    return replace(found, values={**found.values, **fields})


def _resealed(engine: Engine, found: ObservedContainer, kind: Delivered, sealing: Sealing) -> Mapping[str, Any]:
    files: Mapping[str, Any] = found.values[kind.name]
    try:
        content = _read(engine, found.id, kind.folder)
    except (EngineError, tarfile.TarError):
        return files
    return {
        target: {**entry, "content": _doubt(entry) + file_digest(content[inside], sealing, secret=True)}
        if key_of(str(entry.get("content", ""))) and (inside := file_mount.place(kind.folder, target)) in content
        else entry
        for target, entry in files.items()
    }


def _doubt(entry: Mapping[str, Any]) -> str:
    return UNSURE if str(entry.get("content", "")).startswith(UNSURE) else ""


def with_changed(engine: Engine, found: ObservedContainer, declared: Mapping[str, Any]) -> ObservedContainer:
    """The container with the text of the configs whose content differs. Secret content is not read."""
    now, before = declared.get(CONFIGS.name) or {}, found.values.get(CONFIGS.name) or {}
    changed = [target for target in now.keys() & before.keys() if _is_shown(now[target], before[target])]
    if not changed:
        return found
    try:
        content = _read(engine, found.id, CONFIGS.folder)
    except (EngineError, tarfile.TarError):
        return found
    places = {target: file_mount.place(CONFIGS.folder, target) for target in changed}
    texts = {target: text_of(content[place]) for target, place in places.items() if place in content}
    return replace(found, configs={target: text for target, text in texts.items() if text is not None})


def _is_shown(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    digests = [str(entry.get("content", "")) for entry in (now, before)]
    return digests[0] != digests[1] and not _doubt(before) and not any(map(key_of, digests))


def _read(engine: Engine, container: str, folder: str) -> dict[str, bytes]:
    """Files by their paths in the folder."""
    with engine.get_archive(container, folder) as pieces:
        archive = io.BytesIO(b"".join(pieces))
    with tarfile.open(fileobj=archive) as tar:
        members = {member.name.partition("/")[2]: member for member in tar}
        current = members.get(file_mount.CURRENT)
        top = f"{current.linkname}/" if current is not None and current.issym() else ""
        found = ((name, tar.extractfile(each)) for name, each in members.items() if each.isfile())
        return {
            name.removeprefix(top): content.read()
            for name, content in found
            if content is not None and name.startswith(top)
        }
