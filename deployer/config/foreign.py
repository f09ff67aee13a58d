"""Recognises files of other tools given as a playbook, and says what to do instead."""

from __future__ import annotations

import re
from typing import Final

from deployer import nodes
from deployer.model.kinds import BY_SECTION, named_sections

_COMPOSE_HINT: Final = "'deployer import compose FILE -o PLAYBOOK' writes it"
TASKS: Final = f"declare the result instead: a play with 'hosts', and its {named_sections()}"
_NO_TASKS: Final = f"deployer runs no Ansible tasks; declare {named_sections()} of the play"
ADVICE: Final = dict.fromkeys(("tasks", "pre_tasks", "post_tasks", "roles", "handlers", "block"), _NO_TASKS) | {
    "services": "services are declared under 'containers'",
    "become": "set it in the inventory: deployer_become",
}
"""For keys of other tools in a play."""

_PLAY: Final = frozenset({*BY_SECTION, "configs", "secrets", "vars", "hosts", "tasks", "roles", "project"})
_TASK: Final = frozenset(
    {"register", "notify", "block", "include_tasks", "import_tasks", "include_role", "import_role", "set_fact", "debug"}
    | {
        "shell",
        "command",
        "copy",
        "template",
        "file",
        "service",
        "systemd",
        "package",
        "apt",
        "yum",
        "dnf",
        "pip",
        "git",
    }
    | {"docker_container", "docker_image", "docker_network", "docker_volume", "docker_compose", "docker_compose_v2"}
    | {"uri", "user", "lineinfile", "get_url", "wait_for", "assert", "fail", "meta", "changed_when", "failed_when"}
)


_INVENTORY: Final = "give it with -i if it is an inventory, and name a playbook"
_INI: Final = re.compile(rb"(?:\s|[#;][^\n]*\n)*\[[\w.:-]+\][ \t\r]*(?:\n|\Z)")


def not_yaml(content: bytes) -> tuple[str, str]:
    """What a file is that begins with a section such as `[web]`, and what to do instead; "" for others."""
    return ("is an INI file, not a playbook", _INVENTORY) if _INI.match(content) else ("", "")


def not_plays(tree: nodes.Node) -> tuple[str, str]:
    """What a file that is not a list is, and what to do instead."""
    if isinstance(tree, nodes.Scalar):
        return "is text, not a playbook: a list of plays", _INVENTORY
    keys = {str(key.value) for key, _ in tree.entries} if isinstance(tree, nodes.Mapping) else set()
    if "services" in keys:
        return "is a Compose file, not a playbook", _COMPOSE_HINT
    if keys & {"all", "ungrouped"} or (isinstance(tree, nodes.Mapping) and keys and _are_groups(tree)):
        return "is an inventory, not a playbook", "give it with -i, and name a playbook"
    if keys & (_TASK | {"tasks"}):
        return "is a file of Ansible tasks, not a playbook", TASKS
    return "a playbook is a list of plays", "begin each play with '- name: …'"


def _are_groups(tree: nodes.Mapping) -> bool:
    return all(isinstance(node, nodes.Mapping) and node.get("hosts") is not None for _, node in tree.items())


def is_task(item: nodes.Mapping) -> bool:
    """Whether an item of a list is an Ansible task: it has a module or a task's keyword, and no key of a play."""
    keys = {str(key.value) for key, _ in item.entries}
    return not keys & _PLAY and any(key in _TASK or key.count(".") >= 2 for key in keys)
