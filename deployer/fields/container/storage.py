"""Container fields: mounts and the root file system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schema import Or

from deployer.fields.container import on_change
from deployer.fields.field import Access, Body, Field, Json, View, at, lenient, show_plain, when_unset, zero_when_unset
from deployer.fields.leaves import ABSOLUTE_PATH, FLAG, SIZE, TEXT, TEXT_MAP, choice
from deployer.fields.shapes import Entry, Forms, Keyed, Leaf, ListOf, Record, Then, one_or_many
from deployer.values import mount, paths, size, tmpfs

_GROUPS = ("bind", "volume", "tmpfs", "image")
_TYPES = ("bind", "volume", "tmpfs", "image", "npipe", "cluster")

_BIND = Record(
    (
        Entry(
            name="propagation",
            shape=choice("private", "rprivate", "shared", "rshared", "slave", "rslave"),
            doc="How later mounts below it spread.",
        ),
        Entry(name="create_host_path", shape=FLAG, doc="Create a missing directory on the host; true by default."),
        Entry(name="selinux", shape=choice("z", "Z"), doc="Relabel for sharing (z) or for this container alone (Z)."),
        Entry(name="recursive", shape=choice("enabled", "disabled", "writable", "readonly"), doc="Submounts."),
    )
)
_VOLUME = Record(
    (
        Entry(name="nocopy", shape=FLAG, doc="Do not fill a new volume from the image."),
        Entry(name="subpath", shape=TEXT, doc="Directory inside the volume (API 1.45)."),
        Entry(name="labels", shape=TEXT_MAP, doc="Labels of an anonymous volume."),
    )
)


def _octal(value: int | str) -> int:
    try:
        return int(str(value), 8)
    except ValueError:
        raise ValueError(f"'{value}' is not an octal mode such as 1777") from None


_TMPFS = Record(
    (
        Entry(name="size", shape=SIZE, doc="Largest size."),
        Entry(name="mode", shape=Leaf(Or(int, str), "an octal mode such as 1777", _octal), doc="Mode."),
    )
)
_IMAGE = Record((Entry(name="subpath", shape=TEXT, doc="Directory inside the image."),))


def _pair(found: dict[str, Any]) -> tuple[str, mount.Mount]:
    """(target, mount) of Compose's long form, or of Ansible's flat one."""
    found = _nested(found)
    kind, target, source = found.get("type", "volume"), found["target"], found.get("source", "")
    if kind == "bind":
        source = mount.source_of(source, source)["source"] if source.startswith("/") else _no_path(source)
    elif kind == "volume" and "/" in source:
        raise ValueError(f"'{source}' cannot be the name of a volume; for a path on the host, write type: bind")
    foreign = next((group for group in _GROUPS if found.get(group) and group != kind), "")
    if foreign:
        raise ValueError(f"options of a {foreign} cannot be combined with type: {kind}")
    if kind == "tmpfs" and source:
        raise ValueError("a tmpfs has no source")
    parts: dict[str, Any] = {"type": kind} | ({} if kind == "tmpfs" else {"source": source})
    parts |= {"read_only": True} if found.get("read_only") else {}
    parts |= {"consistency": word} if (word := mount.consistency(found.get("consistency"))) else {}
    bind = dict(found.get("bind") or {})
    if bind.get("create_host_path", True):
        bind.pop("create_host_path", None)
    if bind.get("recursive") == "enabled":
        del bind["recursive"]
    if "selinux" in bind and {"create_host_path", "recursive"} & set(bind):
        raise ValueError("the engine relabels (selinux) only binds without create_host_path: false and recursive")
    volume = dict(found.get("volume") or {})
    if "labels" in volume:
        volume["volume_labels"] = volume.pop("labels")
    volume |= {key: found[key] for key in ("volume_driver", "volume_options") if key in found}
    extra = bind | volume | (found.get("tmpfs") or {}) | (found.get("image") or {})
    return target, parts | {key: value for key, value in extra.items() if value or key == "create_host_path"}


_FLAT = {
    "propagation": ("bind", "propagation"),
    "create_mountpoint": ("bind", "create_host_path"),
    "no_copy": ("volume", "nocopy"),
    "labels": ("volume", "labels"),
    "tmpfs_size": ("tmpfs", "size"),
    "tmpfs_mode": ("tmpfs", "mode"),
}
"""Ansible's spelling of options that Compose groups."""


