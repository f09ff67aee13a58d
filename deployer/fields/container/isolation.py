"""Container fields: privileges, namespaces, logging, restart. `HostConfig` in the engine's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from deployer.fields.field import (
    DEFAULT,
    Access,
    Body,
    Change,
    Expect,
    Field,
    Json,
    View,
    always,
    at,
    daemon_when_unset,
    default_of,
    lenient,
    when_unset,
    zero_when_unset,
)
from deployer.fields.leaves import FLAG, NUMBER_OR_TEXT, TEXT, TEXT_MAP, choice
from deployer.fields.shapes import Entry, Leaf, ListOf, Record, Then
from deployer.values import log_option, restart, security


def container_mode(text: str) -> str:
    """Compose's `service:NAME` is `container:NAME` here: every resource is one container."""
    kind, colon, name = text.partition(":")
    return f"container:{name}" if colon and kind == "service" else text


def resolve(mode: Any, view: View) -> Any:
    """`container:NAME` as the engine stores it, with the id of the current container of that name. Without such a
    container the name stays, and differs from every id."""
    kind, _, name = str(mode).partition(":")
    return f"container:{view.ids.get(name, name)}" if kind == "container" else mode


def resolved(otherwise: Expect) -> Expect:
    """An expectation whose `container:NAME` is resolved."""
    return Expect(lambda row, view: resolve(otherwise(row, view), view), otherwise.unset, otherwise.fills)


def _namespace(*words: str) -> Leaf:
    def check(text: str) -> str:
        mode = container_mode(text)
        if mode in words or (mode.startswith("container:") and "container:" in words):
            return mode
        raise ValueError(f"'{text}' is not one of {', '.join(w + 'NAME' if w.endswith(':') else w for w in words)}")

    return Leaf(str, "text", check)


_DROPPED_BY_PODMAN = frozenset(["AUDIT_WRITE", "MKNOD", "NET_RAW"])
"""Capabilities that Podman drops from every container and lists as if they were requested."""


@when_unset("none")
def _expected_drops(row: Field, view: View) -> Any:
    live = view.live.get(row.name) or []
    if not view.declared.get(row.name) and not view.recorded.get(row.name) and set(live) == _DROPPED_BY_PODMAN:
        return live
    return view.declared.get(row.name, row.zero)


@when_unset("none; `label=` options added by the engine are ignored")
def _expected_options(row: Field, view: View) -> Any:
    """Engine-added `label=…` entries (privileged, host namespaces) count only when labels are, or were, declared."""
    declared, recorded = set(view.declared.get(row.name) or ()), view.recorded.get(row.name) or ()
    if not any(_may_be_label(option) for option in (*declared, *recorded)):
        declared |= {option for option in view.live.get(row.name) or () if _may_be_label(option)}
    return sorted(declared)


def _usual_options(_info: Json, view: View) -> list[str]:
    """The engine adds `label=` options to privileged containers and those in namespaces of others."""
    shared = any(str(view.live.get(name)).startswith(("host", "container:")) for name in ("ipc", "pid"))
    added = bool(view.live.get("privileged")) or shared
    return [option for option in view.live.get("security_opt") or () if added and _may_be_label(option)]


def _may_be_label(option: Any) -> bool:
    """A recorded option that is a digest may be a `label=` option."""
    return not isinstance(option, str) or option.startswith(("label=", "$"))


_OPTIONS = at(
    "HostConfig.SecurityOpt", zero=[], decode=lambda live: sorted({*map(lenient(security.parse_option), live)})
)
_PATH_LISTS = ("MaskedPaths", "ReadonlyPaths")


def _read_options(inspect: Json) -> list[str]:
    """The docker command turns systempaths=unconfined into empty lists; privileged leaves null."""
    host = inspect.get("HostConfig") or {}
    opened = all(host.get(name) == [] for name in _PATH_LISTS)
    return sorted([*_OPTIONS.read(inspect), *([security.OPEN_PATHS] if opened else [])])


def _write_options(value: Any, body: Body) -> None:
    _OPTIONS.write([option for option in value if option != security.OPEN_PATHS], body)
    if security.OPEN_PATHS in value:
        body["HostConfig"] |= {name: [] for name in _PATH_LISTS}


class _Logging(TypedDict, total=False):
    driver: str
    options: dict[str, str]


def _read_logging(live: Any) -> dict[str, Any]:
    options = {key: str(value) for key, value in (live.get("Config") or {}).items()}
    return {"driver": live.get("Type") or "", "options": options}


