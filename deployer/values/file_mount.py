"""Files that a container is created with, Compose's `configs` and `secrets`, as read-only mounts of the engine.

A value maps the target of each file in the container to `source`, `mode`, `uid`, `gid` and `content`, a digest. The
files of one field are in one volume, named by a digest of the value. The volume is mounted at the field's folder: files
of that folder are at the root of the volume. Any other file is in the volume under `.files`, and bound to its target.
The mount of the volume has the value in a label, so that a live container says what it was created with.

Files that may change under the container are in a volume of its own, in a folder for each version. The link `..data`
leads to the version that counts, and the files of the field's folder are links through it. Other files are links in the
container's root file system, or bound through `..data`, which then counts when the container starts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct

from deployer.values import paths

Files: TypeAlias = Mapping[str, Mapping[str, Any]]

PREFIX: Final = "deployer.files."
"""What names of these volumes begin with."""

LABEL: Final = "deployer.spec"
CHANGING: Final = "deployer.changing"
"""The label of the mount of a volume whose files may change."""

CURRENT: Final = "..data"
UNSURE: Final = "?"
"""What the digest of content in a record begins with while the content is being replaced by another."""

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


def is_elsewhere(folder: str, target: str) -> bool:
    """Whether a file is outside the folder at which its volume is mounted."""
    return place(folder, target).startswith(f"{ELSEWHERE}/")


def version(field: str, files: Files) -> str:
    """The folder of these files in a volume whose files may change."""
    return f"..{volume_of(field, files)}"


def links(folder: str, files: Files) -> dict[str, str]:
    """The links in such a volume that lead to its files, without `CURRENT`."""
    inside = sorted(place(folder, target) for target in files if not is_elsewhere(folder, target))
    return {path: f"{'../' * path.count('/')}{CURRENT}/{path}" for path in inside}


def root_links(folder: str, files: Files, bound: frozenset[str]) -> dict[str, str]:
    """The links in the container's root file system."""
    found = sorted(target for target in files if is_elsewhere(folder, target) and target not in bound)
    return {target: f"{folder}/{CURRENT}/{place(folder, target)}" for target in found}


def changing_to_engine(field: str, folder: str, files: Files, volume: str, bound: frozenset[str]) -> list[Any]:
    """As `to_engine`, for a volume whose files may change."""
    whole, *_ = to_engine(field, folder, files)
    options = whole["VolumeOptions"]
    marked = {**options, "Labels": {**options["Labels"], CHANGING: ""}}
    binds = (
        {"Type": "bind", "Source": f"{volume}/{CURRENT}/{place(folder, target)}", "Target": target, "ReadOnly": True}
        for target in sorted(bound)
    )
    return [{**whole, "Source": volume, "VolumeOptions": marked}, *binds]


class Changing(Struct, frozen=True):
    """The volume of a container whose files may change. `version`: the folder that counts; `bound`: targets that are
    mounted one by one."""

    volume: str
    version: str = ""
    bound: frozenset[str] = frozenset()


def changing_in(inspect: Mapping[str, Any], folder: str) -> Changing | None:
    """The volume at a field's folder, if its files may change."""
    listed = _map(inspect.get("HostConfig")).get("Mounts")
    mounts = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    for mount in mounts:
        labels = _map(_map(mount.get("VolumeOptions")).get("Labels"))
        volume = volume_in(str(mount.get("Source") or ""))
        if paths.clean(str(mount.get("Target"))) == folder and volume and CHANGING in labels:
            inside = (str(each.get("Target")) for each in mounts if _is_in(each, volume))
            return Changing(volume, bound=frozenset(map(paths.clean, inside)))
    return None


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_in(mount: Mapping[str, Any], volume: str) -> bool:
    return mount.get("Type") == "bind" and volume_in(str(mount.get("Source") or "")) == volume


def sure(files: Files) -> dict[str, dict[str, Any]]:
    """The files before they were being replaced."""
    return {target: _sure(entry) for target, entry in files.items()}


def _sure(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, **({"content": str(entry["content"]).removeprefix(UNSURE)} if "content" in entry else {})}


def unsure(files: Files, targets: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The files while these of them are being replaced: a run that is killed leaves either, which no declaration is."""
    marked = set(targets)
    return {
        target: {**entry, "content": UNSURE + str(entry.get("content", ""))} if target in marked else entry
        for target, entry in sure(files).items()
    }


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
    return checked(found.get(field) if isinstance(found, dict) else None)


def checked(files: Any) -> dict[str, dict[str, Any]]:
    """{} for what is no value of such files."""
    return files if isinstance(files, dict) and all(map(_is_entry, files.values())) else {}


def _is_entry(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(part, _TYPES.get(key, ())) for key, part in found.items())


def located(mount: Mapping[str, Any], directory: str) -> dict[str, Any]:
    """A bind of a file, with the directory of its volume on the host."""
    _, _, inside = str(mount["Source"]).partition("/")
    return {**mount, "Source": f"{directory}/{inside}"}