def _nested(found: dict[str, Any]) -> dict[str, Any]:
    grouped = {key: value for key, value in found.items() if key not in _FLAT}
    for flat, (group, key) in _FLAT.items():
        if flat in found:
            grouped[group] = {**(grouped.get(group) or {}), key: found[flat]}
    return grouped


def _flat(name: str, group: Record) -> Entry:
    key = _FLAT[name][1]
    shape = next(entry.shape for entry in group.entries if entry.name == key)
    return Entry(name=name, shape=shape, doc=f"Ansible's spelling of {'.'.join(_FLAT[name])}.")


def _no_path(source: str) -> str:
    raise ValueError(f"'{source}' must be an absolute path on the host")


def _with_reaction(found: dict[str, Any]) -> tuple[str, mount.Mount]:
    """With `on_change`, which rules take out again."""
    how = found.pop(on_change.KEY, None)
    target, own = _pair(found)
    if how is not None and own["type"] != "bind":
        raise ValueError("on_change is for what a bind mounts")
    return target, own if how is None else {**own, on_change.KEY: how}


_LONG = Record(
    (
        Entry(name="type", shape=choice(*_TYPES), doc="bind, volume (default), tmpfs or image."),
        Entry(name="source", aliases=("src",), shape=TEXT, doc="Path on the host, volume name or image."),
        Entry(name="target", aliases=("dst",), shape=ABSOLUTE_PATH, doc="Path in the container.", required=True),
        Entry(name="read_only", shape=FLAG, doc="Mount read-only."),
        Entry(
            name="consistency",
            shape=choice(*mount.CONSISTENCY),
            doc="cached or delegated, for Docker Desktop; consistent and default are the same as none.",
        ),
        on_change.entry("that of the play's file"),
        Entry(name="bind", shape=_BIND, doc="Options of a bind."),
        Entry(name="volume", shape=_VOLUME, doc="Options of a volume."),
        Entry(name="tmpfs", shape=_TMPFS, doc="Options of a tmpfs."),
        Entry(name="image", shape=_IMAGE, doc="Options of an image mount (API 1.48)."),
        _flat("propagation", _BIND),
        _flat("create_mountpoint", _BIND),
        _flat("no_copy", _VOLUME),
        _flat("labels", _VOLUME),
        _flat("tmpfs_size", _TMPFS),
        _flat("tmpfs_mode", _TMPFS),
        Entry(name="volume_driver", shape=TEXT, doc="Driver of a volume that does not exist yet."),
        Entry(name="volume_options", shape=TEXT_MAP, doc="Options of that driver."),
    ),
    _with_reaction,
)

MOUNTS = Keyed(
    Forms(
        expects="source:/target[:options] or a map",
        scalar=Leaf(str, "source:/target[:options]", mount.parse_short),
        mapping=_LONG,
    )
)


def _write_mounts(value: Any, body: Body) -> None:
    parts = mount.to_engine(value)
    body.update({key: parts.pop(key) for key in ("Volumes",) if key in parts})
    body.setdefault("HostConfig", {}).update(parts)