def _write_logging(value: Any) -> dict[str, Any]:
    return {"Type": value.get("driver", ""), "Config": value.get("options", {})}


@when_unset("the daemon's default driver and options")
def _expected_logging(row: Field, view: View) -> Any:
    """The daemon fills in its default driver and that driver's default options, and no API reports these:
    options that were never declared are ignored. If the driver reads a declared and a live option as the same value,
    the live spelling is accepted."""
    declared, recorded = view.declared.get(row.name) or {}, view.recorded.get(row.name) or {}
    live = view.live.get(row.name) or {}
    if not live and not declared:
        return live
    default = default_of(row, view)
    unset = default if default is DEFAULT else default["driver"]
    driver = declared.get("driver", unset if "driver" in recorded else live.get("driver"))
    options = dict(declared.get("options") or {})
    if driver is DEFAULT or driver == live.get("driver"):
        had, gone = live.get("options", {}), set(recorded.get("options") or ())
        same = {key: had[key] for key in had if _same_option(live.get("driver"), key, options, had)}
        options = {key: value for key, value in had.items() if key not in gone} | options | same
    return {"driver": driver, "options": options}


def _same_option(driver: Any, name: str, declared: Mapping[str, str], live: Mapping[str, str]) -> bool:
    return name in declared and log_option.same(driver, name, declared[name], live[name])


LOGGING = Record(
    (
        Entry(name="driver", shape=TEXT, doc="json-file, local, journald, syslog, none, …"),
        Entry(name="options", shape=TEXT_MAP, doc="Options of the driver, such as max-size."),
    ),
    lambda found: {key: part for key, part in found.items() if part},
)


def _parameters(found: Mapping[str, Any]) -> dict[str, str]:
    """`net/core/somaxconn` is `net.core.somaxconn`, and the kernel accepts any spaces between numbers."""
    return {
        name if "." in name else name.replace("/", "."): " ".join(str(value).split()) for name, value in found.items()
    }


def _same_init(expected: Any, live: Any) -> bool:
    """Unset equals off, unless the daemon enables it by default, which no API reports."""
    return bool(expected == live) or (expected is False and live is None)


_PRIVILEGES = (
    Field(
        name="privileged",
        doc="Give the container all capabilities and devices of the host.",
        shape=FLAG,
        access=at("HostConfig.Privileged", zero=False),
        zero=False,
        example=True,
        other=False,
    ),
    Field(
        name="cap_add",
        aliases=("capabilities",),
        doc="Capabilities beyond the engine's default set.",
        shape=ListOf(Leaf(str, "a capability such as NET_ADMIN", security.parse_capability), unordered=True),
        access=at(
            "HostConfig.CapAdd", zero=[], decode=lambda live: sorted({*map(lenient(security.parse_capability), live)})
        ),
        zero=[],
        same=security.same_capabilities,
        example=["NET_ADMIN"],
        other=["NET_ADMIN", "SYS_TIME"],
    ),
    Field(
        name="cap_drop",
        doc="Capabilities removed from the engine's default set.",
        shape=ListOf(Leaf(str, "a capability such as NET_RAW", security.parse_capability), unordered=True),
        access=at(
            "HostConfig.CapDrop", zero=[], decode=lambda live: sorted({*map(lenient(security.parse_capability), live)})
        ),
        expect=_expected_drops,
        zero=[],
        same=security.same_capabilities,
        example=["NET_RAW"],
        other=["ALL"],
    ),
    Field(
        name="security_opt",
        aliases=("security_opts",),
        doc="Security options such as no-new-privileges or seccomp=unconfined.",
        shape=ListOf(Leaf(str, "an option such as seccomp=unconfined", security.parse_option), unordered=True),
        access=Access(_read_options, _write_options),
        expect=_expected_options,
        zero=[],
        usual=_usual_options,
        example=["no-new-privileges"],
        other=["no-new-privileges", "seccomp=unconfined"],
    ),
    Field(
        name="group_add",
        aliases=("groups",),
        doc="Additional groups, by name or number.",
        shape=ListOf(NUMBER_OR_TEXT, unordered=True),
        access=at("HostConfig.GroupAdd", zero=[], decode=lambda live: sorted({*map(str, live)})),
        zero=[],
        example=["100"],
        other=["100", "101"],
    ),
)

