"""Container fields: what runs, as whom, with which environment. `Config` in the engine's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schema import Or

from deployer.fields.container.health import HEALTHCHECK
from deployer.fields.field import (
    DEFAULT,
    Access,
    Body,
    Field,
    Json,
    View,
    at,
    image_when_unset,
    lenient,
    merged_over_image,
    show_plain,
    shown_by,
    when_unset,
)
from deployer.fields.leaves import (
    ABSOLUTE_PATH,
    ENVIRONMENT,
    FLAG,
    LABELS,
    MAC,
    NUMBER_OR_TEXT,
    OWN_LABELS,
    SECONDS,
    TEXT,
    WORDS,
)
from deployer.fields.shapes import Forms, Leaf, ListOf
from deployer.values import command, duration, paths, port, signals


def _words(live: Any) -> list[str]:
    return [str(word) for word in live or ()]


@when_unset("the image's command; none when `entrypoint` is declared")
def _expected_command(row: Field, view: View) -> Any:
    """A declared entrypoint drops the image's command."""
    declared = view.declared.get("command")
    if declared:
        return declared
    return [] if view.declared.get("entrypoint") else view.image.get(row.name, [])


@when_unset("the image's entrypoint")
def _expected_entrypoint(row: Field, view: View) -> Any:
    """`[""]` and `[]` both clear it; the engine keeps null for the first."""
    expected = image_when_unset(row, view)
    return [] if expected == [""] else expected


def _environment(entries: Any) -> dict[str, str | None]:
    """`K=V` entries; the last of a name takes effect. `K` alone unsets."""
    found: dict[str, str | None] = {}
    for entry in entries or ():
        key, equals, value = str(entry).partition("=")
        found[key] = value if equals else None
    return found


def _environment_entries(values: Mapping[str, str | None]) -> list[str]:
    return [key if value is None else f"{key}={value}" for key, value in values.items()]


@when_unset("what the image sets")
def _expected_environment(row: Field, view: View) -> Any:
    """The image's variables, overridden by the declared ones. Unsetting a variable that the image does not set has no
    effect."""
    image, live = view.image.get(row.name) or {}, view.live.get(row.name) or {}
    expected = merged_over_image(row, view)
    idle = {key for key in {*expected, *live} - {*image} if expected.get(key) is None and live.get(key) is None}
    return {key: value for key, value in expected.items() if key not in idle} | dict.fromkeys(idle & {*live})


def _show_environment(path: tuple[str, ...], value: Any) -> str:
    return "unset" if value is None else show_plain(path, value)


def foreign_labels(labels: Any) -> dict[str, str]:
    """All labels except deployer's own."""
    return {key: str(value) for key, value in (labels or {}).items() if not key.startswith(OWN_LABELS)}


def _read_hostname(inspect: Json) -> str:
    """Without a declaration, the engine uses the first 12 digits of the id."""
    name = (inspect.get("Config") or {}).get("Hostname") or ""
    return "" if name and str(inspect.get("Id", "")).startswith(name) and len(name) == 12 else str(name)


@when_unset("the container's short id")
def _expected_hostname(row: Field, view: View) -> Any:
    """With the network of the host or of another container, the engine sets that name, unless one was declared."""
    if row.name in view.declared or view.live.get("network_mode") in ("networks", "none"):
        return view.declared.get(row.name, "")
    return DEFAULT if view.recorded.get(row.name) else view.live.get(row.name, "")


def _usual_hostname(info: Json, view: View) -> Any:
    """With the network of the host or of another container, the engine sets that domain name."""
    mode = view.live["network_mode"]
    return info.get("Name") if mode == "host" else view.live["hostname"] if mode.startswith("container:") else ""


def _write_hostname(value: Any, body: Body) -> None:
    body["Hostname"] = value


def _read_exposed(inspect: Json) -> list[str]:
    return list(port.exposed_from_engine((inspect.get("Config") or {}).get("ExposedPorts") or ()))


def _write_exposed(values: Any, body: Body) -> None:
    exposed = body.setdefault("ExposedPorts", {})
    exposed.update({value: {} for value in values})


@when_unset("the image's ports, and the published ones")
def _expected_exposed(row: Field, view: View) -> Any:
    """Ports of the image and declared ports. Published ports are always exposed, on both sides; that is no
    difference."""
    published = {port.container_port(p) for side in (view.declared, view.live) for p in side.get("ports") or ()}
    wanted = {*view.image.get(row.name, ()), *view.declared.get(row.name, ())}
    aligned = (wanted - published) | (set(view.live.get(row.name) or ()) & published)
    return sorted(aligned, key=port.order)


@when_unset("the engine's choice")
def _expected_mac(row: Field, view: View) -> Any:
    """Engines before 29 also show the address declared for the first network's endpoint here."""
    live, endpoints = view.live.get(row.name, ""), view.declared.get("networks") or {}
    given = {endpoint.get("mac_address") for endpoint in endpoints.values()}
    return view.declared.get(row.name, live if live in given else row.zero)


EXPOSED = ListOf(
    Leaf(Or(int, str), "a port such as 80 or 53/udp", port.parse_exposed), flat=True, unordered=True, order=port.order
)


_ASKED_MAC = at("Config.MacAddress", zero="", decode=str.lower)