@when_unset("an anonymous volume for each volume of the image")
def _expected_mounts(row: Field, view: View) -> Any:
    """Declared mounts, and an anonymous volume for each VOLUME of the image without a mount. An undeclared
    anonymous volume comes from a predecessor whose image had it: it stays, with its data."""
    declared, recorded = view.declared.get(row.name) or {}, view.recorded.get(row.name) or {}
    covered = {*declared, *(view.declared.get("tmpfs") or ())}
    carried = {
        path: own
        for path, own in (view.live.get(row.name) or {}).items()
        if mount.is_anonymous(own) and path not in recorded
    }
    given = carried | dict(view.image.get(row.name) or {})
    inherited = {path: own for path, own in given.items() if path not in covered}
    return inherited | _either_way(row, view, declared)


def _usual_mounts(_info: Json, view: View) -> dict[str, mount.Mount]:
    """An anonymous volume that is not the image's was declared before."""
    given = view.image.get("volumes") or {}
    return {path: own for path, own in view.live["volumes"].items() if path in given or not mount.is_anonymous(own)}


def _spell_mounts(value: Mapping[str, mount.Mount]) -> list[Any]:
    return [mount.spell_short(target, own) or _spell_long(target, own) for target, own in value.items()]


def _spell_long(target: str, own: mount.Mount) -> dict[str, Any]:
    """Compose's long form."""
    flat = {"labels" if key == "volume_labels" else key: part for key, part in own.items()}
    flat |= {"mode": f"{own['mode']:o}"} if "mode" in own else {}
    flat |= {"size": size.spell(own["size"])} if "size" in own else {}
    written = {key: flat.pop(key) for key in ("type", "source") if flat.get(key)} | {"target": target}
    for group, record in (("bind", _BIND), ("volume", _VOLUME), ("tmpfs", _TMPFS), ("image", _IMAGE)):
        if own["type"] == group:
            options = {entry.name: flat.pop(entry.name) for entry in record.entries if entry.name in flat}
            written |= {group: options} if options else {}
    return written | {key: part for key, part in flat.items() if key != "source"}


def _same_mount(expected: Any, live: Any) -> bool:
    """`Binds` and `Mounts` are two spellings. Whether a missing host directory was created does not matter. rprivate is
    the engine's default, which it refuses where the default differs."""
    return bool(_essence(expected) == _essence(live))


