"""Inventory programs: `--list` prints JSON groups, `--host NAME` a host's variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deployer.config.inventory.draft import Draft
from deployer.config.scripts import RunScript, ScriptResult
from deployer.diagnostics import Origin, did_you_mean
from deployer.nodes import Node, from_plain

_KEYS = ("hosts", "vars", "children")
_META = "_meta"


def read_script(path: str, run: RunScript, draft: Draft) -> None:
    """Runs the program and adds its output to the draft. The program is the origin of all values."""
    origin = Origin(path)
    answer = _ask([path, "--list"], run, origin, draft)
    if answer is None:
        return
    for group, content in answer.items():
        if group != _META:
            _read_group(group, content, origin, draft)
    _read_host_variables(path, answer.get(_META), run, origin, draft)


def _ask(command: list[str], run: RunScript, origin: Origin, draft: Draft) -> Mapping[str, Any] | None:
    """The JSON object that the program prints; None after an error."""
    shown = " ".join(command)
    try:
        result = run(command)
    except OSError as error:
        draft.problems.add(origin, f"{shown} cannot be run: {error.strerror or error}", hint=_hint(error))
        return None
    if result.status != 0:
        draft.problems.add(origin, f"{shown} ended with status {result.status}{_complaint(result)}")
        return None
    try:
        answer = json.loads(result.stdout)
    except ValueError as error:
        draft.problems.add(origin, f"{shown} printed something that is not JSON: {error}")
        return None
    if not isinstance(answer, dict):
        draft.problems.add(origin, f"{shown} printed JSON that is not an object")
        return None
    return answer


def _hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "make it executable, or not executable to have it read as a file"
    return "a script begins with #! and its interpreter" if error.errno == 8 else ""


def _complaint(result: ScriptResult) -> str:
    lines = result.stderr.strip().splitlines()
    return f": {lines[-1]}" if lines else ""


def _read_group(group: str, content: Any, origin: Origin, draft: Draft) -> None:
    """`{hosts, vars, children}`; a list means hosts; other keys are variables of a host with the group's name."""
    if isinstance(content, list):
        content = {"hosts": content}
    elif not isinstance(content, dict):
        draft.problems.add(origin, f"the group '{group}' is not an object with hosts, vars and children")
        return
    elif not any(key in content for key in _KEYS):
        content = {"hosts": [group], "vars": content} if content else {}
    for key in sorted(content.keys() - _KEYS):
        hint = did_you_mean(str(key), _KEYS) or "a group has hosts, vars and children"
        draft.problems.warn(origin, f"the key '{key}' of the group '{group}' is not read", hint=hint)
    draft.add_group(group, origin)
    for host in _names(content, "hosts", group, origin, draft):
        draft.add_host(host, group, origin)
    for child in _names(content, "children", group, origin, draft):
        draft.add_child(group, child, origin)
    variables = content.get("vars") or {}
    if isinstance(variables, dict):
        draft.set_group_variables(group, _nodes(variables, origin).items())
    else:
        draft.problems.add(origin, f"the vars of the group '{group}' are not an object")


def _names(content: Mapping[str, Any], key: str, group: str, origin: Origin, draft: Draft) -> list[str]:
    found = content.get(key) or []
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        draft.problems.add(origin, f"the {key} of the group '{group}' are not a list of names")
        return []
    return found


def _read_host_variables(path: str, meta: Any, run: RunScript, origin: Origin, draft: Draft) -> None:
    """`_meta.hostvars` if the program prints it, otherwise one call per host."""
    known = meta.get("hostvars") if isinstance(meta, dict) else None
    for host in draft.host_names:
        if isinstance(known, dict):
            variables = known.get(host, {})
        else:
            variables = _ask([path, "--host", host], run, origin, draft) or {}
        if isinstance(variables, dict):
            draft.set_host_variables([host], _nodes(variables, origin).items())
        else:
            draft.problems.add(origin, f"the variables of the host '{host}' are not an object")


def _nodes(variables: Mapping[str, Any], origin: Origin) -> dict[str, Node]:
    return {name: from_plain(value, origin) for name, value in variables.items()}
