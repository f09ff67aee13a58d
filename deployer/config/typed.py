"""Values of the playbook as the records of `model.settings` have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from deployer.model.desired import Kind
from deployer.model.file_reactions import reactions_of
from deployer.model.kinds import KINDS
from deployer.model.settings import Dependency, OnChange, Probe, Settings, UpdatePolicy, Validation
from deployer.values import duration


def settings_of(kind: Kind, found: Mapping[str, Any]) -> Settings:
    """Converts values of the playbook to the types of the record."""
    given = {_RENAMED.get(key, key): _TYPED.get(key, lambda same: same)(value) for key, value in found.items()}
    return KINDS[kind].settings(**{key: value for key, value in given.items() if key not in _USED_UP})


def _dependencies(found: Mapping[str, Any]) -> tuple[Dependency, ...]:
    return tuple(
        Dependency(name, how.get("condition"), how.get("required", True), how.get("restart", False))
        for name, how in found.items()
    )


def _update(found: Mapping[str, Any]) -> UpdatePolicy:
    seconds = {key: found[key] / duration.SECOND for key in ("health_timeout", "monitor", "drain") if key in found}
    watch = {"watch": seconds["monitor"]} if "monitor" in seconds else {}
    probe = {"probe": Probe(**found["probe"])} if "probe" in found else {}
    return UpdatePolicy(**{**found, **seconds, **watch, **probe})


_USED_UP: Final = ("env_file", "extends", "restart_retries", "name", "container_name")
"""Keys that become part of other values."""
_RENAMED: Final = {"pull_policy": "pull"}
_TYPED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "depends_on": _dependencies,
    "exclude": tuple,
    "external": bool,
    "ignore_changes": tuple,
    "on_change": lambda found: OnChange(**found) if "reaction" in found else reactions_of(found),
    "push": tuple,
    "requires": lambda found: found.get("sysctl", {}),
    "tag_as": tuple,
    "timeout": lambda found: found / duration.SECOND,
    "update": _update,
    "validate": lambda found: Validation(**found),
}
