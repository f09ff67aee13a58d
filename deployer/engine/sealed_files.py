"""Reads secret files of containers that another controller created: their digests depend on its key."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from deployer.errors import EngineError
from deployer.fields.container.files import DELIVERED, Delivered, key_of
from deployer.interfaces import Engine
from deployer.model.observed import ObservedContainer
from deployer.model.secrets import Sealing, file_digest
from deployer.values import file_mount


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
        target: {**entry, "content": file_digest(content[inside], sealing, secret=True)}
        if key_of(str(entry.get("content", ""))) and (inside := file_mount.place(kind.folder, target)) in content
        else entry
        for target, entry in files.items()
    }


def _read(engine: Engine, container: str, folder: str) -> dict[str, bytes]:
    """Files by their paths in the folder."""
    with engine.get_archive(container, folder) as pieces:
        archive = io.BytesIO(b"".join(pieces))
    with tarfile.open(fileobj=archive) as tar:
        members = ((member.name.partition("/")[2], tar.extractfile(member)) for member in tar if member.isfile())
        return {name: content.read() for name, content in members if content is not None}
