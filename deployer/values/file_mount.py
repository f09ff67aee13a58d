"""Files that a container is created with, Compose's `configs` and `secrets`, as read-only mounts of the engine.

A value maps the target of each file in the container to `source`, `mode`, `uid`, `gid` and `content`, a digest. The
files of one field are in one volume, named by a digest of the value. The volume is mounted at the field's folder: files
of that folder are at the root of the volume. Any other file is in the volume under `.files`, and bound to its target.
The mount of the volume has the value in a label, so that a live container says what it was created with.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from deployer.values import paths

Files: TypeAlias = Mapping[str, Mapping[str, Any]]

PREFIX: Final = "deployer.files."
"""What names of these volumes begin with."""

LABEL: Final = "deployer.spec"
ELSEWHERE: Final = ".files"

_TYPES: Final[Mapping[str, type]] = {"source": str, "mode": int, "uid": int, "gid": int, "content": str}
_VOLUME: Final = re.compile(rf"(?:^|/)({re.escape(PREFIX)}[0-9a-f]{{32}})(?:/|$)")


def volume_of(field: str, files: Files) -> str:
    """The name of the volume with these files."""
    text = json.dumps([field, files], sort_keys=True)
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()[:32]


def volume_in(source: str) -> str:
    """The volume of files that the source of a mount is, or is in; "" for any other source."""
    found = _VOLUME.search(source)
    return found[1] if found else ""


def without_volumes(text: str) -> str:
    """The text without names of such volumes: these depend on the controller's key."""
    return re.sub(rf"{re.escape(PREFIX)}[0-9a-f]{{32}}", PREFIX, text)


def place(folder: str, target: str) -> str:
    """The path of a file in the volume."""
    inside = target.removeprefix(f"{folder}/")
    return inside if inside != target else ELSEWHERE + target


def to_engine(field: str, folder: str, files: Files) -> list[dict[str, Any]]:
    """Entries of `HostConfig.Mounts`. The source of a bind is a path in the volume, without the volume's directory on
    the host: it is known when the volume exists."""
    if not files:
        return []
    volume = volume_of(field, files)
    options = {"NoCopy": True, "Labels": {LABEL: json.dumps({field: files}, sort_keys=True)}}
    whole = {"Type": "volume", "Source": volume, "Target": folder, "ReadOnly": True, "VolumeOptions": options}
    return [whole, *_binds(volume, folder, files)]


def _binds(volume: str, folder: str, files: Files) -> Iterator[dict[str, Any]]:
    for target in sorted(files):
        inside = place(folder, target)
        if inside.startswith(f"{ELSEWHERE}/"):
            yield {"Type": "bind", "Source": f"{volume}/{inside}", "Target": target, "ReadOnly": True}


def from_engine(inspect: Mapping[str, Any], field: str, folder: str) -> dict[str, dict[str, Any]]:
    """The value a container was created with; {} if there is none, or none that can be read."""
    for mount in (inspect.get("HostConfig") or {}).get("Mounts") or ():
        if paths.clean(str(mount.get("Target"))) == folder and volume_in(str(mount.get("Source") or "")):
            labels = (mount.get("VolumeOptions") or {}).get("Labels") or {}
            return _read(labels.get(LABEL), field)
    return {}


def _read(text: object, field: str) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
    files = found.get(field) if isinstance(found, dict) else None
    return files if isinstance(files, dict) and all(map(_is_entry, files.values())) else {}


def _is_entry(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(part, _TYPES.get(key, ())) for key, part in found.items())


def located(mount: Mapping[str, Any], directory: str) -> dict[str, Any]:
    """A bind of a file, with the directory of its volume on the host."""
    _, _, inside = str(mount["Source"]).partition("/")
    return {**mount, "Source": f"{directory}/{inside}"}
