"""The container's config, completed from the image's as by `docker create`: values of the request take precedence, maps
are merged, a health check is completed field by field, and the image's command is used only if no entrypoint is
given."""

from __future__ import annotations

from typing import Any

from deployer.simulated.refusals import invalid
from deployer.simulated.state import Record
from deployer.values.paths import clean

OPTIONAL_KEYS = ("ExposedPorts", "Healthcheck", "NetworkDisabled", "StopSignal", "StopTimeout", "Shell", "ArgsEscaped")


def blank_config() -> dict[str, Any]:
    """The keys a config always shows, each at Go's zero value."""
    return {
        "Hostname": "",
        "Domainname": "",
        "User": "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": None,
        "Cmd": None,
        "Image": "",
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": None,
    }


def merged_config(given: Record, image: Record) -> Record:
    """`given` is the decoded request, `image` the image's config. Raises 400 if there is no command."""
    config = blank_config() | given
    for key in ("User", "WorkingDir", "StopSignal"):
        if not config.get(key) and image.get(key):
            config[key] = image[key]
    _merge_command(config, image)
    config["Env"] = _merged_env(config["Env"], image.get("Env"))
    config["Labels"] = {**(image.get("Labels") or {}), **(config["Labels"] or {})}
    for key in ("ExposedPorts", "Volumes"):
        union = {**(image.get(key) or {}), **(config.get(key) or {})}
        config[key] = union or None
    healthcheck = _merged_healthcheck(config.get("Healthcheck"), image.get("Healthcheck"))
    if healthcheck is not None:
        config["Healthcheck"] = healthcheck
    config["WorkingDir"] = clean(config["WorkingDir"])
    return {key: value for key, value in config.items() if key not in OPTIONAL_KEYS or not _is_empty(value)}


def _is_empty(value: object) -> bool:
    """0 is a value: a stop timeout of 0 seconds is stored."""
    return value is None or value is False or value in ("", [])


def _merge_command(config: Record, image: Record) -> None:
    """An entrypoint in the request drops the image's command. `[]` clears the entrypoint and keeps the command; `[""]`
    clears it and is stored as null."""
    if not config["Entrypoint"]:
        if not config["Cmd"]:
            config["Cmd"] = image.get("Cmd")
        if config["Entrypoint"] is None:
            config["Entrypoint"] = image.get("Entrypoint")
    if config["Entrypoint"] == [""]:
        config["Entrypoint"] = None
    if not config["Entrypoint"] and not config["Cmd"]:
        raise invalid("No command specified")


def _merged_env(given: list[str] | None, inherited: list[str] | None) -> list[str] | None:
    """The request's entries in their order, with duplicates, then the image's other keys."""
    if not given:
        return inherited
    named = {entry.partition("=")[0] for entry in given}
    return [*given, *(entry for entry in inherited or [] if entry.partition("=")[0] not in named)]


def _merged_healthcheck(given: Record | None, inherited: Record | None) -> Record | None:
    """Each field that is zero is filled from the image, even where the test is NONE."""
    if given is None or inherited is None:
        return given if inherited is None else inherited
    return {**inherited, **{key: value for key, value in given.items() if value}}
