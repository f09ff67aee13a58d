"""Container fields: configs and secrets, files whose content the play declares."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from schema import Or

from deployer.fields.container import on_change
from deployer.fields.field import Access, Body, Field
from deployer.fields.leaves import COUNT, FLAG, NUMBER_OR_TEXT, TEXT
from deployer.fields.reading import HIDDEN
from deployer.fields.shapes import Entry, Forms, Keyed, Leaf, MapOf, Record
from deployer.fields.table import Violation
from deployer.values import file_mount, paths

_MODE: Final = re.compile(r"0?[0-7]{3,4}")
LONGEST: Final = 64 * 1024
"""Bytes of content whose changes are shown."""
KEYED: Final = "hmac-"
"""What digests begin with that depend on the controller's key: those of secret content."""


class Delivered(Struct, frozen=True):
    """A field of such files. `folder`: where its volume is mounted; `base`: where relative targets are."""

    name: str
    one: str
    folder: str
    base: str
    mode: int


CONFIGS: Final = Delivered("configs", "config", "/run/configs", "/", 0o444)
SECRETS: Final = Delivered("secrets", "secret", "/run/secrets", "/run/secrets", 0o400)
DELIVERED: Final = (CONFIGS, SECRETS)


def mode_of(value: int | str) -> int:
    if not _MODE.fullmatch(str(value)):
        raise ValueError(f"'{value}' is not an octal mode such as \"0440\"")
    return int(str(value), 8)


def _pair(kind: Delivered) -> Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]:
    def pair(found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        target = paths.clean(f"{kind.base}/{found.get('target', found['source'])}")
        given = str(found.get("target", ""))
        if given.startswith("/"):
            target = paths.clean(given)
        if target in ("/", kind.folder):
            raise ValueError(f"'{given}' is not the path of a file")
        given_too: dict[str, Any] = {key: found[key] for key in ("uid", "gid", on_change.KEY) if key in found}
        return target, {"source": found["source"], "mode": found.get("mode", kind.mode), **given_too}

    return pair


def _shape(kind: Delivered) -> Keyed:
    where = f"Path in the container; default {kind.base.rstrip('/')}/ and its name."
    owner = "default: the number in `user`, else 0."
    entries = (
        Entry(name="source", shape=TEXT, doc=f"Name of the {kind.one} of the play.", required=True),
        Entry(name="target", shape=TEXT, doc=where),
        Entry(name="uid", shape=COUNT, doc=f"Owner; {owner}"),
        Entry(name="gid", shape=COUNT, doc=f"Group; {owner}"),
        Entry(
            name="mode",
            shape=Leaf(Or(int, str), 'an octal mode such as "0440"', mode_of),
            doc=f"Octal mode; default 0{kind.mode:o}.",
        ),
        on_change.entry(f"that of the play's {kind.one}"),
    )
    pair = _pair(kind)
    return Keyed(
        Forms(
            expects=f"the name of a {kind.one}, or source and target",
            scalar=Leaf(str, f"the name of a {kind.one}", lambda name: pair({"source": name})),
            mapping=Record(entries, pair),
        ),
        once=True,
    )


def key_of(digest: str) -> str:
    """The id of the key that a digest depends on; "" for that of content that is no secret."""
    digest = digest.removeprefix(file_mount.UNSURE)
    return digest.removeprefix(KEYED).partition(":")[0] if digest.startswith(KEYED) else ""


def text_of(content: bytes) -> str | None:
    """Content that can be shown; None for other data, and for what is too long to be read by people."""
    with contextlib.suppress(UnicodeDecodeError):
        return content.decode() if len(content) <= LONGEST and b"\0" not in content else None
    return None


def _show(path: tuple[str, ...], value: Any) -> str:
    """`db (0400, 1000:1000)`; of the content, a digest that tells nothing."""
    if isinstance(value, Mapping):
        uid, gid = value.get("uid", 0), value.get("gid", 0)
        owner = f", {uid}:{gid}" if uid or gid else ""
        return f"{value.get('source')} ({value.get('mode', 0):04o}{owner})"
    if path[-1] == "mode" and isinstance(value, int):
        return f"{value:04o}"
    if path[-1] == "content":
        doubt = "perhaps " if str(value).startswith(file_mount.UNSURE) else ""
        return HIDDEN if key_of(str(value)) else doubt + str(value).removeprefix(file_mount.UNSURE)[:19]
    return str(value)


def _spell(value: file_mount.Files) -> list[dict[str, Any]]:
    return [
        {"target": target}
        | {key: f"{part:04o}" if key == "mode" else part for key, part in entry.items() if key != "content"}
        for target, entry in value.items()
    ]


def _field(kind: Delivered, doc: str) -> Field:
    def write(value: Any, body: Body) -> None:
        mounts = body.setdefault("HostConfig", {}).setdefault("Mounts", [])
        mounts += file_mount.to_engine(kind.name, kind.folder, value)

    return Field(
        name=kind.name,
        doc=doc,
        shape=_shape(kind),
        access=Access(lambda inspect: file_mount.from_engine(inspect, kind.name, kind.folder), write),
        zero={},
        stored=dict[str, dict[str, str | int]],
        depth=2,
        show=_show,
        spell=_spell,
        example=["app"],
        other=["app", {"source": "db", "target": "/etc/db", "uid": 1000, "mode": "0440"}],
    )


FIELDS = (
    _field(
        CONFIGS,
        "Files of the play's `configs`, read-only: names, or the long form. Changed content replaces the container, "
        "or does what `on_change` says.",
    ),
    _field(
        SECRETS,
        "Files of the play's `secrets`, read-only, in `/run/secrets`: names, or the long form. Changed content "
        "replaces the container, or does what `on_change` says.",
    ),
)


def owners(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """The files belong to the user that the container runs as, if its number is declared. One target has one source."""
    uid, _, gid = str(values.get("user") or "").partition(":")
    owner = {"uid": int(uid) if uid.isdecimal() else 0, "gid": int(gid) if gid.isdecimal() else 0}
    taken = {
        **dict.fromkeys(values.get("volumes") or (), "volumes"),
        **dict.fromkeys(values.get("tmpfs") or (), "tmpfs"),
    }
    for kind in DELIVERED:
        files = values.get(kind.name)
        if not files:
            continue
        values[kind.name] = {target: {**owner, **entry} for target, entry in files.items()}
        for target in (kind.folder, *files):
            if target in taken:
                yield kind.name, f"'{target}' is also under {taken[target]}"
        taken |= dict.fromkeys(files, kind.name)


def definitions() -> MapOf:
    """What the play says of each, by name."""
    content = Leaf(NUMBER_OR_TEXT.schema, "text", str, keeps_empty=True)
    entries = (
        Entry(name="file", shape=TEXT, doc="File on this machine, beside the playbook; may be encrypted with a vault."),
        Entry(name="content", shape=content, doc="The content."),
        Entry(name="environment", shape=TEXT, doc="Environment variable of the caller with the content."),
        on_change.entry("recreate"),
        Entry(name="external", shape=FLAG, doc="Not supported: there is no swarm."),
    )
    return MapOf(Record(entries))
