"""Mounts: Compose's short and long forms, and the engine's `Binds`, `Mounts` and `Volumes`, as one map.

A mount is a map of only those keys that are set: `type` (bind, volume, tmpfs, image, npipe, cluster), `source`
("" for an anonymous volume), `read_only`, `selinux` (z, Z), `propagation`, `nocopy`, `subpath`, `create_host_path`
(only when False), `consistency`, `recursive`, `volume_labels`, `volume_driver`, `volume_options`, `size` (bytes),
`mode` (an int), `tmpfs_options`. Keyed by cleaned target path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from deployer.values import file_mount, paths

Mount: TypeAlias = dict[str, Any]

_PROPAGATION = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
CONSISTENCY = ("cached", "delegated", "consistent", "default")
_ANONYMOUS_NAME = re.compile(r"[0-9a-f]{64}")
_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
# Keys that a `Binds` string cannot express; a mount with such a key is sent in `Mounts`.
_LONG_ONLY = frozenset({"subpath", "create_host_path", "recursive", "volume_labels", "volume_driver", "volume_options"})


def parse_short(text: str) -> tuple[str, Mount]:
    """(target, mount) of `source:target[:options]`, `volume:target` or a lone `/target`. Raises ValueError."""
    parts = text.split(":")
    if len(parts) == 1:
        return _target(text, text), {"type": "volume", "source": ""}
    if len(parts) > 3 or not all(parts[:2]):
        raise ValueError(f"'{text}' does not have the form source:/target[:options]")
    if len(parts) == 2 and _are_options(parts[1]):
        return _target(parts[0], text), {"type": "volume", "source": ""} | _options(parts[1], text)
    mount = source_of(parts[0], text) | _options(parts[2] if len(parts) == 3 else "", text)
    return _target(parts[1], text), mount


def source_of(source: str, text: str) -> Mount:
    """The type and cleaned source: a path is a bind, a name is a volume. Raises ValueError."""
    if source.startswith("/"):
        return {"type": "bind", "source": paths.clean(source)}
    if source.startswith((".", "~")) or "/" in source:
        raise ValueError(f"'{text}': '{source}' must be an absolute path on the host, or a volume's name")
    if not _VOLUME_NAME.fullmatch(source):
        raise ValueError(f"'{text}': '{source}' is not a volume name (two or more of a-z A-Z 0-9 _ . -)")
    return {"type": "volume", "source": source}


def _target(path: str, text: str) -> str:
    if not path.startswith("/") or paths.clean(path) == "/":
        raise ValueError(f"'{text}': '{path}' is not an absolute path in the container")
    return paths.clean(path)


def _are_options(text: str) -> bool:
    return bool(text) and not text.startswith("/") and all(_option(word) is not None for word in text.split(","))


def _option(word: str) -> tuple[str, Any] | None:
    """(key, value) of an option word; the value is None for the default."""
    if word in ("rw", "ro"):
        return "read_only", word == "ro" or None
    if word in ("z", "Z"):
        return "selinux", word
    if word in _PROPAGATION:
        return "propagation", word
    if word in CONSISTENCY:
        return "consistency", consistency(word)
    return ("nocopy", True) if word == "nocopy" else None


def consistency(word: Any) -> str | None:
    """The word if it has an effect; the others are the default."""
    return word if word in ("cached", "delegated") else None


def _options(text: str, whole: str) -> Mount:
    """At most one word of each kind, in any order."""
    found: dict[str, Any] = {}
    words: dict[str, str] = {}
    for word in filter(None, text.split(",")):
        option = _option(word)
        if option is None:
            raise ValueError(f"'{whole}': '{word}' is not a mount option such as ro, z or rshared")
        key, found[option[0]] = option
        if words.setdefault(key, word) != word:
            raise ValueError(f"'{whole}': only one of {words[key]} and {word}")
    return {key: value for key, value in found.items() if value is not None}


def spell_short(target: str, mount: Mount) -> str | None:
    """The short form of the mount; None if it has none."""
    if mount["type"] not in ("bind", "volume"):
        return None
    text = target if is_anonymous(mount) else _to_bind(target, mount)
    try:
        return text if parse_short(text) == (target, mount) else None
    except ValueError:
        return None


def show(mount: Mount) -> str:
    """`db-data`, `/srv (bind, read_only)`."""
    kind, source = mount.get("type"), mount.get("source") or ""
    words = [] if kind == "volume" else [str(kind)]
    words += [k if v is True else f"{k}={v}" for k, v in sorted(mount.items()) if k not in ("type", "source")]
    shown = str(source or ("anonymous volume" if kind == "volume" else ""))
    return f"{shown} ({', '.join(words)})".strip() if words else shown


def is_anonymous(mount: Mount) -> bool:
    return mount.get("type") == "volume" and not mount.get("source")


def is_anonymous_name(name: str) -> bool:
    """Whether the engine generated the volume's name."""
    return bool(_ANONYMOUS_NAME.fullmatch(name))


def from_engine(inspect: Mapping[str, Any]) -> dict[str, Mount]:
    """The requested mounts, from `HostConfig.Binds`, `HostConfig.Mounts` and `Config.Volumes`. An anonymous volume
    carried over from a replaced container is bound by its 64-digit name and still counts as anonymous. Without the
    files of `configs` and `secrets`."""
    host = inspect.get("HostConfig") or {}
    mounts: dict[str, Mount] = {}
    for bind in host.get("Binds") or ():
        target, mount = _from_bind(bind)
        mounts[target] = mount
    for long in host.get("Mounts") or ():
        if file_mount.volume_in(str(long.get("Source") or "")):
            continue
        mounts[paths.clean(str(long.get("Target")))] = _from_long(long)
    tmpfs = {paths.clean(target) for target in host.get("Tmpfs") or ()}
    for target in (inspect.get("Config") or {}).get("Volumes") or ():
        if paths.clean(target) not in mounts and paths.clean(target) not in tmpfs:
            mounts[paths.clean(target)] = {"type": "volume", "source": ""}
    return mounts