def _read_mac(inspect: Json) -> str:
    """The requested address. Engines show it even for a running container that was reconnected and has another one
    (measured on 20.10 and 26.1)."""
    asked = str(_ASKED_MAC.read(inspect))
    networks = (inspect.get("NetworkSettings") or {}).get("Networks") or {}
    used = {str((endpoint or {}).get("MacAddress") or "").lower() for endpoint in networks.values()} - {""}
    return asked if not asked or not used or asked in used else min(used)


FIELDS = (
    Field(
        name="command",
        doc="Command to run instead of the image's command. Text is split into words as by a shell.",
        shape=WORDS,
        access=at("Config.Cmd", zero=[], decode=_words),
        expect=_expected_command,
        zero=[],
        show=shown_by(command.show),
        example="sleep 600",
        other=["sleep", "1200"],
    ),
    Field(
        name="entrypoint",
        doc='Entrypoint to use instead of the image\'s entrypoint; `[]` or `""` clears it.',
        shape=Forms(
            expects="a command: text or a list of words",
            scalar=Leaf(str, "a command", lambda text: list(command.parse(text)) or [""], keeps_empty=True),
            sequence=ListOf(NUMBER_OR_TEXT),
        ),
        access=at("Config.Entrypoint", zero=[], decode=_words),
        expect=_expected_entrypoint,
        zero=[],
        show=shown_by(command.show),
        example=["sleep"],
        other=["/bin/sleep"],
    ),
    Field(
        name="environment",
        aliases=("env",),
        doc="Environment variables, added to those of the image. null unsets a variable of the image.",
        shape=ENVIRONMENT,
        access=at("Config.Env", zero={}, decode=_environment, encode=_environment_entries),
        expect=_expected_environment,
        zero={},
        show=_show_environment,
        example={"MODE": "production"},
        other={"MODE": "debug"},
    ),
    Field(
        name="labels",
        doc="Labels, added to those of the image.",
        shape=LABELS,
        access=at("Config.Labels", zero={}, decode=foreign_labels),
        expect=merged_over_image,
        zero={},
        example={"com.example.team": "shop"},
        other={"com.example.team": "web"},
    ),
    Field(
        name="user",
        doc="User and group to run as: names or numbers, `user[:group]`.",
        shape=NUMBER_OR_TEXT,
        access=at("Config.User", zero=""),
        expect=image_when_unset,
        zero="",
        example="1000:1000",
        other="1001",
    ),
    Field(
        name="working_dir",
        doc="Working directory of the command.",
        shape=ABSOLUTE_PATH,
        access=at("Config.WorkingDir", zero="", decode=paths.clean),
        expect=image_when_unset,
        same=lambda expected, live: (expected or "/") == (live or "/"),
        zero="",
        example="/srv",
        other="/tmp",
    ),
    Field(
        name="hostname",
        doc="Host name inside the container; default: the container's short id.",
        shape=TEXT,
        access=Access(_read_hostname, _write_hostname),
        expect=_expected_hostname,
        usual=_usual_hostname,
        zero="",
        example="web-1",
        other="web-2",
    ),
    Field(
        name="domainname",
        doc="NIS domain name inside the container.",
        shape=TEXT,
        access=at("Config.Domainname", zero=""),
        zero="",
        example="example.com",
        other="example.org",
    ),
    Field(
        name="stop_signal",
        doc="Signal that stops the container; default: the image's signal, or SIGTERM.",
        shape=Leaf(Or(str, int), "a signal such as SIGTERM", signals.parse),
        access=at("Config.StopSignal", zero="SIGTERM", decode=lenient(signals.parse)),
        expect=image_when_unset,
        zero="SIGTERM",
        example="SIGUSR1",
        other="SIGINT",
    ),
    Field(
        name="stop_grace_period",
        aliases=("stop_timeout",),
        doc="Time between the stop signal and SIGKILL; default 10s.",
        shape=SECONDS,
        access=at("Config.StopTimeout", zero=None),
        stored=int,
        show=lambda path, value: show_plain(path, value) if value is None else duration.show_seconds(value),
        spell=lambda value: value if value < 0 else duration.show_seconds(value),
        example="30s",
        other="1m",
    ),
    Field(
        name="tty",
        doc="Allocate a terminal.",
        shape=FLAG,
        access=at("Config.Tty", zero=False),
        zero=False,
        example=True,
        other=False,
    ),
    Field(
        name="stdin_open",
        aliases=("interactive",),
        doc="Keep standard input open.",
        shape=FLAG,
        access=at("Config.OpenStdin", zero=False),
        zero=False,
        example=True,
        other=False,
    ),
    Field(
        name="expose",
        aliases=("exposed_ports", "exposed"),
        doc="Ports to expose without publishing them; ports of the image and of `ports` are always exposed.",
        shape=EXPOSED,
        access=Access(_read_exposed, _write_exposed),
        expect=_expected_exposed,
        zero=[],
        spell=lambda value: [port.spell(entry) for entry in value],
        example=["9100"],
        other=["9100", "9200/udp"],
    ),
    HEALTHCHECK,
    Field(
        name="mac_address",
        doc="MAC address on the first network.",
        shape=MAC,
        access=Access(_read_mac, _ASKED_MAC.write),
        expect=_expected_mac,
        zero="",
        example="02:42:ac:11:00:0a",
        other="02:42:ac:11:00:0b",
    ),
)