def _essence(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    usual = {"create_host_path": value.get("create_host_path"), "propagation": "rprivate"}
    return {key: part for key, part in value.items() if key not in usual or usual[key] != part}


def _show_mount(path: tuple[str, ...], value: Any) -> str:
    return mount.show(value) if isinstance(value, dict) and "type" in value else show_plain(path, value)


def _newer_mount(value: Mapping[str, mount.Mount]) -> Iterable[tuple[str, str]]:
    """`recursive: disabled` is as old as API 1.40."""
    needs = {"subpath": "1.45", "recursive": "1.44", "tmpfs_options": "1.46"}
    for target, mounted in value.items():
        own = {key: part for key, part in mounted.items() if (key, part) != ("recursive", "disabled")}
        for key, version in needs.items():
            if key in own:
                yield f"volumes.{target}.{key}", version
        if own["type"] == "image":
            yield f"volumes.{target} of type image", "1.48"


def _every_tmpfs(values: Mapping[str, Any]) -> dict[str, str]:
    """Options by path, of `tmpfs` and of mounts, without those that are secret."""
    mounts: Mapping[str, Any] = values.get("volumes") or {}
    long = {path: own for path, own in mounts.items() if isinstance(own, Mapping) and own.get("type") == "tmpfs"}
    return {path: tmpfs.of_mount(own) for path, own in long.items()} | dict(values.get("tmpfs") or {})


def _either_way(row: Field, view: View, declared: Mapping[str, Any]) -> dict[str, Any]:
    """The declared values, adapted to a live tmpfs in the other form, `tmpfs` or mount."""
    wanted, had, live = _every_tmpfs(view.declared), _every_tmpfs(view.live), view.live.get(row.name) or {}
    same = {path for path, options in wanted.items() if had.get(path) == options}
    here = {path: live[path] for path in same if path in live}
    return {path: own for path, own in declared.items() if path not in same} | here


@when_unset("none")
def _expected_tmpfs(row: Field, view: View) -> Any:
    return _either_way(row, view, view.declared.get(row.name) or {})


def _tmpfs_pair(text: str) -> tuple[str, str]:
    path, _, options = text.partition(":")
    return paths.parse_absolute(path), tmpfs.parse(options)


def _tmpfs_map(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, options in pairs:
        if path in found:
            raise ValueError(f"'{path}' is given twice")
        found[path] = options
    return found


def _read_tmpfs(live: Any) -> dict[str, str]:
    return {paths.clean(path): tmpfs.parse(options) for path, options in live.items()}


def _from(text: str) -> str:
    """`container:NAME[:ro]` or `NAME[:ro]`, as in the engine's API."""
    name = text.removeprefix("container:").removesuffix(":rw")
    if not name or name.startswith(":"):
        raise ValueError(f"'{text}' is not a container's name")
    return name


def _read_from(inspect: Json) -> list[str]:
    return sorted(lenient(_from)(text) for text in (inspect.get("HostConfig") or {}).get("VolumesFrom") or ())


def _write_from(value: Any, body: Body) -> None:
    body.setdefault("HostConfig", {})["VolumesFrom"] = list(value)


@when_unset("{zero}")
def _expected_from(row: Field, view: View) -> Any:
    """Compose names the other container by its id."""
    live, declared = view.live.get(row.name) or (), zero_when_unset(row, view)
    return sorted(found if (found := _by_id(text, view)) in live else text for text in declared)


def _by_id(text: str, view: View) -> str:
    name, colon, mode = text.partition(":")
    return f"{view.ids.get(name, name)}{colon}{mode}"


FIELDS = (
    Field(
        name="volumes",
        doc="Mounts: `volume:/path`, `/host/path:/path[:ro]`, `/path` (anonymous), or the long form.",
        shape=MOUNTS,
        access=Access(mount.from_engine, _write_mounts),
        expect=_expected_mounts,
        same=_same_mount,
        newer=_newer_mount,
        zero={},
        stored=dict[str, dict[str, str | int | bool | dict[str, str] | list[str]]],
        show=_show_mount,
        spell=_spell_mounts,
        usual=_usual_mounts,
        moves=True,
        example=["data:/data", {"type": "bind", "source": "/srv", "target": "/srv", "read_only": True}],
        other=["data:/data:ro", "/srv:/srv:ro"],
    ),
    Field(
        name="tmpfs",
        doc="In-memory directories: `/path[:options]`.",
        shape=Then(one_or_many(Leaf(str, "/path[:options]", _tmpfs_pair), "a path or a list of paths"), _tmpfs_map),
        access=at("HostConfig.Tmpfs", zero={}, decode=_read_tmpfs),
        expect=_expected_tmpfs,
        zero={},
        spell=lambda value: [f"{path}:{options}" if options else path for path, options in value.items()],
        example=["/run:size=64m,mode=1777"],
        other=["/run:size=32m"],
    ),
    Field(
        name="volumes_from",
        doc="Containers whose mounts it shares: `NAME[:ro]`.",
        shape=ListOf(Leaf(str, "a container's name", _from), unordered=True),
        access=Access(_read_from, _write_from),
        expect=_expected_from,
        zero=[],
        example=["db"],
        other=["db:ro"],
    ),
    Field(
        name="read_only",
        doc="Mount the root file system read-only.",
        shape=FLAG,
        access=at("HostConfig.ReadonlyRootfs", zero=False),
        zero=False,
        example=True,
        other=False,
    ),
    Field(
        name="storage_opt",
        aliases=("storage_opts",),
        doc="Options of the storage driver, such as size.",
        shape=TEXT_MAP,
        access=at("HostConfig.StorageOpt", zero={}, decode=dict),
        zero={},
        example={"size": "1G"},
        other={"size": "2G"},
    ),
)
