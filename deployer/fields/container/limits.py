"""Container fields: rates of block I/O, limits of processes. `HostConfig` in the engine's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schema import Or

from deployer.fields.field import (
    Access,
    Body,
    Change,
    Field,
    Json,
    Path,
    View,
    at,
    show_plain,
    unless_discarded,
    when_changed,
    when_unset,
    zero_when_unset,
)
from deployer.fields.leaves import COUNT, SIZE, TEXT
from deployer.fields.shapes import Entry, Forms, Keyed, Leaf, ListOf, MapOf, Record, Then
from deployer.values import paths


def _ulimits(live: Any) -> dict[str, Any]:
    return {str(entry["Name"]).lower(): {"soft": entry["Soft"], "hard": entry["Hard"]} for entry in live}


def _ulimit_entries(value: Any) -> list[dict[str, Any]]:
    return [{"Name": name, "Soft": limit["soft"], "Hard": limit["hard"]} for name, limit in sorted(value.items())]


@when_unset("the daemon's default limits")
def _expected_ulimits(row: Field, view: View) -> Any:
    """Inspect shows the daemon's `default-ulimits`: only names that are or were declared are compared."""
    kept = dict(view.live.get(row.name) or {})
    for name in view.recorded.get(row.name) or ():
        kept.pop(name, None)
    return kept | dict(view.declared.get(row.name) or {})


def _soft_and_hard(value: int | str) -> dict[str, int]:
    limit = _limit(value)
    return {"soft": limit, "hard": limit}


def _complete_ulimit(found: dict[str, Any]) -> dict[str, int]:
    if "soft" not in found or "hard" not in found:
        raise ValueError("a limit has both soft and hard")
    return found


def _ulimit_pair(text: str) -> tuple[str, dict[str, int]]:
    """Ansible's `nofile:1024:2048`, and the `nofile=1024:2048` of the Docker CLI."""
    name, *limits = text.replace("=", ":", 1).split(":")
    try:
        soft, hard = limits if len(limits) == 2 else limits * 2
        return name.lower(), {"soft": int(soft), "hard": int(hard)}
    except ValueError:
        raise ValueError(f"'{text}' does not have the form name:soft[:hard]") from None


def _limit(value: int | str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"'{value}' is not a whole number") from None


def _show_ulimit(path: tuple[str, ...], value: Any) -> str:
    match value:
        case {"soft": soft, "hard": hard}:
            return str(soft) if soft == hard else f"{soft}:{hard}"
        case _:
            return show_plain(path, value)


_LIMIT = Leaf(Or(int, str), "a number", _limit)

ULIMITS = Forms(
    expects="a map of limits",
    mapping=MapOf(
        Forms(
            expects="a number, or soft and hard",
            scalar=Leaf(Or(int, str), "a number", _soft_and_hard),
            mapping=Record(
                (
                    Entry(name="soft", shape=_LIMIT, doc="Effective limit."),
                    Entry(name="hard", shape=_LIMIT, doc="Highest value to which a process may raise the soft limit."),
                ),
                _complete_ulimit,
            ),
        ),
        str.lower,
    ),
    sequence=Keyed(Leaf(str, "name:soft[:hard]", _ulimit_pair)),
)

_BLKIO_DEVICES = {
    "weight_device": ("BlkioWeightDevice", "weight", "Weight"),
    "device_read_bps": ("BlkioDeviceReadBps", "rate", "Rate"),
    "device_write_bps": ("BlkioDeviceWriteBps", "rate", "Rate"),
    "device_read_iops": ("BlkioDeviceReadIOps", "rate", "Rate"),
    "device_write_iops": ("BlkioDeviceWriteIOps", "rate", "Rate"),
}


def _blkio_entry(key: str, doc: str) -> Entry:
    _, amount, _ = _BLKIO_DEVICES[key]
    shape = SIZE if key.endswith("bps") else COUNT
    row = Record(
        (
            Entry(name="path", shape=TEXT, doc="Device on the host.", required=True),
            Entry(name=amount, shape=shape, doc="Weight, bytes per second or operations per second.", required=True),
        ),
    )
    by_path = Then(ListOf(row), lambda rows: {paths.clean(found["path"]): found[amount] for found in rows})
    return Entry(name=key, shape=by_path, doc=doc)


BLKIO = Record(
    (
        Entry(name="weight", shape=COUNT, doc="Block I/O weight, 10 to 1000."),
        _blkio_entry("weight_device", "Block I/O weight per device."),
        _blkio_entry("device_read_bps", "Bytes read per second, by device."),
        _blkio_entry("device_write_bps", "Bytes written per second, by device."),
        _blkio_entry("device_read_iops", "Read operations per second, by device."),
        _blkio_entry("device_write_iops", "Write operations per second, by device."),
    )
)


def _read_blkio(inspect: Json) -> dict[str, Any]:
    host = inspect.get("HostConfig") or {}
    found: dict[str, Any] = {"weight": host.get("BlkioWeight")}
    for key, (name, _, amount) in _BLKIO_DEVICES.items():
        found[key] = {paths.clean(entry["Path"]): entry[amount] for entry in host.get(name) or ()}
    return {key: value for key, value in found.items() if value}


def _write_blkio(value: Any, body: Body) -> None:
    host = body.setdefault("HostConfig", {})
    if value.get("weight"):
        host["BlkioWeight"] = value["weight"]
    for key, (name, _, amount) in _BLKIO_DEVICES.items():
        if value.get(key):
            host[name] = [{"Path": path, amount: rate} for path, rate in sorted(value[key].items())]


@when_changed("the weight in place; replaced for other keys, or if the weight is removed")
def _change_blkio(path: Path, old: Any, new: Any) -> Change:
    """Only the weight can be updated, and it cannot be removed. If a live weight is missing, the kernel may not
    support it: the engine would ignore an update too, and record nothing."""
    return Change.UPDATE if path[1:] == ("weight",) and old and new else Change.REPLACE


def _spell_blkio(value: Mapping[str, Any]) -> dict[str, Any]:
    written = dict(value)
    for key, (_, amount, _) in _BLKIO_DEVICES.items():
        if key in value:
            written[key] = [{"path": path, amount: rate} for path, rate in value[key].items()]
    return written


def _spell_ulimits(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: limit["soft"] if limit["soft"] == limit["hard"] else limit for name, limit in value.items()}


FIELDS = (
    Field(
        name="blkio_config",
        doc="Block I/O weights and limits.",
        shape=BLKIO,
        access=Access(_read_blkio, _write_blkio),
        change=_change_blkio,
        expect=unless_discarded(zero_when_unset),
        zero={},
        stored=dict[str, int | dict[str, int]],
        spell=_spell_blkio,
        depth=2,
        example={"weight": 300},
        other={"weight": 500},
    ),
    Field(
        name="ulimits",
        doc="Process limits: a number for both, or soft and hard.",
        shape=ULIMITS,
        access=at("HostConfig.Ulimits", zero={}, decode=_ulimits, encode=_ulimit_entries),
        stored=dict[str, dict[str, int]],
        expect=_expected_ulimits,
        zero={},
        show=_show_ulimit,
        spell=_spell_ulimits,
        usual=lambda _info, _view: {},
        example={"nofile": {"soft": 1024, "hard": 2048}},
        other={"nofile": 4096},
    ),
)
