"""Container fields: devices of the host, and those a driver hands out. `HostConfig` in the engine's API."""

from __future__ import annotations

from typing import Any

from schema import And, Or

from deployer.spec.field import Field, at, lenient
from deployer.spec.leaves import NUMBER_OR_TEXT, TEXT, TEXT_MAP, TEXTS
from deployer.spec.shapes import Entry, Forms, Leaf, ListOf, Record, Then
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


def _requests(live: Any) -> list[dict[str, Any]]:
    read = [
        _request(
            {
                "driver": entry.get("Driver"),
                "count": entry.get("Count", 0),
                "device_ids": entry.get("DeviceIDs"),
                "capabilities": entry.get("Capabilities"),
                "options": entry.get("Options"),
            }
        )
        for entry in live
    ]
    return sorted(read, key=str)


def _request_bodies(value: Any) -> list[dict[str, Any]]:
    return [
        {
            "Driver": request["driver"],
            "Count": request["count"],
            "DeviceIDs": request["device_ids"],
            "Capabilities": request["capabilities"],
            "Options": request["options"],
        }
        for request in value
    ]


def _spell_requests(value: list[dict[str, Any]]) -> Any:
    """`all`, or requests with what they say."""
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
                        doc="How many; -1 or all.",
                    ),
                    Entry(name="device_ids", shape=ListOf(NUMBER_OR_TEXT), doc="Which ones, by id."),
                    Entry(
                        name="capabilities",
                        shape=ListOf(Forms(expects="text or a list", scalar=TEXT, sequence=TEXTS)),
                        doc="What the devices must offer; [gpu] by default.",
                    ),
                    Entry(name="options", shape=TEXT_MAP, doc="Options of the driver."),
                ),
                _request,
            )
        ),
        lambda requests: sorted(requests, key=str),
    ),
)

DEVICE = Forms(
    expects="a device such as /dev/net/tun, or a map",
    scalar=Leaf(str, "a device such as /dev/net/tun", device.parse),
    mapping=Record(
        (
            Entry(name="source", shape=TEXT, doc="Device on the host.", required=True),
            Entry(name="target", shape=TEXT, doc="Its path in the container; the same by default."),
            Entry(name="permissions", shape=TEXT, doc="r, w and m (make nodes); rwm by default."),
        ),
        lambda found: device.parse(
            ":".join((found["source"], found.get("target") or found["source"], found.get("permissions") or "rwm"))
        ),
    ),
)

FIELDS = (
    Field(
        name="devices",
        doc="Devices of the host: `/dev/x[:/dev/y[:rwm]]`.",
        shape=ListOf(DEVICE, unordered=True),
        access=at(
            "HostConfig.Devices",
            zero=[],
            decode=lambda live: sorted(device.from_engine(entry) for entry in live),
            encode=lambda value: [device.to_engine(entry) for entry in value],
        ),
        zero=[],
        spell=lambda value: [device.spell(entry) for entry in value],
        example=["/dev/null:/dev/nothing:r"],
        other=["/dev/zero"],
    ),
    Field(
        name="device_cgroup_rules",
        doc="Rules of the device cgroup, such as `c 1:3 rm`.",
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
        doc="GPUs and other devices a driver hands out: `all`, a number, or a list of requests.",
        shape=GPUS,
        access=at("HostConfig.DeviceRequests", zero=[], decode=_requests, encode=_request_bodies),
        zero=[],
        spell=_spell_requests,
        example="all",
        other=1,
    ),
)
