"""Valid names of variables."""

from __future__ import annotations

import keyword
from collections.abc import Iterable

from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node
from deployer.reach.names import misspelt

# Set by deployer for every host; nothing else may set them.
MAGIC_NAMES = (
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
    "play_hosts",
    "playbook_dir",
)
_FUNCTIONS = ("lookup", "query")
_WORDS = ("and", "else", "false", "if", "in", "is", "none", "not", "or", "true", "False", "None", "True")


def check_names(variables: Mapping, problems: Problems, *, is_inventory: bool = False) -> dict[str, Node]:
    """The valid variables by name; others are reported. Inventories may be shared with other programs: there, an
    invalid name is a warning, and only names that deployer sets are left out."""
    if is_inventory:
        return inventory_variables(((key.origin, str(key.value), value) for key, value in variables.entries), problems)
    usable = {}
    for key, value in variables.entries:
        name = str(key.value)
        fault = name_fault(name)
        if fault:
            problems.add(key.origin, fault)
        else:
            warn_of_misspelling(key.origin, name, problems)
            usable[name] = value
    return usable


def warn_of_misspelling(origin: Origin, name: str, problems: Problems) -> None:
    """Says which connection variable a name resembles."""
    meant = misspelt(name)
    if meant:
        problems.warn(origin, f"'{name}' is not a connection variable", hint=f"did you mean '{meant}'?")


def inventory_variables(given: Iterable[tuple[Origin, str, Node]], problems: Problems) -> dict[str, Node]:
    """The valid variables of an inventory, as (origin, name, value); invalid names are warnings."""
    usable = {}
    for origin, name, value in given:
        fault = name_fault(name)
        if fault:
            problems.warn(origin, fault)
        if name not in MAGIC_NAMES:
            warn_of_misspelling(origin, name, problems)
            usable[name] = value
    return usable


def name_fault(name: str) -> str:
    """What is wrong with a variable's name, or ""."""
    if name in MAGIC_NAMES:
        return f"the variable '{name}' is reserved and cannot be set"
    if name in _FUNCTIONS or name in _WORDS or keyword.iskeyword(name):
        return f"'{name}' is reserved in templates and cannot be the name of a variable"
    if not (name.isidentifier() and name.isascii()):
        return f"'{name}' is not a variable name: use letters, digits and _, not starting with a digit"
    return ""