def _from_bind(bind: str) -> tuple[str, Mount]:
    source, _, rest = bind.partition(":")
    target, _, options = rest.partition(":")
    if not target:
        return paths.clean(source), {"type": "volume", "source": ""}
    mount: Mount = {"type": "bind" if source.startswith("/") else "volume", "source": paths.clean(source)}
    if _ANONYMOUS_NAME.fullmatch(source):
        mount["source"] = ""
    known = filter(None, map(_option, options.split(",")))
    return paths.clean(target), mount | {key: value for key, value in known if value is not None}


def _from_long(long: Mapping[str, Any]) -> Mount:
    kind, source = long.get("Type") or "volume", long.get("Source") or ""
    if kind == "volume" and _ANONYMOUS_NAME.fullmatch(source):
        source = ""
    mount: Mount = {"type": kind}
    if kind != "tmpfs":
        mount["source"] = paths.clean(source)
    if long.get("ReadOnly"):
        mount["read_only"] = True
    if found := consistency(long.get("Consistency")):
        mount["consistency"] = found
    return mount | dict(_long_options(long))


def _long_options(long: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    bind, volume = long.get("BindOptions") or {}, long.get("VolumeOptions") or {}
    tmpfs, image = long.get("TmpfsOptions") or {}, long.get("ImageOptions") or {}
    if long.get("Type") == "bind" and not bind.get("CreateMountpoint"):
        yield "create_host_path", False
    driver = volume.get("DriverConfig") or {}
    found = {
        "propagation": bind.get("Propagation"),
        "recursive": _recursive(bind),
        "nocopy": volume.get("NoCopy") or None,
        "subpath": volume.get("Subpath") or image.get("Subpath"),
        "volume_labels": volume.get("Labels"),
        "volume_driver": driver.get("Name"),
        "volume_options": driver.get("Options"),
        "size": tmpfs.get("SizeBytes"),
        "mode": tmpfs.get("Mode"),
        "tmpfs_options": tmpfs.get("Options"),
    }
    yield from ((key, value) for key, value in found.items() if value)


def _recursive(bind: Mapping[str, Any]) -> str | None:
    if bind.get("NonRecursive"):
        return "disabled"
    if bind.get("ReadOnlyForceRecursive"):
        return "readonly"
    return "writable" if bind.get("ReadOnlyNonRecursive") else None


def to_engine(mounts: Mapping[str, Mount]) -> dict[str, Any]:
    """{"Binds": [...], "Mounts": [...], "Volumes": {...}}, the first two for HostConfig, each only when not empty.

    `Binds` where possible, as Compose does: `Binds` create a missing host directory, `Mounts` refuse it.
    """
    binds: list[str] = []
    longs: list[dict[str, Any]] = []
    anonymous: dict[str, dict[str, Any]] = {}
    for target, mount in sorted(mounts.items()):
        if is_anonymous(mount) and not set(mount) - {"type", "source"}:
            anonymous[target] = {}
        elif mount["type"] in ("bind", "volume") and mount["source"] and not set(mount) & _LONG_ONLY:
            binds.append(_to_bind(target, mount))
        else:
            longs.append(_to_long(target, mount))
    parts = {"Binds": binds, "Mounts": longs, "Volumes": anonymous}
    return {key: value for key, value in parts.items() if value}


def _to_bind(target: str, mount: Mount) -> str:
    words = ["ro"] if mount.get("read_only") else []
    words += [mount[key] for key in ("selinux", "propagation", "consistency") if key in mount]
    words += ["nocopy"] if mount.get("nocopy") else []
    return ":".join(filter(None, (mount["source"], target, ",".join(words))))


def _to_long(target: str, mount: Mount) -> dict[str, Any]:
    long: dict[str, Any] = {"Type": mount["type"], "Target": target}
    long |= {"Source": mount["source"]} if mount.get("source") else {}
    long |= {"ReadOnly": True} if mount.get("read_only") else {}
    long |= {"Consistency": mount["consistency"]} if "consistency" in mount else {}
    options = {
        "BindOptions": _bind_options(mount),
        "VolumeOptions": _volume_options(mount),
        "TmpfsOptions": _named(mount, size="SizeBytes", mode="Mode", tmpfs_options="Options"),
        "ImageOptions": _named(mount, subpath="Subpath") if mount["type"] == "image" else {},
    }
    return long | {key: value for key, value in options.items() if value}


def _bind_options(mount: Mount) -> dict[str, Any]:
    if mount["type"] != "bind":
        return {}
    options = _named(mount, propagation="Propagation")
    if mount.get("create_host_path", True):
        options["CreateMountpoint"] = True
    flags = {
        "disabled": "NonRecursive",
        "readonly": "ReadOnlyForceRecursive",
        "writable": "ReadOnlyNonRecursive",
    }
    if mount.get("recursive") in flags:
        options[flags[mount["recursive"]]] = True
    return options


def _volume_options(mount: Mount) -> dict[str, Any]:
    if mount["type"] != "volume":
        return {}
    options = _named(mount, nocopy="NoCopy", subpath="Subpath", volume_labels="Labels")
    driver = _named(mount, volume_driver="Name", volume_options="Options")
    return options | ({"DriverConfig": driver} if driver else {})


def _named(mount: Mount, **names: str) -> dict[str, Any]:
    return {name: mount[key] for key, name in names.items() if key in mount}
