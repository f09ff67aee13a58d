"""Container fields: devices of the host and device requests. `HostConfig` in the engine's API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schema import And, Or

from deployer.fields.field import Access, Body, Field, Json, at, lenient
from deployer.fields.leaves import NUMBER_OR_TEXT, TEXT, TEXT_MAP, TEXTS
from deployer.fields.shapes import Entry, Forms, Leaf, ListOf, Record, Then
from deployer.values import device


def _request(found: dict[str, Any]) -> dict[str, Any]:
    """One canonical device request: capabilities as a sorted list of sorted lists."""
    capabilities = found.get("capabilities") or [["gpu"]]
    if capabilities and isinstance(capabilities[0], str):
        capabilities = [capabilities]
    ids = found.get("device_ids") or []
    count = found.get("count", 0 if ids else -1)
    return {
        "driver": found.get("driver") or "",
        "count": -1 if count == "all" else count,
        "device_ids": sorted(ids),
        "capabilities": sorted(sorted(set(group)) for group in capabilities),
        "options": dict(found.get("options") or {}),
    }


_COUNT = {"anyOf": [{"const": "all"}, {"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]}


def _count(value: int | str) -> int | str:
    try:
        return value if value == "all" else int(value)
    except ValueError:
        raise ValueError(f"'{value}' is not 'all' or a number of GPUs") from None


def _gpus(value: int | str) -> list[dict[str, Any]]:
    return [_request({"count": _count(value)})]


def is_cdi(request: Mapping[str, Any]) -> bool:
    """Whether a request only names CDI devices, which belong to `devices`. CDI ignores capabilities."""
    names = request["device_ids"]
    extra = request["count"] or request["options"]
    return request["driver"] == "cdi" and bool(names) and not extra and all(map(device.is_cdi, names))


def _read_devices(inspect: Json) -> list[str]:
    host = inspect.get("HostConfig") or {}
    named = (request["device_ids"] for request in _all_requests(inspect) if is_cdi(request))
    return sorted([*map(device.from_engine, host.get("Devices") or ()), *{name for names in named for name in names}])


def _write_devices(value: Any, body: Body) -> None:
    """CDI names go into a request for the driver `cdi`, as the docker command and Compose do."""
    host, named = body.setdefault("HostConfig", {}), [entry for entry in value if device.is_cdi(entry)]
    host["Devices"] = [device.to_engine(entry) for entry in value if entry not in named]
    if named:
        host.setdefault("DeviceRequests", []).append({"Driver": "cdi", "DeviceIDs": named})


def _newer_device(value: Any) -> Iterable[tuple[str, str]]:
    """Engines support the driver since 25; whether it is enabled shows only when the container starts."""
    return ((f"CDI device {entry}", "1.44") for entry in value if device.is_cdi(entry))


def _all_requests(inspect: Json) -> list[dict[str, Any]]:
    return [
        _request(
            {
                "driver": entry.get("Driver"),
                "count": entry.get("Count", 0),
                "device_ids": entry.get("DeviceIDs"),
                "capabilities": entry.get("Capabilities"),
                "options": entry.get("Options"),
            }
        )
        for entry in (inspect.get("HostConfig") or {}).get("DeviceRequests") or ()
    ]


def _read_requests(inspect: Json) -> list[dict[str, Any]]:
    return sorted((request for request in _all_requests(inspect) if not is_cdi(request)), key=str)


def _write_requests(value: Any, body: Body) -> None:
    body.setdefault("HostConfig", {}).setdefault("DeviceRequests", []).extend(
        {
            "Driver": request["driver"],
            "Count": request["count"],
            "DeviceIDs": request["device_ids"],
            "Capabilities": request["capabilities"],
            "Options": request["options"],
        }
        for request in value
    )


def _spell_requests(value: list[dict[str, Any]]) -> Any:
    """`all`, or the requests with their options."""
    if value == _gpus("all"):
        return "all"
    return [{key: part for key, part in request.items() if part or key == "count"} for request in value]


GPUS = Forms(
    expects="'all', a number, or a list of device requests",
    scalar=Leaf(Or(int, str), "'all' or a number", _gpus),
    sequence=Then(
        ListOf(
            Record(
                (
                    Entry(name="driver", shape=TEXT, doc="Driver, such as nvidia or cdi."),
                    Entry(
                        name="count",
                        shape=Leaf(Or(int, str), "a number or 'all'", _count, json=_COUNT),
                        doc="Number of devices; -1 or all.",
                    ),
                    Entry(name="device_ids", shape=ListOf(NUMBER_OR_TEXT), doc="Ids of devices."),
                    Entry(
                        name="capabilities",
                        shape=ListOf(Forms(expects="text or a list", scalar=TEXT, sequence=TEXTS)),
                        doc="Capabilities the devices must have; default [gpu].",
                    ),
                    Entry(name="options", shape=TEXT_MAP, doc="Options of the driver."),
                ),
                _request,
            )
        ),
        lambda requests: sorted(requests, key=str),
    ),
)


def _long_device(found: dict[str, Any]) -> str:
    source, target, permissions = (found.get(key) or "" for key in ("source", "target", "permissions"))
    if not device.is_cdi(source):
        return device.parse(":".join((source, target or source, permissions or "rwm")))
    if target not in ("", source) or permissions not in ("", "rwm"):
        raise ValueError(f"{source}: a CDI device takes no path and no permissions; the vendor defines them")
    return source


DEVICE = Forms(
    expects="a device such as /dev/net/tun, or a map",
    scalar=Leaf(str, "a device such as /dev/net/tun", device.parse),
    mapping=Record(
        (
            Entry(name="source", shape=TEXT, doc="Device on the host.", required=True),
            Entry(name="target", shape=TEXT, doc="Path in the container; default: the same path."),
            Entry(name="permissions", shape=TEXT, doc="Permissions: r, w and m (mknod); default rwm."),
        ),
        _long_device,
    ),
)

FIELDS = (
    Field(
        name="devices",
        doc="Devices of the host, `/dev/x[:/dev/y[:rwm]]`, or CDI devices, `vendor.com/class=name`.",
        shape=ListOf(DEVICE, unordered=True),
        access=Access(_read_devices, _write_devices),
        newer=_newer_device,
        zero=[],
        spell=lambda value: [device.spell(entry) for entry in value],
        example=["/dev/null:/dev/nothing:r"],
        other=["/dev/zero"],
    ),
    Field(
        name="device_cgroup_rules",
        doc="Device cgroup rules, such as `c 1:3 rm`.",
        shape=ListOf(Leaf(And(str, len), "a rule such as c 1:3 mr", device.parse_rule), unordered=True),
        access=at(
            "HostConfig.DeviceCgroupRules",
            zero=[],
            decode=lambda live: sorted({*map(lenient(device.parse_rule), live)}),
        ),
        zero=[],
        example=["c 1:3 rm"],
        other=["c 1:5 r"],
    ),
    Field(
        name="gpus",
        aliases=("device_requests",),
        doc="GPUs and other devices that a driver provides: `all`, a number, or a list of requests.",
        shape=GPUS,
        access=Access(_read_requests, _write_requests),
        zero=[],
        stored=list[dict[str, str | int | list[str | list[str]] | dict[str, str]]],
        spell=_spell_requests,
        example="all",
        other=1,
    ),
)
