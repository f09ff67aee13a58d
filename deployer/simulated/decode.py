"""The create request as the engine decodes it: known fields only, text accepted for a list of one. As in the real
engine, fields newer than the API version in use are ignored without an error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deployer.interfaces import Json
from deployer.simulated.hostconfig import blank_host_config
from deployer.simulated.merge import OPTIONAL_KEYS, blank_config
from deployer.simulated.profile import Profile
from deployer.simulated.refusals import failed, invalid
from deployer.simulated.state import Record, plain_copy

_HOST_CONFIG_OPTIONAL = ("StorageOpt", "Tmpfs", "Sysctls", "Runtime", "Mounts", "Init")
_HEALTHCHECK_KEYS = ("Test", "Interval", "Timeout", "StartPeriod", "Retries")
_MOUNT_KEYS = ("Type", "Source", "Target", "ReadOnly", "Consistency", "BindOptions", "VolumeOptions", "TmpfsOptions")
_MOUNT_OPTION_VERSIONS = {
    "CreateMountpoint": "1.42",
    "NonRecursive": "1.40",
    "ReadOnlyNonRecursive": "1.44",
    "ReadOnlyForceRecursive": "1.44",
    "Subpath": "1.45",
    "Options": "1.46",
}


def decode_create(profile: Profile, body: Json) -> tuple[Record, Record | None, Record]:
    """Splits a create body into config, host config (None when absent) and endpoints by network."""
    request = plain_copy(body)
    config = _known(request, (*blank_config(), *OPTIONAL_KEYS, "MacAddress"))
    _decode_config(profile, config)
    host_config = request.get("HostConfig")
    if host_config is not None:
        host_config = decode_host_config(profile, host_config)
    endpoints = (request.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    return config, host_config, endpoints


def decode_host_config(profile: Profile, given: Record) -> Record:
    optional = _HOST_CONFIG_OPTIONAL if not profile.speaks("1.43") else (*_HOST_CONFIG_OPTIONAL, "Annotations")
    decoded = _known(given, (*blank_host_config(profile), *optional))
    bindings = [each for entries in (decoded.get("PortBindings") or {}).values() for each in entries or []]
    _need_texts(profile, "HostPort", [each.get("HostPort", "") for each in bindings])
    if decoded.get("Mounts"):
        decoded["Mounts"] = [_decoded_mount(profile, mount) for mount in decoded["Mounts"]]
    return decoded


def _known(given: Record, keys: tuple[str, ...]) -> Record:
    return {key: given[key] for key in keys if given.get(key) is not None}


def _decode_config(profile: Profile, config: Record) -> None:
    for key in ("Cmd", "Entrypoint"):
        if isinstance(config.get(key), str):
            config[key] = [config[key]]
    for key in ("Cmd", "Entrypoint", "Env"):
        _need_texts(profile, key, config.get(key) or [])
    _need_texts(profile, "Labels", (config.get("Labels") or {}).values())
    if "Healthcheck" in config:
        keys = (*_HEALTHCHECK_KEYS, "StartInterval") if profile.speaks("1.44") else _HEALTHCHECK_KEYS
        config["Healthcheck"] = {key: value for key, value in config["Healthcheck"].items() if key in keys and value}


def _need_texts(profile: Profile, field: str, values: Iterable[Any]) -> None:
    """A number where a text belongs is no request at all: 400, in engines before 25 500."""
    for value in values:
        if not isinstance(value, str):
            refuse = invalid if profile.is_at_least("25") else failed
            raise refuse(f"json: cannot unmarshal {value!r} into Go struct field .{field} of type string")


def _decoded_mount(profile: Profile, mount: Record) -> Record:
    decoded = {key: mount[key] for key in _MOUNT_KEYS if mount.get(key)}
    for key in ("BindOptions", "VolumeOptions", "TmpfsOptions"):
        if key in decoded:
            decoded[key] = _decoded_mount_options(profile, decoded[key])
    return decoded


def _decoded_mount_options(profile: Profile, options: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in options.items()
        if value and profile.speaks(_MOUNT_OPTION_VERSIONS.get(key, "1.25"))
    }