_NAMESPACES = (
    Field(
        name="ipc",
        aliases=("ipc_mode",),
        doc="IPC namespace: private, shareable, host, none or container:NAME.",
        shape=_namespace("private", "shareable", "host", "none", "container:"),
        access=at("HostConfig.IpcMode", zero=""),
        expect=resolved(daemon_when_unset),
        zero="",
        usual=lambda _info, _view: "private",
        example="shareable",
        other="private",
    ),
    Field(
        name="pid",
        aliases=("pid_mode",),
        doc="PID namespace: host or container:NAME.",
        shape=_namespace("host", "container:"),
        access=at("HostConfig.PidMode", zero=""),
        expect=resolved(zero_when_unset),
        zero="",
        example="host",
        other="container:db",
    ),
    Field(
        name="uts",
        doc="UTS namespace: host.",
        shape=choice("host"),
        access=at("HostConfig.UTSMode", zero=""),
        zero="",
        example="host",
        other="host",
    ),
    Field(
        name="userns_mode",
        doc="User namespace: host, if the daemon remaps users.",
        shape=choice("host"),
        access=at("HostConfig.UsernsMode", zero=""),
        zero="",
        example="host",
        other="host",
    ),
    Field(
        name="cgroup",
        aliases=("cgroupns_mode",),
        doc="Cgroup namespace: host or private.",
        shape=choice("host", "private"),
        access=at("HostConfig.CgroupnsMode", zero=""),
        expect=daemon_when_unset,
        zero="",
        usual=lambda info, _view: "private" if "name=cgroupns" in (info.get("SecurityOptions") or ()) else "host",
        told=True,
        since="1.41",
        example="private",
        other="host",
    ),
    Field(
        name="cgroup_parent",
        doc="Parent cgroup.",
        shape=TEXT,
        access=at("HostConfig.CgroupParent", zero=""),
        zero="",
        example="/shop",
        other="/web",
    ),
    Field(
        name="sysctls",
        doc="Kernel parameters of the container's namespaces.",
        shape=Then(TEXT_MAP, _parameters),
        access=at("HostConfig.Sysctls", zero={}, decode=_parameters),
        zero={},
        example={"net.core.somaxconn": 1024},
        other={"net.core.somaxconn": 2048},
    ),
)

_LIFECYCLE = (
    Field(
        name="restart",
        aliases=("restart_policy",),
        doc="When the engine restarts it: no, always, unless-stopped or on-failure[:retries].",
        shape=Leaf(str, "one of no, always, unless-stopped, on-failure[:retries]", restart.parse),
        access=at("HostConfig.RestartPolicy", zero="no", decode=restart.from_engine, encode=restart.to_engine),
        change=always(Change.UPDATE),
        zero="no",
        example="unless-stopped",
        other="on-failure:3",
    ),
    Field(
        name="init",
        doc="Run a small init process that reaps zombies.",
        shape=FLAG,
        access=at("HostConfig.Init", zero=None),
        stored=bool,
        expect=daemon_when_unset,
        same=_same_init,
        usual=lambda _info, _view: None,
        example=True,
        other=False,
    ),
    Field(
        name="runtime",
        doc="OCI runtime; default: the daemon's default runtime.",
        shape=TEXT,
        access=at("HostConfig.Runtime", zero=""),
        expect=daemon_when_unset,
        zero="",
        usual=lambda info, _view: info.get("DefaultRuntime") or "runc",
        told=True,
        example="runc",
        other="io.containerd.runc.v2",
    ),
    Field(
        name="auto_remove",
        doc="The engine removes the container when it stops. While one runs, changes that would stop it are refused: "
        "remove it first.",
        shape=FLAG,
        access=at("HostConfig.AutoRemove", zero=False),
        zero=False,
        example=True,
        other=False,
    ),
    Field(
        name="logging",
        doc="Logging driver and options. Options added by the daemon are ignored.",
        shape=LOGGING,
        access=at("HostConfig.LogConfig", zero={}, decode=_read_logging, encode=_write_logging),
        stored=_Logging,
        expect=_expected_logging,
        zero={},
        usual=lambda info, _view: {"driver": info.get("LoggingDriver") or "json-file", "options": {}},
        told=True,
        depth=2,
        example={"driver": "json-file", "options": {"max-size": "10m"}},
        other={"driver": "json-file", "options": {"max-size": "20m", "max-file": 3}},
    ),
    Field(
        name="annotations",
        doc="OCI annotations for the runtime.",
        shape=TEXT_MAP,
        access=at("HostConfig.Annotations", zero={}, decode=dict),
        zero={},
        since="1.43",
        example={"com.example.note": "a"},
        other={"com.example.note": "b"},
    ),
)

FIELDS = (*_PRIVILEGES, *_NAMESPACES, *_LIFECYCLE)
